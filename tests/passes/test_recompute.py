"""Slices that a loop computes itself."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from graphc.autodiff import differentiate
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Value
from graphc.ops.elementwise import ADD, EXP, MUL, SIGMOID, SUB, TANH
from graphc.ops.leaf import constant
from graphc.ops.masking import sum_over
from graphc.ops.summing import BROADCAST
from graphc.passes import optimize
from graphc.passes.dce import Dce
from graphc.passes.recompute import Recompute
from graphc.types import BATCH, Index, Length, TensorType
from tests.loops import Outcome, Step, loop
from tests.passes.comparing import assert_same, graph, inside, loops

T = Index.full("t", Length("T"))

Function = Callable[[Builder, Value, Value], Value]


def two_loops(function: Function) -> Graph:
    """One loop stacks z, h and a function of both, another one reads all three."""
    b, x = Builder(), Value(TensorType.of("real", (BATCH, T)), "x")

    def first(b: Builder, at: Step) -> Outcome:
        (x,), (h,) = at.slices, at.carries
        z = b(SIGMOID, b(ADD, x, h))
        return [z], [z, h, function(b, z, h)]

    def second(b: Builder, at: Step) -> Outcome:
        (z, h, f), (g,) = at.slices, at.carries
        new = b(TANH, b(ADD, b(MUL, g, f), b(MUL, z, h)))
        return [new], [new]

    start = b(BROADCAST, constant(b, 0.0), indices=(BATCH,))
    _, *stacks = loop(b, T, first, sequences=[x], carries=[start])
    _, g = loop(b, T, second, sequences=stacks, carries=[start], reverse=True)
    return graph(b, x, y=g)


def stacked(after: Graph) -> list[int]:
    """How many values each loop stacks."""
    return [node.loop.stacks for node in loops(after)]


CHEAP: dict[str, Function] = {
    "1 - z": lambda b, z, h: b(SUB, constant(b, 1.0), z),
    "1 - z^2": lambda b, z, h: b(SUB, constant(b, 1.0), b(MUL, z, z)),
    "z * h": lambda b, z, h: b(MUL, z, h),
}
DEAR: dict[str, Function] = {
    "a function": lambda b, z, h: b(EXP, z),
    "more than two operations": lambda b, z, h: b(MUL, z, b(SUB, h, b(ADD, z, h))),
    "something that is not kept": lambda b, z, h: b(SUB, z, b(TANH, h)),
}


@pytest.mark.parametrize("name", CHEAP)
def test_what_is_cheap_is_computed_again(name: str) -> None:
    before = two_loops(CHEAP[name])
    after = Dce()(Recompute()(before))
    assert stacked(after) == [2, 1]
    assert loops(after)[1].loop.sequences == 2
    assert_same(before, after, tolerance=1e-12)


@pytest.mark.parametrize("name", DEAR)
def test_what_is_dear_is_kept(name: str) -> None:
    before = two_loops(DEAR[name])
    assert Recompute()(before) is before


def test_what_stands_between_the_loops_is_computed_inside() -> None:
    b, x = Builder(), Value(TensorType.of("real", (BATCH, T)), "x")
    rest = b(SUB, constant(b, 1.0), x)

    def step(b: Builder, at: Step) -> Outcome:
        (x, rest), (h,) = at.slices, at.carries
        new = b(TANH, b(ADD, b(MUL, x, h), rest))
        return [new], [new]

    start = b(BROADCAST, constant(b, 0.0), indices=(BATCH,))
    _, h = loop(b, T, step, sequences=[x, rest], carries=[start])
    before = graph(b, x, y=h)
    after = Dce()(Recompute()(before))
    (node,) = loops(after)
    assert node.loop.sequences == 1
    assert inside(after)["sub"] == 1
    assert_same(before, after, tolerance=1e-12)


def test_the_reverse_of_a_gate_and_its_rest_keeps_one_of_them() -> None:
    b, x = Builder(), Value(TensorType.of("real", (BATCH, T)), "x")

    def step(b: Builder, at: Step) -> Outcome:
        (x,), (h,) = at.slices, at.carries
        z = b(SIGMOID, b(ADD, x, h))
        kept = b(SUB, constant(b, 1.0), z)
        new = b(ADD, b(MUL, z, h), b(MUL, kept, b(TANH, x)))
        return [new], [new]

    start = b(BROADCAST, constant(b, 0.0), indices=(BATCH,))
    _, h = loop(b, T, step, sequences=[x], carries=[start])
    before = differentiate(graph(b, x, loss=sum_over(b, h, (BATCH, T))), "loss", ["x"]).graph
    after, kept = optimize(before, verify=True), optimize(before, disabled=["recompute"])
    assert loops(after)[0].loop.stacks == loops(kept)[0].loop.stacks - 1
    assert_same(before, after, tolerance=1e-12)
