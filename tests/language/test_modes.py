"""Training and evaluation: running statistics, noise, dropout, gradients that stop, losses that alternate."""

from __future__ import annotations

import numpy as np
import pytest

import graphc
from graphc.driver.program import Program

RNG = np.random.default_rng(3)

NORM = """
dim D = 3
input x : [D], y : [D]
param g, b : [D]
running m = mean[batch](x)
running(decay = 0.6) v = mean[batch]((x - m)^2)
running(start = 2, decay = 0.5) s = mean[batch](sum(x))
h = g * (x - m) / sqrt(v + 1e-5) + b + s
minimize sum((h - y)^2)
fit { optimizer = sgd(0.01), batch = all }
"""


def normalized(x: np.ndarray, g: np.ndarray, b: np.ndarray) -> np.ndarray:
    m = x.mean(0)
    return g * (x - m) / np.sqrt(((x - m) ** 2).mean(0) + 1e-5) + b + x.sum(1).mean()


def test_running_statistics() -> None:
    program = graphc.compile(NORM, dtype="float64")
    g, b = program.params["g"], program.params["b"]
    batches = [RNG.normal(size=(5, 3)) for _ in range(2)]
    y = RNG.normal(size=(5, 3))
    train = program.forward({"x": batches[0], "y": y}, mode="train")
    np.testing.assert_allclose(train["h"], normalized(batches[0], g, b), rtol=1e-12)
    np.testing.assert_allclose(train["m"], batches[0].mean(0))
    with pytest.raises(graphc.GraphcError, match="no average yet"):
        program.forward({"x": batches[0], "y": y})
    for x in batches:
        program.step({"x": x, "y": y})
    m = 0.9 * batches[0].mean(0) + 0.1 * batches[1].mean(0)
    v = 0.6 * batches[0].var(0) + 0.4 * batches[1].var(0)
    s = 0.5 * (0.5 * 2 + 0.5 * batches[0].sum(1).mean()) + 0.5 * batches[1].sum(1).mean()
    g, b = program.params["g"], program.params["b"]
    values = program.forward({"x": batches[0], "y": y})
    np.testing.assert_allclose(values["m"], m)
    np.testing.assert_allclose(values["v"], v)
    np.testing.assert_allclose(values["s"], s)
    np.testing.assert_allclose(values["h"], g * (batches[0] - m) / np.sqrt(v + 1e-5) + b + s)


def test_gradients_go_through_the_batch_s_statistics() -> None:
    program = graphc.compile(NORM, dtype="float64")
    x, y = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 3))
    g, b = program.params["g"] + 0, program.params["b"] + 0.1
    program.params["b"] = b
    _, found = program.value_and_grad({"x": x, "y": y}, wrt=["x", "g", "b"])

    def loss(x: np.ndarray, g: np.ndarray, b: np.ndarray) -> float:
        return float(np.mean(np.sum((normalized(x, g, b) - y) ** 2, 1)))

    for name, gradient in found.items():
        direction = RNG.normal(size=gradient.shape)
        at = {"x": x, "g": g, "b": b}
        up = loss(**{**at, name: at[name] + 1e-6 * direction})
        down = loss(**{**at, name: at[name] - 1e-6 * direction})
        np.testing.assert_allclose(np.sum(gradient * direction), (up - down) / 2e-6, rtol=1e-6, err_msg=name)


def test_running_statistics_of_ragged_sequences_pool_the_steps() -> None:
    spec = """
    dim D = 2
    axis t = 1..T
    input x[t] : [D]
    running m = mean[batch, t](x[t])
    y[t] = x[t] - m
    minimize sum[t](sum(y[t]^2))
    """
    program = graphc.compile(spec, dtype="float64")
    x = RNG.normal(size=(3, 4, 2))
    own = np.array([4, 1, 2])
    values = program.forward({"x": x}, mode="train", lengths={"T": own})
    rows = np.concatenate([x[i, :n] for i, n in enumerate(own)])
    np.testing.assert_allclose(values["m"], rows.mean(0))
    loss, found = program.value_and_grad({"x": x}, wrt="x", lengths={"T": own})
    centred = [x[i, :n] - rows.mean(0) for i, n in enumerate(own)]
    np.testing.assert_allclose(loss, sum(np.sum(c**2) for c in centred) / 3)
    np.testing.assert_allclose(found["x"][0], 2 * centred[0] / 3, atol=1e-12)


