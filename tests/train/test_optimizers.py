"""Update rules against the formulas, written out once more for single numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from graphc.train.optimizers import Adam, Momentum, Rule, Sgd, clip_by_norm, global_norm

STEPS = 10


def gradient(w: float, step: int) -> float:
    """Of no particular function; depends on the weight, so that errors would grow."""
    return 3 * w - math.sin(step) + 0.1 * w**3


def by_rule(rule: Rule, start: list[float]) -> np.ndarray:
    params = {"a": np.array(start), "b": np.array(start[0])}
    state = rule.start(params)
    for step in range(1, STEPS + 1):
        gradients = {name: np.vectorize(gradient)(value, step) for name, value in params.items()}
        state, params = rule.update(state, params, gradients, step)
    assert params["b"] == params["a"][0]
    return params["a"]


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
        (Sgd(0.1), sgd),
        (Sgd(0.05, momentum=0.9), lambda w: momentum(w, averaging=False)),
        (Momentum(0.05), lambda w: momentum(w, averaging=False)),
        (Momentum(0.05, averaging=True), lambda w: momentum(w, averaging=True)),
        (Adam(0.1, 0.8, 0.95, 1e-6), adam),
    ],
    ids=["sgd", "sgd with momentum", "momentum", "averaging", "adam"],
)
def test_ten_steps(rule: Rule, oracle: object) -> None:
    start = [0.3, -1.2, 2.0, 0.0]
    expected = [oracle(w) for w in start]  # type: ignore[operator]
    np.testing.assert_allclose(by_rule(rule, start), expected, rtol=1e-13)


def published(low: float, high: float) -> np.ndarray:
    return np.linspace(low, high, 20).reshape(4, 5)


def test_adam_as_published_by_cs231n() -> None:
    state = {"m/w": published(0.6, 0.9), "v/w": published(0.7, 0.5)}
    params, gradients = {"w": published(-0.4, 0.6)}, {"w": published(-0.6, 0.4)}
    new_state, new = Adam(lr=1e-2).update(state, params, gradients, step=6)
    first_row = [-0.40094747, -0.34836187, -0.29577703, -0.24319299, -0.19060977]
    np.testing.assert_allclose(new["w"][0], first_row, atol=5e-9)
    np.testing.assert_allclose(new_state["v/w"][0, :2], [0.69966, 0.68908382], atol=5e-9)
    np.testing.assert_allclose(new_state["m/w"][0, :2], [0.48, 0.49947368], atol=5e-9)


def test_momentum_as_published_by_cs231n() -> None:
    state, params = {"v/w": -published(0.6, 0.9) / 1e-3}, {"w": published(-0.4, 0.6)}
    _, new = Momentum(lr=1e-3).update(state, params, {"w": published(-0.6, 0.4)}, step=1)
    np.testing.assert_allclose(new["w"][0, :3], [0.1406, 0.20738947, 0.27417895], atol=5e-9)


@pytest.mark.parametrize("rule", [Sgd(0.1), Sgd(0.1, 0.9), Momentum(0.1), Adam()], ids=repr)
def test_rules_are_pure_and_keep_the_dtype(rule: Rule) -> None:
    params = {"w": np.ones((2, 3), dtype=np.float32), "frozen": np.ones(2, dtype=np.float32)}
    gradients = {"w": np.full((2, 3), 0.5, dtype=np.float32)}
    state = rule.start(params)
    before = {name: value.copy() for name, value in state.items()}
    new_state, new = rule.update(state, params, gradients, 1)
    assert list(new) == ["w"]
    assert new["w"].dtype == np.float32
    assert {value.dtype for value in new_state.values()} <= {np.dtype(np.float32)}
    assert (params["w"] == 1).all()
    assert all((state[name] == value).all() for name, value in before.items())


def test_clipped_norm_is_the_bound() -> None:
    gradients = {"a": np.array([3.0, 0.0]), "b": np.array(4.0)}
    norm = global_norm(gradients)
    assert norm == 5
    assert global_norm(clip_by_norm(gradients, 1.0, norm)) == pytest.approx(1, rel=1e-15)
    assert clip_by_norm(gradients, 5.0, norm)["a"] is gradients["a"]


def test_norm_of_float32_does_not_overflow() -> None:
    assert global_norm({"a": np.full(4, 1e30, dtype=np.float32)}) == pytest.approx(2e30, rel=1e-6)
    assert math.isnan(global_norm({"a": np.array([1.0, np.inf])}))
