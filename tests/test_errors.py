"""The catalogue and the sources must not drift apart."""

import re
from pathlib import Path

import pytest

import graphc
from graphc.diagnostics import GraphcError
from graphc.errors import CatalogueFault, catalogue, explain, read_catalogue

PACKAGE = Path(graphc.__file__).parent
CODE = re.compile(r"""["']([EW]\d{3})["']""")


def codes_in_sources() -> dict[str, str]:
    """Every code that stands in a source as a string of its own, with a file that has it."""
    return {
        code: str(file.relative_to(PACKAGE))
        for file in sorted(PACKAGE.rglob("*.py"))
        for code in CODE.findall(file.read_text(encoding="utf-8"))
    }


def test_every_code_that_is_raised_is_explained() -> None:
    missing = {code: file for code, file in codes_in_sources().items() if code not in catalogue()}
    assert not missing


def test_every_code_that_is_explained_is_raised() -> None:
    used = codes_in_sources()
    unused = {code: entry.file for code, entry in catalogue().items() if code not in used}
    assert not unused


def test_entries_are_sentences_for_people() -> None:
    for entry in catalogue().values():
        assert re.fullmatch(r"[EW]\d{3}", entry.code)
        assert len(entry.title) <= 100, entry.code
        assert not entry.title.endswith("."), entry.code
        assert len(entry.text) > len(entry.title), entry.code
        assert max(map(len, entry.text.splitlines())) <= 120, entry.code


def test_explain_takes_small_letters() -> None:
    assert explain("e901").startswith("E901: an internal error")
    assert explain("E901").endswith("wrong usage (2).")


def test_explain_suggests_a_code() -> None:
    with pytest.raises(GraphcError, match=r"did you mean `E7\d\d`") as caught:
        explain("E7O1")
    assert caught.value.diagnostics[0].code == "E706"


def test_a_code_in_two_files_is_a_fault() -> None:
    entry = '[E101]\ntitle = "a"\ntext = "b"\n'
    with pytest.raises(CatalogueFault, match=r"E101 stands in names\.toml and in shapes\.toml"):
        read_catalogue({"names": entry, "shapes": entry})


@pytest.mark.parametrize(
    "table",
    [
        'title = "a"',
        'title = "a"\ntext = " "',
        'title = "a"\ntext = 3',
        'title = "a"\ntext = "b"\nnote = "c"',
    ],
)
def test_an_entry_has_a_title_and_a_text(table: str) -> None:
    with pytest.raises(CatalogueFault, match="E101"):
        read_catalogue({"names": f"[E101]\n{table}\n"})
