"""A batch in pieces: the loss, the gradients and the statistics are those of the large batch."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.driver.losses import Losses
from graphc.ir.op import Array
from graphc.train.data.examples import Batch
from graphc.train.protocol import StepResult
from tests.language.harness import Case, compiled, drawn, given_lengths
from tests.random_specs import random_spec

RNG = np.random.default_rng(0)

NETWORK = """
axis t = 1..T, k = 1..3
input x[t] : [3], y : index(4), weight : real
param U : [5, 5], V : [5, 3], W : [4, 5], b : [4] = 0, s : real = 0.3
frozen param s0 : real = 0.5
h[0] = 0
h[t] = tanh(U @ h[t-1] + V @ dropout(x[t], 0.3))
p[t] = softmax(W @ h[t] + b)
a[k] = cos(k * s)
means = mean[batch](x[1])
apart = weight - mean[batch](weight)
"""
ARRAYS = {
    "x": RNG.normal(size=(7, 6, 3)),
    "y": RNG.integers(0, 4, 7),
    "weight": RNG.normal(size=7),
}
LENGTHS = {"T": np.array([3, 6, 1, 2, 2, 4, 1])}


def batch(arrays: dict[str, Array] = ARRAYS, lengths: dict[str, Array] | None = None) -> Batch:
    count = len(next(iter(arrays.values())))
    return Batch(arrays, LENGTHS if lengths is None else lengths, 40 + np.arange(count, dtype=np.uint64))


def losses(text: str, pieces: int, **options: Any) -> Losses:
    found = graphc.compile(text, **{"dtype": "float64", **options}).losses
    found.accumulate = pieces
    return found


def assert_equal(found: StepResult, whole: StepResult) -> None:
    assert found.loss == pytest.approx(whole.loss, rel=1e-12, abs=1e-14)
    flat = whole.gradients.flat
    np.testing.assert_allclose(found.gradients.flat, flat, rtol=1e-12, atol=1e-12 * np.abs(flat).max())


@pytest.mark.parametrize("pieces", [3, 20])
@pytest.mark.parametrize(
    "loss",
    [
        "mean[t](cross_entropy(p[t], y))",
        "mean[batch, t](cross_entropy(p[t], y))",
        "mean[t](cross_entropy(p[t], y)) + 0.1 * l2(U, V)",
        "exp(s) * mean[batch](mean[t](cross_entropy(p[t], y))) - sum[batch](s * sum(h[T]))",
        "sum[k](k * mean[batch](cross_entropy(p[1], y) * a[k]))",
        "mean[t](mean[batch](weight) * cross_entropy(p[t], y))",
        "sum[batch](weight^2 * sum(h[T])) / sum[batch](weight^2)",
        "mean[batch](apart^2 * sum(h[T])) / mean[batch](apart^2)",
        "(sum(h[T]) - stop_gradient(mean[batch](sum(h[T]))))^2",
        "mean[t](sum((h[t] - mean[batch](x[t])[0])^2))",
        "sum(concat(mean[batch](h[T]), b) * concat(means, means, means))",
        "l2(W)",
        "mean[t](cross_entropy(p[t], y)) * (1 + mean[batch](weight) + s0)^2",
    ],
)
def test_pieces_add_up(loss: str, pieces: int) -> None:
    text = NETWORK + f"minimize {loss}\n"
    whole = losses(text, 1).gradients(batch(), step=3)
    assert np.abs(whole.gradients.flat).max() > 0
    assert_equal(losses(text, pieces).gradients(batch(), step=3), whole)


def test_each_of_several_losses_adds_up() -> None:
    text = (
        NETWORK
        + "minimize mean[t](cross_entropy(p[t], y)) over W, b\nminimize l2(U) + sum(h[T])^2 over U, V\n"
    )
    for objective in (0, 1):
        whole = losses(text, 1).gradients(batch(), step=1, objective=objective)
        assert_equal(losses(text, 3).gradients(batch(), step=1, objective=objective), whole)


def test_draws_are_those_of_the_large_batch() -> None:
    text = NETWORK.replace(
        "dropout(x[t], 0.3)", "(dropout(x[t], 0.3) * bernoulli(0.5, like = x[t], shared = batch))"
    )
    text += "minimize mean[batch, t](cross_entropy(p[t], y))\n"
    for step in (1, 2):
        whole = losses(text, 1).gradients(batch(), step=step)
        assert_equal(losses(text, 3).gradients(batch(), step=step), whole)
    unnumbered = Batch(ARRAYS, LENGTHS)
    whole = losses(text, 1).gradients(unnumbered, step=1)
    assert_equal(losses(text, 3).gradients(unnumbered, step=1), whole)


def test_running_statistics_are_those_of_the_large_batch() -> None:
    text = (
        NETWORK
        + """
