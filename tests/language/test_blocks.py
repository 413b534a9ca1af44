"""Blocks, layers, families, functions and imports: inlined, they mean what is written out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from tests.language.harness import Case, check

ONE = {"T": [4, 1, 3]}
TWO = {"T": [4, 1, 3], "N": [2, 3, 1]}


def elman(x: Any, W: Any, U: Any, b: Any, h: Any) -> Any:
    rows = []
    for row in x:
        h = np.tanh(W @ row + U @ h + b)
        rows.append(h)
    return np.array(rows)


CELL = """
block Cell(D, H) {
  input x[t] : [D], h0 : [H] = 0
  param W : [H, D], U : [H, H], b : [H]
  h[0] = h0
  h[t] = tanh(W @ x[t] + U @ h[t-1] + b)
  output h
}
"""

TIED = (
    CELL
    + """
dim H = 2
axis t = 1..T, u = 1..N
input x[t] : [H], y[u] : [H]
layer f = Cell(H, H)
a = f(x)
b = f(y, h0 = a[T])
c[t] = f(f(x)).h[T+1-t] + f.b
minimize sum(b[N]^2) + sum[t](sum(c[t] * a[t]))
"""
)


def tied(p: Any, e: Any) -> dict[str, Any]:
    w = (p.f_W, p.f_U, p.f_b)
    zero = np.zeros(2)
    a = elman(e.x, *w, zero)
    b = elman(e.y, *w, a[-1])
    c = elman(elman(e.x, *w, zero), *w, zero)[::-1] + p.f_b
    return {"a": a, "b": b, "c": c, "loss": np.sum(b[-1] ** 2) + np.sum(c * a)}


STACKED = (
    CELL
    + """
dim D = 3, H = 2
axis t = 1..T
input x[t] : [D]
layer one = Both(D, H), two = Both(2*H, H), out = Cell(2*H, D)
y = out(two(one(x)))
minimize mean[t](sum(y[t]^2))
block Both(D, H) {
  input x[t] : [D]
  layer f = Cell(D, H), b = Cell(D, H)
  r[t] = x[T+1-t]
  g = f(x)
  s = b(r)
  y[t] = concat(g[t], s[T+1-t])
  output y
}
"""
)


def stacked(p: Any, e: Any) -> dict[str, Any]:
    x = e.x
    for name in ("one", "two"):
        f, b = ((p[f"{name}_{d}_W"], p[f"{name}_{d}_U"], p[f"{name}_{d}_b"], np.zeros(2)) for d in "fb")
        x = np.concatenate([elman(x, *f), elman(x[::-1], *b)[::-1]], 1)
    y = elman(x, p.out_W, p.out_U, p.out_b, np.zeros(3))
    return {"y": y, "loss": np.sum(y**2) / e.T}


FAMILY = (
    CELL
    + """
