"""Steps one by one give what the whole sequence gives, and nothing that a step cannot know."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc
from graphc.diagnostics import GraphcError
from graphc.driver.generation.steps import Steps
from graphc.driver.program import Program

LSTM = """
axis t = 1..T
input x[t] : [3], h0 : [4]
layer rnn = LSTM(3, 4)
y = rnn(x, h0 = h0)
c = y.c
h = y.h
"""
STACKED = """
axis t = 1..T, k = 1..3
input x[t] : [4]
param W, Wz, U, Uz : [4, 4]
h[0,t] = x[t]
h[k,0] = 0
z[k,t] = sigmoid(Wz @ h[k-1,t] + Uz @ h[k,t-1])
h[k,t] = (1 - z[k,t]) * h[k,t-1] + z[k,t] * tanh(W @ h[k-1,t] + U @ h[k,t-1])
y[t]   = sum(h[3,t]^2)
"""
LAGS = """
axis t = 1..T
input x[t] : [3]
param A, B : [3, 3]
h[0]  = 0.5
h[-1] = [1, 2, 3]
r[t]  = x[t]
r[0]  = 0
r[-1] = 0
h[t]  = tanh(A @ h[t-1] + B @ h[t-2] + r[t-2] + x[t] / t)
"""
CAUSAL = """
axis t = 1..T
axis u = 1..T
input x[t] : [3]
param M, V : [3, 3]
a[t,u] = softmax[u = 1..t](x[t] @ M @ x[u])
y[t]   = sum[u = 1..t](a[t,u] * (V @ x[u]))
m[t]   = where(t > 1, max[u = 1..t](sum(y[u])), 0)
n[t]   = mean[u = 1..t](sum(x[u])) + t
"""
EARLIER = """
axis t = 1..T
axis u = 1..T
input x[t] : [3]
param W : [3, 3]
h[t] = tanh(W @ x[t] + sum[u = 1..t-1](h[u] / u))
"""
TABLE = """
axis t = 1..6
input x[t] : [3]
param P[t] : [3] ~ normal(1)
h[0] = 0
h[t] = tanh(x[t] + P[t] + h[t-1])
"""


def program(spec: str, **options: Any) -> Program:
    return graphc.compile(spec, dtype="float64", backend="reference", **options)


def inputs(steps: int, size: int = 3, batch: int = 2) -> np.ndarray:
    return np.random.default_rng(steps).normal(size=(batch, steps, size))


def stepped(steps: Steps, x: np.ndarray) -> list[dict[str, np.ndarray]]:
    return [steps.advance({"x": x[:, step]}) for step in range(x.shape[1])]


@pytest.mark.parametrize(
    ("spec", "size", "names"),
    [
        (STACKED, 4, ["h", "z", "y"]),
        (LAGS, 3, ["h"]),
        (EARLIER, 3, ["h"]),
        (TABLE, 3, ["h"]),
        (CAUSAL, 3, ["y", "m", "n"]),
    ],
)
def test_steps_are_those_of_the_whole_sequence(spec: str, size: int, names: list[str]) -> None:
    model = program(spec)
    x = inputs(6 if spec is TABLE else 40, size)
    whole = model.forward({"x": x}, names=names)
    found = stepped(model.start(2, names=names), x)
    for name in names:
        time = 2 if spec is STACKED and name != "y" else 1
        steps = np.stack([step[name] for step in found], axis=time)
        np.testing.assert_allclose(steps, whole[name], rtol=1e-12, atol=1e-12)


def test_what_does_not_change_is_given_at_the_start() -> None:
    model = program(LSTM)
    x, h0 = inputs(7), np.random.default_rng(1).normal(size=(2, 4))
    whole = model.forward({"x": x, "h0": h0})
    steps = model.start(inputs={"h0": h0})
    assert steps.batch == 2
    found = stepped(steps, x)
    assert steps.position == 7
    for name in ("h", "c"):
        np.testing.assert_allclose(np.stack([s[name] for s in found], 1), whole[name], rtol=1e-12, atol=1e-12)


def test_an_encoder_is_computed_once() -> None:
    spec = """
    axis t = 1..T, u = 1..N
    input x[u] : [2], source[t] : [2]
    layer enc = Elman(2, 3), dec = Elman(2, 3)
    e = enc(source)
    g = dec(x, h0 = e[T])
    a[u,t] = softmax[t](g[u] @ e[t])
    y[u]   = g[u] + sum[t](a[u,t] * e[t])
    """
    model = program("\n".join(line.strip() for line in spec.splitlines()))
    source, x, lengths = inputs(5, 2, 3), inputs(4, 2, 3), {"T": [5, 2, 3]}
    whole = model.forward({"x": x, "source": source}, lengths=lengths)
    steps = model.start(axis="u", inputs={"source": source}, lengths=lengths, names=["y", "a"])
    found = stepped(steps, x)
    for name in ("y", "a"):
        np.testing.assert_allclose(np.stack([s[name] for s in found], 1), whole[name], rtol=1e-12, atol=1e-12)


def test_a_range_of_steps_grows() -> None:
    model, x = program(CAUSAL), inputs(19)
    whole = model.forward({"x": x}, names=["a"])["a"]
    for number, step in enumerate(stepped(model.start(2, names=["a"]), x)):
        assert step["a"].shape == (2, number + 1)
        np.testing.assert_allclose(step["a"], whole[:, number, : number + 1], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("spec", [LAGS, CAUSAL])
def test_a_state_is_saved_and_restored(spec: str) -> None:
    model, x = program(spec), inputs(24)
    steps = model.start(2)
    stepped(steps, x[:, :9])
    kept = steps.save()
    rest = stepped(steps, x[:, 9:])
    steps.restore(kept)
    assert steps.position == 9
    elsewhere = program(spec).start(2)
    elsewhere.restore(kept)
    for again in (stepped(steps, x[:, 9:]), stepped(elsewhere, x[:, 9:])):
        for one, other in zip(rest, again, strict=True):
            for name in one:
                np.testing.assert_array_equal(one[name], other[name])


def test_steps_of_compiled_code() -> None:
    model = graphc.compile(CAUSAL, dtype="float64", backend="cpu")
    x = inputs(18)
    found = stepped(model.start(2, names=["y"]), x)
    whole = program(CAUSAL).forward({"x": x}, names=["y"])["y"]
    np.testing.assert_allclose(np.stack([step["y"] for step in found], 1), whole, rtol=1e-12, atol=1e-12)


def test_names_that_a_step_can_know() -> None:
    spec = LAGS + "q[T+1] = 0\nq[t] = x[t]\nnext[t] = q[t+1]\nlast = h[T]\noutput h, last\n"
    assert set(program(spec).start(2).advance({"x": inputs(1)[:, 0]})) == {"h"}
    assert set(program(spec.replace("output h, last\n", "")).start().advance({"x": [[1, 2, 3]]})) == {
        "r",
        "h",
        "q",
    }


LOOKS = (
    LAGS
    + """
