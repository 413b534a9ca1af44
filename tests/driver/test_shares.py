"""What each step adds to a gradient: against finite differences of a weight at one step alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc
from graphc.driver.program import Program

D, H, B, T = 2, 3, 4, 5
LENGTHS = np.array([5, 1, 3, 4])
STEP = 1e-5

SPEC = f"""
dim D = {D}, H = {H}
axis t = 1..T
input x[t] : [D], y[t] : real
param w : [H]
layer rnn = Elman(D, H)
h = rnn(x)
minimize mean[t]((w @ h[t] - y[t])^2) + 0.1 * l2(rnn.U) + sum(h[T])
"""


def program(spec: str = SPEC, **options: Any) -> Program:
    found = graphc.compile(spec, dtype="float64", **options)
    generator = np.random.default_rng(3)
    for name in found.params:
        found.params[name] = 0.7 * generator.standard_normal(np.shape(found.params[name]))
    return found


def drawn() -> dict[str, Any]:
    generator = np.random.default_rng(4)
    return {"x": generator.standard_normal((B, T, D)), "y": generator.standard_normal((B, T))}


def loss(p: dict[str, Any], e: dict[str, Any], at: int, moved: dict[str, Any], example: int) -> float:
    """SPEC's loss of one example, with other weights at step `at` alone. The penalty is not of a step."""
    h, errors = np.zeros(H), []
    for t in range(LENGTHS[example]):
        q = {**p, **(moved if t == at else {})}
        h = np.tanh(q["rnn.W"] @ e["x"][example, t] + q["rnn.U"] @ h + q["rnn.b"])
        errors.append((q["w"] @ h - e["y"][example, t]) ** 2)
    return float(np.mean(errors) + 0.05 * np.sum(p["rnn.U"] ** 2) + h.sum())


def expected(p: dict[str, Any], name: str, at: int, example: int) -> Any:
    """The derivative of an example's part of the batch's loss by a weight at one step."""
    found = np.zeros(p[name].shape)
    for place in np.ndindex(found.shape):
        change = np.zeros(found.shape)
        change[place] = STEP
        up, down = ({name: p[name] + sign * change} for sign in (1, -1))
        found[place] = loss(p, drawn(), at, up, example) - loss(p, drawn(), at, down, example)
    return found / (2 * STEP * B)


@pytest.mark.parametrize("name", ["rnn.W", "rnn.U", "rnn.b", "w"])
def test_a_share_is_the_derivative_by_the_weight_of_one_step(name: str) -> None:
    made = program()
    p = {n: np.array(a) for n, a in made.params.items()}
    lengths = {"T": LENGTHS}
    apart = made.gradient_shares(name, drawn(), lengths=lengths, per_example=True)
    assert apart.steps.shape == (B, T, *p[name].shape)
    for example in range(B):
        for at in range(T):
            wanted = expected(p, name, at, example)
            np.testing.assert_allclose(apart.steps[example, at], wanted, rtol=0, atol=1e-9)
    together = made.gradient_shares(name, drawn(), lengths=lengths)
    np.testing.assert_allclose(together.steps, apart.steps.sum(0), rtol=0, atol=1e-14)
    # What does not come through a step: the penalty, a part of which each example has.
    rest = 0.1 * p[name] if name == "rnn.U" else np.zeros(p[name].shape)
    np.testing.assert_allclose(together.rest, rest, rtol=0, atol=1e-14)
    np.testing.assert_allclose(apart.rest, np.broadcast_to(rest / B, apart.rest.shape), rtol=0, atol=1e-14)


LIBRARY = """
dim V = 4, D = 2, H = 3
axis t = 1..T, u = 1..N
input s[t] : index(V), r[u] : index(V)
layer enc = Encoder(V, D, H), dec = AttentiveDecoder(V, D, H)
e = enc(s)
d = dec(r, e.h, h0 = e.h[T], c0 = e.c[T])
minimize mean[u](cross_entropy(d.p[u], r[u]))
"""
STACKED = """
dim D = 2, H = 3
axis t = 1..T, k = 1..2
input x[t] : [D], y[t] : real
param A : [H, D]
layer rnn[k] = GRU_library(H, H), last = OrthogonalElman(H, H)
z[0,t] = A @ x[t]
z[k] = rnn[k](z[k-1])
running m = mean[batch, t](z[2,t])
n[t] = z[2,t] - m
q = last(n)
Q = last.b * 2
minimize mean[batch, t]((sum(q[t] * Q) - y[t])^2) + mean[t](sum(dropout(q[t], 0.3, shared = t)))
"""


def library() -> tuple[Program, dict[str, Any], dict[str, Any]]:
    generator = np.random.default_rng(4)
    inputs = {"s": generator.integers(0, 4, (B, T)), "r": generator.integers(0, 4, (B, 3))}
    return program(LIBRARY), inputs, {"T": LENGTHS, "N": [3, 1, 2, 2]}


