"""What a user reads about syntax faults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from graphc.diagnostics import GraphcError, Source
from graphc.errors import catalogue
from graphc.frontend.parser import parse
from tests.golden import FOLDER, check_golden

SYNTAX = FOLDER / "errors" / "syntax"
# Read as bytes, because some of them hold line ends and characters that a text reader would change.
CASES = sorted(SYNTAX.glob("*.nn"))


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_golden(case: Path, update_goldens: bool) -> None:
    with pytest.raises(GraphcError) as caught:
        parse(Source(case.name, case.read_bytes().decode("utf-8")))
    check_golden(case.with_suffix(".txt"), f"{caught.value}\n", update_goldens)


def test_goldens_show_every_code_of_the_grammar() -> None:
    shown = "".join(case.with_suffix(".txt").read_text(encoding="utf-8") for case in CASES)
    codes = {code for code, entry in catalogue().items() if entry.file == "syntax"}
    # A name or a nesting that is too long makes no readable golden file.
    assert codes - set(re.findall(r"error\[(E\d+)\]", shown)) == {"E108", "E133"}


def test_messages_name_no_terminals() -> None:
    for case in CASES:
        text = case.with_suffix(".txt").read_text(encoding="utf-8")
        assert not re.search(r"\b(LPAR|RPAR|LSQB|RSQB|__ANON|NAME|NUMBER|\$END|COMPARE)\b", text), case.stem
