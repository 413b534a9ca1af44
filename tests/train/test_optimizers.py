"""Update rules against the formulas, written out once more for single numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc.train.descent import Descent
from graphc.train.fit_settings import FitSettings
from graphc.train.optimizers import Optimizer, optimizer
from graphc.train.protocol import StepResult
from graphc.train.state import Layout, Vector
from graphc.train.update import Norm, Update
from tests.train.models import Model, spec, specs

STEPS = 10


def model(dtype: Any = np.float64, **weights: Any) -> Model:
    """Parameters alone, at a precision of choice."""
    return Model(specs(spec("x")), weights, {}, dtype)


def gradient(w: float, step: int) -> float:
    """Of no particular function; depends on the weight, so that errors would grow."""
    return 3 * w - math.sin(step) + 0.1 * w**3


def by_rule(rule: Optimizer, start: list[float]) -> np.ndarray:
    params = model(a=start, b=start[0])
    update = Update(rule, params)
    for step in range(1, STEPS + 1):
        params.gradient.flat[:] = np.vectorize(gradient)(params.weights.now.flat, step)
        update(params.gradient, step)
    assert params.weights.now.parts["b"] == params.weights.now.parts["a"][0]
    return params.weights.now.parts["a"]


def sgd(w: float) -> float:
    for step in range(1, STEPS + 1):
        w = w - 0.1 * gradient(w, step)
    return w


def momentum(w: float, averaging: bool) -> float:
    v = 0.0
    for step in range(1, STEPS + 1):
        g = gradient(w, step)
        v = 0.9 * v + (0.1 if averaging else 1.0) * g
        w = w - 0.05 * v
    return w


def adam(w: float) -> float:
    m = v = 0.0
    for step in range(1, STEPS + 1):
        g = gradient(w, step)
        m = 0.8 * m + 0.2 * g
        v = 0.95 * v + 0.05 * g**2
        m_hat, v_hat = m / (1 - 0.8**step), v / (1 - 0.95**step)
        w = w - 0.1 * m_hat / (math.sqrt(v_hat) + 1e-6)
    return w


@pytest.mark.parametrize(
    ("rule", "oracle"),
    [
        (optimizer("sgd", lr=0.1), sgd),
        (optimizer("sgd", lr=0.05, momentum=0.9), lambda w: momentum(w, averaging=False)),
        (optimizer("momentum", lr=0.05), lambda w: momentum(w, averaging=False)),
        (optimizer("momentum", lr=0.05, averaging=True), lambda w: momentum(w, averaging=True)),
        (optimizer("adam", lr=0.1, beta1=0.8, beta2=0.95, eps=1e-6), adam),
    ],
    ids=["sgd", "sgd with momentum", "momentum", "averaging", "adam"],
)
def test_ten_steps(rule: Optimizer, oracle: Callable[[float], float]) -> None:
    start = [0.3, -1.2, 2.0, 0.0]
    np.testing.assert_allclose(by_rule(rule, start), [oracle(w) for w in start], rtol=1e-13)


def published(low: float, high: float) -> np.ndarray:
    return np.linspace(low, high, 20).reshape(4, 5)


def test_adam_as_published_by_cs231n() -> None:
    params = model(w=published(-0.4, 0.6))
    update = Update(optimizer("adam", lr=1e-2), params)
    update.state()["m/w"][:], update.state()["v/w"][:] = published(0.6, 0.9), published(0.7, 0.5)
    params.gradient.parts["w"][:] = published(-0.6, 0.4)
    update(params.gradient, step=6)
    first_row = [-0.40094747, -0.34836187, -0.29577703, -0.24319299, -0.19060977]
    np.testing.assert_allclose(params.weights.now.parts["w"][0], first_row, atol=5e-9)
    np.testing.assert_allclose(update.state()["v/w"][0, :2], [0.69966, 0.68908382], atol=5e-9)
    np.testing.assert_allclose(update.state()["m/w"][0, :2], [0.48, 0.49947368], atol=5e-9)


def test_momentum_as_published_by_cs231n() -> None:
    params = model(w=published(-0.4, 0.6))
    update = Update(optimizer("momentum", lr=1e-3), params)
    update.state()["v/w"][:] = -published(0.6, 0.9) / 1e-3
    params.gradient.parts["w"][:] = published(-0.6, 0.4)
    update(params.gradient, step=1)
    np.testing.assert_allclose(
        params.weights.now.parts["w"][0, :3], [0.1406, 0.20738947, 0.27417895], atol=5e-9
    )


RULES: list[Optimizer] = [
    optimizer("sgd", lr=0.1),
    optimizer("sgd", lr=0.1, momentum=0.9),
    optimizer("momentum", lr=0.1),
    optimizer("adam"),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_what_a_loss_does_not_move_stays_with_its_state(rule: Optimizer) -> None:
    class Turns(Model):
        objectives = 2

        def moves(self, objective: int) -> list[str]:
            return ["a"] if objective == 0 else ["b", "c"]

    params = Turns(specs(spec("x")), {"a": np.ones(3), "b": 1.0, "c": np.ones(2)}, {})
    update = Update(rule, params)
    params.gradient.flat[:] = 0.5
    update(params.gradient, 1, 0)
    update(params.gradient, 1, 1)
    first = {**params.weights.now.parts, **update.state()}
    kept = {name: value.copy() for name, value in first.items()}
    update(params.gradient, 2, 0)
    for name, value in {**params.weights.now.parts, **update.state()}.items():
        assert (value == kept[name]).all() == (name.split("/")[-1] != "a"), name


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_move_keeps_the_dtype_and_can_be_undone(rule: Optimizer) -> None:
    params = model(np.float32, w=np.ones((2, 3)))
    update = Update(rule, params)
    params.gradient.flat[:] = 0.5
    update(params.gradient, 1)
    before = {**params.weights.now.parts, **update.state()}
    kept = {name: value.copy() for name, value in before.items()}
    update(params.gradient, 2)
    moved = params.weights.now.flat.copy()
    assert moved.dtype == np.float32
    assert (moved != kept["w"].ravel()).all()
    for _ in range(2):
        update.undo()
        for name, value in {**params.weights.now.parts, **update.state()}.items():
            np.testing.assert_array_equal(value, kept[name])
    update(params.gradient, 2)
    np.testing.assert_array_equal(params.weights.now.flat, moved)


def test_assigning_outlives_an_undone_move() -> None:
    params = model(a=[1.0, 2.0], b=3.0)
    update = Update(optimizer("sgd", lr=0.1), params)
    params.gradient.flat[:] = 1.0
    update(params.gradient, 1)
    params.params["b"] = 7.0
    update.undo()
    assert params.weights.now.flat.tolist() == [1, 2, 7]


class Given(Model):
    """A loss of one whose gradients are given."""

    def gradients(self, batch: Any, *, step: int, objective: int = 0) -> StepResult:
        return self.result(1.0, a=[3.0, 0.0], b=4.0)


@pytest.mark.parametrize(("limit", "norm"), [(None, 5.0), (1.0, 1.0), (5.0, 5.0), (6.0, 5.0)])
def test_clipping_shrinks_the_norm_of_all_gradients_to_the_bound(limit: float | None, norm: float) -> None:
    params = Given(specs(spec("x")), {"a": np.zeros(2), "b": 0.0}, {})
    Descent(params, FitSettings(optimizer("sgd", lr=1.0), clip=limit)).step(None)  # type: ignore[arg-type]
    moved = params.weights.now.flat
    assert math.hypot(*moved) == pytest.approx(norm, rel=1e-15)
    np.testing.assert_allclose(moved / norm, [-0.6, 0, -0.8], rtol=1e-15)


def test_norm_of_float32_does_not_overflow() -> None:
    norm = Norm(model(np.float32, w=np.zeros(4)))
    assert norm(np.full(4, 1e30, np.float32)) == pytest.approx(2e30, rel=1e-6)
    assert math.isnan(norm(np.array([1, 2, 3, np.inf], np.float32)))


def test_norm_of_float64_does_not_overflow() -> None:
    assert Norm(model(w=np.zeros(4)))(np.full(4, 1e300)) == pytest.approx(2e300, rel=1e-15)


def test_a_layout_lies_in_the_order_given() -> None:
    vector = Vector(Layout({"b": (2, 2), "none": (0, 3), "a": (), "c": (3,)}), np.dtype(np.float32))
    vector.flat[:] = range(8)
    assert vector.parts["b"].tolist() == [[0, 1], [2, 3]]
    assert vector.parts["none"].shape == (0, 3)
    assert vector.parts["a"].shape == ()
    assert vector.layout.mask(["a", "none"]).tolist() == [False] * 4 + [True] + [False] * 3
    vector.parts["c"][1] = -1
    assert vector.flat.tolist() == [0, 1, 2, 3, 4, 5, -1, 7]
