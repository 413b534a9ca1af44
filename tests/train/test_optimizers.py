"""Update rules against the formulas, written out once more for single numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from graphc.frontend.library import optimizer_names
from graphc.train.descent import Descent
from graphc.train.fit_settings import FitSettings
from graphc.train.optimize.optimizers import Optimizer, optimizer
from graphc.train.optimize.update import Norm, Update
from graphc.train.protocol import StepResult
from graphc.train.state import Layout, Vector
from tests.train import oracles
from tests.train.models import Model, spec, specs

STEPS = 10


def model(dtype: Any = np.float64, **weights: Any) -> Model:
    """Parameters alone, at a precision of choice."""
    return Model(specs(spec("x")), weights, {}, dtype)


def gradient(w: float, step: int) -> float:
    """Of no particular function; depends on the weight, so that errors would grow."""
    return 3 * w - math.sin(step) + 0.1 * w**3


def moved(rule: Optimizer, start: list[float], slope: Callable[[float, int], float]) -> Any:
    """The weights after ten steps; the same in an array and alone."""
    params = model(a=start, b=start[0])
    update = Update(rule, params)
    for step in range(1, STEPS + 1):
        params.gradient.flat[:] = np.vectorize(slope)(params.weights.now.flat, step)
        update(params.gradient, step)
    assert params.weights.now.parts["b"] == params.weights.now.parts["a"][0]
    return params.weights.now.parts["a"]


CASES: list[tuple[str, dict[str, float | bool], Callable[..., float], dict[str, bool]]] = [
    ("sgd", {"lr": 0.1}, oracles.sgd, {}),
    ("sgdw", {"lr": 0.1, "decay": 0.3}, oracles.sgdw, {}),
    ("momentum", {"lr": 0.05}, oracles.momentum, {}),
    ("momentum", {"lr": 0.05, "beta": 0.7, "averaging": True}, oracles.momentum, {}),
    ("nesterov", {"lr": 0.05}, oracles.nesterov, {}),
    ("nesterov", {"lr": 0.05, "beta": 0.7, "common": True}, oracles.nesterov, {}),
    ("adagrad", {"lr": 0.3}, oracles.adagrad, {}),
    ("adagrad", {"lr": 0.3, "start": 0.5, "eps": 1e-3}, oracles.adagrad, {}),
    ("rmsprop", {"lr": 0.05}, oracles.rmsprop, {}),
    ("adam", {"lr": 0.1, "beta1": 0.8, "beta2": 0.95, "eps": 1e-6}, oracles.adam, {}),
    ("amsgrad", {"lr": 0.1, "beta2": 0.9}, oracles.adam, {"amsgrad": True}),
    ("amsgrad", {"lr": 0.1, "beta2": 0.9, "before": True}, oracles.adam, {"amsgrad": True}),
    ("adamw", {"lr": 0.1, "decay": 0.2}, oracles.adam, {}),
    ("proximal_sgd", {"lr": 0.1, "l1": 2.0}, oracles.proximal_sgd, {}),
    ("proximal_adam", {"lr": 0.1, "l1": 1.5}, oracles.adam, {}),
]


@pytest.mark.parametrize(("name", "options", "oracle", "extra"), CASES)
def test_ten_steps(
    name: str, options: dict[str, float | bool], oracle: Callable[..., float], extra: dict[str, bool]
) -> None:
    start = [0.3, -1.2, 2.0, 0.0]
    expected = [oracle(w, STEPS, gradient, **options, **extra) for w in start]
    np.testing.assert_allclose(moved(optimizer(name, **options), start, gradient), expected, rtol=1e-13)


def test_each_optimizer_of_the_library_has_an_oracle() -> None:
    with_momentum = optimizer("sgd", lr=0.05, momentum=0.9)
    expected = [oracles.momentum(w, STEPS, gradient, 0.05) for w in (0.3, -1.2)]
    np.testing.assert_allclose(moved(with_momentum, [0.3, -1.2], gradient), expected, rtol=1e-13)
    assert optimizer_names() == {name for name, *_ in CASES}


@pytest.mark.parametrize(("before", "weight"), [(False, -0.28335), (True, -0.47890)])
def test_amsgrad_by_where_the_maximum_is_taken(before: bool, weight: float) -> None:
    """A gradient of 3, then nine of 0.1."""
    rule = optimizer("amsgrad", lr=0.1, before=before)
    found = moved(rule, [0.0], lambda w, step: 3.0 if step == 1 else 0.1)
    assert found[0] == pytest.approx(weight, abs=5e-6)


def test_decay_is_a_penalty_in_sgd_and_something_else_in_adam() -> None:
    penalized = partial(penalized_gradient, decay=0.2)
    for name, plain, same in (("sgdw", "sgd", True), ("adamw", "adam", False)):
        decayed = moved(optimizer(name, lr=0.1, decay=0.2), [0.7, -2.0], gradient)
        by_loss = moved(optimizer(plain, lr=0.1), [0.7, -2.0], penalized)
        assert np.allclose(decayed, by_loss, rtol=1e-12, atol=0) == same


def penalized_gradient(w: float, step: int, decay: float) -> float:
    return gradient(w, step) + decay * w


def test_small_weights_become_exactly_zero() -> None:
    found = moved(optimizer("proximal_sgd", lr=0.1, l1=0.5), [0.3, -0.3, 4.0], lambda w, step: 0.01)
    assert found[:2].tolist() == [0, 0]
    assert found[2] == pytest.approx(4 - 10 * 0.1 * 0.51, rel=1e-12)


def test_to_maximize_is_to_climb() -> None:
    up, down = model(w=[1.0, -2.0]), model(w=[1.0, -2.0])
    climbing = Update(optimizer("adam", lr=0.1), up, maximize=True)
    descending = Update(optimizer("adam", lr=0.1), down)
    up.gradient.flat[:], down.gradient.flat[:] = [3.0, -1.0], [-3.0, 1.0]
    climbing(up.gradient, 1)
    descending(down.gradient, 1)
    assert up.weights.now.flat.tolist() == down.weights.now.flat.tolist()


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


RULES = [optimizer(name, **options) for name, options, *_ in CASES]


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
    params.gradient.flat[:] = 0.75
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
