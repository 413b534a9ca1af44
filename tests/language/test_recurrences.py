"""Recurrences: lags, leads, several names, depth, whole histories, boundaries at either end and inside."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc
from tests.language.harness import Case, check


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


RAGGED = {"T": [4, 1, 3]}


def two_lags(p: Any, e: Any) -> dict[str, Any]:
    before, now, rows = p.a, np.zeros(3), []
    for t in range(e.T):
        before, now = now, np.tanh(p.U @ now + p.V @ before + p.W @ e.x[t])
        rows.append(now)
    h = np.array(rows)
    return {"h": h, "y": h[-1] @ p.w, "loss": (h[-1] @ p.w) ** 2 + np.mean(h)}


TWO_LAGS = """
dim D = 2, H = 3
axis t = 1..T
input x[t] : [D]
param U, V : [H, H], W : [H, D], a, w : [H]
h[0] = 0
h[-1] = a
h[t] = tanh(U @ h[t-1] + V @ h[t-2] + W @ x[t])
y = w @ h[T]
minimize y^2 + mean[t](mean(h[t]))
"""


def leads_and_lags(p: Any, e: Any) -> dict[str, Any]:
    T = e.T
    f, b, g = np.zeros((T + 1, 2)), np.zeros((T + 3, 2)), np.zeros((T + 1, 2))
    b[T + 1], b[T + 2] = p.c, 0.5
    for t in range(1, T + 1):
        f[t] = np.tanh(p.A @ f[t - 1] + e.x[t - 1])
    for t in range(T, 0, -1):
        b[t] = np.tanh(p.B @ b[t + 1] - 0.3 * b[t + 2] * f[t])
    for t in range(1, T + 1):
        g[t] = np.sin(p.C @ g[t - 1] + b[t] + (f[t - 1] if t > 1 else 0))
    return {"f": f[1:], "b": b[1 : T + 1], "g": g[1:], "loss": np.sum(g[1:] ** 2) + b[1] @ f[T]}


LEADS_AND_LAGS = """
dim H = 2
axis t = 1..T
input x[t] : [H]
param A, B, C : [H, H], c : [H]
g[t] = sin(C @ g[t-1] + b[t] + f[t-1])
b[t] = tanh(B @ b[t+1] - 0.3 * b[t+2] * f[t])
f[t] = tanh(A @ f[t-1] + x[t])
f[0] = 0
b[T+1] = c
b[T+2] = 0.5
g[0] = 0
minimize sum[t](sum(g[t]^2)) + b[1] @ f[T]
"""


def mutual(p: Any, e: Any) -> dict[str, Any]:
    a, b, c = p.a0, 0.0, 1.0
    out: dict[str, list[Any]] = {"a": [], "b": [], "c": []}
    for t in range(e.T):
        a_new = np.tanh(p.u * b + e.x[t])
        b_new = np.sin(a_new + p.v * c)
        c_new = a_new * b_new - 0.5 * a + 0.1 * (t + 1)
        a, b, c = a_new, b_new, c_new
        for name, value in zip("abc", (a, b, c), strict=True):
            out[name].append(value)
    return {**{k: np.array(v) for k, v in out.items()}, "loss": c + np.mean(out["b"]) * e.T}


MUTUAL = """
axis t = 1..T
input x[t]
param u, v, a0 : real
a[0] = a0
b[0] = 0
c[0] = 1
c[t] = a[t] * b[t] - 0.5 * a[t-1] + 0.1 * t
b[t] = sin(a[t] + v * c[t-1])
a[t] = tanh(u * b[t-1] + x[t])
minimize c[T] + mean[t](b[t]) * T
"""


def history(p: Any, e: Any) -> dict[str, Any]:
    h: list[Any] = []
    for t in range(e.T):
        past = sum((p.w * h[u] for u in range(t)), np.zeros(2))
        h.append(np.tanh(e.x[t] + past))
    return {"h": np.array(h), "loss": np.sum(np.array(h) ** 2)}


HISTORY = """
dim H = 2
axis t = 1..T, u = 1..T
input x[t] : [H]
param w : [H]
h[t] = tanh(x[t] + sum[u = 1..t-1](w * h[u]))
minimize sum[t](sum(h[t]^2))
"""


def attentive(p: Any, e: Any) -> dict[str, Any]:
    h = [np.tanh(e.x[0])]
    for t in range(1, e.T):
        past = np.array(h)
        score = past @ (p.M @ e.x[t])
        weight = np.exp(score - score.max())
        h.append(np.tanh(e.x[t] + p.V @ (weight / weight.sum() @ past)))
    return {"h": np.array(h), "loss": np.sum(np.array(h)[-1] * p.w)}


ATTENTIVE = """
dim H = 2
axis t = 1..T, u = 1..T
input x[t] : [H]
param M, V : [H, H], w : [H]
h[1] = tanh(x[1])
h[t] = tanh(x[t] + V @ sum[u = 1..t-1](a[t,u] * h[u]))
a[1,u] = 0
a[t,u] = softmax[u = 1..t-1](h[u] @ (M @ x[t]))
minimize sum(h[T] * w)
"""

ATTENTIVE_INLINE = """
dim H = 2
axis t = 1..T, u = 1..T
input x[t] : [H]
param M, V : [H, H], w : [H]
h[1] = tanh(x[1])
h[t] = tanh(x[t] + V @ (sum[u = 1..t-1](exp(h[u] @ (M @ x[t])) * h[u])
                        / sum[u = 1..t-1](exp(h[u] @ (M @ x[t])))))
