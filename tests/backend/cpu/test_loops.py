"""Loops give what their steps written out give: values and gradients, on the CPU backend."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.autodiff import differentiate
from graphc.backend import BACKENDS, Run
from graphc.ir.graph import Graph, LoopNode
from graphc.passes import optimize
from graphc.passes.unroll import unroll
from tests.autodiff.recurrences import EXAMPLES
from tests.backend.cpu.comparing import assert_close, draw, merged
from tests.backend.cpu.plain import uncompiled
from tests.language import harness
from tests.language.harness import Case

LENGTHS = [0, 1, 4]

LEADS = """
axis t = 1..T
dim D = 2, H = 3
input x[t] : [D], h0 : [H], g0 : [H]
param W : [H, D], U : [H, H], A : [H, H]
h[0] = h0
h[-1] = g0
h[t] = tanh(W @ x[t] + U @ h[t-1] + A @ h[t-2])
g[T+1] = 0
g[T+2] = 0
g[t] = tanh(U @ g[t+1] + A @ g[t+2] + h[t])
b[T+1] = h0
b[t] = tanh(W @ x[t] + A @ b[t+1]) * g[t]
minimize mean[t](sum(g[t] * b[t] + h[t]))
"""
DEPTH = """
axis t = 1..T
axis l = 1..3
dim H = 3
input x[t] : [H]
param U[l] : [H, H], V[l] : [H, H]
h[t, 0] = x[t]
h[0, l] = 0
h[t, l] = tanh(U[l] @ h[t-1, l] + V[l] @ h[t, l-1])
minimize mean[t](sum(h[t, 3] * h[t, 3]))
"""


def gradient(graph: Graph, wrt: tuple[str, ...]) -> Graph:
    return differentiate(graph, "loss", wrt).graph


def assert_same(looped: Graph, flat: Graph, run: Run) -> None:
    assert not any(isinstance(node, LoopNode) for node in flat.walk())
    given = draw(looped, run)
    found, expected = (BACKENDS["cpu"].prepare(graph).run(given, run) for graph in (looped, flat))
    assert_close(looped, run, found, expected, 1e-12)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", EXAMPLES)
def test_gradients_of_loops_equal_gradients_of_steps(name: str, length: int) -> None:
    example, run = EXAMPLES[name](), Run(batch=2, lengths={"T": length})
    flat = unroll(example.graph, {"T": length})
    looped = optimize(gradient(example.graph, example.wrt), keep=())
    with uncompiled():
        assert_same(looped, gradient(flat, example.wrt), run)


@pytest.mark.parametrize("name", EXAMPLES)
def test_reverse_loops_equal_their_steps(name: str) -> None:
    example = EXAMPLES[name]()
    graph = gradient(example.graph, example.wrt)
    with uncompiled(order=(1, 0)):
        assert_same(graph, unroll(graph, {"T": 3}), Run(batch=3, lengths={"T": 3}))


def test_compiled_loops_equal_their_steps() -> None:
    """All of them compiled as one graph, for each of the lengths; the steps run as plain Python."""
    examples = {name: EXAMPLES[name]() for name in EXAMPLES}
    graph = merged({name: gradient(e.graph, e.wrt) for name, e in examples.items()})
    prepared = BACKENDS["cpu"].prepare(graph)
    for length in LENGTHS:
        run = Run(batch=2, lengths={"T": length})
        given = draw(graph, run)
        with uncompiled():
            expected = BACKENDS["cpu"].prepare(unroll(graph, {"T": length})).run(given, run)
        assert_close(graph, run, prepared.run(given, run), expected, 1e-12)


@pytest.mark.parametrize("spec", [LEADS, DEPTH], ids=["leads", "depth"])
def test_specs_with_loops(spec: str) -> None:
    """Two lags and two leads, both directions over ragged lengths, depth times time."""
    case = Case(spec, lambda p, e: {}, {"T": [3, 1, 5]}, batch=3, scale=0.6)
    found = []
    with uncompiled(order=(1, 0)):
        for backend in ("cpu", "reference"):
            given = harness.compiled(case, backend=backend)
            batch = harness.drawn(case, given, extra=1, garbage=np.nan)
            found.append(harness.everything(case, given, batch, harness.given_lengths(case)))
    for name, array in found[1].items():
        np.testing.assert_allclose(found[0][name], array, 1e-11, 1e-12, err_msg=name)
