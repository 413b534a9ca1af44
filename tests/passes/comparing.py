"""Comparing a graph with what passes make of it, in float64 and with garbage outside ragged ranges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from graphc.backend.reference import Run, prepare
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, LoopNode, Node, Value
from graphc.ir.op import Array
from graphc.ir.verifier import verify
from tests.gradient_checks import draw_inputs, valid

DENSE = Run(batch=3, lengths={"T": 4})
RUNS = {
    "dense": DENSE,
    "ragged": Run(batch=4, lengths={"T": np.array([2, 5, 0, 3])}),
    "no steps": Run(batch=2, lengths={"T": 0}),
}


def assert_same(
    before: Graph,
    after: Graph,
    runs: Mapping[str, Run] = RUNS,
    *,
    inputs: Mapping[str, Array] | None = None,
    tolerance: float = 1e-9,
) -> None:
    """All outputs agree at all positions that count."""
    verify(after)
    assert list(before.outputs) == list(after.outputs)
    for run in runs.values():
        given = draw_inputs(before, run) if inputs is None else inputs
        expected, found = prepare(before).run(given, run), prepare(after).run(given, run)
        for name, value in before.outputs.items():
            assert after.outputs[name].type == value.type
            where = valid(value.type, run)
            pair = (np.where(where, results[name], 0) for results in (found, expected))
            np.testing.assert_allclose(*pair, rtol=tolerance, atol=tolerance / 10, err_msg=name)


def graph(b: Builder, *inputs: Value, **outputs: Value) -> Graph:
    """What a builder has appended, as a graph."""
    return Graph(inputs, tuple(b.nodes), outputs)


def ops(graph: Graph) -> Counter[str]:
    """How often each op occurs, bodies of loops included."""
    return Counter(node.op.name for node in graph.walk() if isinstance(node, Node))


def loops(graph: Graph) -> list[LoopNode]:
    """The loops of the top level."""
    return [node for node in graph.nodes if isinstance(node, LoopNode)]


def inside(graph: Graph) -> Counter[str]:
    """How often each op occurs in bodies of loops."""
    return sum((ops(loop.loop.body) for loop in loops(graph)), Counter[str]())