q[T+1]   = 0
q[t]     = x[t]
lead[t]  = q[t+1]
all[t]   = x[t] - mean[u = 1..T](x[u])
share[t] = h[t] * t / T
last     = h[T]
after[t] = lead[t] * 2
"""
)


@pytest.mark.parametrize("name", ["lead", "all", "share", "last", "after"])
def test_a_step_does_not_look_into_the_future(name: str) -> None:
    with pytest.raises(GraphcError, match="E327"):
        program(LOOKS.replace("axis t = 1..T", "axis t = 1..T, u = 1..T")).start(names=[name])


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda m: m.start(axis="k"), "E328"),
        (lambda m: m.start(0), "E525"),
        (lambda m: m.start(names=["q"]), "E449"),
        (lambda m: m.start(inputs={"x": inputs(3)}), "E440"),
        (lambda m: m.start(2).advance({"x": inputs(3)}), "E443"),
        (lambda m: m.start(2).advance({"x": inputs(1, batch=3)[:, 0]}), "E444"),
        (lambda m: m.start(2).advance(), "E441"),
        (lambda m: m.start(2).restore(m.start(3).save()), "E329"),
        (lambda m: m.start(2).restore({}), "E329"),
    ],
)
def test_faults(call: Any, code: str) -> None:
    with pytest.raises(GraphcError) as caught:
        call(program(LAGS))
    assert [d.code for d in caught.value.diagnostics] == [code]


def test_an_axis_with_an_end_ends() -> None:
    steps = program(CAUSAL.replace("1..T", "1..3")).start()
    stepped(steps, inputs(3, batch=1))
    with pytest.raises(GraphcError, match="E327"):
        steps.advance({"x": [[1, 2, 3]]})


def test_steps_along_several_axes_are_told_which() -> None:
    spec = "axis t = 1..T, u = 1..N\ninput x[t] : real, y[u] : real\nz[t] = 2 * x[t]\nw[u] = 2 * y[u]\n"
    with pytest.raises(GraphcError, match="E328"):
        program(spec).start()
    assert program(spec).start(axis="u").advance({"y": [3]})["w"] == 6
