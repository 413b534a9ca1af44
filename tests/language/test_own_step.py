"""A range of steps that ends at the step under way, inside a loop: `sum[u = 1..t]` of a name of the loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc
from tests.language.harness import Case, check


def forwards(p: Any, e: Any) -> dict[str, Any]:
    g, h, own = [], [], np.zeros(2)
    for t in range(e.T):
        g.append(np.tanh(p.A @ own + e.x[t]))
        scores = np.array([g[-1] @ p.B @ one for one in g])
        weights = np.exp(scores - scores.max())
        own = sum(w * one for w, one in zip(weights / weights.sum(), g, strict=True))
        h.append(own)
    return {"g": np.array(g), "h": np.array(h), "loss": np.sum(np.array(h) ** 2)}


FORWARDS = """
axis t = 1..T, u = 1..T
input x[t] : [2]
param A, B : [2, 2]
h[0] = 0
g[t] = tanh(A @ h[t-1] + x[t])
h[t] = sum[u = 1..t](softmax[u = 1..t](g[t] @ B @ g[u]) * g[u])
minimize sum[t](sum(h[t]^2))
"""


def backwards(p: Any, e: Any) -> dict[str, Any]:
    g, h, own = np.zeros((e.T, 2)), np.zeros((e.T, 2)), np.zeros(2)
    for t in reversed(range(e.T)):
        g[t] = np.tanh(p.A @ own + e.x[t])
        own = h[t] = sum(g[u] / (u + 1) for u in range(t, e.T))
    return {"g": g, "h": h, "loss": np.sum(h**2)}


BACKWARDS = """
axis t = 1..T, u = 1..T
input x[t] : [2]
param A : [2, 2]
h[T+1] = 0
g[t] = tanh(A @ h[t+1] + x[t])
h[t] = sum[u = t..T](g[u] / u)
minimize sum[t](sum(h[t]^2))
"""


def deep(p: Any, e: Any) -> dict[str, Any]:
    h = np.zeros((3, e.T + 1, 2))
    h[0, 1:] = e.x
    for t in range(1, e.T + 1):
        for k in (1, 2):
            h[k, t] = np.tanh(p.A @ h[k, t - 1] + sum(h[k - 1, u] for u in range(1, t + 1)))
    return {"h": h[1:, 1:], "loss": np.sum(h[2, 1:] ** 2)}


DEEP = """
axis t = 1..T, u = 1..T, k = 1..2
input x[t] : [2]
param A : [2, 2]
h[0,t] = x[t]
h[k,0] = 0
h[k,t] = tanh(A @ h[k,t-1] + sum[u = 1..t](h[k-1,u]))
minimize sum[t](sum(h[2,t]^2))
"""


@pytest.mark.parametrize(("spec", "reference"), [(FORWARDS, forwards), (BACKWARDS, backwards), (DEEP, deep)])
def test_a_range_holds_the_step_itself(spec: str, reference: Any) -> None:
    check(Case(spec, reference, {"T": [4, 1, 3]}))


def test_of_compiled_code() -> None:
    """h[t] = g[1] + ... + g[t] with g[t] = x[t] + h[t-1] doubles and adds one."""
    spec = "axis t = 1..T, u = 1..T\ninput x[t] : real\nh[0] = 0\ng[t] = x[t] + h[t-1]\n"
    spec += "h[t] = sum[u = 1..t](g[u])\nminimize h[T]\n"
    for backend in ("cpu", "reference"):
        program = graphc.compile(spec, dtype="float64", backend=backend)
        found, gradients = program.value_and_grad({"x": np.ones((1, 5))}, wrt="x")
        assert found == 31
        np.testing.assert_array_equal(gradients["x"], [[16, 8, 4, 2, 1]])