minimize sum(h[T] * w)
"""


def bounded(p: Any, e: Any) -> dict[str, Any]:
    h = [p.W @ e.x[0] + p.b]
    for t in range(1, e.T):
        h.append(np.tanh(p.U @ h[-1] + p.W @ e.x[t]))
    return {"h": np.array(h), "loss": np.mean(np.array(h) ** 2)}


FIRST_STEP = """
dim D = 2, H = 3
axis t = 1..T
input x[t] : [D]
param W : [H, D], U : [H, H], b : [H]
h[1] = W @ x[1] + b
h[t] = tanh(U @ h[t-1] + W @ x[t])
minimize mean[t](mean(h[t]^2))
"""


def inside(p: Any, e: Any) -> dict[str, Any]:
    s = [p.a + e.x[t] if t == 0 else p.b * e.x[t] for t in range(e.T)]
    last = list(s)
    last[-1] = e.x[-1] ** 2
    return {"s": np.array(s), "r": np.array(last), "loss": np.sum(s) + np.sum(np.square(last))}


INSIDE = """
axis t = 1..T
input x[t]
param a, b : real
s[1] = a + x[1]
s[t] = b * x[t]
r[T] = x[T]^2
r[t] = s[t]
minimize sum[t](s[t]) + sum[t](r[t]^2)
"""


def depth_and_time(p: Any, e: Any) -> dict[str, Any]:
    K, T, H = 3, e.T, 2
    h = np.zeros((K + 1, T + 1, H))
    h[0, 1:] = e.x
    h[1:, 0] = p.s
    for k in range(1, K + 1):
        for t in range(1, T + 1):
            h[k, t] = np.tanh(p.U[k - 1] @ h[k, t - 1] + p.W[k - 1] @ h[k - 1, t])
    return {"h": h[1:, 1:], "loss": np.sum(h[K, 1:] ** 2)}


DEPTH_AND_TIME = """
dim H = 2
axis k = 1..3
axis t = 1..T
input x[t] : [H]
param U[k], W[k] : [H, H], s[k] : [H]
h[0,t] = x[t]
h[k,0] = s[k]
h[k,t] = tanh(U[k] @ h[k,t-1] + W[k] @ h[k-1,t])
minimize sum[t](sum(h[3,t]^2))
"""


def depth(p: Any, e: Any) -> dict[str, Any]:
    z, rows = e.x, []
    for k in range(4):
        z = z + 0.3 * np.tanh(p.W @ z + p.b[k])
        rows.append(z)
    return {"z": np.array(rows), "loss": np.sum(z * e.x)}


DEPTH = """
dim H = 3, L = 4
axis k = 1..L
input x : [H]
param W : [H, H], b[k] : [H]
z[0] = x
z[k] = z[k-1] + 0.3 * tanh(W @ z[k-1] + b[k])
minimize sum(z[L] * x)
"""


def learned_start(p: Any, e: Any) -> dict[str, Any]:
    h, rows = p.s * e.g, []
    for t in range(e.T):
        h = sigmoid(p.U @ h + e.x[t])
        rows.append(h)
    return {"h": np.array(rows), "loss": np.sum(h)}


LEARNED_START = """
dim H = 2
axis t = 1..T
input x[t] : [H], g : real
param s : [H], U : [H, H]
h[0] = s * g
h[t] = sigmoid(U @ h[t-1] + x[t])
minimize sum(h[T])
"""


def runs_backwards(p: Any, e: Any) -> dict[str, Any]:
    b, rows = np.zeros(2), []
    for t in range(e.T - 1, -1, -1):
        b = np.tanh(p.B @ b + e.x[t])
        rows.append(b)
    rows = rows[::-1]
    return {"b": np.array(rows), "loss": rows[0] @ p.w + np.sum(rows[-1])}


BACKWARDS = """
dim H = 2
axis t = 1..T
input x[t] : [H]
param B : [H, H], w : [H]
b[T+1] = 0
b[t] = tanh(B @ b[t+1] + x[t])
minimize b[1] @ w + sum(b[T])
"""

CASES = {
    "two lags": Case(TWO_LAGS, two_lags, RAGGED),
    "leads and lags": Case(LEADS_AND_LAGS, leads_and_lags, RAGGED),
    "mutual": Case(MUTUAL, mutual, RAGGED),
    "history": Case(HISTORY, history, RAGGED),
    "attentive": Case(ATTENTIVE, attentive, RAGGED),
    "attentive inline": Case(ATTENTIVE_INLINE, attentive, RAGGED),
    "first step": Case(FIRST_STEP, bounded, RAGGED),
    "inside": Case(INSIDE, inside, RAGGED),
    "depth and time": Case(DEPTH_AND_TIME, depth_and_time, RAGGED),
    "depth": Case(DEPTH, depth),
    "learned start": Case(LEARNED_START, learned_start, RAGGED),
    "backwards": Case(BACKWARDS, runs_backwards, RAGGED),
}


@pytest.mark.parametrize("name", CASES)
def test_recurrence(name: str) -> None:
    check(CASES[name])


INNER = """
axis t = 1..3, u = 1..3
input x[t], y[u]
a[1,1] = 7 * x[1]
a[1,u] = 10 * y[u]
a[t,1] = x[t]
a[t,u] = a[t-1,u] * 0.5 + y[u] + x[t] * a[t,u-1]
minimize sum[t,u](a[t,u])
"""


def inner(p: Any, e: Any) -> dict[str, Any]:
    a = np.zeros((3, 3))
    for t in range(3):
        for u in range(3):
            if t == 0 or u == 0:
                a[t, u] = 10 * e.y[u] if u else e.x[t]
                a[t, u] = 7 * e.x[0] if t == u == 0 else a[t, u]
            else:
                a[t, u] = a[t - 1, u] * 0.5 + e.y[u] + e.x[t] * a[t, u - 1]
    return {"a": a, "loss": a.sum()}


def test_a_corner_goes_before_an_edge() -> None:
    check(Case(INNER, inner))


COMPANY = """
axis t = 1..T
input x[t]
param w : real
h[0] = 0
h[t] = tanh(h[t-1] + x[t]) - w * mean[batch](h[t-1])
minimize sum[t](h[t])^2
"""


def test_examples_meet_inside_a_recurrence() -> None:
    """Those that still have the step: the others take no part."""
    program = graphc.compile(COMPANY, dtype="float64")
    program.params["w"] = 0.5
    x, own = np.array([[0.3, 0.2, 0.5], [0.1, 9, 9], [1.0, -1.0, 9]]), np.array([3, 1, 2])

    def loss(x: np.ndarray, w: float) -> float:
        h, total = np.zeros(3), np.zeros(3)
        for t in range(3):
            here = own > t
            h = np.where(here, np.tanh(h + x[:, t]) - w * h[here].mean(), h)
            total += np.where(here, h, 0)
        return float(np.mean(total**2))

    found, gradients = program.value_and_grad({"x": x}, wrt=["x", "w"], lengths={"T": own})
    np.testing.assert_allclose(found, loss(x, 0.5), rtol=1e-13)
    slope = (loss(x, 0.5 + 1e-6) - loss(x, 0.5 - 1e-6)) / 2e-6
    np.testing.assert_allclose(gradients["w"], slope, rtol=1e-8)
    for place in np.ndindex(3, 3):
        step = np.zeros((3, 3))
        step[place] = 1e-6
        slope = (loss(x + step, 0.5) - loss(x - step, 0.5)) / 2e-6
        np.testing.assert_allclose(gradients["x"][place], slope, atol=1e-8)
