"""The activations of a report: which functions of the library are found, where, and what their curves are."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import graphc
from graphc.driver.reporting.activations import inspected
from graphc.driver.reporting.material import Material
from graphc.view.report.units import Activation

Array = np.ndarray[Any, Any]


def sigmoid(x: Array) -> Array:
    found: Array = 1 / (1 + np.exp(-x))
    return found


def elu(x: Array, alpha: float) -> Array:
    return np.where(x > 0, x, alpha * (np.exp(np.minimum(x, 0)) - 1))


FUNCTIONS: dict[str, Callable[[Array], Array]] = {
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": lambda x: np.maximum(0, x),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: elu(x, 1.0),
    "selu": lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772),
    "silu": lambda x: x * sigmoid(x),
    "mish": lambda x: x * np.tanh(np.log(1 + np.exp(x))),
    "gelu": lambda x: 0.5 * x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "relu6": lambda x: np.clip(x, 0, 6),
    "hard_sigmoid": lambda x: np.clip(x / 6 + 0.5, 0, 1),
    "hard_swish": lambda x: x * np.clip(x / 6 + 0.5, 0, 1),
}
OTHERS = """
layer act = Swish(2)
g = silu(mish(W @ x)) + leaky_relu(x, slope = 0.2) + clip(x, -1, 2)
v = act(g)
minimize binary_cross_entropy_of_logit(sum(v), y)
"""
INPUTS = "input x : [2] = batch([1, -2], [-1, 3], [0.5, 9]), y : real = batch(0, 1, 1)\nparam W : [2, 2]\n"


@pytest.fixture(scope="module")
def program() -> graphc.Program:
    """A layer with each function, the input of all."""
    lines = [f"h_{name} = {name}(W @ x)" for name in FUNCTIONS]
    text = INPUTS + "\n".join(lines) + OTHERS + "fit { steps = 1 }\n"
    return graphc.compile(text, backend="reference", dtype="float64")


@pytest.fixture(scope="module")
def found(program: graphc.Program) -> list[Activation]:
    return inspected(Material(program))[1]


def test_each_is_found_once_and_none_in_the_loss(found: list[Activation]) -> None:
    places = [one.place.partition(" (")[0] for one in found]
    own = [f"{name} in h_{name}" for name in FUNCTIONS]
    # The slope of the layer's function is a weight: what is shown is the sigmoid in it.
    assert places == [*own, "silu of mish in g", "leaky_relu in g", "clip in g", "sigmoid in act.y"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_curves_are_those_of_the_functions(name: str, found: list[Activation]) -> None:
    (one,) = (each for each in found if each.place.startswith(f"{name} in h_"))
    function, x, step = FUNCTIONS[name], np.linspace(-7.003, 7, 4001), 1e-6
    np.testing.assert_allclose(one.curve.value(x), function(x), rtol=1e-12, atol=1e-14)
    slopes = (function(x + step) - function(x - step)) / (2 * step)
    np.testing.assert_allclose(one.curve.derivative(x), slopes, atol=1e-6)
    assert one.curve.steepest == pytest.approx(np.abs(slopes).max(), rel=0.05)


def test_what_goes_in_is_said_by_unit(program: graphc.Program, found: list[Activation]) -> None:
    x = np.array([[1, -2], [-1, 3], [0.5, 9]])
    before = x @ program.weights()["W"].T
    np.testing.assert_allclose(found[0].before, before)
    assert found[0].active.tolist() == [np.mean(column > 0) for column in before.T]
    (leaky,) = (one for one in found if one.place.startswith("leaky_relu in g"))
    np.testing.assert_allclose(leaky.before, x)
    np.testing.assert_allclose(leaky.curve.value(x), np.where(x > 0, x, 0.2 * x))
    (cut,) = (one for one in found if one.place.startswith("clip"))
    np.testing.assert_allclose(cut.curve.value(x), np.clip(x, -1, 2))
    (two,) = (one for one in found if one.place.startswith("silu of mish"))
    np.testing.assert_allclose(two.before, before)
    np.testing.assert_allclose(two.curve.value(x), FUNCTIONS["silu"](FUNCTIONS["mish"](x)))
