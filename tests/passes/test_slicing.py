"""Cutting apart and joining again."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from graphc.ir.builder import Builder
from graphc.ir.graph import Value
from graphc.ops.elementwise import TANH
from graphc.ops.movement import CONCAT, SLICE
from graphc.passes.dce import Dce
from graphc.passes.simplify import Simplify
from graphc.types import BATCH, Dim, TensorType
from tests.passes.comparing import assert_same, graph, ops

D, H = Dim.named("D", 2), Dim.named("H", 3)
X = Value(TensorType.of("real", (BATCH,), (H, D + H)), "x")
P, Q = (Value(TensorType.of("real", (BATCH,), (H, dim)), name) for name, dim in (("p", D), ("q", H)))
R = Value(TensorType.of("real", (), (H, D)), "r")


def cut(b: Builder, value: Value, start: int, size: Dim, dim: int = 1) -> Value:
    return b(SLICE, value, dim=dim, start=start, stop=start + size.value, size=size)


TWO, FOUR = Dim.literal(2), Dim.literal(4)
CASES: dict[str, tuple[Callable[[Builder], Value], dict[str, int]]] = {
    "a slice of a slice": (lambda b: cut(b, cut(b, X, 1, FOUR), 1, TWO), {"slice": 1}),
    "of another dim": (lambda b: cut(b, cut(b, X, 1, FOUR), 1, TWO, dim=0), {"slice": 2}),
    "the first of a join": (lambda b: cut(b, b(CONCAT, P, Q, dim=1), 0, D), {}),
    "the last of a join": (lambda b: cut(b, b(CONCAT, P, Q, dim=1), 2, H), {}),
    "a piece of the last": (lambda b: cut(b, b(CONCAT, P, Q, dim=1), 3, TWO), {"slice": 1}),
    "across the border": (lambda b: cut(b, b(CONCAT, P, Q, dim=1), 1, TWO), {"slice": 1, "concat": 1}),
    "nothing of a join": (
        lambda b: cut(b, b(CONCAT, P, Q, dim=1), 2, Dim.literal(0)),
        {"slice": 1, "concat": 1},
    ),
    "one that varies less": (lambda b: cut(b, b(CONCAT, R, Q, dim=1), 0, D), {"broadcast": 1}),
    "the whole again": (lambda b: b(CONCAT, cut(b, X, 0, D), cut(b, X, 2, H), dim=1), {}),
    "a part of the whole": (
        lambda b: b(CONCAT, cut(b, X, 1, TWO), cut(b, X, 3, Dim.literal(1)), dim=1),
        {"slice": 1},
    ),
    "in another order": (
        lambda b: b(CONCAT, cut(b, X, 2, H), cut(b, X, 0, D), dim=1),
        {"slice": 2, "concat": 1},
    ),
    "with others": (
        lambda b: b(CONCAT, P, cut(b, X, 0, D), cut(b, X, 2, H), Q, dim=1),
        {"concat": 1},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_cut_and_joined(name: str) -> None:
    make, expected = CASES[name]
    b = Builder()
    before = graph(b, X, P, Q, R, y=b(TANH, make(b)))
    after = Dce()(Simplify()(before))
    assert ops(after) == {**expected, "tanh": 1}
    assert_same(before, after)
    assert Dce()(Simplify()(after)) is after
