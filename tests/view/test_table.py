"""The table of a run, to the letter."""

import re

import numpy as np
import pytest

from graphc.types import BATCH, TensorType
from graphc.view import numbers
from graphc.view.table import Look, render, shape
from graphc.view.trace import Trace, TraceRow
from tests.cli.conftest import TIME, fork_trace, vector

FORK = """\
forward  shape  value
x        real   -2
z        real   -4
q        real   -6
f        real   24
kept     [H=2]  [1, nan]

backward  cotangent
f         1
q         -4
z         -10
          = -6 from f
          + -4 from q
x         -4

loss 24"""


def test_forward_then_backward() -> None:
    assert render(fork_trace()) == FORK


def test_a_terminal_gets_a_rule_and_colour() -> None:
    boxed = render(fork_trace(), Look(boxed=True))
    assert "─" in boxed
    assert "\x1b" not in boxed
    assert "\n\n\n" not in boxed
    coloured = render(fork_trace(), Look(boxed=True, colour=True))
    forward, backward = coloured.split("backward")
    assert "\x1b[32m24" in forward
    assert "\x1b[31m-10" in backward


def test_markup_in_a_name_is_no_markup() -> None:
    row = TraceRow("[red]", "value", vector("H", 1), np.array([1.0]))
    assert "[red]" in render(Trace([row], None, True))


def test_without_gradients_there_is_no_second_table() -> None:
    row = TraceRow("x", "input", vector("H", 1), np.array([1.0]))
    assert render(Trace([row], None, True)) == "forward  shape  value\nx        [H=1]  [1]"


def test_a_wide_table_is_not_folded() -> None:
    row = TraceRow("n" * 300, "value", vector("H", 1), np.array([1.0]))
    assert len(render(Trace([row], None, True)).splitlines()) == 2


@pytest.mark.parametrize("look", [Look(boxed=True, width=46), Look(colour=True, width=46)])
def test_on_a_narrow_terminal_the_last_cells_are_folded(look: Look) -> None:
    row = TraceRow("gate", "value", vector("H", 6), np.arange(6) / 7 + 0.001)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", render(Trace([row], None, True), look)).splitlines()
    assert all(len(line) <= 46 for line in lines)
    place = next(line for line in lines if "value" in line).index("value")
    numbers_of_it = "".join(line[place:].strip() + " " for line in lines if line[place : place + 1] in "[0")
    assert numbers_of_it.strip() == numbers.array(row.value)
    long = TraceRow("n" * 60, "value", vector("H", 1), np.array([1.0]))
    assert "n" * 60 in render(Trace([long], None, True), look)


def test_shapes() -> None:
    sequence = vector("D", 3).with_axes([BATCH, TIME])
    assert shape(sequence, batch=True) == "[batch, t] [D=3]"
    assert shape(sequence, batch=False) == "[t] [D=3]"
    assert shape(TensorType.of("int", [BATCH, TIME]), batch=False) == "int [t]"
    assert shape(TensorType.of("real"), batch=True) == "real"


def test_numbers() -> None:
    assert numbers.number(0.95257413) == "0.9525741"
    assert numbers.number(-0.0) == "0"
    assert numbers.number(np.int64(3)) == "3"
    assert numbers.number(np.bool_(True)) == "true"


def test_arrays() -> None:
    assert numbers.array(np.eye(2)) == "[[1, 0], [0, 1]]"
    assert numbers.array(np.zeros((0, 3))) == "[]"
    assert numbers.array(np.arange(9.0)) == "min 0, mean 4, max 8"
    assert numbers.array(np.arange(9) > 6) == "2 of 9 true"
    assert numbers.array(np.full(9, np.nan)) == "9 nan"
    assert numbers.array(np.r_[np.arange(8.0), -np.inf]) == "min 0, mean 3.5, max 7, 1 inf"
