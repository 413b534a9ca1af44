"""What a user reads about a spec that is well written but wrong: names, shapes, positions, causality."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import graphc
from graphc.diagnostics import Diagnostic, GraphcError
from graphc.errors import catalogue
from tests.golden import FOLDER, check_golden

SPEC = FOLDER / "errors" / "spec"
CASES = sorted(SPEC.glob("*.nn"))
FILES = {"names", "axes", "shapes"}
"""The parts of the catalogue that a spec by itself can break."""

ELSEWHERE = {"E202", "E207", "E209"}
"""Codes that the table of ops raises, where the front end has a code of its own."""


def faults(name: str) -> list[Diagnostic]:
    """The faults of a spec in the current folder: of compiling it, else of checks, training, warnings."""
    try:
        program = graphc.compile(name)
        if program.spec.checks:
            program.checks()
        elif program.spec.fit is not None:
            program.fit()
    except GraphcError as error:
        return list(error.diagnostics)
    return list(program.warnings)


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_golden(case: Path, update_goldens: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SPEC)
    found = faults(case.name)
    assert found
    text = "\n\n".join(diagnostic.render() for diagnostic in found)
    check_golden(case.with_suffix(".txt"), f"{text}\n", update_goldens)


def texts() -> dict[str, str]:
    return {case.stem: case.with_suffix(".txt").read_text(encoding="utf-8") for case in CASES}


def test_goldens_show_every_code_of_a_spec() -> None:
    shown = set(re.findall(r"(?:error|warning)\[(\w+)\]", "".join(texts().values())))
    codes = {code for code, entry in catalogue().items() if entry.file in FILES}
    assert codes - shown == ELSEWHERE & codes


def test_messages_hold_no_paths_and_no_words_of_the_compiler() -> None:
    for stem, text in texts().items():
        assert not re.search(r"(^|[ `(])/(work|home|tmp|usr|root)\b", text), stem
        assert not re.search(r"@\d|Definition|TensorType|NoneType|\b\w+'+[ \]`)]|#\d", text), stem


def test_each_fault_has_its_place() -> None:
    for stem, text in texts().items():
        heads = len(re.findall(r"^(?:error|warning)\[", text, flags=re.M))
        assert len(re.findall(r"^ *--> ", text, flags=re.M)) == heads, stem