dim H = 2, L = 3
axis k = 1..L
axis t = 1..T
input x[t] : [H]
layer cell[k] = Cell(H, H)
h[0,t] = x[t]
h[k] = cell[k](h[k-1])
minimize sum(h[L,T]^2) + mean[t](sum(h[2,t] * cell[1].b))
"""
)


def family(p: Any, e: Any) -> dict[str, Any]:
    h, rows = e.x, []
    for k in range(3):
        h = elman(h, p.cell_W[k], p.cell_U[k], p.cell_b[k], np.zeros(2))
        rows.append(h)
    loss = np.sum(h[-1] ** 2) + np.mean(rows[1] @ p.cell_b[0])
    return {"h": np.array(rows), "loss": loss}


FAMILY_BARE = FAMILY.replace("h[0,t] = x[t]\nh[k] = cell[k](h[k-1])", "h[0] = x\nh[k] = cell[k](h[k-1])")

STEPS = """
dim H = 2
axis k = 1..2
axis t = 1..T
input x[t] : [H]
layer res[k] = Res(H), tied = Res(H)
z[0,t] = x[t]
z[k,t] = res[k](z[k-1,t])
w[0,t] = z[2,t]
w[k,t] = tied(w[k-1,t])
minimize mean[t](sum(w[2,t]^2))
block Res(C) {
  input x : [C]
  param A, B : [C, C]
  layer d = Dense(C, C)
  y = x + A @ relu2(B @ x) + 0.1 * d(x)
  output y
}
block Dense(I, O) {
  input x : [I]
  param W : [O, I], b : [O]
  output tanh(W @ x + b)
}
relu2(x) = relu(x + 0.05)^2
"""


def steps(p: Any, e: Any) -> dict[str, Any]:
    def res(x: Any, name: str, k: Any) -> Any:
        A, B, W, b = (np.asarray(p[f"{name}_{n}"])[k] for n in ("A", "B", "d_W", "d_b"))
        return x + A @ np.maximum(B @ x + 0.05, 0) ** 2 + 0.1 * np.tanh(W @ x + b)

    z = np.zeros((3, e.T, 2))
    w = np.zeros((3, e.T, 2))
    z[0] = e.x
    for t in range(e.T):
        for k in (1, 2):
            z[k, t] = res(z[k - 1, t], "res", k - 1)
        w[0, t] = z[2, t]
        for k in (1, 2):
            w[k, t] = res(w[k - 1, t], "tied", slice(None))
    return {"z": z[1:], "w": w[1:], "loss": np.mean(np.sum(w[2] ** 2, 1))}


FORMAL = """
dim D = 2, E = 3, H = 2
axis t = 1..T, u = 1..N
input x[t] : [D], q[u] : [E]
layer att = Att(H), back = Att(H)
r = att(q, x)
s = back(k = q, q = x)
minimize sum[u](sum(r.y[u])^2) + sum[t](sum(s.y[t])) + sum[u,t](r.a[u,t] * s.a[t,u])
block Att(H) {
  input q[u] : [Q], k[t] : [K]
  param M : [H, H], Wq : [H, H]
  e[u,t] = tanh(sum(q[u])) * sum(M) * sum(k[t]) + sum(Wq) * T / sqrt(Q)
  a[u,t] = softmax[t](e[u,t])
  y[u] = sum[t](a[u,t] * k[t])
  output y, a
}
"""


def formal(p: Any, e: Any) -> dict[str, Any]:
    def att(q: Any, k: Any, M: Any) -> Any:
        s = np.tanh(q.sum(1))[:, None] * M.sum() * k.sum(1)[None]
        a = np.exp(s - s.max(1, keepdims=True))
        a /= a.sum(1, keepdims=True)
        return a @ k, a

    ry, ra = att(e.q, e.x, p.att_M)
    sy, sa = att(e.x, e.q, p.back_M)
    return {"loss": np.sum(ry.sum(1) ** 2) + sy.sum() + np.sum(ra * sa.T)}


FUNCTIONS = """
dim D = 3
axis t = 1..T
input x[t] : [D], y : index(D)
param w : [D], k : real
f(x) = x * k2(x)
f(x, y) = x - y
f(x, y : index) = x[y]
k2(z, slope = 0.5) = where(z > 0, z, slope * z)
twice(x, n) = f(f(x, n), n)
last(h) = h[T]
near(h) = h[t]
p[t] = softmax(f(w, x[t]) * k)
v[t] = f(p[t], y) + sum(k2(x[t], slope = 0.1)) + sum(f(x[t]))
minimize sum[t](v[t]) + twice(f(last(x), y), k) + sum(last(x))
"""


def functions(p: Any, e: Any) -> dict[str, Any]:
    z = (p.w - e.x) * p.k
    q = np.exp(z) / np.exp(z).sum(1, keepdims=True)
    leaky = lambda x, s: np.where(x > 0, x, s * x)  # noqa: E731
    v = q[:, e.y] + leaky(e.x, 0.1).sum(1) + (e.x * leaky(e.x, 0.5)).sum(1)
    return {"v": v, "loss": v.sum() + e.x[-1][e.y] - 2 * p.k + e.x[-1].sum()}


NESTED_CALL = (
    CELL
    + """
