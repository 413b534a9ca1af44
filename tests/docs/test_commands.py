"""The documents' commands work as shown, and the runner that says so can tell when they do not."""

from pathlib import Path

import docs_commands as runner
import pytest


def _with_commands() -> list[Path]:
    return [d for d in runner.documents() if d.exists() and runner.commands(d.read_text(encoding="utf-8"))]


@pytest.mark.parametrize("document", _with_commands(), ids=lambda document: document.name)
def test_document(document: Path, tmp_path: Path) -> None:
    for command, outcome in runner.run_document(document, tmp_path):
        runner.compare(command, outcome)


def _document(*lines: str) -> str:
    return "\n".join([*lines, ""])


def test_commands_are_found_with_their_output() -> None:
    text = _document(
        "# A title",
        "```console",
        "$ echo a \\",
        "    b",
        "a b",
        "$ true",
        "```",
        "```sh",
        "$ not this one",
        "```",
        "<!-- exit: 3 -->",
        "<!-- stderr -->",
        "```console",
        "$ exit 3",
        "```",
    )
    first, second, third = runner.commands(text)
    assert (first.line, first.text, first.expected) == (3, "echo a \\\n    b", ["a b"])
    assert (second.text, second.expected, second.status) == ("true", [], 0)
    assert (third.text, third.status, third.both_streams) == ("exit 3", 3, True)


def test_a_block_can_be_a_file(tmp_path: Path) -> None:
    text = _document("<!-- file: a.py -->", "```python", "$ print('a')", "```", "```python", "no", "```")
    (command,) = runner.commands(text)
    assert runner.execute(command, tmp_path, "/usr/bin:/bin").status == 0
    assert (tmp_path / "a.py").read_text(encoding="utf-8") == "$ print('a')\n"


def test_a_block_begins_with_a_command() -> None:
    with pytest.raises(runner.Different, match="line 2: a console block begins with a command"):
        runner.commands(_document("```console", "output", "```"))


@pytest.mark.parametrize(
    ("expected", "shown", "same"),
    [
        (["a", "b"], ["a", "b"], True),
        (["a"], ["a", "b"], False),
        (["a", "..."], ["a"], True),
        (["a", "...", "d"], ["a", "b", "c", "d"], True),
        (["...", "d"], ["a", "b"], False),
        (["in ... s"], ["in 0.3 s"], True),
        (["in ... s"], ["in 0.3", " s"], False),
        (["a.c"], ["abc"], False),
    ],
)
def test_output_with_gaps(expected: list[str], shown: list[str], same: bool) -> None:
    assert runner.matches(expected, shown) is same


@pytest.mark.parametrize(
    ("command", "expected", "message"),
    [
        ("echo a", ["b"], "printed\na\n\nbut the document shows\nb"),
        ("echo oops >&2; exit 1", [], r"(?s)ended with 1, not 0.*oops"),
    ],
)
def test_a_difference_is_told(command: str, expected: list[str], message: str, tmp_path: Path) -> None:
    wanted = runner.Command(1, command, expected)
    outcome = runner.execute(wanted, tmp_path, "/usr/bin:/bin")
    with pytest.raises(runner.Different, match=message):
        runner.compare(wanted, outcome)


def test_update_writes_the_output_seen() -> None:
    text = _document("```console", "$ echo new", "old", "older", "$ echo b", "...", "```", "end")
    seen = [
        (command, runner.Outcome(0, shown, ""))
        for command, shown in zip(runner.commands(text), (["new"], ["b"]), strict=True)
    ]
    assert runner.updated(text, seen) == _document(
        "```console", "$ echo new", "new", "$ echo b", "...", "```", "end"
    )


def test_graphc_is_on_the_path(tmp_path: Path) -> None:
    command = runner.Command(1, "graphc --version", ["graphc ..."])
    outcome = runner.execute(command, tmp_path, runner.search_path(tmp_path / "bin"))
    runner.compare(command, outcome)
