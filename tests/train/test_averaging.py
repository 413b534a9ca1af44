"""The average of the weights: what it is, when it stands for them, and what a training does with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from graphc.diagnostics import GraphcError, Source
from graphc.train.expressions import parse_value
from graphc.train.fit_settings import FitSettings
from graphc.train.optimize.averaging import Average, Averaging
from graphc.train.optimize.optimizers import Amount, optimizer
from graphc.train.optimize.schedules import Schedule
from graphc.train.reporting import Silent
from graphc.train.runs.keeping import Snapshot, Unkept
from graphc.train.trainer import Trainer, fit
from tests.train.models import Linear, Model, Scripted, spec, specs
from tests.train.test_trainer import constant, regression

PATH = [3.0, 1.0, -2.0, 5.0, 4.0]
"""Where a weight is after each step."""


def taken(average: Average, epochs: list[int]) -> tuple[Averaging, Model]:
    model = Model(specs(spec("x")), {"w": [0.0, 0.0]}, {})
    averaging = Averaging(average, model)
    for place, epoch in zip(PATH, epochs, strict=True):
        model.weights.now.flat[:] = place, 2 * place
        averaging.take(epoch)
    return averaging, model


def test_a_running_mean_from_an_epoch_on() -> None:
    averaging, _ = taken(Average(None, 2), [1, 1, 2, 2, 3])
    mean = sum(PATH[2:]) / 3
    np.testing.assert_allclose(averaging.state()["w"], [mean, 2 * mean], rtol=1e-15)


def test_an_exponential_mean_begins_with_the_first_weights() -> None:
    averaging, _ = taken(Average(0.75), [1] * 5)
    expected = PATH[0]
    for place in PATH[1:]:
        expected = 0.75 * expected + 0.25 * place
    np.testing.assert_allclose(averaging.state()["w"], [expected, 2 * expected], rtol=1e-15)


def test_it_stands_for_the_weights_and_gives_them_back() -> None:
    averaging, model = taken(Average(None), [1] * 5)
    with averaging.applied():
        assert model.weights.now.flat[0] == pytest.approx(sum(PATH) / 5)
    assert model.weights.now.flat.tolist() == [4, 8]
    averaging.conclude()
    assert model.weights.now.flat[1] == pytest.approx(2 * sum(PATH) / 5)


def test_before_its_first_epoch_there_is_none() -> None:
    averaging, model = taken(Average(None, 4), [1, 1, 2, 2, 3])
    with averaging.applied():
        assert model.weights.now.flat.tolist() == [4, 8]
    averaging.conclude()
    assert model.weights.now.flat.tolist() == [4, 8]
    assert averaging.state() == {}


def test_a_step_back() -> None:
    averaging, _ = taken(Average(0.5), [1] * 5)
    kept = averaging.state()["w"].copy()
    averaging.take(1)
    averaging.undo()
    np.testing.assert_array_equal(averaging.state()["w"], kept)


# ---------------------------------------------------------------------------------------- in a training


class Last(Unkept):
    """Has the state that was kept last, as copies."""

    def keep(self, state: Snapshot, best: Snapshot | None) -> None:
        self.state = replace(state, tensors={name: np.array(part) for name, part in state.tensors.items()})


def settings(**more: Any) -> FitSettings:
    rule = optimizer("adam", lr=0.1)
    return FitSettings(rule, batch=16, epochs=more.pop("epochs", 6), average=Average(0.8, 2), **more)


def test_training_evaluates_and_leaves_the_average() -> None:
    # A step of minus the gradient -1 counts the steps in `w`; the losses show what was evaluated.
    model = Scripted(lambda w: w, lambda w: 1.0)
    options = FitSettings(optimizer("sgd", lr=1), batch=2, epochs=3, average=Average(None, 2))
    history = fit(model, constant(4, 0), options)
    # Epoch 1 ends at 2; epochs 2 and 3 reach 3, 4 and 5, 6.
    assert [record.metrics["train"]["loss"] for record in history.records] == [2, 3.5, 4.5]
    assert float(model.params["w"]) == 4.5


def trained(model: Model, options: FitSettings, start: Snapshot | None = None) -> Snapshot:
    """The state at the end."""
    last = Last()
    trainer = Trainer(model, regression(), options, Silent(), last)
    if start is not None:
        trainer.restore(start)
    trainer.run()
    return last.state


def test_training_goes_on_from_the_weights_and_not_from_the_average() -> None:
    averaged, plain = Linear(3), Linear(3)
    found = trained(averaged, settings())
    expected = trained(plain, FitSettings(optimizer("adam", lr=0.1), 16, 6))
    for name in ("slot/m/w", "slot/v/b", "param/w"):
        np.testing.assert_array_equal(found.tensors[name], expected.tensors[name])
    assert (averaged.params["w"] != plain.params["w"]).all()


def test_it_goes_on_after_a_restart() -> None:
    whole, first, second = Linear(3), Linear(3), Linear(3)
    trained(whole, settings())
    trained(second, settings(), trained(first, settings(epochs=3)))
    for name in ("w", "b"):
        np.testing.assert_array_equal(second.params[name], whole.params[name])


def test_a_rate_on_a_plateau_goes_on_after_a_restart() -> None:
    def options(epochs: int) -> FitSettings:
        rate = Schedule(parse_value(Source("rate", "0.1 * 0.5^worse * 0.1^stalled")))
        rule = optimizer("adam")
        rule = replace(rule, amounts={**rule.amounts, "lr": Amount(rate)})
        return FitSettings(rule, batch=16, epochs=epochs, stall=2)

    whole, first, second = Linear(3), Linear(3), Linear(3)
    end = trained(whole, options(30))
    assert end.numbers["descent"]["update"]["worse"] > 1
    trained(second, options(30), trained(first, options(17)))
    np.testing.assert_array_equal(second.params["w"], whole.params["w"])


def test_a_schedule_that_asks_for_validation_needs_some() -> None:
    rule = optimizer("adam")
    amounts = {**rule.amounts, "lr": Amount(Schedule(parse_value(Source("rate", "0.1 * 0.5^worse"))))}
    with pytest.raises(GraphcError, match="E503"):
        fit(Linear(3), regression(0, 0), FitSettings(replace(rule, amounts=amounts)))
