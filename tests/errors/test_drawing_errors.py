"""What is said of a drawing that cannot be made."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

import graphc
from graphc.diagnostics import GraphcError
from graphc.driver.program import Program
from graphc.errors import catalogue
from graphc.view.drawing import engines
from graphc.view.drawing.png import png
from tests.golden import FOLDER, check_golden

GOLDENS = FOLDER / "errors" / "drawing"

ONE = """
axis t = 1..T
input x[t] : real
h[0] = 0
h[t] = tanh(h[t-1] + x[t])
output h[T]
"""
TWO = """
axis t = 1..T, u = 1..N
input x[t] : real, z[u] : real
output sum[t](x[t]) * sum[u](z[u])
"""
NONE = "input x = 1\ny = 2 * x\noutput y\n"
GIVEN = ONE.replace(": real", ": real = [1, 2]")


def program(text: str) -> Program:
    return graphc.compile(text, backend="reference")


def without_the_library() -> None:
    with mock.patch.object(engines, "find_spec", return_value=None):
        program(NONE).draw(layout="graphlay")


def without_the_extra() -> None:
    with mock.patch.dict(sys.modules, resvg_py=None):
        program(NONE).draw(layout="plain").png()


CASES: dict[str, Callable[[], object]] = {
    "format_unknown": lambda: program(NONE).draw().save("out.svgz"),
    "format_missing": lambda: program(NONE).draw().save("out"),
    "extra_missing": without_the_extra,
    "layout_unknown": lambda: program(NONE).draw(layout="graphly"),
    "layout_missing": without_the_library,
    "too_many_pixels": lambda: png('<svg class="drawing" width="300" height="200"/>', scale=1000),
    "unwritable": lambda: program(NONE).draw(layout="plain").save("missing/out.svg"),
    "axis_unknown": lambda: program(ONE).draw(unroll="s"),
    "axis_unsaid": lambda: program(TWO).draw(unroll=True),
    "axis_none": lambda: program(NONE).draw(unroll=True),
    "steps_unknown": lambda: program(ONE).draw(unroll=True),
    "steps_too_many": lambda: program(GIVEN).draw(unroll=3),
    "steps_none": lambda: program(ONE).draw(unroll={"t": 0}),
    "stage_unrolled": lambda: program(ONE).draw(stage="optimised", unroll=True),
    "stage_unknown": lambda: program(ONE).draw(stage="optimized"),
    "frame_unknown": lambda: program(ONE).draw(close=["g"]),
    "frame_none": lambda: program(NONE).draw(open=["y"]),
}


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str, update_goldens: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GraphcError) as caught:
        CASES[case]()
    check_golden(GOLDENS / f"{case}.txt", f"{caught.value}\n", update_goldens)


def test_goldens_show_every_code_of_drawings() -> None:
    text = "".join((GOLDENS / f"{case}.txt").read_text(encoding="utf-8") for case in CASES)
    codes = {code for code, entry in catalogue().items() if entry.file == "drawing"}
    assert not codes - set(re.findall(r"error\[(E\d+)\]", text))
