"""The oracle itself: layout, broadcasting, loops over ragged lengths, and what it keeps."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from graphc.backend.reference import Run, execute, prepare
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Value
from graphc.ir.op import Array
from graphc.ops.elementwise import ADD, MUL, TANH
from graphc.ops.leaf import LENGTH, POSITION, STEP, constant
from graphc.ops.masking import sum_over
from graphc.ops.summing import BROADCAST
from graphc.types import BATCH, Affine, Dim, Index, Length, TensorType
from tests.loops import Outcome, Step, loop

H = Dim.named("H", 2)
T = Index.full("t", Length("T"))
A = Index.full("a", Length("A"))
LENGTHS = np.array([3, 0, 5])
RAGGED = Run(batch=3, lengths={"T": LENGTHS})


def value(name: str, *axes: Index, shape: tuple[Dim, ...] = ()) -> Value:
    return Value(TensorType.of("real", axes, shape), name)


def run_graph(b: Builder, inputs: dict[Value, Array], run: Run, **outputs: Value) -> dict[str, Array]:
    graph = Graph(tuple(inputs), tuple(b.nodes), outputs)
    return execute(graph, {v.name: array for v, array in inputs.items()}, run)


def test_operands_are_aligned_by_index() -> None:
    b = Builder()
    x, y, w = value("x", T, BATCH), value("y", A, BATCH), value("w", shape=(H,))
    z = b(MUL, b(ADD, x, y), w)
    run = Run(batch=2, lengths={"T": 3, "A": 4})
    xs, ys, ws = (
        np.random.default_rng(0).normal(size=(2, 3)),
        np.arange(8.0).reshape(2, 4),
        np.array([1.0, -2]),
    )
    result = run_graph(b, {x: xs, y: ys, w: ws}, run, z=z)
    # Canonical order: batch, a, t.
    expected = (ys[:, :, None] + xs[:, None, :])[..., None] * ws
    np.testing.assert_array_equal(result["z"], expected)


def test_results_have_their_full_extents() -> None:
    b = Builder()
    wide = b(BROADCAST, constant(b, 2.0, shape=(H,)), indices=(BATCH, T))
    result = run_graph(b, {}, RAGGED, wide=wide, length=b(LENGTH, length=T.length))
    assert result["wide"].shape == (3, 5, 2)
    assert result["wide"].flags.c_contiguous
    np.testing.assert_array_equal(result["length"], LENGTHS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_reals_are_of_the_run(dtype: type) -> None:
    b = Builder()
    x = value("x", BATCH)
    y = b(TANH, b(MUL, x, constant(b, 0.1)))
    run = Run(np.dtype(dtype), batch=4)
    result = run_graph(b, {x: np.arange(4)}, run, y=y, place=b(POSITION, index=BATCH))
    assert result["y"].dtype == dtype
    assert result["place"].dtype == np.int64


@pytest.mark.parametrize("reverse", [False, True])
def test_each_example_keeps_its_own_last_state(reverse: bool) -> None:
    """Steps beyond an example's length do not happen for it, whatever stands there."""
    b = Builder()
    x, h0 = value("x", BATCH, T), value("h0", BATCH)

    def step(inside: Builder, at: Step) -> Outcome:
        new = inside(ADD, inside(MUL, at.carries[0], constant(inside, 2.0)), at.slices[0])
        return [new], [new]

    final, stack = loop(b, T, step, sequences=[x], carries=[h0], reverse=reverse)
    xs = np.where(np.arange(5) < LENGTHS[:, None], np.arange(15.0).reshape(3, 5), np.nan)
    starts = np.array([1.0, 10.0, 100.0])
    result = run_graph(b, {x: xs, h0: starts}, RAGGED, final=final, stack=stack)
    for i, length in enumerate(LENGTHS):
        h = starts[i]
        for t in range(length)[::-1] if reverse else range(length):
            h = 2 * h + xs[i, t]
            assert result["stack"][i, t] == h
        assert result["final"][i] == h


def test_a_step_knows_its_position_and_a_history_what_was_written() -> None:
    """h[t] = t + sum[u = 1..t-1](h[u]), with a carry that has no batch."""
    b = Builder()
    before = Index("u", T.length, Affine(1), Affine.of(T) - 1)
    view = Value(TensorType.of("real", (BATCH, before)), "h")
    count = constant(b, 0, "int")

    def step(inside: Builder, at: Step) -> Outcome:
        total = sum_over(inside, at.histories[0], (before,))
        return [inside(ADD, at.carries[0], inside(STEP, index=T))], [inside(ADD, total, at.slices[0])]

    x = value("x", BATCH, T)
    steps, h = loop(b, T, step, sequences=[x], carries=[count], histories=[(0, view)])
    xs = np.tile(np.arange(1.0, 6.0), (3, 1))
    result = run_graph(b, {x: xs}, RAGGED, steps=steps, h=h)
    expected = np.zeros(5)
    for t in range(5):
        expected[t] = t + 1 + expected[:t].sum()
    for i, length in enumerate(LENGTHS):
        np.testing.assert_array_equal(result["h"][i, :length], expected[:length])
    assert result["steps"] == 15


def test_one_executable_runs_with_any_lengths() -> None:
    b = Builder()
    x = value("x", BATCH, T)
    total = sum_over(b, x, (T,))
    executable = prepare(Graph((x,), tuple(b.nodes), {"total": total}))
    for batch, length in [(1, 4), (3, 0), (2, 7)]:
        run = Run(batch=batch, lengths={"T": length})
        found = executable.run({"x": np.ones((batch, length))}, run)["total"]
        np.testing.assert_array_equal(found, np.full(batch, float(length)))


def test_dead_values_are_freed() -> None:
    """A long chain holds two arrays at a time, not one for each node."""
    b = Builder()
    x = value("x", BATCH)
    y = x
    for _ in range(50):
        y = b(TANH, y)
    executable = prepare(Graph((x,), tuple(b.nodes), {"y": y}))
    size = 100_000
    given = np.ones(size)
    tracemalloc.start()
    executable.run({"x": given}, Run(batch=size))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * given.nbytes
