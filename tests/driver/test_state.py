"""A program's state in flat vectors: what lies where, and that a training step makes no new arrays."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.backend import Backend, Executable, Run, reference
from graphc.driver.program import Program
from graphc.ir.graph import Graph
from graphc.ir.op import Array

NETWORK = """
dim D = 64, H = 128, C = 10
input x : [D], y : index(C)
param W : [H, D], b : [H] = 0, V : [C, H]
frozen param still : [H] = 1
z = W @ x + b
running m = mean[batch](z)
h = relu(z - m + still)
minimize cross_entropy(softmax(V @ h), y)
fit { optimizer = adam(lr = 0.001), batch = 32, clip = 1.0 }
"""

FAMILY = """
axis t = 1..3, a = 1..2
input x : real
param w[t, a] : [2], v[a] : real, s = 0.5
running m[a] = mean[batch](x * v[a])
y = s + sum[t, a](sum(w[t, a]) * v[a] * t * x)
minimize (y - 1)^2
fit { optimizer = sgd(lr = 0.001) }
"""

CHUNKED = """
dim V = 4, H = 3
axis t = 1..T
input s[t] : index(V)
param E : [H, V], U : [H, H], W : [V, H], start : [H] = 0.3
h[0] = start
h[t] = tanh(E @ one_hot(s[t], V) + U @ h[t-1])
p[t] = softmax(W @ h[t])
minimize mean[t = 1..T-1](cross_entropy(p[t], s[t+1]))
fit { optimizer = OPTIMIZER, batch = 2, epochs = 1 }
"""
TEXT = np.random.default_rng(3).integers(0, 4, (1, 41))


def batch(size: int = 32) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(size)
    return {"x": rng.normal(size=(size, 64)).astype(np.float32), "y": rng.integers(0, 10, size)}


# ------------------------------------------------------------------------------------- what lies where


def test_trainable_parameters_are_one_vector_in_the_order_of_the_spec() -> None:
    program = graphc.compile(NETWORK)
    assert list(program.params.weights.layout.shapes) == ["W", "b", "V"]
    flat = np.concatenate([program.params[name].ravel() for name in ("W", "b", "V")])
    np.testing.assert_array_equal(program.params.weights.now.flat, flat)
    program.params["b"] = np.arange(128)
    np.testing.assert_array_equal(program.params.weights.now.flat[128 * 64 : 128 * 65], np.arange(128))
    program.step(batch())
    flat = np.concatenate([program.params[name].ravel() for name in ("W", "b", "V")])
    np.testing.assert_array_equal(program.params.weights.now.flat, flat)


def test_reading_a_parameter_copies() -> None:
    program = graphc.compile(NETWORK)
    for name in program.params:
        before = program.params[name]
        program.params[name][...] += 1
        np.testing.assert_array_equal(program.params[name], before)


def test_axes_are_shown_as_declared(tmp_path: Path) -> None:
    program = graphc.compile(FAMILY, dtype="float64")
    batch = {"x": np.array([0.5, -1.0, 2.0])}
    assert program.params["w"].shape == (3, 2, 2)
    given = np.arange(12.0).reshape(3, 2, 2)
    program.params["w"] = given
    np.testing.assert_array_equal(program.params["w"], given)
    before = {name: program.params[name] for name in program.trainable}
    t, v = np.arange(1, 4), before["v"]
    y = before["s"] + np.einsum("tad,a,t->", given, v, t) * batch["x"]
    _, gradients = program.value_and_grad(batch)
    expected = np.mean(2 * (y - 1) * batch["x"]) * np.einsum("a,t,d->tad", v, t, np.ones(2))
    np.testing.assert_allclose(gradients["w"], expected, rtol=1e-12)
    program.step(batch)
    for name in before:
        np.testing.assert_allclose(program.params[name], before[name] - 0.001 * gradients[name], rtol=1e-13)
    np.testing.assert_allclose(program.params["m"], batch["x"].mean() * v, rtol=1e-13)
    program.save(tmp_path / "family.safetensors")
    loaded = graphc.load(tmp_path / "family.safetensors")
    for name in program.params:
        np.testing.assert_array_equal(loaded.params[name], program.params[name])


def test_averages_move_by_their_decay() -> None:
    text = FAMILY.replace("running m[a]", "running(decay = 0.75) m[a]")
    program = graphc.compile(text, dtype="float64")
    seen = []
    for x in (1.0, 3.0, -2.0):
        seen.append(x * program.params["v"])
        program.step({"x": np.full(4, x)})
    average = seen[0]
    for value in seen[1:]:
        average = 0.75 * average + 0.25 * value
    np.testing.assert_allclose(program.params["m"], average, rtol=1e-13)


def test_a_bad_step_leaves_what_was_assigned() -> None:
    program = graphc.compile("input x : real\nparam a = 1, b = 2\nminimize a * x + b\nfit { }\n")
    program.step({"x": np.ones(2)})
    program.params["b"] = 5
    for _ in range(2):
        with pytest.raises(graphc.GraphcError, match="E501"):
            program.step({"x": np.full(2, np.nan)})
        assert (program.params["a"], program.params["b"]) == (1, 5)


def test_the_states_first_value_moves_in_first_chunks_only() -> None:
    """Its gradient is zero where a chunk goes on from another one; none is left over from before."""
    program = graphc.compile(CHUNKED.replace("OPTIMIZER", "sgd(lr = 0.1)"), dtype="float64")
    starts = []
    keep = program.losses.keep
    program.losses.keep = lambda: (starts.append(program.params["start"]), keep())[1]  # type: ignore[method-assign]
    program.fit({"s": TEXT}, bptt=5)
    assert len(starts) == 4
    assert (starts[0] != 0.3).all()
    for later in starts[1:]:
        np.testing.assert_array_equal(later, starts[0])


# --------------------------------------------------------------------------------------- nothing is made


class Idle:
    """An executable that computes once, and then says again what it said."""

    def __init__(self, graph: Graph, **promises: Any) -> None:
        self.graph = graph
        self.inner: Executable = reference.prepare(graph, **promises)
        self.said: dict[str, Array] = {}

    def begin(self, real: np.dtype[Any]) -> None:
        self.inner.begin(real)

    def compile(self, real: np.dtype[Any]) -> None:
        self.inner.compile(real)

    def run(
        self, inputs: Mapping[str, Array], run: Run, out: Mapping[str, Array] | None = None
    ) -> dict[str, Array]:
        if not self.said:
            self.said = self.inner.run(inputs, run, out)
        return self.said


def idle(text: str) -> Program:
    program = graphc.compile(text)
    program.pipeline.backend = Backend("idle", Idle)
    return program


def peak(call: Callable[[], object]) -> int:
    """The most bytes that a call has at once, above those before it."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        call()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def test_a_step_makes_no_arrays() -> None:
    program, given = idle(NETWORK), batch()
    program.step(given)
    program.step(given)
    assert peak(lambda: program.step(given)) < program.params["V"].nbytes // 2


