"""The library's recurrent blocks against loops in NumPy, one example at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc
from tests.language.harness import Case, check

RAGGED = {"T": [4, 1, 3]}
D, H, K = 3, 2, 2
HEAD = f"dim D = {D}, H = {H}, K = {K}\naxis t = 1..T\ninput x[t] : [D]\n"

Cell = Callable[..., Any]
"""From parameters, an input and the states before it to the states behind it, what is shown first."""


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def normalized(x: Any) -> Any:
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5)


def run(cell: Cell, p: dict[str, Any], xs: Any, *states: Any) -> Any:
    """The first state at each step."""
    rows = []
    for x in xs:
        states = cell(p, x, *states)
        rows.append(states[0])
    return np.array(rows)


def of(p: Any, layer: str, member: int | None = None) -> dict[str, Any]:
    """A layer's parameters by their names in the block."""
    found = {name.removeprefix(f"{layer}_"): v for name, v in p.items() if name.startswith(f"{layer}_")}
    return found if member is None else {name: value[member] for name, value in found.items()}


# ---------------------------------------------------------------------------------------------- cells


def elman(p: dict[str, Any], x: Any, h: Any) -> Any:
    return (np.tanh(p["W"] @ x + p["U"] @ h + p["b"]),)


def gated(p: dict[str, Any], x: Any, h: Any, c: Any, peep: bool = False) -> Any:
    def gate(name: str, act: Any, seen: Any) -> Any:
        z = p[f"W{name}"] @ x + p[f"U{name}"] @ h + p[f"b{name}"]
        return act(z + p[f"V{name}"] * seen if peep and name != "c" else z)

    new = gate("f", sigmoid, c) * c + gate("i", sigmoid, c) * gate("c", np.tanh, c)
    return gate("o", sigmoid, new) * np.tanh(new), new


def peephole(p: dict[str, Any], x: Any, h: Any, c: Any) -> Any:
    return gated(p, x, h, c, peep=True)


def cell_of(z: Any, c: Any) -> tuple[Any, Any]:
    """The new cell and the output gate, of the four gates in the order i, f, o, g."""
    i, f, o, g = np.split(z, 4)
    return sigmoid(f) * c + sigmoid(i) * np.tanh(g), sigmoid(o)


def packed(p: dict[str, Any], x: Any, h: Any, c: Any) -> Any:
    new, o = cell_of(p["W"] @ np.concatenate([x, h]) + p["b"], c)
    return o * np.tanh(new), new


def layer_normal(p: dict[str, Any], x: Any, h: Any, c: Any) -> Any:
    z = p["gw"] * normalized(p["W"] @ x) + p["gu"] * normalized(p["U"] @ h) + p["b"]
    new, o = cell_of(z, c)
    return o * np.tanh(p["gc"] * normalized(new) + p["bc"]), new


def gru(p: dict[str, Any], x: Any, h: Any) -> Any:
    z = sigmoid(p["Wz"] @ x + p["Uz"] @ h)
    r = sigmoid(p["Wr"] @ x + p["Ur"] @ h)
    return ((1 - z) * h + z * np.tanh(p["W"] @ x + p["U"] @ (r * h)),)


def gru_library(p: dict[str, Any], x: Any, h: Any) -> Any:
    z = sigmoid(p["Wz"] @ x + p["Uz"] @ h + p["bz"])
    r = sigmoid(p["Wr"] @ x + p["Ur"] @ h + p["br"])
    return ((1 - z) * np.tanh(p["W"] @ x + p["b"] + r * (p["U"] @ h + p["c"])) + z * h,)


def minimal(p: dict[str, Any], x: Any, h: Any) -> Any:
    f = sigmoid(p["Wf"] @ x + p["Uf"] @ h + p["bf"])
    return ((1 - f) * h + f * np.tanh(p["W"] @ x + p["U"] @ (f * h) + p["b"]),)


