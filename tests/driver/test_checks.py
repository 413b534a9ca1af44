"""`check` blocks of specs whose inputs come from data."""

from __future__ import annotations

import pytest

import graphc
from graphc import GraphcError

MODEL = """
dim D = 3, H = 2
input x : [D], y : real
param W : [H, D], b : [H] = 0
minimize mse(sum(W @ x + b), y)
check {
  size(W) + size(b) ~= 8
  FIGURE
}
"""


def test_a_figure_of_parameters_needs_no_inputs() -> None:
    right, wrong = graphc.compile(MODEL.replace("FIGURE", "size(W) ~= 7")).checks()
    assert (right.ok, wrong.ok) == (True, False)


@pytest.mark.parametrize("figure", ["x ~= [1, 2, 3]", "loss ~= 0", "grad(b) ~= [0, 0]"])
def test_other_figures_need_values(figure: str) -> None:
    with pytest.raises(GraphcError, match="E254") as caught:
        graphc.compile(MODEL.replace("FIGURE", figure)).checks()
    assert caught.value.diagnostics[0].span is not None
    assert caught.value.diagnostics[0].span.text == figure.split(" ~=")[0]


def test_updates_need_values() -> None:
    text = MODEL.replace("check {", "check(updates = 1) {").replace("FIGURE", "size(b) ~= 2")
    with pytest.raises(GraphcError, match="E254"):
        graphc.compile(text).checks()