def test_a_step_in_pieces_makes_no_arrays() -> None:
    text = NETWORK.replace("z - m + still", "z + still").replace("batch = 32", "batch = 8, accumulate = 4")
    program, given = idle(text), batch()
    program.step(given)
    program.step(given)
    assert program.losses.accumulate == 4
    assert peak(lambda: program.step(given)) < program.params["W"].nbytes // 2


def test_a_chunk_makes_no_arrays() -> None:
    program = idle(CHUNKED.replace("OPTIMIZER", "adam()").replace("H = 3", "H = 500"))
    found = program.dataset({"s": TEXT}, bptt=5)
    made: list[int] = []
    step = program.losses.gradients

    def gradients(*args: object, **options: object) -> object:
        made.append(peak(lambda: step(*args, **options)))  # type: ignore[arg-type]
        return step(*args, **options)  # type: ignore[arg-type]

    program.losses.gradients = gradients  # type: ignore[method-assign,assignment]
    program.fit(found, bptt=5, epochs=2, batch=4)
    sequence = 4 * 6 * 500 * 4
    assert min(made) < sequence // 4


@pytest.mark.parametrize("optimizer", ["sgd(lr = 0.01)", "momentum(lr = 0.01)", "adam(lr = 0.01)"])
def test_memory_does_not_grow_with_steps(optimizer: str) -> None:
    program, given = graphc.compile(NETWORK.replace("adam(lr = 0.001)", optimizer)), batch()
    after = []
    tracemalloc.start()
    try:
        for _ in range(4):
            for _ in range(100):
                program.step(given)
            gc.collect()  # it gives back the tuples that Python keeps to use again
            after.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    # One number a step, kept, would be 3,200 bytes in each hundred; a table of Python's own may grow once.
    assert min(np.diff(after)) < 2000


def test_warm_prepares_all_that_training_asks_for() -> None:
    prepared: list[Graph] = []

    def prepare(graph: Graph, **promises: Any) -> Executable:
        prepared.append(graph)
        return reference.prepare(graph, **promises)

    for text, data in ((NETWORK, batch(64)), (CHUNKED.replace("OPTIMIZER", "adam(), bptt = 5"), {"s": TEXT})):
        program = graphc.compile(text)
        program.pipeline.backend = Backend("counting", prepare)
        program.warm()
        count = len(prepared)
        assert count > 3
        program.fit(data, epochs=2)
        program.forward({name: array[:2] for name, array in data.items()})
        program.value_and_grad({name: array[:2] for name, array in data.items()})
        assert len(prepared) == count