dim H = 2
axis t = 1..T, u = 1..N
input x[t] : [H], y[u] : [H]
layer f = Cell(H, H), g = Cell(H, H)
q[u] = g(f(x, h0 = y[u])).h[T]
minimize sum[u](sum(q[u] * y[u]))
"""
)


def nested_call(p: Any, e: Any) -> dict[str, Any]:
    f, g = ((p[f"{n}_W"], p[f"{n}_U"], p[f"{n}_b"]) for n in "fg")
    q = np.array([elman(elman(e.x, *f, e.y[u]), *g, np.zeros(2))[-1] for u in range(e.N)])
    return {"q": q, "loss": np.sum(q * e.y)}


LIFTED = """
dim D = 2, H = 3
axis t = 1..T
input x[t] : [D], m : [H]
param W : [H, D], b : [H]
a = tanh(W @ x + b)
c = a * m + outer(m, m) @ a
minimize mean[t](c @ m)
"""


def lifted(p: Any, e: Any) -> dict[str, Any]:
    a = np.tanh(e.x @ p.W.T + p.b)
    c = a * e.m + (a @ e.m)[:, None] * e.m
    return {"a": a, "c": c, "loss": np.mean(c @ e.m)}


SHAPES = """
dim C = 2, N = 3, M = 4, P = N * M - 2, Q = (N + 1) / 2
input x : [C, N, M], g : [C], r : [M]
param W : [P + 2, C], V : [Q, C*N*M]
y = g * x * r + g
z = reshape(transpose(y, [N, M, C]), [P + 2, C])
a = sum(z * W) + sum(V @ flatten(x))
s = stack(x[0][1], r, [1, 2, 3, 4])[1:3, 0]
c = concat(W, z, dim = 1)[2][1:3]
k = cumsum(r)[M-1] * W.T[1, 0:2] @ W[0:2, 1] + size(x)
m = sum[N, C](y)
d = max[M](transpose(x, [M, C, N]))
minimize a + s @ c + k + m @ r + sum(d^2) + sum(linspace(0, 1, [C, N]) * d)
"""


def shapes(p: Any, e: Any) -> dict[str, Any]:
    y = e.g[:, None, None] * e.x * e.r + e.g[:, None, None]
    z = y.transpose(1, 2, 0).reshape(12, 2)
    a = np.sum(z * p.W) + np.sum(p.V @ e.x.ravel())
    s = np.array([e.r[0], 1.0])
    c = np.concatenate([p.W, z], 1)[2][1:3]
    k = np.sum(e.r) * p.W.T[1, 0:2] @ p.W[0:2, 1] + 24
    m = y.sum((0, 1))
    d = e.x.max(2)
    loss = a + s @ c + k + m @ e.r + np.sum(d**2) + np.sum(np.linspace(0, 1, 6).reshape(2, 3) * d)
    return {"y": y, "z": z, "s": s, "c": c, "m": m, "d": d, "loss": loss}


CASES = {
    "tied": Case(TIED, tied, TWO),
    "stacked bidirectional": Case(STACKED, stacked, ONE),
    "family of sequences": Case(FAMILY, family, ONE),
    "family of sequences, bare boundary": Case(FAMILY_BARE, family, ONE),
    "family of steps": Case(STEPS, steps, ONE),
    "formal axes": Case(FORMAL, formal, TWO),
    "functions": Case(FUNCTIONS, functions, ONE),
    "a call for each step of another axis": Case(NESTED_CALL, nested_call, TWO),
    "lifted": Case(LIFTED, lifted, ONE),
    "shapes": Case(SHAPES, shapes),
}


@pytest.mark.parametrize("name", CASES)
def test_block(name: str) -> None:
    check(CASES[name])


def test_imports_are_as_if_written_here(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "cells.nn").write_text('import "deep/act.nn"\n' + CELL.replace("tanh(", "act("))
    (tmp_path / "deep" / "act.nn").write_text("act(x) = tanh(x)\n")
    body = TIED.removeprefix(CELL)
    (tmp_path / "main.nn").write_text('import "cells.nn"\n' + body)
    one = graphc.compile(tmp_path / "main.nn", dtype="float64")
    two = graphc.compile(TIED, dtype="float64")
    assert list(one.params) == list(two.params)
    inputs = {"x": np.ones((2, 3, 2)), "y": np.ones((2, 2, 2))}
    for name, value in two.forward(inputs).items():
        assert np.array_equal(one.forward(inputs)[name], value), name
