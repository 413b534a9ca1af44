"""Sums of which the terms that wait for no carry leave the loop together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Value
from graphc.ops.contraction import matmul
from graphc.ops.elementwise import ADD, MUL, NEG, SUB, TANH
from graphc.ops.leaf import PIN, constant
from graphc.ops.masking import sum_over
from graphc.ops.summing import BROADCAST, REDUCE_SUM
from graphc.passes import optimize
from graphc.passes.reassociate import Reassociate
from graphc.passes.signature import signature
from graphc.types import BATCH, Dim, Index, Length, TensorType
from tests.loops import Outcome, Step, loop
from tests.passes.comparing import assert_same, graph, inside

D, H = Dim.named("D", 3), Dim.named("H", 2)
T = Index.full("t", Length("T"))

Sum = Callable[[Builder, Sequence[Value]], Value]
"""Of W @ x[t], U @ h[t-1], v * h[t-1], two constants b and c, and a slice y[t]."""


def cell(summed: Sum) -> Graph:
    """h[t] = tanh(a sum)."""
    b = Builder()
    x, y = (Value(TensorType.of("real", (BATCH, T), (size,)), name) for name, size in (("x", D), ("y", H)))
    w, u = (Value(TensorType.of("real", (), (H, size)), name) for name, size in (("W", D), ("U", H)))
    v, p, q = (Value(TensorType.of("real", (), (H,)), name) for name in "vpq")

    def step(b: Builder, at: Step) -> Outcome:
        (w, u, v, p, q), (x, y), (h,) = at.constants, at.slices, at.carries
        terms = [matmul(b, w, x), matmul(b, u, h), b(MUL, v, h), p, q, y]
        new = b(TANH, summed(b, terms))
        return [new], [new]

    start = b(BROADCAST, constant(b, 0.0, shape=(H,)), indices=(BATCH,))
    _, h = loop(b, T, step, constants=[w, u, v, p, q], sequences=[x, y], carries=[start])
    total = sum_over(b, b(REDUCE_SUM, b(MUL, h, h), dims=(0,), indices=()), (BATCH, T))
    return graph(b, x, y, w, u, v, p, q, loss=total)


def chain(b: Builder, first: Value, *rest: tuple[object, Value]) -> Value:
    for op, term in rest:
        first = b(op, first, term)  # type: ignore[arg-type]
    return first


SUMS: dict[str, tuple[Sum, int]] = {
    "a bias": (lambda b, t: chain(b, t[0], (ADD, t[1]), (ADD, t[3])), 1),
    "several terms of the step": (lambda b, t: chain(b, t[0], (ADD, t[1]), (ADD, t[2]), (ADD, t[3])), 2),
    "differences": (lambda b, t: chain(b, t[1], (SUB, t[0]), (ADD, t[2]), (SUB, t[3])), 2),
    "only differences": (lambda b, t: chain(b, b(NEG, t[1]), (SUB, t[0]), (SUB, t[3])), 1),
    "brackets": (lambda b, t: b(SUB, b(ADD, t[1], t[3]), b(SUB, b(ADD, t[2], t[0]), t[4])), 2),
    "a slice goes along": (lambda b, t: chain(b, t[5], (ADD, t[1]), (ADD, t[0]), (ADD, t[4])), 1),
    "two constants": (lambda b, t: chain(b, t[3], (ADD, t[1]), (ADD, t[4])), 1),
}


@pytest.mark.parametrize("name", SUMS)
def test_only_terms_of_the_step_are_added_in_the_loop(name: str) -> None:
    summed, left = SUMS[name]
    before = cell(summed)
    after = optimize(before, verify=True)
    assert inside(after)["add"] + inside(after)["sub"] == left
    assert_same(before, after, tolerance=1e-12)
    kept = inside(optimize(before, disabled=["reassociate"]))
    assert kept["add"] + kept["sub"] > left


@pytest.mark.parametrize(
    "summed",
    [
        lambda b, t: chain(b, t[5], (ADD, t[1]), (ADD, t[3])),
        lambda b, t: chain(b, b(ADD, t[0], t[3]), (ADD, t[1]), (ADD, t[2])),
        lambda b, t: chain(b, b(PIN, b(ADD, t[0], t[1]), name="z"), (ADD, t[3])),
    ],
    ids=["a slice", "what is in order", "a sum with a name"],
)
def test_other_sums_stay_as_they_are(summed: Sum) -> None:
    before = cell(summed)
    assert Reassociate()(before) is before


@pytest.mark.parametrize("name", SUMS)
def test_a_second_time_changes_nothing(name: str) -> None:
    before = cell(SUMS[name][0])
    once = Reassociate()(before)
    assert_same(before, once, tolerance=1e-12)
    assert signature(Reassociate()(once)) == signature(once) != signature(before)