DRAWS = """
dim D = 64
axis t = 1..T
input x[t] : [D]
noise e : [D] ~ normal(1, 2), f[t] : real ~ uniform(-1, 3), g : real ~ bernoulli(0.25)
a[t] = dropout(x[t], 0.5)
b[t] = dropout(x[t], 0.5, shared = t)
c[t] = dropout(x[t], 0.5, shared = batch)
d[t] = x[t] + normal(like = x[t])
h[0] = 0
h[t] = 0.5 * h[t-1] + dropout(x[t], 0.25)
r[0] = 0
r[t] = r[t-1] + dropout(x[t], 0.5, shared = t)
y = sum(e) + g
minimize mean[t](sum(a[t] + b[t] + c[t] + d[t] + h[t] + r[t]) + f[t]) + y
"""


@pytest.fixture(scope="module")
def draws() -> Program:
    return graphc.compile(DRAWS, dtype="float64")


def test_evaluation_has_means_in_the_place_of_draws(draws: Program) -> None:
    x = RNG.normal(size=(2, 3, 64))
    values = draws.forward({"x": x})
    for name in "abcd":
        np.testing.assert_allclose(values[name], x, err_msg=name)
    np.testing.assert_allclose(values["r"], np.cumsum(x, 1))
    np.testing.assert_allclose(values["f"], 1.0)
    np.testing.assert_allclose(values["y"], 64 + 0.25)


def test_draws_vary_as_they_should(draws: Program) -> None:
    x = np.ones((8, 6, 64))
    values = draws.forward({"x": x}, mode="train", seed=1)
    masks = {name: values[name] / 2 for name in "abc"}
    for name, mask in masks.items():
        assert set(np.unique(mask)) == {0, 1}, name
        assert 0.4 < mask.mean() < 0.6, name
    a, b, c = masks["a"], masks["b"], masks["c"]
    assert len(np.unique(a.reshape(48, 64), axis=0)) == 48
    assert (b == b[:, :1]).all()
    assert len(np.unique(b[:, 0], axis=0)) == 8
    assert (c == c[:1]).all()
    assert len(np.unique(c[0], axis=0)) == 6
    steps = np.diff(np.concatenate([np.zeros((8, 1, 64)), values["r"]], 1), axis=1)
    np.testing.assert_allclose(steps, np.broadcast_to(steps[:, :1], steps.shape))
    assert values["e"].shape == (8, 64)
    assert abs(values["e"].mean() - 1) < 0.4
    assert abs(values["e"].std() - 2) < 0.3
    assert values["f"].shape == (8, 6)
    assert -1 <= values["f"].min() < 0 < 2 < values["f"].max() <= 3
    assert set(np.unique(values["g"])) <= {0, 1}


def test_draws_belong_to_an_example_not_to_its_company(draws: Program) -> None:
    """The first examples of a batch, and the first steps of a sequence, draw what they drew."""
    x = RNG.normal(size=(4, 5, 64))
    whole = draws.forward({"x": x}, mode="train", seed=2)
    part = draws.forward({"x": x[:2, :3]}, mode="train", seed=2)
    for name in ("a", "b", "c", "d", "h", "r", "f"):
        np.testing.assert_allclose(part[name], whole[name][:2, :3], rtol=1e-13, err_msg=name)
    other = draws.forward({"x": x}, mode="train", seed=3)
    assert not np.array_equal(other["a"], whole["a"])


def test_gradients_see_the_draws_of_the_forward_pass(draws: Program) -> None:
    x = RNG.normal(size=(2, 3, 64))
    loss, found = draws.value_and_grad({"x": x}, wrt="x", seed=4)
    direction = RNG.normal(size=x.shape)
    up = draws.value_and_grad({"x": x + direction}, wrt="x", seed=4)[0]
    np.testing.assert_allclose(up - loss, np.sum(found["x"] * direction), rtol=1e-10)


def test_where_gradients_stop() -> None:
    spec = """
    input x : [3]
    param w : [3]
    s = sigmoid(w * x)
    hard = real(s > 0.5)
    y = s + stop_gradient(hard - s)
    z = stop_gradient(w) * w
    minimize sum(y) + sum(z)
    """
    program = graphc.compile(spec, dtype="float64")
    x = np.array([[1.0, -2.0, 0.5]])
    w = program.params["w"]
    s = 1 / (1 + np.exp(-w * x[0]))
    loss, found = program.value_and_grad({"x": x})
    np.testing.assert_allclose(loss, np.sum(s > 0.5) + np.sum(w * w))
    np.testing.assert_allclose(found["w"], s * (1 - s) * x[0] + w)


