"""Which name stopped being finite first, where, and out of what numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.ir.op import Array
from graphc.train.blame import Blame
from graphc.train.data.examples import Batch

RNG = np.random.default_rng(0)

RECURRENT = """
axis t = 1..T
input x[t] : [3], y : real
param U : [2, 2], V : [2, 3]
h[0] = 0
h[t] = exp(U @ h[t-1] + V @ x[t])
minimize (sum(h[T]) - y)^2
"""
X = RNG.normal(size=(40, 6, 3))
LENGTHS = RNG.integers(2, 6, 40)


def blamed(
    text: str, arrays: dict[str, Array], lengths: Any = None, accumulate: int = 1, **params: Any
) -> Blame | None:
    """Of a step that went wrong."""
    program = graphc.compile(text)
    for name, value in params.items():
        program.params[name] = value
    count = len(next(iter(arrays.values())))
    batch = Batch(arrays, {} if lengths is None else {"T": lengths}, np.arange(count, dtype=np.uint64))
    program.losses.accumulate = accumulate
    result = program.losses.gradients(batch, step=1)
    finite = math.isfinite(result.loss) and bool(np.isfinite(result.gradients.flat).all())
    found = program.losses.blame(batch, step=1)
    assert (found is None) == finite
    return found


def recurrent(x: Array = X, scale: float = 0.01) -> Blame | None:
    return blamed(RECURRENT, {"x": x, "y": np.zeros(40)}, LENGTHS, U=scale * np.eye(2))


def test_a_finite_step_has_none() -> None:
    assert recurrent() is None


@pytest.mark.parametrize("accumulate", [1, 4])
def test_an_overflow_in_a_loop(accumulate: int) -> None:
    arrays = {"x": X, "y": np.zeros(40)}
    found = blamed(RECURRENT, arrays, LENGTHS, accumulate, U=3 * np.eye(2))
    assert found is not None
    assert (found.name, found.kind, found.number) == ("h", "value", math.inf)
    assert found.span is not None
    assert found.span.text == "exp(U @ h[t-1] + V @ x[t])"
    assert found.span.line == 6
    # The same by hand, of the example that is blamed.
    program = graphc.compile(RECURRENT)
    program.params["U"] = 3 * np.eye(2)
    u, v = program.params["U"], program.params["V"]
    assert found.example is not None
    h = np.zeros(2)
    for t in range(1, found.steps["t"] + 1):
        before = u @ h + v @ X[found.example, t - 1].astype(np.float32)
        with np.errstate(over="ignore"):
            h = np.exp(before)
        assert np.isinf(h).any() == (t == found.steps["t"])
    assert found.formula == f"exp({before[found.element]:.4g})"


def test_an_input_that_is_no_number() -> None:
    x = X.copy()
    x[33, 1, 2] = np.nan
    found = recurrent(x)
    assert found is not None
    assert found.what == "input `x` holds nan"
    assert found.detail == "in example 33 of the data at t = 2, element [2]"


def test_what_lies_behind_an_example_s_end_is_not_looked_at() -> None:
    x = X.copy()
    x[33, LENGTHS[33] :] = np.nan
    assert recurrent(x) is None


def test_a_parameter_that_is_no_number() -> None:
    found = recurrent(scale=math.nan)
    assert found is not None
    assert (found.what, found.detail) == ("parameter `U` holds nan", "in element [0, 0]")


LENGTH = "input x : [3]\nparam w : [3] = 1\nn = sqrt(sum((w * x)^2))\nminimize n\n"


def test_a_derivative_that_is_infinite() -> None:
    x = RNG.normal(size=(5, 3))
    x[2] = 0
    found = blamed(LENGTH, {"x": x})
    assert found is not None
    assert found.what == "the derivative of `sqrt(sum((w * x)^2))` was the first to be inf"
    assert found.detail == "0.5 / 0 in example 2 of the data"


CLASSES = "input x : [3], y : index(3)\nparam W : [3, 3]\nz = W @ x\np = softmax(z)\nminimize {}\n"
FAR = {"x": np.array([[1e4, 0, 0], [0, 1e4, 0]]), "y": np.array([0, 0])}


def test_stable_rewrites_are_those_of_training() -> None:
    assert blamed(CLASSES.format("cross_entropy(p, y)"), FAR, W=np.eye(3)) is None
    found = blamed(CLASSES.format("-log(2 * p[y])"), FAR, W=np.eye(3))
    assert found is not None
    assert found.what == "`log(2 * p[y])` was the first to be -inf"
    assert found.detail == "log(0) in example 1 of the data"


def test_an_infinity_that_does_no_harm_is_not_blamed() -> None:
    """exp(log(0)) is 0; what goes wrong goes wrong later."""
    text = "input x : real\nparam a = 1.0\nz = exp(log(x))\ny = a / z\nminimize y\n"
    found = blamed(text, {"x": np.array([1.0, 0.0])})
    assert found is not None
    assert (found.name, found.formula, found.example) == ("y", "1 / 0", 1)


def test_pooled_values_are_searched_in_the_whole_batch() -> None:
    """No piece of the batch overflows by itself."""
    text = "input x : real\nparam a = 1.0\nm = sum[batch](a * x)\nminimize m\n"
    found = blamed(text, {"x": np.full(40, 2e37)})
    assert found is not None
    assert (found.name, found.example) == ("m", None)
    assert found.formula == "a sum of numbers up to 2e+37"


def test_examples_are_numbered_as_in_the_data() -> None:
    program = graphc.compile(LENGTH)
    x = RNG.normal(size=(5, 3))
    x[2] = 0
    for ids, place in (
        (np.array([7, 3, 9, 1, 4]), "example 9 of the data"),
        (np.zeros(0), "example 2 of the batch"),
    ):
        found = program.losses.blame(Batch({"x": x}, {}, ids.astype(np.uint64)), step=1)
        assert found is not None
        assert found.detail == f"0.5 / 0 in {place}"
        assert found.example == 2


def test_an_evaluation() -> None:
    text = "input x : real\nparam a = 1.0\nrunning m = mean[batch](x)\ny = log(a * x) - m\nminimize y^2\n"
    program = graphc.compile(text)
    program.params["m"] = 0.5
    x = np.linspace(1, 2, 40)
    good, bad = Batch({"x": x}), Batch({"x": np.where(np.arange(40) == 30, 0, x)})
    assert program.losses.blame_report([good]) is None
    found = program.losses.blame_report([good, bad])
    assert found is not None
    assert (found.name, found.detail) == ("y", "log(0) in example 30 of the batch")
    program.params["m"] = math.nan
    found = program.losses.blame_report(iter([good]))
    assert found is not None
    assert found.what == "state `m` holds nan"


def test_sequences_in_chunks_go_on_from_their_states() -> None:
    text = """
axis t = 1..T
input s[t] : index(3)
param W : [3, 3]
h[0] = 0
h[t] = exp(W[s[t]] + h[t-1])
minimize mean[t = 1..T-1](h[t] @ one_hot(s[t+1], 3))
"""
    program = graphc.compile(text)
    batch = Batch(
        {"s": np.zeros((2, 4), np.int64)},
        {},
        np.arange(2, dtype=np.uint64),
        False,
        {"h[0]@carried": np.full((2, 3), 80.0, np.float32)},
    )
    assert not math.isfinite(program.losses.gradients(batch, step=2).loss)
    found = program.losses.blame(batch, step=2)
    assert found is not None
    assert (found.name, found.steps) == ("h", {"t": 2})
