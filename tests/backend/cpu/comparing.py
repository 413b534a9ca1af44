"""Holding the CPU backend to the reference: the same graph, the same arrays, all positions that count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from unittest.mock import patch

import numpy as np

from graphc.backend import BACKENDS, Executable, Run, reference
from graphc.backend.cpu import executable
from graphc.backend.state import State
from graphc.ir.graph import Graph
from graphc.ir.op import Array
from graphc.types import TensorType
from tests.ops import harness

RUNS = {
    "dense": Run(batch=2, lengths={"T": 4, "N": 2}, seed=5),
    "ragged": Run(batch=5, lengths={"T": np.array([2, 5, 1, 5, 0]), "N": np.array([2, 0, 1, 5, 0])}),
    "one": Run(batch=1, lengths={"T": 1, "N": 1}, seed=5, step=3),
    "no steps": Run(batch=2, lengths={"T": np.array([0, 0]), "N": np.array([0, 0])}),
    "no examples": Run(batch=0, lengths={"T": 3, "N": 2}),
}
"""One executable has to serve all of them."""


def counting(type: TensorType, run: Run) -> Array:
    """Where an array of this type holds values that count, laid out like the array."""
    where, shape = harness.valid(type, run), State(run).shape(type)
    return np.broadcast_to(where.reshape(where.shape + (1,) * (len(shape) - where.ndim)), shape)


def draw(graph: Graph, run: Run, seed: int = 0) -> dict[str, Array]:
    """Inputs between -1 and 1 with NaN where nothing counts; ints from 0 to 2."""
    generator, state = np.random.default_rng(seed), State(run)
    found: dict[str, Array] = {}
    for value in graph.inputs:
        shape, dtype = state.shape(value.type), state.dtypes[value.type.dtype]
        if value.type.dtype == "real":
            drawn = np.where(counting(value.type, run), generator.uniform(-1, 1, shape), np.nan)
        else:
            drawn = generator.integers(0, 3, shape)
        found[value.name] = drawn.astype(dtype)
    return found


def assert_equals_reference(
    graph: Graph,
    runs: Mapping[str, Run] = RUNS,
    *,
    tolerance: float = 1e-12,
    inputs: Mapping[str, Mapping[str, Array]] | None = None,
    prepared: Executable | None = None,
) -> None:
    """One executable gives what the reference gives, in each of the runs; it is compiled once at most."""
    found, expected = prepared or BACKENDS["cpu"].prepare(graph), reference.prepare(graph)
    with builds() as built:
        for name, run in runs.items():
            given = draw(graph, run) if inputs is None else inputs[name]
            with np.errstate(all="ignore"):
                assert_close(graph, run, found.run(given, run), expected.run(given, run), tolerance, name)
    assert len(built) <= 1


def assert_close(
    graph: Graph,
    run: Run,
    found: Mapping[str, Array],
    expected: Mapping[str, Array],
    tolerance: float,
    case: str = "",
) -> None:
    """Outputs agree at all positions that count: reals within the tolerance, others exactly."""
    assert list(found) == list(expected)
    for name, value in graph.outputs.items():
        assert found[name].dtype == expected[name].dtype, (case, name)
        assert found[name].shape == expected[name].shape, (case, name)
        where = counting(value.type, run)
        one, other = (np.where(where, array[name], 0) for array in (found, expected))
        if value.type.dtype == "real":
            np.testing.assert_allclose(one, other, tolerance, tolerance, err_msg=f"{case}: {name}")
        else:
            np.testing.assert_array_equal(one, other, err_msg=f"{case}: {name}")


@contextmanager
def builds() -> Iterator[list[object]]:
    """What is handed to the compiler in the meantime."""
    seen: list[object] = []
    build = executable.build

    def counted(unit: object) -> object:
        seen.append(unit)
        return build(unit)  # type: ignore[arg-type]

    with patch.object(executable, "build", counted):
        yield seen


def merged(graphs: Mapping[str, Graph]) -> Graph:
    """Graphs side by side as one, so that compiling once serves all. Their own inputs get longer names."""
    for prefix, graph in graphs.items():
        for value in graph.inputs:
            value.name = f"{prefix}.{value.name}"
    inputs = [value for graph in graphs.values() for value in graph.inputs]
    nodes = [node for graph in graphs.values() for node in graph.nodes]
    outputs = {f"{p}.{name}": value for p, graph in graphs.items() for name, value in graph.outputs.items()}
    return Graph(tuple(inputs), tuple(nodes), outputs)