def test_a_branch_that_is_not_taken_has_no_gradient() -> None:
    spec = """
    axis t = 1..T
    input x[t]
    param w : real
    y[t] = where(x[t] > 0, log(w * x[t]) * sqrt(x[t]), w / (x[t] - 1))
    m[1] = w
    m[t] = sum[u = 1..t-1](w * x[u]^2) / (t - 1) + log(t - 1)
    axis u = 1..T
    minimize sum[t](y[t] + m[t])
    """
    program = graphc.compile(spec, dtype="float64")
    program.params["w"] = 0.7
    x = np.array([[0.0, 1.0, 2.0, -1.0], [1.0, 0.0, 0.0, 0.0]])

    def loss(w: float, x: np.ndarray) -> float:
        with np.errstate(all="ignore"):
            y = np.where(x > 0, np.log(w * x) * np.sqrt(x), w / (x - 1))
            m = np.cumsum(w * x[:, :-1] ** 2, 1) / np.arange(1, 4) + np.log(np.arange(1, 4))
        return float(np.mean(y.sum(1) + m.sum(1) + w))

    found, gradients = program.value_and_grad({"x": x}, wrt=["w", "x"])
    np.testing.assert_allclose(found, loss(0.7, x))
    assert np.isfinite(gradients["x"]).all()
    np.testing.assert_allclose(gradients["w"], (loss(0.7 + 1e-6, x) - loss(0.7 - 1e-6, x)) / 2e-6, rtol=1e-7)


ADVERSARIAL = """
dim D = 2
input x : [D], z : [D]
param shift : [D] = 0, w : [D] = [1, -1]
layer make = Make(D)
fake = make(z) + shift
minimize softplus(-(w @ x)) + softplus(w @ fake) over w
minimize softplus(-(w @ fake)) over make, shift
block Make(D) {
  input z : [D]
  param A : [D, D] ~ identity
  output A @ z
}
fit { optimizer = sgd(0.1) }
"""


def test_losses_that_alternate() -> None:
    """On each batch one step each, each with the values that the one before left."""
    program = graphc.compile(ADVERSARIAL, dtype="float64")
    x, z = RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2))
    w, A, shift = np.array([1.0, -1.0]), np.eye(2), np.zeros(2)

    def sigmoid(v: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-v))

    trained = graphc.compile(ADVERSARIAL, dtype="float64")
    trained.fit({"x": x, "z": z}, epochs=3, batch="all")
    for _ in range(3):
        program.step({"x": x, "z": z})
        fake = z @ A.T + shift
        grad_w = np.mean(-sigmoid(-(x @ w))[:, None] * x + sigmoid(fake @ w)[:, None] * fake, 0)
        w = w - 0.1 * grad_w
        pull = -sigmoid(-(fake @ w))[:, None] * w
        A, shift = A - 0.1 * np.einsum("bi,bj->ij", pull, z) / 3, shift - 0.1 * pull.mean(0)
    for name, value in {"w": w, "make.A": A, "shift": shift}.items():
        np.testing.assert_allclose(program.params[name], value, rtol=1e-12, err_msg=name)
        np.testing.assert_allclose(trained.params[name], value, rtol=1e-12, err_msg=name)


def test_a_loss_that_no_example_touches() -> None:
    program = graphc.compile("param w : [3] = [1, 2, 3]\nminimize sum(w^2)\n", dtype="float64")
    loss, found = program.value_and_grad({})
    assert loss == 14
    np.testing.assert_allclose(found["w"], [2, 4, 6])


def test_penalties_are_counted_once() -> None:
    spec = "input x\nparam w : real = 2\nminimize (w * x)^2 + 0.5 * w^2\n"
    program = graphc.compile(spec, dtype="float64")
    x = np.array([1.0, 2.0, 3.0])
    loss, found = program.value_and_grad({"x": x})
    np.testing.assert_allclose(loss, 4 * np.mean(x**2) + 2)
    np.testing.assert_allclose(found["w"], 4 * np.mean(x**2) + 2)


def test_literal_examples() -> None:
    spec = """
    axis t = 1..T
    input x[t] = batch([1, 2], [3], [4, 5, 6]), y : real = batch(1, 2, 3)
    s = sum[t](x[t]) * y
    minimize s
    """
    program = graphc.compile(spec, dtype="float64")
    np.testing.assert_allclose(program.forward()["s"], [3, 6, 45])
    loss, found = program.value_and_grad(wrt=["x", "y"])
    assert loss == 18
    np.testing.assert_allclose(found["x"] * 3, [[1, 1, 0], [2, 0, 0], [3, 3, 3]])
    np.testing.assert_allclose(found["y"] * 3, [3, 3, 15])