def orthogonal(p: dict[str, Any], x: Any, h: Any) -> Any:
    q = p["turn_start"]
    for v in p["turn_v"]:
        q = q @ (np.eye(H) - 2 * np.outer(v, v) / (v @ v))
    z = p["W"] @ x + q @ h
    return (np.sign(z) * np.maximum(np.abs(z) + p["b"], 0),)


CELLS: dict[str, tuple[Cell, int]] = {
    "Elman": (elman, 1),
    "LSTM": (gated, 2),
    "PeepholeLSTM": (peephole, 2),
    "PackedLSTM": (packed, 2),
    "LayerNormLSTM": (layer_normal, 2),
    "VariationalLSTM": (gated, 2),
    "DropoutLSTM": (gated, 2),
    "GRU": (gru, 1),
    "GRU_library": (gru_library, 1),
    "MinimalGatedUnit": (minimal, 1),
    "OrthogonalElman": (orthogonal, 1),
}
"""Blocks with the step that they are, and how many states it has. Dropout does nothing in evaluation."""


def single(block: str) -> Case:
    """A block from given states (`h0`, and `c0` where it has one)."""
    cell, states = CELLS[block]
    given, field = (", h0 = h0, c0 = c0", ".h") if states == 2 else (", h0 = h0", "")
    spec = (
        f"{HEAD}input h0, c0 : [H]\nlayer f = {block}(D, H)\n"
        f"e = f(x{given})\nh[t] = e{field}[t]\nminimize sum[t](sum(sin(h[t]))) + 0.1 * sum(c0)\n"
    ).replace("e = f(x, h0 = h0)\nh[t] = e[t]", "h = f(x, h0 = h0)")

    def reference(p: Any, e: Any) -> dict[str, Any]:
        h = run(cell, of(p, "f"), e.x, *(e.h0, e.c0)[:states])
        return {"h": h, "loss": np.sin(h).sum() + 0.1 * e.c0.sum()}

    return Case(spec, reference, RAGGED, unrolled=block != "OrthogonalElman")


@pytest.mark.parametrize("block", CELLS)
def test_cell(block: str) -> None:
    check(single(block))


# --------------------------------------------------------------------------------- networks of cells


def jordan(p: Any, e: Any) -> dict[str, Any]:
    def step(q: dict[str, Any], x: Any, y: Any) -> Any:
        return (q["V"] @ np.tanh(q["W"] @ x + q["U"] @ y + q["b"]) + q["c"],)

    y = run(step, of(p, "f"), e.x, np.zeros(K))
    return {"y": y, "loss": np.sin(y).sum()}


def start(p: Any, e: Any) -> dict[str, Any]:
    q = of(p, "f")
    first = np.tanh(q["W"] @ e.x[0] + q["U"] @ q["h0"] + q["b1"])
    h = np.concatenate([first[None], run(elman, q, e.x[1:], first).reshape(-1, H)])
    return {"h": h, "loss": np.sin(h).sum()}


def learned_states(p: Any, e: Any) -> dict[str, Any]:
    h = run(gated, of(p, "f"), e.x, p.a, p.b)
    return {"h": h, "loss": np.sin(h).sum()}


def bidirectional(cell: Cell, states: int) -> Callable[[Any, Any], dict[str, Any]]:
    def reference(p: Any, e: Any) -> dict[str, Any]:
        zeros = [np.zeros(H)] * states
        y = e.x
        for name in ("one", "two"):
            ahead = run(cell, of(p, f"{name}_forward"), y, *zeros)
            back = run(cell, of(p, f"{name}_backward"), y[::-1], *zeros)[::-1]
            y = np.concatenate([ahead, back], 1)
        return {"y": y, "loss": np.sin(y).sum()}

    return reference


def deep(p: Any, e: Any) -> dict[str, Any]:
    z = e.x @ p.A.T
    for k in range(3):
        z = run(gated, of(p, "rnn", k), z, np.zeros(H), np.zeros(H))
    return {"loss": np.sin(z).sum()}


