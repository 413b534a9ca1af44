"""`graphc draw`: what a picture of a spec says."""

from __future__ import annotations

from pathlib import Path

import pytest

import graphc
from tests.golden import FOLDER, check_golden

SPECS = Path(graphc.__file__).parents[1] / "specs"


@pytest.mark.parametrize("name", ["sigmoid", "elman"])
def test_drawing(name: str, update_goldens: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(SPECS.parent)
    drawn = graphc.compile(f"specs/{name}.nn").dot()
    check_golden(FOLDER / "dot" / f"{name}.dot", drawn, update_goldens)


def test_two_lags_are_two_dashed_edges() -> None:
    text = """
axis t = 1..T
input x[t] : real
param a = 0.5
h[0] = 0
h[-1] = 0
h[t] = a * h[t-2] + h[t-1] + x[t]
output h[T]
"""
    drawn = graphc.compile(text).dot()
    assert drawn.count('label="lag 1", style=dashed') == 2
    assert 'label="h[t-1]' in drawn
    assert 'label="h[t-2]' in drawn


def test_a_loss_that_has_no_name() -> None:
    drawn = graphc.compile("input x = 2\nparam w = 3\nminimize (w * x)^2\n").dot()
    assert 'label="loss = ' in drawn
    assert "shape=octagon" in drawn
    # `w * x` is squared by multiplying it with itself.
    assert "a fork: 2 uses" in drawn
