"""Pins, common subexpressions, dead code, and dense runs."""

from __future__ import annotations

import numpy as np

from graphc.backend.reference import Run
from graphc.ir.builder import Builder
from graphc.ir.graph import Value
from graphc.ops.contraction import matmul
from graphc.ops.elementwise import ADD, MUL, SELECT, TANH
from graphc.ops.leaf import INSIDE, INSIDE_STEP, PIN, constant
from graphc.ops.masking import sum_over
from graphc.ops.summing import BROADCAST, REDUCE_SUM
from graphc.passes import optimize
from graphc.passes.cse import Cse
from graphc.passes.dce import Dce
from graphc.passes.dense import Dense
from graphc.passes.unpin import Unpin
from graphc.types import BATCH, Affine, Dim, Index, Length, TensorType
from tests.loops import Outcome, Step, loop
from tests.passes.comparing import DENSE, assert_same, graph, inside, loops, ops

H = Dim.named("H", 3)
T = Index.full("t", Length("T"))
X = Value(TensorType.of("real", (BATCH, T), (H,)), "x")
Y = Value(TensorType.of("real", (BATCH,), (H,)), "y")
W = Value(TensorType.of("real", (), (H, H)), "W")


def test_pins_go_unless_they_are_kept() -> None:
    b = Builder()
    one, two = b(PIN, b(TANH, X), name="one"), b(PIN, b(TANH, X), name="two")
    before = graph(b, X, z=b(ADD, one, two))
    assert ops(Unpin(keep=["two"])(before))["pin"] == 1
    assert Unpin(keep=None)(before) is before
    assert_same(before, Unpin(keep=())(before))


def test_equal_nodes_are_merged_and_pins_are_not() -> None:
    b = Builder()
    one, two = b(PIN, b(TANH, X), name="one"), b(PIN, b(TANH, X), name="one")
    before = graph(b, X, z=b(ADD, one, two))
    after = Cse()(before)
    assert ops(after) == {"tanh": 1, "pin": 2, "add": 1}
    assert_same(before, after)
    assert ops(optimize(before, disabled=["cse"]))["tanh"] == 2


def test_zeros_of_both_signs_are_two_numbers() -> None:
    b = Builder()
    before = graph(b, X, y=b(ADD, X, constant(b, 0.0)), z=b(ADD, X, constant(b, -0.0)))
    assert Cse()(before) is before


def _running_sum(b: Builder, scale: Value, *, name: str = "") -> tuple[Value, ...]:
    def step(b: Builder, at: Step) -> Outcome:
        first, second = at.constants
        (x,), (total,) = at.slices, at.carries
        new = b(ADD, total, b(MUL, b(TANH, x), b(MUL, b(TANH, x), b(ADD, first, second))))
        pinned = b(PIN, new, name=name) if name else new
        return [pinned], [pinned, new]

    start = b(BROADCAST, constant(b, 0.0, shape=(H,)), indices=(BATCH,))
    return loop(b, T, step, constants=[scale, scale], sequences=[X], carries=[start])


def test_equal_loops_are_merged_with_their_inputs_and_stacks() -> None:
    b = Builder()
    one, two = _running_sum(b, Y), _running_sum(b, Y)
    before = graph(b, X, Y, y=b(ADD, one[0], two[0]), z=b(MUL, one[1], two[2]))
    after = Dce()(Cse()(before))
    (left,) = loops(after)
    assert len(left.operands) == 3
    assert left.loop.stacks == 1
    assert inside(after)["tanh"] == 1
    assert_same(before, after)


def test_loops_with_pins_are_not_merged() -> None:
    b = Builder()
    one, two = _running_sum(b, Y, name="h"), _running_sum(b, Y, name="h")
    before = graph(b, X, Y, y=b(ADD, one[0], two[0]))
    assert len(loops(Cse()(before))) == 2


def test_dead_parts_of_loops_go() -> None:
    b = Builder()

    def step(b: Builder, at: Step) -> Outcome:
        (w, y), (x,), (h, alone, feeding) = at.constants, at.slices, at.carries
        new = b(TANH, b(ADD, matmul(b, w, h), feeding))
        return [new, b(MUL, alone, y), b(ADD, feeding, x)], [new, b(MUL, x, y), b(TANH, new)]

    zero = b(BROADCAST, constant(b, 0.0, shape=(H,)), indices=(BATCH,))
    results = loop(b, T, step, constants=[W, Y], sequences=[X], carries=[zero, zero, zero])
    before = graph(b, X, Y, W, h=results[3])
    after = Dce()(before)
    (left,) = loops(after)
    assert (left.loop.constants, left.loop.sequences) == (1, 1)
    assert (left.loop.carries, left.loop.stacks) == (2, 1)
    assert inside(after)["mul"] == 0
    assert_same(before, after)


def test_histories_that_nobody_reads_go() -> None:
    b = Builder()
    earlier = Index("u", T.length, Affine(1), Affine.of(T) - 1)
    view = Value(TensorType.of("real", (BATCH, earlier), (H,)), "h")

    def step(b: Builder, at: Step) -> Outcome:
        (x,), (h,) = at.slices, at.histories
        total = sum_over(b, h, (earlier,))
        return [], [b(TANH, b(ADD, x, total)), b(TANH, x)]

    stacks = loop(b, T, step, sequences=[X], histories=[(0, view)])
    before = graph(b, X, y=stacks[1])
    (left,) = loops(Dce()(before))
    assert left.loop.histories == ()
    assert left.loop.stacks == 1
    both = graph(b, X, y=stacks[1], h=stacks[0])
    assert Dce()(both) is both


def test_dense_runs_have_no_masks() -> None:
    b = Builder()
    earlier = Index("u", T.length, Affine(1), Affine.of(T) - 1)

    def step(b: Builder, at: Step) -> Outcome:
        (x,), (total,) = at.slices, at.carries
        happens = b(INSIDE_STEP, index=T, steps=frozenset({T}))
        new = b(ADD, total, sum_over(b, b(SELECT, happens, x, constant(b, 0.0)), (BATCH,)))
        return [new], []

    start = constant(b, 0.0, shape=(H,))
    (total,) = loop(b, T, step, sequences=[X], carries=[start])
    pairs = b(BROADCAST, b(REDUCE_SUM, X, dims=(0,), indices=()), indices=(earlier,))
    before = graph(b, X, total=total, pairs=sum_over(b, pairs, (earlier, T)))
    after = optimize(before, dense=True, verify=True)
    assert ops(after)["inside"] + ops(after)["inside_step"] == 0
    assert ops(after)["less_equal"] == 1
    assert_same(before, after, {"dense": DENSE, "one": Run(batch=2, lengths={"T": 1})})
    assert ops(optimize(before))["inside"] > 0
    assert ops(Dense()(graph(Builder(), X, y=X))) == {}


def test_ragged_runs_keep_their_masks() -> None:
    b = Builder()
    before = graph(b, X, y=sum_over(b, b(TANH, X), (T,)), m=b(INSIDE, index=T, steps=frozenset()))
    after = optimize(before, verify=True)
    assert ops(after)["inside"] == 1
    assert_same(before, after, {"ragged": Run(batch=3, lengths={"T": np.array([1, 0, 3])})})
