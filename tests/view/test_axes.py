"""Places on an axis, and the numbers at it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphc.view.terminal.axes import Axis


@pytest.mark.parametrize(
    ("low", "high", "most", "expected"),
    [
        (0.0, 1.0, 6, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (-3.0, 12.0, 4, [0.0, 5.0, 10.0]),
        (0.0, 1e-3, 3, [0.0, 5e-4, 1e-3]),
    ],
)
def test_even_numbers(low: float, high: float, most: int, expected: list[float]) -> None:
    assert Axis(low, high).ticks(most) == pytest.approx(expected)


def test_powers() -> None:
    assert Axis(0.01, 1.0, True).ticks(7) == pytest.approx([0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0])
    assert Axis(0.01, 1.0, True).ticks(3) == pytest.approx([0.01, 0.1, 1.0])
    assert Axis(1e-8, 1.0, True).place(1e-4) == pytest.approx(0.5)


def test_one_value_lies_in_the_middle() -> None:
    assert Axis.over([3.0]).place(3.0) == pytest.approx(0.5)
    assert Axis.over([1], is_whole=True).ticks(5) == [1]


NUMBERS = st.floats(-1e300, 1e300)
"""The step between ticks has to be a number too."""


@given(st.lists(NUMBERS, min_size=1), st.integers(2, 12))
def test_any_numbers(values: list[float], most: int) -> None:
    axis = Axis.over(values)
    ticks = axis.ticks(most)
    assert len(ticks) <= most
    assert all(math.isfinite(tick) for tick in ticks)
    assert all(-1e-6 <= axis.place(value) <= 1 + 1e-6 for value in values)
