"""Scatters that become comparisons."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.autodiff import differentiate
from graphc.backend.reference import Run, prepare
from graphc.ir.builder import Builder
from graphc.ir.graph import Value
from graphc.ops.indexing import GATHER, SCATTER_ADD
from graphc.ops.masking import sum_over
from graphc.passes import optimize
from graphc.passes.compare import Compare
from graphc.types import BATCH, Dim, Index, Length, TensorType
from tests.passes.comparing import assert_same, graph, ops

C, H, V = Dim.named("C", 2), Dim.named("H", 3), Dim.named("V", 4)
T = Index.full("t", Length("T"))
N = Value(TensorType.of("int", (BATCH, T)), "n")
RUN = {"one": Run(batch=2, lengths={"T": 3})}
NUMBERS = np.array([[0, 3, 1], [-5, 9, 2]])


@pytest.mark.parametrize(
    ("axes", "shape", "dim"),
    [((BATCH, T), (), 0), ((BATCH,), (), 0), ((), (C, H), 1), ((BATCH, T), (C, H), 2), ((T,), (H,), 0)],
)
@pytest.mark.parametrize("dtype", ["real", "int"])
def test_a_value_for_each_point_is_compared(axes, shape, dim, dtype) -> None:  # type: ignore[no-untyped-def]
    b, value = Builder(), Value(TensorType.of(dtype, axes, shape), "g")
    before = graph(b, value, N, y=b(SCATTER_ADD, value, N, dim=dim, size=V, indices=()))
    after = Compare()(before)
    assert ops(after)["scatter_add"] == 0
    extents = [{"batch": 2, "t": 3}[index.name] for index in value.type.axes]
    given = np.arange(1, 1 + np.prod([*extents, *value.type.sizes], dtype=int)) * 2
    inputs = {"g": given.reshape(*extents, *value.type.sizes), "n": NUMBERS}
    assert_same(before, after, RUN, inputs=inputs)


def test_a_value_that_is_no_number_stays_where_it_is() -> None:
    b, value = Builder(), Value(TensorType.of("real", (BATCH, T)), "g")
    before = graph(b, value, N, y=b(SCATTER_ADD, value, N, dim=0, size=V, indices=()))
    given = np.array([[np.nan, 1.0, np.inf], [2.0, 3.0, np.nan]])
    found = prepare(Compare()(before)).run({"g": given, "n": NUMBERS}, RUN["one"])["y"]
    expected = np.zeros((2, 3, 4))
    for place in np.ndindex(2, 3):
        expected[(*place, np.clip(NUMBERS[place], 0, 3))] = given[place]
    np.testing.assert_array_equal(found, expected)


def test_sums_of_points_and_several_numbers_are_left_alone() -> None:
    b, value = Builder(), Value(TensorType.of("real", (BATCH, T), (H,)), "g")
    several = Value(TensorType.of("int", (BATCH,), (H,)), "m")
    summed = b(SCATTER_ADD, value, N, dim=0, size=V, indices=(BATCH, T))
    meeting = b(SCATTER_ADD, value, several, dim=0, size=V, indices=())
    before = graph(b, value, several, N, y=summed, z=meeting)
    assert Compare()(before) is before


def test_the_gradient_of_picking_a_class_scatters_nothing() -> None:
    b, logits = Builder(), Value(TensorType.of("real", (BATCH, T), (V,)), "p")
    before = graph(b, logits, N, loss=sum_over(b, b(GATHER, logits, N, dim=0), (BATCH, T)))
    gradients = optimize(differentiate(before, "loss", ["p"]).graph, verify=True)
    assert ops(gradients)["scatter_add"] == 1
    after = Compare()(gradients)
    assert ops(after)["scatter_add"] == 0
    assert_same(gradients, after)