running m = mean[batch, t](x[t])
running v = mean[batch, t]((x[t] - m)^2)
running level = mean[batch](sum(h[T]))
running shown = sqrt(1 + mean[batch](sum(h[T]))^2)
minimize mean[t](cross_entropy(p[t], y) + sum((x[t] - m)^2 / v) * sum(h[t]))
"""
    )
    one, many = losses(text, 1), losses(text, 3)
    for step in (1, 2):
        assert_equal(many.gradients(batch(), step=step), one.gradients(batch(), step=step))
        one.keep()
        many.keep()
        for name in ("m", "v", "level", "shown"):
            np.testing.assert_allclose(many.params[name], one.params[name], rtol=1e-12)


def test_the_sums_of_the_step_before_are_forgotten() -> None:
    """Other lengths, then the first ones again: arrays are used again, their numbers are not."""
    found = losses(
        NETWORK + "minimize mean[batch, t](cross_entropy(p[t], y) + mean[batch](x[t]) @ V[0])\n", 3
    )
    first = found.gradients(batch(), step=1)
    loss, flat = first.loss, first.gradients.flat.copy()
    found.gradients(
        batch({name: array[:4] for name, array in ARRAYS.items()}, {"T": LENGTHS["T"][:4]}), step=1
    )
    again = found.gradients(batch(), step=1)
    assert again.loss == loss
    np.testing.assert_array_equal(again.gradients.flat, flat)


def pooled(text: str) -> str:
    """A random spec with a loss that weighs examples and pools steps."""
    weighed = r"minimize sum[batch]((\1) * g[0]^2) / sum[batch](g[0]^2)"
    more = "0.1 * c^2 + mean[batch, t](z[t] * sin(c)) * (1 + mean[batch](g[1]))^2"
    return re.sub(r"minimize (.*)\n", rf"{weighed} + {more}\n", text)


@pytest.mark.parametrize("spec", [str, pooled])
@pytest.mark.parametrize("seed", range(8))
def test_random_specs_add_up(seed: int, spec: Callable[[str], str]) -> None:
    generator = np.random.default_rng(seed)
    lengths = {"T": generator.integers(1, 5, 5).tolist(), "N": generator.integers(1, 4, 5).tolist()}
    case = Case(spec(random_spec(seed)), lambda p, e: {}, lengths, batch=5, seed=seed, scale=0.6)
    program = compiled(case)
    given = Batch(drawn(case, program), {n: np.asarray(v) for n, v in given_lengths(case).items()})
    whole = program.losses.gradients(given, step=1)
    loss, flat = whole.loss, whole.gradients.flat.copy()
    program.losses.accumulate = 3
    found = program.losses.gradients(given, step=1)
    assert found.loss == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(found.gradients.flat, flat, rtol=1e-12, atol=1e-12 * np.abs(flat).max())


# ------------------------------------------------------------------------------------------ training


def test_a_fit_that_accumulates_is_one_with_larger_batches() -> None:
    text = NETWORK + "minimize mean[batch, t](cross_entropy(p[t], y))\nreport accuracy(p[T], y)\n"
    trained = []
    for options in ({"batch": 6}, {"batch": 2, "accumulate": 3}):
        program = graphc.compile(text, dtype="float64")
        result = program.fit(ARRAYS, lengths=LENGTHS, epochs=3, clip=0.5, seed=4, **options)
        trained.append((result.steps, {name: program.params[name] for name in program.params}))
    assert trained[0][0] == trained[1][0] == 6
    for name, expected in trained[0][1].items():
        np.testing.assert_allclose(trained[1][1][name], expected, rtol=1e-9, atol=1e-11)


STREAM = """
dim V = 4, H = 3
axis t = 1..T
input s[t] : index(V)
param E : [H, V], U : [H, H], W : [V, H]
h[0] = 0.3
h[t] = tanh(E @ one_hot(s[t], V) + U @ h[t-1] + c[t])
c[0] = 0.1
c[t] = 0.9 * c[t-1]
p[t] = softmax(W @ h[t])
minimize mean[t = 1..T-1](cross_entropy(p[t], s[t+1]))
fit { optimizer = sgd(lr = 0.5), bptt = 4, epochs = 2 }
"""


def test_streams_are_divided_with_their_states() -> None:
    sequence = {"s": np.random.default_rng(3).integers(0, 4, (1, 83))}
    one, many = (graphc.compile(STREAM, dtype="float64") for _ in range(2))
    whole = one.fit(sequence, batch=6)
    pieces = many.fit(sequence, batch=2, accumulate=3)
    assert pieces.steps == whole.steps > 4
    assert pieces.metrics["train"]["loss"] == pytest.approx(whole.metrics["train"]["loss"], rel=1e-10)
    for name in one.params:
        np.testing.assert_allclose(many.params[name], one.params[name], rtol=1e-9, atol=1e-11)


# ----------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "loss",
    [
        "mean[batch](sum(h[T]))^2",
        "mean[t](cross_entropy(p[t], y)) - max[batch](sum(h[T]))",
        "(sum(h[T]) - mean[batch](sum(h[T])))^2",
        "sum[t](mean[batch](cross_entropy(p[t], y)))",
        "sum(softmax[batch](h[T]))",
    ],
)
def test_what_does_not_add_up_is_refused(loss: str) -> None:
    text = NETWORK + f"minimize {loss}\n"
    losses(text, 1).gradients(batch(), step=1)
    with pytest.raises(graphc.GraphcError, match="E530"):
        losses(text, 3).gradients(batch(), step=1)


def test_a_recurrence_across_examples_is_refused() -> None:
    text = NETWORK.replace("V @ dropout(x[t], 0.3)", "V @ x[t] - mean[batch](h[t-1])").replace(
        "h[0] = 0", "h[0] = b0"
    )
    text = text.replace("b : [4] = 0", "b : [4] = 0, b0 : [5]") + "minimize mean[t](cross_entropy(p[t], y))\n"
    with pytest.raises(graphc.GraphcError, match="part of a recurrence"):
        losses(text, 3).gradients(batch(), step=1)
