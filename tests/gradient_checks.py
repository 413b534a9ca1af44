"""Gradients of a graph against central differences, in float64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from graphc.autodiff import differentiate
from graphc.backend.reference import Run, prepare
from graphc.backend.state import State
from graphc.ir.graph import Graph
from graphc.ir.op import Array
from graphc.types import BATCH_NAME, TensorType

STEP = 1e-5


def valid(type: TensorType, run: Run) -> Array:
    """Where an array of a type (full indices only) has values that count, laid out like the array."""
    state = State(run)
    result = np.ones(state.shape(type), bool)
    for place, index in enumerate(type.axes):
        assert index.is_full
        own = state.lengths(index)
        if index.name != BATCH_NAME and own.ndim:
            batch = next((i for i, axis in enumerate(type.axes) if axis.name == BATCH_NAME), None)
            if batch is None:
                continue
            here = np.arange(1, state.extent(index) + 1) <= own[:, None]
            shape = [1] * result.ndim
            shape[batch], shape[place] = here.shape
            result = result & here.reshape(shape)
    return result


def draw_inputs(graph: Graph, run: Run, seed: int = 0, garbage: float = np.nan) -> dict[str, Array]:
    """Inputs between -1 and 1, with garbage at positions outside an example's own range."""
    generator = np.random.default_rng(seed)
    state = State(run)
    inputs: dict[str, Array] = {}
    for value in graph.inputs:
        shape = state.shape(value.type)
        if value.type.dtype == "real":
            drawn = generator.uniform(-1, 1, shape)
            inputs[value.name] = np.where(valid(value.type, run), drawn, garbage)
        else:
            inputs[value.name] = generator.integers(0, 2, shape).astype(state.dtypes[value.type.dtype])
    return inputs


def assert_gradients(
    graph: Graph,
    run: Run,
    wrt: Sequence[str],
    inputs: Mapping[str, Array] | None = None,
    *,
    loss: str = "loss",
    tolerance: float = 1e-7,
) -> dict[str, Array]:
    """Check `grad:NAME` of graph inputs, small ones element by element; return all outputs."""
    given = draw_inputs(graph, run) if inputs is None else dict(inputs)
    result = prepare(differentiate(graph, loss, wrt).graph).run(given, run)
    forward = prepare(graph)
    for name in wrt:
        where = valid(graph.input(name).type, run)
        gradient = np.where(where, result[f"grad:{name}"], 0.0)
        assert gradient.shape == where.shape
        for direction in _directions(where):

            def moved(by: float, name: str = name, direction: Array = direction) -> float:
                return float(forward.run({**given, name: given[name] + by * direction}, run)[loss])

            expected = (moved(STEP) - moved(-STEP)) / (2 * STEP)
            found = float(np.sum(gradient * direction))
            assert abs(found - expected) <= tolerance * (1 + abs(expected)), (name, found, expected)
    return result


def _directions(where: Array) -> list[Array]:
    """Every valid element of a small array, and two random directions."""
    generator = np.random.default_rng(7)
    random = [generator.normal(size=where.shape) * where for _ in range(2)]
    if where.size > 16:
        return random
    single: list[Array] = []
    for position in np.argwhere(where):
        direction = np.zeros(where.shape)
        direction[tuple(position)] = 1.0
        single.append(direction)
    return [*single, *random]
