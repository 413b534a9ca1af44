"""Sums that are known without adding up."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.backend.reference import Run
from graphc.ir.builder import Builder
from graphc.ir.graph import Value
from graphc.ops.elementwise import LESS, LOGICAL_AND, SELECT
from graphc.ops.indexing import RENAME, SCATTER_ADD
from graphc.ops.leaf import INSIDE, POSITION, constant
from graphc.ops.masking import sum_over
from graphc.ops.summing import BROADCAST, REDUCE_SUM
from graphc.passes import optimize
from graphc.passes.dce import Dce
from graphc.passes.simplify import Simplify
from graphc.types import BATCH, Affine, Dim, Index, Length, TensorType
from tests.passes.comparing import DENSE, assert_same, graph, ops

C, V = Dim.named("C", 2), Dim.named("V", 4)
T = Index.full("t", Length("T"))
K = Index.full("k", Length("K", Dim.literal(5)))
N = Value(TensorType.of("int", (BATCH, T)), "n")


def ones(b: Builder, *indices: Index) -> Value:
    return b(BROADCAST, constant(b, 1.0), indices=indices)


@pytest.mark.parametrize(
    ("varies", "summed"),
    [((BATCH,), BATCH), ((BATCH, T), T), ((BATCH, K), K), ((T, K), K), ((BATCH, T, K), T)],
    ids=["examples", "steps", "a fixed axis", "of others", "steps of others"],
)
def test_ones_are_counted_by_a_length(varies: tuple[Index, ...], summed: Index) -> None:
    b = Builder()
    before = graph(b, y=sum_over(b, ones(b, *varies), (summed,)))
    after = Dce()(Simplify()(before))
    assert ops(after)["length"] == 1
    assert ops(after)["reduce_sum"] == 0
    assert_same(before, after, tolerance=1e-12)


def test_a_mean_over_steps_and_examples_counts_once() -> None:
    b, x = Builder(), Value(TensorType.of("real", (BATCH, T)), "x")
    steps = sum_over(b, ones(b, BATCH, T), (T,))
    before = graph(b, x, y=sum_over(b, steps, (BATCH,)), z=sum_over(b, x, (T,)))
    after = optimize(before, verify=True)
    assert ops(after)["length"] == 1
    assert_same(before, after, tolerance=1e-12)
    assert ops(optimize(before, dense=True))["length"] == 1
    assert_same(before, optimize(before, dense=True), {"dense": DENSE})


def test_what_is_masked_otherwise_is_counted() -> None:
    b, later = Builder(), Index("t", T.length, Affine(2), Affine.of(T.length))
    early = b(LESS, b(POSITION, index=T), constant(b, 3, "int"))
    both = b(LOGICAL_AND, b(INSIDE, index=T, steps=frozenset()), early)
    chosen = b(SELECT, both, constant(b, 1.0), constant(b, 0.0))
    twos = b(SELECT, b(INSIDE, index=T, steps=frozenset()), constant(b, 2.0), constant(b, 0.0))
    sums = [b(REDUCE_SUM, value, dims=(), indices=(T,)) for value in (chosen, twos)]
    part = sum_over(b, ones(b, BATCH, later), (later,))
    before = graph(b, chosen=sums[0], twos=sums[1], part=part)
    after = Simplify()(before)
    assert ops(after)["reduce_sum"] == 3
    assert_same(before, after, tolerance=1e-12)


def test_the_sum_over_classes_is_the_value() -> None:
    b, value = Builder(), Value(TensorType.of("real", (BATCH, T), (C,)), "g")
    other = Index.full("s", T.length)
    spread = b(RENAME, b(SCATTER_ADD, value, N, dim=1, size=V, indices=()), old=T, new=other)
    whole = b(REDUCE_SUM, spread, dims=(1,), indices=())
    part = b(REDUCE_SUM, spread, dims=(0,), indices=())
    before = graph(b, value, N, whole=whole)
    after = Dce()(Simplify()(before))
    assert ops(after) == {"rename": 1}
    both = graph(b, value, N, whole=whole, part=part)
    given = {"g": np.arange(12.0).reshape(2, 3, 2), "n": np.array([[0, 3, 1], [-5, 9, 2]])}
    assert_same(both, Simplify()(both), {"one": Run(batch=2, lengths={"T": 3})}, inputs=given)