SUM = "minimize sum[t](sum(sin({}[t])))\n"
STACK = HEAD + "layer one = {block}(D, H), two = {block}(2*H, H)\ny = two(one(x))\n" + SUM.format("y")
DEEP = (
    HEAD
    + "axis k = 1..3\nparam A : [H, D]\nlayer rnn[k] = LSTM(H, H)\n"
    + "z[0,t] = A @ x[t]\nz[k,t] = rnn[k](z[k-1]).h[t]\nminimize sum[t](sum(sin(z[3,t])))\n"
)
NETWORKS = {
    "Jordan": Case(HEAD + "layer f = Jordan(D, H, K)\ny = f(x).y\n" + SUM.format("y"), jordan, RAGGED),
    "a first step of its own": Case(
        HEAD + "layer f = ElmanStart(D, H)\nh = f(x)\n" + SUM.format("h"), start, RAGGED
    ),
    "learned initial states": Case(
        HEAD + "param a, b : [H]\nlayer f = LSTM(D, H)\nh = f(x, h0 = a, c0 = b).h\n" + SUM.format("h"),
        learned_states,
        RAGGED,
    ),
    "bidirectional LSTM": Case(STACK.format(block="Bidirectional"), bidirectional(gated, 2), RAGGED),
    "bidirectional GRU": Case(STACK.format(block="BidirectionalGRU"), bidirectional(gru_library, 1), RAGGED),
    "three layers": Case(DEEP, deep, RAGGED),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_network(name: str) -> None:
    check(NETWORKS[name])


def test_the_forms_of_the_lstm_agree() -> None:
    """Without peepholes, and with the gates' matrices in one, it is the same network."""
    spec = (
        HEAD
        + "layer a = LSTM(D, H), b = PeepholeLSTM(D, H), c = PackedLSTM(D, H)\n"
        + "".join(f"{name} = {layer}(x).h\n" for name, layer in (("u", "a"), ("v", "b"), ("w", "c")))
    )
    program = graphc.compile(spec + "minimize sum(u[T]) + sum(v[T]) + sum(w[T])\n", dtype="float64")
    generator = np.random.default_rng(3)
    plain = {n: generator.normal(size=np.shape(program.params[n])) for n in program.params if n[0] == "a"}
    p = of({n.replace(".", "_"): value for n, value in plain.items()}, "a")
    program.params.update(plain)
    program.params.update({f"b.{name}": value for name, value in p.items()})
    program.params.update({f"b.V{gate}": np.zeros(H) for gate in "fio"})
    program.params["c.W"] = np.vstack([np.hstack([p[f"W{g}"], p[f"U{g}"]]) for g in "ifoc"])
    program.params["c.b"] = np.concatenate([p[f"b{g}"] for g in "ifoc"])
    values = program.forward({"x": generator.normal(size=(2, 5, D))}, names=["u", "v", "w"])
    np.testing.assert_allclose(values["v"], values["u"], rtol=1e-12)
    np.testing.assert_allclose(values["w"], values["u"], rtol=1e-12)


def test_a_learned_start_is_that_of_the_first_chunk_alone() -> None:
    program = graphc.compile(
        f"{HEAD}layer f = ElmanStart(D, H)\nh = f(x)\nminimize sum[t](sum(h[t]^2))\n"
        "fit { bptt = 4, batch = 1, epochs = 1, optimizer = sgd(lr = 1e-14) }\n",
        dtype="float64",
    )
    program.params.update({"f.b1": np.array([5.0, -5.0]), "f.h0": np.array([0.3, 0.2])})
    x = np.random.default_rng(0).normal(size=(1, 13, D))
    h = program.forward({"x": x}, names=["h"])["h"][0]
    found = program.fit({"x": x}).metrics["train"]["loss"]
    # Chunks of four steps and the one that overlaps.
    assert found == pytest.approx(np.mean([np.sum(h[at : at + 5] ** 2) for at in (0, 4, 8)]), rel=1e-10)


# -------------------------------------------------------------------------------------------- dropout


def trained(block: str, names: list[str]) -> dict[str, Any]:
    """Values of a block of rate 1/2 in training, with what it was given."""
    program = graphc.compile(
        f"{HEAD}layer f = {block}(D, H)\ne = f(x)\nminimize sum(e.h[T])\n", dtype="float64"
    )
    x = np.random.default_rng(1).normal(size=(8, 6, D))
    values = program.forward({"x": x}, names=names, mode="train", seed=5)
    return {**values, "x": x, "p": {n.removeprefix("f."): np.array(a) for n, a in program.params.items()}}


def test_variational_dropout_drops_the_same_units_at_every_step() -> None:
    v = trained("VariationalLSTM", ["f.u", "f.s", "f.h"])
    kept = v["f.u"] / v["x"]
    assert {0.0, 2.0} == set(np.unique(kept.round(12)))
    np.testing.assert_allclose(kept, np.broadcast_to(kept[:, :1], kept.shape))
    before = v["f.h"][:, :-1]
    state = v["f.s"][:, 1:] / before
    assert {0.0, 2.0} == set(np.unique(state.round(12)))
    np.testing.assert_allclose(state, np.broadcast_to(state[:, :1], state.shape))
    assert len({tuple(mask) for mask in state[:, 0]}) > 1  # examples have masks of their own
    for x, masks, mask, h in zip(v["x"], kept, state, v["f.h"], strict=True):
        own, cell, rows = np.zeros(H), np.zeros(H), []
        for row in x:
            own, cell = gated(v["p"], row * masks[0], own * mask[0], cell)
            rows.append(own)
        np.testing.assert_allclose(rows, h, rtol=1e-12, atol=1e-13)


def test_dropout_of_the_candidate_draws_at_every_step_and_leaves_the_cell_alone() -> None:
    v = trained("DropoutLSTM", ["f.g", "f.f", "f.i", "f.c", "f.h"])
    before = np.concatenate([np.zeros((8, 1, H)), v["f.h"][:, :-1]], 1)
    plain = np.tanh(v["x"] @ v["p"]["Wc"].T + before @ v["p"]["Uc"].T + v["p"]["bc"])
    kept = v["f.g"] / plain
    assert {0.0, 2.0} == set(np.unique(kept.round(12)))
    assert not np.allclose(kept, kept[:, :1])
    cells = np.concatenate([np.zeros((8, 1, H)), v["f.c"][:, :-1]], 1)
    np.testing.assert_allclose(v["f.c"], v["f.f"] * cells + v["f.i"] * v["f.g"], rtol=1e-12)


# ----------------------------------------------------------------------------------------- orthogonal


def test_an_orthogonal_matrix_stays_orthogonal_in_training() -> None:
    program = graphc.compile(
        "dim D = 3, H = 6\naxis t = 1..T\ninput x[t] : [D], y : [H]\nlayer f = OrthogonalElman(D, H)\n"
        "h = f(x)\nminimize sum((h[T] - y)^2)\nfit { optimizer = adam(lr = 0.05) }\n",
        dtype="float64",
    )
    generator = np.random.default_rng(0)
    batch = {"x": generator.normal(size=(4, 5, 3)), "y": generator.normal(size=(4, 6))}
    before = program.forward(batch, names=["f.Q"])["f.Q"]
    for _ in range(50):
        program.step(batch)
    after = program.forward(batch, names=["f.Q"])["f.Q"]
    for matrix in (before, after):
        np.testing.assert_allclose(matrix.T @ matrix, np.eye(6), atol=1e-13)
    assert np.abs(after - before).max() > 0.1


def test_gradients_of_an_orthogonal_network_neither_grow_nor_shrink() -> None:
    program = graphc.compile(
        "dim D = 3, H = 6\naxis t = 1..T\ninput x[t] : [D], w : [H]\nlayer f = OrthogonalElman(D, H)\n"
        "h = f(x)\nminimize w @ h[T]\n",
        dtype="float64",
    )
    generator = np.random.default_rng(0)
    batch = {"x": generator.normal(size=(1, 50, 3)), "w": generator.normal(size=(1, 6))}
    norms = program.norms(batch)["f.h"]
    np.testing.assert_allclose(norms, np.full(50, np.linalg.norm(batch["w"])), rtol=1e-12)