@pytest.mark.parametrize("axis", ["t", "u"])
def test_shares_add_up_along_either_axis(axis: str) -> None:
    made, inputs, lengths = library()
    _, whole = made.value_and_grad(inputs, lengths=lengths)
    names = {"t": ["enc.Emb", "enc.rnn.Uf"], "u": ["dec.Emb", "dec.rnn.bi", "dec.W"]}[axis]
    # The scores of attention run over both.
    for name in [*names, "dec.look.M"]:
        shares = made.gradient_shares(name, inputs, axis=axis, lengths=lengths)
        np.testing.assert_allclose(shares.total, whole[name], rtol=0, atol=1e-12, err_msg=name)
        assert np.abs(shares.steps).max() > 0, name


@pytest.mark.parametrize("per_example", [False, True])
def test_shares_add_up_with_families_normalization_and_dropout(per_example: bool) -> None:
    made = program(STACKED)
    _, whole = made.value_and_grad(drawn(), lengths={"T": LENGTHS})
    for name in ("A", "rnn.U", "rnn.b", "last.W", "last.b", "Q", "last.Q"):
        shares = made.gradient_shares(
            name, drawn(), axis="t", lengths={"T": LENGTHS}, per_example=per_example
        )
        total = shares.total.sum(0) if per_example else shares.total
        gradient = whole.get(name)
        if gradient is None:
            gradient = made.value_and_grad(drawn(), wrt=name, lengths={"T": LENGTHS})[1][name]
        np.testing.assert_allclose(total, gradient, rtol=0, atol=1e-12, err_msg=name)


def test_depth_is_an_axis_too() -> None:
    spec = "dim H = 3\naxis k = 1..4\ninput x : [H]\nparam W : [H, H]\nz[0] = x\nz[k] = tanh(W @ z[k-1])\n"
    made = program(spec + "output sum(z[4])\n")
    x = {"x": np.random.default_rng(0).standard_normal((2, 3))}
    shares = made.gradient_shares("W", x)
    assert shares.steps.shape == (4, 3, 3)
    np.testing.assert_allclose(shares.total, made.value_and_grad(x)[1]["W"], rtol=0, atol=1e-12)


def test_each_loss_moves_its_own() -> None:
    spec = (
        "axis t = 1..T\ninput x[t] : real\nparam a, b : real\nf[t] = a * x[t]\ng[t] = b * f[t]\n"
        "minimize sum[t](g[t]) over a\nminimize sum[t](-g[t]^2) over b\n"
    )
    made = program(spec)
    x = np.array([[1.0, 2.0, 4.0]])
    a, b = (float(made.params[name]) for name in "ab")
    np.testing.assert_allclose(made.gradient_shares("a", {"x": x}).steps, b * x[0])
    np.testing.assert_allclose(made.gradient_shares("b", {"x": x}).steps, -2 * b * (a * x[0]) ** 2)


def test_norms_of_every_name() -> None:
    made = program()
    lengths = {"T": LENGTHS}
    found = made.norms(drawn(), lengths=lengths)
    assert set(found) == {"x", "y", "w", "rnn.W", "rnn.U", "rnn.b", "h", "rnn.x", "rnn.h"}
    _, whole = made.value_and_grad(drawn(), wrt=["h"], lengths=lengths)
    np.testing.assert_allclose(found["h"], np.sqrt(np.sum(whole["h"] ** 2, axis=(0, 2))), rtol=1e-13)
    steps = made.gradient_shares("rnn.U", drawn(), lengths=lengths).steps
    np.testing.assert_allclose(found["rnn.U"], np.linalg.norm(steps, axis=(1, 2)), rtol=1e-13)


def test_a_chain_of_factors_has_their_powers_as_norms() -> None:
    made = graphc.compile(
        "axis t = 1..T\ninput x : real, up : real\nh[1] = x\nh[t] = up * h[t-1]\ny = h[T]\noutput y\n",
        dtype="float64",
    )
    found = made.norms({"x": [1.0], "up": [1.1]}, lengths={"T": 51})
    np.testing.assert_allclose(found["h"], 1.1 ** np.arange(50, -1, -1), rtol=1e-12)
    np.testing.assert_allclose(found["up"][1:], np.full(50, 1.1**49), rtol=1e-12)
    assert found["up"][0] == 0


def test_the_compiled_backend_gives_the_same() -> None:
    reference, compiled = program(), program(backend="cpu")
    for name in ("rnn.U", "w"):
        one, two = (p.gradient_shares(name, drawn(), lengths={"T": LENGTHS}) for p in (reference, compiled))
        np.testing.assert_allclose(two.steps, one.steps, rtol=0, atol=1e-13)
        np.testing.assert_allclose(two.rest, one.rest, rtol=0, atol=1e-13)
