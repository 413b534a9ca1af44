"""Options that change while a model trains, or differ between parameters."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphc.diagnostics import GraphcError, Source
from graphc.frontend import ast
from graphc.frontend.library import standard_library
from graphc.frontend.parser import parse
from graphc.train.expressions import parse_value
from graphc.train.fit_settings import FitSettings, read_fit
from graphc.train.optimize.course import Plateau
from graphc.train.optimize.optimizers import read_optimizer
from graphc.train.optimize.schedules import Formulas, Moment, Schedule
from graphc.train.optimize.update import Update
from tests.train.models import Model, spec, specs

STEPS = np.arange(1, 41)
WHOLE = 40


def curve(text: str, moment: Moment | None = None) -> Any:
    """A schedule's values over a training of forty steps."""
    formula = parse_value(Source("rate", text))
    return Formulas({"lr": Schedule(formula)})(STEPS, moment or Moment(steps=WHOLE))["lr"]


def by_epoch(text: str, epochs: int) -> list[float]:
    return [float(curve(text, Moment(epoch=epoch))[0]) for epoch in range(1, epochs + 1)]


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        ("cosine(step / steps)", lambda k: (1 + math.cos(math.pi * k / WHOLE)) / 2),
        ("linear(step / steps, last = 0.2)", lambda k: 1 - 0.8 * k / WHOLE),
        ("warm_up(step, 10)", lambda k: min(1, k / 10)),
        ("1e-3 * warm_up(step, 10) * cosine(step / steps)",
         lambda k: 1e-3 * min(1, k / 10) * (1 + math.cos(math.pi * k / WHOLE)) / 2),
        ("one_cycle(step / steps, rise = 0.25, first = 0.1, last = 0)",
         lambda k: 0.1 + 0.9 * k / 10 if k <= 10 else (WHOLE - k) / 30),
        ("cyclical(step, 5, lowest = 0.1)",
         lambda k: 0.1 + 0.9 * (1 - abs(((k - 1) % 10) / 5 - 1))),
        ("step^-0.5", lambda k: k**-0.5),
    ],
)  # fmt: skip
def test_curves_over_steps(text: str, closed: Callable[[int], float]) -> None:
    np.testing.assert_allclose(curve(text), [closed(k) for k in STEPS], rtol=1e-12, atol=1e-15)


def test_curves_over_epochs() -> None:
    assert by_epoch("step_decay(epoch, 3, factor = 0.5)", 7) == [1, 1, 1, 0.5, 0.5, 0.5, 0.25]
    np.testing.assert_allclose(by_epoch("exponential_decay(epoch, 0.1)", 5), np.exp(-0.1 * np.arange(5)))
    rate, compounded = 1.0, []
    for done in range(5):
        rate *= math.exp(-0.1 * done)
        compounded.append(rate)
    np.testing.assert_allclose(by_epoch("compound_decay(epoch, 0.1)", 5), compounded)


def test_halving_when_validation_gets_worse() -> None:
    plateau, rates = Plateau(), []
    for loss in (1.0, 0.8, 0.9, 0.85, 0.86, 0.86):
        plateau = plateau.after(loss)
        rates.append(0.5**plateau.worse)
    assert rates == [1, 1, 0.5, 0.5, 0.25, 0.25]


def test_a_standstill_is_so_many_epochs_in_a_row_without_a_better_one() -> None:
    plateau, stalls = Plateau(patience=2), []
    for loss in (1.0, 1.0, 0.9, 0.9, 0.95, 0.9, 0.9, 0.8, 0.8):
        plateau = plateau.after(loss)
        stalls.append(plateau.stalled)
    assert stalls == [0, 0, 0, 0, 1, 1, 2, 2, 2]


def test_a_loss_that_is_no_number_is_no_better_one() -> None:
    plateau = Plateau(patience=2).after(1.0).after(math.nan).after(0.5)
    assert (plateau.best, plateau.since, plateau.worse) == (0.5, 0, 0)


# ------------------------------------------------------------------------------------------ in an update


def model(**weights: Any) -> Model:
    return Model(specs(spec("x")), weights, {})


def settings(text: str, *more: str) -> FitSettings:
    file = parse(Source("spec.nn", "\n".join([f"fit {{ {text} }}", *more]) + "\n"))
    block = file.statements[0]
    assert isinstance(block, ast.Settings)
    return read_fit(block, {"H": 6}, library=standard_library(()).extended(file))


def update(text: str, params: Model, *more: str) -> Update:
    """An update by `fit { optimizer = text }`, of gradients that are all 1."""
    params.gradient.flat[:] = 1
    found = settings(f"optimizer = {text}", *more)
    return Update(found.optimizer, params, maximize=found.maximize, patience=found.stall)


def test_a_scheduled_rate_over_more_steps_than_are_computed_at_once() -> None:
    params = model(w=[0.0])
    moving = update("sgd(lr = 0.1 * cosine(step / steps))", params)
    moving.begin(1, 600)
    expected = 0.0
    for step in range(1, 601):
        moving(params.gradient, step)
        rate = 0.1 * (1 + math.cos(math.pi * step / 600)) / 2
        expected -= rate
        assert moving.lr == pytest.approx(rate, rel=1e-12, abs=1e-17)
    assert params.weights.now.flat[0] == pytest.approx(expected, rel=1e-12)


def test_a_formula_may_end_with_the_training() -> None:
    params = model(w=[0.0])
    moving = update("sgd(lr = 0.5 / (5 - step))", params)
    for step in range(1, 5):
        moving(params.gradient, step)
    assert moving.lr == 0.5
    with pytest.raises(GraphcError, match="E546"):
        moving(params.gradient, 5)


