"""What is said where the figures of a report, or curves as a picture, cannot be drawn."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from graphc.diagnostics import GraphcError
from graphc.errors import catalogue
from graphc.view.panels import Comparison
from graphc.view.plot import encoded
from graphc.view.report import plotting
from tests.golden import FOLDER, check_golden

GOLDENS = FOLDER / "errors" / "reports"

CASES: dict[str, Callable[[], object]] = {
    "library_missing": lambda: plotting.svg(lambda canvas: None),
    "library_missing_for_curves": lambda: encoded(Comparison([]), "curves", ".svg"),
}


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str, update_goldens: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plotting, "find_spec", lambda name: None)
    with pytest.raises(GraphcError) as caught:
        CASES[case]()
    check_golden(GOLDENS / f"{case}.txt", f"{caught.value}\n", update_goldens)


def test_goldens_show_every_code_of_reports() -> None:
    text = "".join((GOLDENS / f"{case}.txt").read_text(encoding="utf-8") for case in CASES)
    codes = {code for code, entry in catalogue().items() if entry.file == "reports"}
    assert not codes - set(re.findall(r"error\[(E\d+)\]", text))
