"""Lengths of each example: ends, means, reversal, examples of no step and of one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc
from tests.language.harness import Case, check, compiled, drawn, example, given_lengths, parameters

ENDS = """
dim D = 2
axis t = 1..T
input x[t] : [D], y[t] : real, m[t] : bool
param U, W : [D, D], s : [D]
h[0] = s
h[t] = tanh(U @ h[t-1] + W @ x[t])
b[T+1] = 0
b[t] = tanh(U @ b[t+1] + x[t])
r[t] = x[T+1-t]
a[t] = sum(h[t] * r[t]) + sum(b[t] * h[T]) + y[t] / T
total = sum[t](a[t]) + prod[t](y[t]) + sum[t](real(m[t]))
minimize total + sum(h[T])
"""


def ends(p: Any, e: Any) -> dict[str, Any]:
    T = e.T
    h = np.zeros((T + 1, 2))
    b = np.zeros((T + 2, 2))
    h[0] = p.s
    for t in range(1, T + 1):
        h[t] = np.tanh(p.U @ h[t - 1] + p.W @ e.x[t - 1])
    for t in range(T, 0, -1):
        b[t] = np.tanh(p.U @ b[t + 1] + e.x[t - 1])
    a = np.sum(h[1:] * e.x[::-1], 1) + b[1 : T + 1] @ h[T] + e.y / T if T else np.zeros(0)
    total = a.sum() + np.prod(e.y) + e.m.sum()
    return {"h": h[1:], "b": b[1 : T + 1], "a": a, "total": total, "loss": total + np.sum(h[T])}


MEANS = """
axis t = 1..T
input x[t]
param w : real
e[t] = sin(w * x[t])
mine = mean[t](e[t])
pooled = mean[batch, t](e[t])
spread = sum[batch, t]((e[t] - pooled)^2)
top = max[t](e[t]) - min[t](e[t]) + logsumexp[t](e[t])
best = argmax[t](x[t])
s[t] = softmax[t](e[t])
minimize mine + pooled * sum[t](s[t] * x[t]) + spread * top
"""

CASES = {
    "lengths": Case(ENDS, ends, {"T": [5, 1, 3]}),
    "none": Case(ENDS, ends, {"T": [0, 3, 1]}),
    "nothing at all": Case(ENDS, ends, {"T": [0, 0]}, batch=2),
    "one step": Case(ENDS, ends, {"T": [1, 1]}, batch=2),
    "one example": Case(ENDS, ends, {"T": [4]}, batch=1),
}


@pytest.mark.parametrize("name", CASES)
def test_ends(name: str) -> None:
    check(CASES[name])


def means(w: float, rows: list[Any]) -> tuple[float, list[dict[str, Any]]]:
    e = [np.sin(w * x) for x in rows]
    pooled = np.concatenate(e).mean()
    spread = np.sum((np.concatenate(e) - pooled) ** 2)
    total, found = 0.0, []
    for x, own in zip(rows, e, strict=True):
        top = own.max() - own.min() + np.log(np.sum(np.exp(own)))
        s = np.exp(own) / np.sum(np.exp(own))
        total += (own.mean() + pooled * (s @ x) + spread * top) / len(rows)
        found.append({"mine": own.mean(), "top": top, "s": s, "best": np.argmax(x) + 1, "pooled": pooled})
    return total, found


def test_means_over_steps_and_over_the_batch() -> None:
    case = Case(MEANS, ends, {"T": [4, 1, 3]})
    program = compiled(case)
    for extra, garbage in [(0, None), (2, np.nan)]:
        inputs = drawn(case, program, extra, garbage)
        lengths = given_lengths(case)
        rows = [example(case, program, inputs, n)["x"] for n in range(3)]
        w = float(program.params["w"])
        loss, found = means(w, rows)
        values = program.forward(inputs, lengths=lengths)
        for number, wanted in enumerate(found):
            for name, expected in wanted.items():
                array = values[name] if name == "pooled" else values[name][number]
                array = array[tuple(slice(s) for s in np.shape(expected))]
                np.testing.assert_allclose(array, expected, rtol=1e-12, err_msg=name)
        got, gradients = program.value_and_grad(inputs, wrt=["w", "x"], lengths=lengths)
        assert abs(got - loss) < 1e-12
        step = 1e-6
        slope = (means(w + step, rows)[0] - means(w - step, rows)[0]) / (2 * step)
        np.testing.assert_allclose(gradients["w"], slope, rtol=1e-7)
        moved = [rows[0], rows[1], rows[2] + step * np.array([0, 1, 0])]
        back = [rows[0], rows[1], rows[2] - step * np.array([0, 1, 0])]
        slope = (means(w, moved)[0] - means(w, back)[0]) / (2 * step)
        np.testing.assert_allclose(gradients["x"][2, 1], slope, rtol=1e-6)
        assert not gradients["x"][1, 1:].any()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_two_ragged_axes_of_one_name(dtype: str) -> None:
    """A table over two ragged axes: only the corner that both lengths leave counts."""
    spec = "axis t = 1..T, u = 1..N\ninput x[t,u]\nloss = sum[t,u](x[t,u]^2)\nminimize loss\n"
    program = graphc.compile(spec, dtype=dtype)
    x = np.arange(24.0).reshape(2, 3, 4)
    lengths = {"T": np.array([2, 3]), "N": np.array([4, 1])}
    loss, gradients = program.value_and_grad({"x": x}, wrt="x", lengths=lengths)
    kept = np.zeros_like(x)
    kept[0, :2] = x[0, :2]
    kept[1, :, :1] = x[1, :, :1]
    assert loss == np.sum(kept**2) / 2
    assert np.array_equal(gradients["x"], kept)


def test_lengths_of_axes_that_no_input_has() -> None:
    """An input of numbers beside a sequence takes part in every step of the example's own."""
    case = Case(
        "axis t = 1..T\ninput x[t], g : real\ny[t] = x[t] * g\nminimize sum[t](y[t]) * g\n",
        lambda p, e: {"y": e.x * e.g, "loss": np.sum(e.x) * e.g**2},
        {"T": [2, 4, 1]},
    )
    check(case)
    assert not parameters(compiled(case))