def test_a_function_and_a_dim_of_the_file_in_a_schedule() -> None:
    params = model(w=[0.0])
    moving = update("sgd(lr = mine(step) / H)", params, "mine(k) = 1 / (k * k)")
    moving(params.gradient, 4)
    assert params.weights.now.flat[0] == pytest.approx(-1 / 96, rel=1e-15)


def test_a_rate_that_is_halved_goes_on_after_a_restart() -> None:
    params, other = model(w=[0.0]), model(w=[0.0])
    text = "sgd(lr = 0.5^worse * 0.1^stalled)"
    moving, resumed = update(text, params), update(text, other)
    for loss in (1.0, 2.0, 3.0, 3.0, 3.0, 3.0):
        moving.judged(loss)
    resumed.restore(moving.state(), moving.numbers())
    for each, weights in ((moving, params), (resumed, other)):
        each(weights.gradient, 1)
        assert each.lr == pytest.approx(0.25 * 0.1)
    assert moving.is_judged
    assert not update("sgd(lr = 0.1 * warm_up(step, 3))", params).is_judged


def test_options_of_groups() -> None:
    params = Model(specs(spec("x")), {"Emb": [[1.0, 1.0]], "enc.W": [1.0], "enc.b": [1.0], "V": [1.0]}, {})
    moving = update("sgdw(lr = names(0.1, Emb = 0.5, enc = names(0.2, b = 0.3 / epoch)), decay = 1)", params)
    moving.begin(3)
    moving(params.gradient, 1)
    found = {name: 1 - part.ravel()[0] for name, part in params.weights.now.parts.items()}
    expected = {"Emb": 1.0, "enc.W": 0.4, "enc.b": 0.2, "V": 0.2}
    assert found == pytest.approx(expected, rel=1e-14)
    assert moving.lr == 0.1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("sgd(lr = names(0.1, W = 1))", "E547"),
        ("sgd(lr = 1 / steps)", "E545"),
        ("sgd(lr = 1 / (step - 1))", "E546"),
        ("momentum(lr = 0.1, beta = 1 * step)", "E404"),
        ("sgd(lr = quick(step))", "E220"),
    ],
)
def test_schedules_and_groups_at_fault(text: str, code: str) -> None:
    params = model(w=[0.0])
    with pytest.raises(GraphcError) as caught:
        update(text, params)(params.gradient, 1)
    assert [found.code for found in caught.value.diagnostics] == [code]


def test_a_name_that_is_a_dim_too() -> None:
    value = parse_value(Source("rate", "sgd(lr = 1 / steps)"))
    with pytest.raises(GraphcError, match="E544"):
        read_optimizer(value, {"steps": 3}, None)


# ---------------------------------------------------------------------------------- equations of one's own

SIGNS = """optimizer signs(lr : positive) {
  seen[0] = 0
  seen[k] = 0.5 * seen[k-1] + 0.5 * g[k]
  w[k]    = w[k-1] - lr * sign(seen[k])
}"""


def test_an_optimizer_of_ones_own() -> None:
    params = model(w=[1.0, 2.0])
    moving = update("signs(lr = 0.25)", params, SIGNS)
    for step, gradient in enumerate(([1.0, -1.0], [-0.25, 0.0]), 1):
        params.gradient.flat[:] = gradient
        moving(params.gradient, step)
    assert params.weights.now.flat.tolist() == [0.5, 2.5]
    assert moving.state()["seen/w"].tolist() == [0.125, -0.25]


def test_an_own_optimizer_hides_one_of_the_library() -> None:
    params = model(w=[1.0])
    moving = update("sgd(2)", params, "optimizer sgd(speed) {\n  w[k] = w[k-1] - speed * k * g[k]\n}")
    moving(params.gradient, 3)
    assert params.weights.now.flat[0] == -5
    assert moving.lr is None


LAGS = """optimizer lags(lr : positive) {
  first[0] = w[0]
  first[k] = first[k-1]
  m[0]     = lr
  m[-1]    = 2
  m[1]     = 10 * g[1]
  m[k]     = m[k-1] + m[k-2]
  g[0]     = 4
  w[k]     = first[k] + m[k] + 100 * g[k-1]
}"""


def test_starts_lags_and_single_steps() -> None:
    params = model(w=[1.0, 2.0])
    moving = update("lags(lr = 3)", params, LAGS)
    found = []
    for step in range(1, 5):
        moving(params.gradient, step)
        found.append(params.weights.now.flat.tolist())
    # m: -1: 2, 0: 3, 1: 10, 2: 13, 3: 23, 4: 36; g: 0: 4, then 1.
    assert found == [[411, 412], [114, 115], [124, 125], [137, 138]]


KINDS = """optimizer kinds(lr : positive) {
  n[0]  = 0
  n[k]  = n[k-1] + 1
  up[0] = 0
  up[k] = g[k] > 0
  w[k]  = w[k-1] - lr * n[k] - up[k-1] - k / K
}"""


def test_a_state_is_a_real_number_and_the_last_step_is_known() -> None:
    params = model(w=[10.0])
    moving = update("kinds(lr = 0.5)", params, KINDS)
    moving.begin(1, 4)
    for step in (1, 2):
        moving(params.gradient, step)
    assert moving.state()["n/w"].tolist() == [2]
    assert params.weights.now.flat[0] == 10 - 0.5 - 1 - 1 - 3 / 4
