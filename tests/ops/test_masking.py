"""Masks: which positions count, at the top level and in the body of a loop."""

from __future__ import annotations

import numpy as np

from graphc.backend.reference import Run, execute
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Node, Value
from graphc.ops.masking import counted, masked, sum_over, within
from graphc.types import BATCH, Affine, Dim, Index, Length, TensorType
from tests.loops import loop

T = Index.full("t", Length("T"))
U = Index("u", T.length, Affine(1), Affine.of(T))
K = Index.full("k", Length("layers", Dim.literal(2)))
RUN = Run(batch=2, lengths={"T": np.array([3, 1])})


def ops_of(b: Builder) -> list[str]:
    return [node.op.name for node in b.nodes if isinstance(node, Node)]


def value(*axes: Index) -> Value:
    return Value(TensorType.of("real", axes), "x")


def test_sum_leaves_out_what_is_outside() -> None:
    b, x = Builder(), value(BATCH, T)
    total = sum_over(b, x, (T,))
    data = np.array([[1.0, 2.0, 4.0], [8.0, np.nan, np.inf]])
    found = execute(Graph((x,), tuple(b.nodes), {"y": total}), {"x": data}, RUN)["y"]
    assert found.tolist() == [7.0, 8.0]


def test_a_sum_over_the_batch_leaves_out_the_steps_that_an_example_lacks() -> None:
    b, x = Builder(), value(BATCH, T)
    total = sum_over(b, x, (BATCH,))
    data = np.array([[1.0, 2.0, 4.0], [8.0, np.nan, np.nan]])
    found = execute(Graph((x,), tuple(b.nodes), {"y": total}), {"x": data}, RUN)["y"]
    assert found.tolist() == [9.0, 2.0, 4.0]


def test_a_range_that_varies_is_masked_where_its_bound_is_summed() -> None:
    b, x = Builder(), value(BATCH, T, U)
    total = sum_over(b, sum_over(b, x, (U,)), (T,))
    data = np.full((2, 3, 3), np.nan)
    for example, length in enumerate((3, 1)):
        for t in range(length):
            data[example, t, : t + 1] = 1.0
    found = execute(Graph((x,), tuple(b.nodes), {"y": total}), {"x": data}, RUN)["y"]
    assert found.tolist() == [6.0, 1.0]
    b = Builder()
    masked(b, x, (T,))
    assert ops_of(b).count("inside") == 2
    b = Builder()
    masked(b, x, (BATCH,))
    assert ops_of(b).count("inside") == 2


def test_what_is_always_inside_needs_no_mask() -> None:
    b, x = Builder(), value(BATCH, K)
    assert masked(b, x, (BATCH, K)) is x
    assert sum_over(b, x, ()) is x
    assert ops_of(b) == []


def test_a_sum_over_the_batch_inside_a_loop_leaves_out_finished_examples() -> None:
    b, x = Builder(), value(BATCH, T)

    def step(inside: Builder, s: object) -> tuple[list[Value], list[Value]]:
        return [], [sum_over(inside, s.slices[0], (BATCH,))]  # type: ignore[attr-defined]

    (stack,) = loop(b, T, step, sequences=[x])
    data = np.array([[1.0, 2.0, 4.0], [8.0, np.nan, np.nan]])
    found = execute(Graph((x,), tuple(b.nodes), {"y": stack}), {"x": data}, RUN)["y"]
    assert found.tolist() == [9.0, 2.0, 4.0]


def test_a_range_up_to_the_step_reads_the_step() -> None:
    b = Builder((T,))
    masked(b, value(BATCH, U), (U,))
    (inside,) = (node for node in b.nodes if isinstance(node, Node) and node.op.name == "inside")
    assert inside.attrs["steps"] == {T}
    assert inside.result.type.axes == (BATCH, U)


def test_a_cotangent_does_not_come_to_vary_over_what_it_was_summed_over() -> None:
    b, g = Builder(), value(BATCH, U)
    assert counted(b, g, (U,)) is g
    assert within(b, g, U) is g
    assert masked(b, g, (U,)).type.axes == (BATCH, T, U)


def test_the_fill_has_the_dtype_of_the_value() -> None:
    b = Builder()
    whole = Value(TensorType.of("int", (BATCH, T)))
    assert masked(b, whole, (T,), fill=1).type.dtype == "int"
    assert masked(b, Value(TensorType.of("bool", (BATCH, T))), (T,)).type.dtype == "bool"
