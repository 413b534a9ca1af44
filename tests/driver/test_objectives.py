"""Several losses: each parameter's gradient is that of the loss that moves it."""

from __future__ import annotations

import numpy as np
import pytest

import graphc

SPEC = """
input x : real = 3
param a : real = 2, b : real = 5
f = a * x
minimize f^2 over a
minimize (b * f)^2 over b
check {
  grad(a) ~= 36
  grad(b) ~= 360
}
"""


def test_gradients_by_the_loss_that_moves_them() -> None:
    program = graphc.compile(SPEC, dtype="float64")
    loss, found = program.value_and_grad(wrt=["a", "b", "f"])
    assert loss == 36
    assert {name: float(np.sum(value)) for name, value in found.items()} == {"a": 36, "b": 360, "f": 12}
    assert all(result.ok for result in program.checks())


def test_finite_differences_cover_every_loss_and_the_inputs() -> None:
    results = graphc.compile(SPEC).checks(grad=True)
    assert [r.name for r in results[2:]] == ["grad(a)", "grad(x)", "grad(b)"]
    assert all(result.ok for result in results)
    assert float(results[-1].expected) == pytest.approx(360)


def test_a_slope_at_a_kink_lies_between_those_beside_it() -> None:
    spec = "input x : [2] = [0, 1]\nparam w : [2] = [0, -2]\nminimize sum(relu(w) * x + abs(w))\n"
    assert all(result.ok for result in graphc.compile(spec).checks(grad=True))


def test_a_step_that_runs_away_is_undone() -> None:
    program = graphc.compile("input x : [2]\nparam w : [2] = 1\nminimize sum(w * x)\nfit { }\n")
    with pytest.raises(graphc.GraphcError, match="E501"):
        program.step({"x": np.full((1, 2), np.nan)})
    assert program.params["w"].tolist() == [1, 1]
    program.params["w"] = [3, 4]
    program.step({"x": np.zeros((1, 2))})
    np.testing.assert_allclose(program.params["w"], [3, 4], atol=1e-2)


def test_reports_that_pool_the_batch_see_the_whole_part() -> None:
    spec = """
input x : real
param w : real = 0
minimize (w - x)^2
report s = softmax[batch](x) * x, m = max[batch](x)
fit { optimizer = sgd(lr = 0.0001), batch = 2, epochs = 1 }
"""
    x = np.linspace(0, 3, 301)
    found = graphc.compile(spec, dtype="float64").fit({"x": x}).metrics["train"]
    soft = np.exp(x) / np.exp(x).sum()
    assert found["s"] == pytest.approx((soft * x).mean(), rel=1e-12)
    assert found["m"] == 3
