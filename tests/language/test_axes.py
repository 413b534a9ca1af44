"""Several axes: tables with corners, attention, sequences that look at each other, positions as numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.language.harness import Case, check

TWO = {"T": [4, 1, 3], "N": [2, 3, 1]}
ONE = {"T": [4, 1, 3]}


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x))
    return e / e.sum()


def corner(p: Any, e: Any) -> dict[str, Any]:
    N, T = e.N, e.T
    a = np.zeros((N + 1, T + 1))
    a[0, 1:] = p.r * np.arange(1, T + 1)
    a[1:, 0] = p.c * e.y
    a[0, 0] = p.o
    for u in range(1, N + 1):
        for t in range(1, T + 1):
            cost = np.sin(e.x[t - 1] - e.y[u - 1])
            a[u, t] = np.tanh(a[u - 1, t] * 0.3 + a[u, t - 1] * p.w + a[u - 1, t - 1] * cost)
    return {"a": a[1:, 1:], "loss": a[N, T] + 0.1 * np.sum(a[1:, T])}


CORNER = """
axis t = 1..T, u = 1..N
input x[t], y[u]
param r, c, o, w : real
a[0,t] = r * t
a[u,0] = c * y[u]
a[0,0] = o
a[u,t] = tanh(0.3 * a[u-1,t] + w * a[u,t-1] + a[u-1,t-1] * sin(x[t] - y[u]))
minimize a[N,T] + 0.1 * sum[u](a[u,T])
"""


def edit(p: Any, e: Any) -> dict[str, Any]:
    N, T = e.N, e.T
    d = np.zeros((N + 1, T + 1))
    d[0] = np.arange(T + 1)
    d[:, 0] = np.arange(N + 1)
    for u in range(1, N + 1):
        for t in range(1, T + 1):
            change = d[u - 1, t - 1] + float(e.x[t - 1] != e.y[u - 1])
            d[u, t] = min(d[u - 1, t] + 1, d[u, t - 1] + 1, change)
    return {"d": d[1:, 1:], "loss": d[N, T] * p.w}


EDIT = """
axis t = 1..T, u = 1..N
input x[t] : index(2), y[u] : index(2)
param w : real
d[0,0] = 0
d[0,t] = t
d[u,0] = u
d[u,t] = min(min(d[u-1,t] + 1, d[u,t-1] + 1), d[u-1,t-1] + real(x[t] != y[u]))
minimize w * d[N,T]
"""


def attention(p: Any, e: Any) -> dict[str, Any]:
    a = np.array([softmax([(p.M @ e.x[t]) @ e.q[u] for t in range(e.T)]) for u in range(e.N)])
    y = np.array([a[u] @ e.x for u in range(e.N)])
    return {"a": a, "y": y, "loss": np.mean(np.sum(y * e.q, 1))}


ATTENTION = """
dim D = 2
axis t = 1..T, u = 1..N
input x[t] : [D], q[u] : [D]
param M : [D, D]
a[u,t] = softmax[t]((M @ x[t]) @ q[u])
y[u] = sum[t](a[u,t] * x[t])
minimize mean[u](y[u] @ q[u])
"""

ATTENTION_LIFTED = """
dim D = 2
axis t = 1..T, u = 1..N
input x[t] : [D], q[u] : [D]
param M : [D, D]
k = M @ x
a[u,t] = softmax[t](k[t] @ q[u])
y[u] = sum[t](a[u] * x)
minimize mean[u](y @ q)
"""


def causal(p: Any, e: Any) -> dict[str, Any]:
    a = np.full((e.T, e.T), np.nan)
    y = np.zeros((e.T, 2))
    for t in range(e.T):
        a[t, : t + 1] = softmax([(p.Q @ e.x[t]) @ (p.K @ e.x[u]) / np.sqrt(2) for u in range(t + 1)])
        y[t] = sum(a[t, u] * (p.V @ e.x[u]) for u in range(t + 1))
    return {"a": a, "y": y, "loss": np.mean(y**2) * 2}


CAUSAL = """
dim D = 2, E = 2
axis t = 1..T, u = 1..T
input x[t] : [D]
param Q, K, V : [E, D]
q = Q @ x
k = K @ x
v[t] = V @ x[t]
a[t,u] = softmax[u = 1..t](q[t] @ k[u] / sqrt(E))
y[t] = sum[u = 1..t](a[t,u] * v[u])
minimize mean[t](sum(y[t]^2))
"""

CAUSAL_LIFTED = """
dim D = 2, E = 2
axis t = 1..T, u = 1..T
input x[t] : [D]
layer att = Att(D, E)
y = att(x).y
a[t,u] = softmax[u = 1..t]((att.Wq @ x[t]) @ (att.Wk @ x[u]) / sqrt(E))
minimize mean[t](sum(y[t]^2))
block Att(D, E) {
  input x[t] : [D]
  axis u = 1..T
  param Wq, Wk, Wv : [E, D]
  q[t] = Wq @ x[t]
  k[t] = Wk @ x[t]
  v[t] = Wv @ x[t]
  a[t,u] = softmax[u = 1..t](q[t] @ k[u] / sqrt(E))
  y[t] = sum[u = 1..t](a[t,u] * v[u])
  output y, a
}
"""


def causal_block(p: Any, e: Any) -> dict[str, Any]:
    class Q:
        Q, K, V = p.att_Wq, p.att_Wk, p.att_Wv

    return causal(Q, e)


def each_other(p: Any, e: Any) -> dict[str, Any]:
    a = np.array([e.x[t] * p.P[t] for t in range(5)])
    b = np.sin(a)
    c = b[::-1] + np.concatenate([[p.z], a[:-1]])
    g = np.array([[a[t] - 2 * b[u] for u in range(5)] for t in range(5)])
    return {"b": b, "c": c, "g": g, "gt": g.T, "loss": np.sum(c**2) + np.sum(g**3)}


EACH_OTHER = """
dim N = 5
axis t = 1..N, u = 1..N
input x[t]
param P[u] : real, z : real
a[t] = x[t] * P[t]
b[u] = sin(a[u])
ab[0] = z
ab[t] = a[t]
c[u] = b[N+1-u] + ab[u-1]
g[t,u] = a[t] - 2 * b[u]
gt[u,t] = g[t,u]
gs[t,u] = gt[t,u]
minimize sum[u](c[u]^2) + sum[t,u](gs[u,t]^3)
"""


def positions(p: Any, e: Any) -> dict[str, Any]:
    t = np.arange(1, e.T + 1)
    y = e.x / t + e.T * p.w
    z = np.where(t == e.T, y**2, t + 0.0)
    r = e.x[::-1] * t
    return {"y": y, "z": z, "r": r, "n": e.T, "loss": np.sum(z) / e.T + r @ y}


POSITIONS = """
axis t = 1..T
input x[t]
param w : real
y[t] = x[t] / t + T * w
z[t] = where(t == T, y[t]^2, t)
r[t] = x[T+1-t] * t
n = T
minimize sum[t](z[t]) / T + sum[t](r[t] * y[t])
"""


def parts(p: Any, e: Any) -> dict[str, Any]:
    T = e.T
    x = e.x
    m = np.array([np.mean(x[: t + 1]) for t in range(T)])
    top = np.array([np.max(x[t:]) for t in range(T)])
    place = int(np.argmax(x)) + 1
    near = np.array([sum(x[max(0, t - 1) : t + 1]) for t in range(T)])
    shifted = sum(x[t] * x[t + 1] for t in range(T - 1))
    product = np.prod(x)
    log = np.log(np.sum(np.exp(x * p.w)))
    loss = m @ top + near @ near + shifted + product + log + x[place - 1] ** 2
    return {"m": m, "top": top, "place": place, "near": near, "shifted": shifted, "log": log, "loss": loss}


PARTS = """
axis t = 1..T, u = 1..T
input x[t]
param w : real
m[t] = mean[u = 1..t](x[u])
top[t] = max[u = t..T](x[u])
place = argmax[t](x[t])
x0[0] = 0
x0[t] = x[t]
near[t] = x[t] + x0[t-1]
shifted = sum[t = 1..T-1](x[t] * x[t+1])
log = logsumexp[t](x[t] * w)
minimize sum[t](m[t] * top[t]) + sum[t](near[t]^2) + shifted + prod[t](x[t]) + log + x[place]^2
"""


def three(p: Any, e: Any) -> dict[str, Any]:
    s = np.zeros((e.T, e.N))
    for t in range(e.T):
        h = p.h0
        for u in range(e.N):
            h = np.tanh(p.w * h + e.x[t] * e.y[u])
            s[t, u] = h
    # The columns are then read along the other axis.
    c = np.zeros((e.T, e.N))
    for u in range(e.N):
        g = 0.0
        for t in reversed(range(e.T)):
            g = np.sin(g + s[t, u])
            c[t, u] = g
    return {"s": s, "c": c, "loss": np.sum(c**2)}


THREE = """
axis t = 1..T, u = 1..N
input x[t], y[u]
param w, h0 : real
s[t,0] = h0
s[t,u] = tanh(w * s[t,u-1] + x[t] * y[u])
c[T+1,u] = 0
c[t,u] = sin(c[t+1,u] + s[t,u])
minimize sum[t,u](c[t,u]^2)
"""


def table(p: Any, e: Any) -> dict[str, Any]:
    h = np.array([p.Emb[e.s[t]] + p.Pos[t] for t in range(3)])
    return {"h": h, "loss": np.sum(h[2] * h[0]) + p.Pos[1, 0]}


TABLE = """
dim V = 4, E = 2
axis t = 1..3
input s[t] : index(V)
param Emb : [V, E], Pos[t] : [E]
h = Emb[s] + Pos
minimize h[3] @ h[1] + Pos[2][0]
"""

ONE_STEP = """
dim D = 2
axis t = 1..1
input x[t] : [D]
param U : [D, D]
h[0] = 1
h[t] = tanh(U @ h[t-1] + x[t])
minimize sum(h[1]^2)
"""


def one_step(p: Any, e: Any) -> dict[str, Any]:
    h = np.tanh(p.U @ np.ones(2) + e.x[0])
    return {"h": h[None], "loss": np.sum(h**2)}


CASES = {
    "corner": Case(CORNER, corner, TWO),
    "edit distance": Case(EDIT, edit, TWO),
    "attention": Case(ATTENTION, attention, TWO),
    "attention lifted": Case(ATTENTION_LIFTED, attention, TWO),
    "causal": Case(CAUSAL, causal, ONE),
    "causal block": Case(CAUSAL_LIFTED, causal_block, ONE),
    "each other": Case(EACH_OTHER, each_other),
    "positions": Case(POSITIONS, positions, ONE),
    "parts": Case(PARTS, parts, ONE),
    "two directions": Case(THREE, three, TWO),
    "table": Case(TABLE, table),
    "one step": Case(ONE_STEP, one_step),
}


@pytest.mark.parametrize("name", CASES)
def test_axes(name: str) -> None:
    check(CASES[name])
