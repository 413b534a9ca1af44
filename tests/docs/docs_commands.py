"""Runs what the documents tell a reader to type.

Every fenced block of the kind `console` in README.md and docs/*.md is a session at a shell: lines that begin
with `$ ` are commands (a line ending in a backslash goes on in the next), what follows is their output. A
command without output lines may print anything. In expected output, a line `...` stands for any lines, and
`...` inside a line for any characters. A command must end with status 0, or with the one that a comment
`<!-- exit: 1 -->` right above the block says. A comment `<!-- stderr -->` there says that the output shown is
that of both streams. A fenced block right below `<!-- file: NAME -->` is written into a file of that name.
The blocks of a document run one after another in one copy of the repository.

`python tests/docs/docs_commands.py [--update] [FILE...]` does the same outside of pytest; `--update` writes
the output that it saw into the documents, in the place of the output that differs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS = 300

_BLOCK = re.compile(
    r"(?P<comments>(?:^<!--[^\n]*-->\n)*)^```(?P<kind>[a-z]*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass
class Command:
    """One command of a document, and what the document says about it."""

    line: int
    text: str
    expected: list[str] = field(default_factory=list)
    status: int = 0
    both_streams: bool = False


@dataclass(frozen=True)
class Outcome:
    status: int
    shown: list[str]
    stderr: str


class Different(AssertionError):
    """What happened is not what the document says."""


def documents() -> list[Path]:
    return [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]


def commands(text: str) -> list[Command]:
    """The commands of a document in their order."""
    found: list[Command] = []
    for block in _BLOCK.finditer(text):
        file = re.search(r"<!--\s*file:\s*(\S+)\s*-->", block["comments"])
        if file is not None:
            line = text.count("\n", 0, block.start("body"))
            found.append(Command(line, f"cat > {file[1]} <<'END OF FILE'\n{block['body']}END OF FILE"))
            continue
        if block["kind"] != "console":
            continue
        status = re.search(r"<!--\s*exit:\s*(\d+)\s*-->", block["comments"])
        both = re.search(r"<!--\s*stderr\s*-->", block["comments"]) is not None
        first = text.count("\n", 0, block.start("body")) + 1
        for command in _of_block(block["body"], first):
            command.status = int(status[1]) if status else 0
            command.both_streams = both
            found.append(command)
    return found


def _of_block(body: str, first: int) -> Iterator[Command]:
    current: Command | None = None
    for number, line in enumerate(body.splitlines(), start=first):
        if current is not None and not current.expected and current.text.endswith("\\"):
            current.text += "\n" + line
        elif line.startswith("$ "):
            if current is not None:
                yield current
            current = Command(number, line[2:])
        elif current is None:
            raise Different(
                f"line {number}: a console block begins with a command (`$ ...`), not with output"
            )
        else:
            current.expected.append(line)
    if current is not None:
        yield current


def execute(command: Command, folder: Path, path: str) -> Outcome:
    environment = {**os.environ, "PATH": path, "NO_COLOR": "1", "COLUMNS": "110", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        ["bash", "-c", command.text],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if command.both_streams else subprocess.PIPE,
        text=True,
        encoding="utf-8",
        timeout=SECONDS,
        check=False,
    )
    return Outcome(done.returncode, [line.rstrip() for line in done.stdout.splitlines()], done.stderr or "")


def compare(command: Command, outcome: Outcome) -> None:
    shown = "\n".join(outcome.shown)
    if outcome.status != command.status:
        raise Different(
            f"line {command.line}: `{command.text}` ended with {outcome.status}, not {command.status}\n"
            f"{shown}\n{outcome.stderr}"
        )
    expected = _trimmed(command.expected)
    if expected and not matches(expected, _trimmed(outcome.shown)):
        raise Different(
            f"line {command.line}: `{command.text}` printed\n{shown}\n\nbut the document shows\n"
            + "\n".join(expected)
        )


def matches(expected: list[str], shown: list[str]) -> bool:
    """Whether the lines agree; `...` alone is any number of lines, inside a line any characters."""
    pattern = ""
    for line in expected:
        if line.strip() == "...":
            pattern += r"(?:[^\n]*\n)*"
        else:
            pattern += r"[^\n]*".join(re.escape(part) for part in line.rstrip().split("...")) + r"\n"
    return re.fullmatch(pattern, "".join(line + "\n" for line in shown)) is not None


def _trimmed(lines: list[str]) -> list[str]:
    text = "\n".join(line.rstrip() for line in lines).strip("\n")
    return text.split("\n") if text else []


def copy_repository(target: Path) -> None:
    """What a fresh clone holds, with the changes of the working tree."""
    anywhere = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info")
    made_here = {"venv", "build", "dist", "runs"}

    def left_out(folder: str, names: list[str]) -> set[str]:
        return anywhere(folder, names) | (made_here if Path(folder) == REPOSITORY else set())

    shutil.copytree(REPOSITORY, target, ignore=left_out, symlinks=True)


def search_path(folder: Path) -> str:
    """A PATH whose `graphc` and `python` are this interpreter's, also where graphc is not installed."""
    folder.mkdir()
    installed = Path(sys.executable).with_name("graphc")
    if not installed.exists():
        script = folder / "graphc"
        script.write_text(
            f"#!{sys.executable}\n"
            f"import sys\nsys.path.insert(0, {str(REPOSITORY)!r})\n"
            "from graphc.cli import main\nmain()\n",
            encoding="utf-8",
        )
        script.chmod(0o755)
    return os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def run_document(document: Path, work: Path) -> Iterator[tuple[Command, Outcome]]:
    """Every command of a document with what it did. `work` is an empty folder to do it in."""
    found = commands(document.read_text(encoding="utf-8"))
    if not found:
        return
    copy_repository(work / "graphc")
    path = search_path(work / "bin")
    for command in found:
        yield command, execute(command, work / "graphc", path)


def updated(text: str, outcomes: list[tuple[Command, Outcome]]) -> str:
    """The document with the output that was seen, where it shows another one."""
    lines = text.split("\n")
    for command, outcome in reversed(outcomes):
        if outcome.status != command.status or not command.expected:
            continue
        if not matches(_trimmed(command.expected), _trimmed(outcome.shown)):
            start = command.line + command.text.count("\n")
            lines[start : start + len(command.expected)] = _trimmed(outcome.shown)
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    update = "--update" in arguments
    named = [Path(argument).resolve() for argument in arguments if argument != "--update"]
    failures = 0
    for document in named or documents():
        with tempfile.TemporaryDirectory() as folder:
            outcomes = list(run_document(document, Path(folder)))
        if update:
            text = document.read_text(encoding="utf-8")
            document.write_text(updated(text, outcomes), encoding="utf-8")
        for command, outcome in outcomes:
            try:
                compare(command, outcome)
            except Different as difference:
                failures += 1
                print(f"{document.name}, {difference}\n", file=sys.stderr)
        print(f"{document.name}: {len(outcomes)} commands")
    return 1 if failures and not update else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
