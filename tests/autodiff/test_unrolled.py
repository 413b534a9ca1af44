"""A loop computes what its steps written out compute, and so does its reverse."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.autodiff import differentiate
from graphc.backend.reference import Run, execute
from graphc.ir.graph import Graph, LoopNode, Node
from graphc.ops.leaf import PIN
from graphc.passes.unroll import unroll
from tests.autodiff.recurrences import EXAMPLES
from tests.gradient_checks import draw_inputs

LENGTHS = [0, 1, 4]


def assert_same(one: Graph, other: Graph, run: Run) -> None:
    inputs = draw_inputs(one, run)
    expected, found = execute(one, inputs, run), execute(other, inputs, run)
    assert expected.keys() == found.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-12, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_loops_equal_their_steps(name: str, length: int) -> None:
    graph = EXAMPLES[name]().graph
    flat = unroll(graph, {"T": length})
    assert not any(isinstance(node, LoopNode) for node in flat.walk())
    assert_same(graph, flat, Run(batch=2, lengths={"T": length}))


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_gradients_of_loops_equal_gradients_of_steps(name: str, length: int) -> None:
    example = EXAMPLES[name]()
    of_loops = differentiate(example.graph, "loss", example.wrt).graph
    of_steps = differentiate(unroll(example.graph, {"T": length}), "loss", example.wrt).graph
    assert_same(of_loops, of_steps, Run(batch=2, lengths={"T": length}))


@pytest.mark.parametrize("name", EXAMPLES)
def test_reverse_loops_equal_their_steps(name: str) -> None:
    example = EXAMPLES[name]()
    graph = differentiate(example.graph, "loss", example.wrt).graph
    assert_same(graph, unroll(graph, {"T": 3}), Run(batch=2, lengths={"T": 3}))


def test_pins_are_named_after_their_steps() -> None:
    flat = unroll(EXAMPLES["nested"]().graph, {"T": 2})
    names = [n.attrs["name"] for n in flat.walk() if isinstance(n, Node) and n.op is PIN]
    assert names == [f"z[t={t},k={k}]" for t in (1, 2) for k in (1, 2, 3)]
