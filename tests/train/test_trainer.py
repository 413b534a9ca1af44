"""The training loop on models written by hand: what it takes, when it ends, what it leaves."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable

import numpy as np
import pytest

from graphc.train.data.examples import Batch, Dataset
from graphc.train.data.loading import from_arrays
from graphc.train.data.settings import DataSettings
from graphc.train.fit_settings import FitSettings
from graphc.train.optimize.optimizers import optimizer
from graphc.train.protocol import StepResult
from graphc.train.reporting import EpochRecord, History, Lines, Plan, Silent, StepRecord
from graphc.train.trainer import Diverged, fit
from tests.train.models import Carrying, Linear, Scripted, spec, specs


def regression(validation: float = 0.2, test: float = 0.2) -> Dataset:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(100, 3))
    y = x @ [1.0, -2.0, 0.5] + 3
    settings = DataSettings(validation=validation, test=test)
    return from_arrays(specs(spec("x", 3), spec("y")), {"x": x, "y": y}, settings=settings)


def constant(count: int = 4, validation: int = 2) -> Dataset:
    settings = DataSettings(validation=validation)
    return from_arrays(specs(spec("x")), {"x": np.zeros(count)}, settings=settings)


def test_it_learns() -> None:
    model = Linear(3)
    history = fit(model, regression(), FitSettings(optimizer("adam", lr=0.1), batch=16, epochs=60))
    np.testing.assert_allclose(model.params["w"], [1, -2, 0.5], atol=1e-3)
    assert model.params["b"] == pytest.approx(3, abs=1e-3)
    assert (history.epochs, history.steps, history.ending) == (60, 240, "epochs")
    assert set(history.metrics) == {"train", "validation", "test"}
    assert history.metrics["test"]["loss"] < 1e-5
    assert history.seconds > 0


def test_a_step_is_the_rule_applied_to_the_gradient() -> None:
    model, twin = Linear(3), Linear(3)
    dataset = regression(0, 0)
    fit(model, dataset, FitSettings(optimizer("momentum", lr=0.1), batch=None, steps=3, epochs=None))
    velocity = {name: np.zeros_like(twin.params[name]) for name in twin.trainable}
    batch = dataset.train.table.batch(np.arange(100))
    for _ in range(3):
        result = twin.gradients(batch, step=1)
        for name, gradient in result.gradients.parts.items():
            velocity[name] = 0.9 * velocity[name] + gradient
            twin.params[name] = twin.params[name] - 0.1 * velocity[name]
    for name in twin.trainable:
        np.testing.assert_allclose(model.params[name], twin.params[name], rtol=1e-12)


def test_the_test_part_is_seen_once_and_trains_nothing() -> None:
    model, dataset = Linear(3), regression()
    fit(model, dataset, FitSettings(epochs=3))
    held = set(dataset.test.rows.tolist())  # type: ignore[union-attr]
    assert not held & set(np.concatenate(model.seen).tolist())
    assert [bool(held & set(ids.tolist())) for ids in model.reported] == [False] * 6 + [True]


def test_each_epoch_sees_each_training_example_once() -> None:
    model, dataset = Linear(3), regression()
    fit(model, dataset, FitSettings(batch=7, epochs=2))
    ids = np.concatenate(model.seen).reshape(2, -1)
    rows = dataset.train.rows.tolist()  # type: ignore[union-attr]
    assert [sorted(epoch.tolist()) for epoch in ids] == [rows, rows]
    assert ids[0].tolist() != ids[1].tolist()


def test_the_same_seed_gives_the_same_weights() -> None:
    models = [Linear(3) for _ in range(3)]
    for model, seed in zip(models, [5, 5, 6], strict=True):
        fit(model, regression(), FitSettings(batch=8, epochs=2, seed=seed))
    assert (models[0].params["w"] == models[1].params["w"]).all()
    assert (models[0].params["w"] != models[2].params["w"]).any()


def test_running_statistics_are_kept() -> None:
    model = Linear(3)
    fit(model, regression(), FitSettings(epochs=1))
    assert model.params["mean"].any()


def test_order_without_shuffling() -> None:
    model = Linear(3)
    fit(model, regression(0, 0), FitSettings(batch=50, epochs=1, shuffle=False))
    assert np.concatenate(model.seen).tolist() == list(range(100))


@pytest.mark.parametrize(
    ("patience", "epochs", "best"),
    [(1, 4, 3), (2, 5, 3), (3, 9, 6), (4, 12, 12), (20, 12, 12)],
)
def test_early_stopping_restores_the_best_weights(patience: int, epochs: int, best: int) -> None:
    # The loss after each of 12 epochs; one step each, so that w is the number of the epoch.
    losses = [0.0, 9, 8, 5, 6, 6, 4, 5, 4, 6, 6, 6, 3]
    model = Scripted(lambda w: losses[int(w)])
    settings = FitSettings(optimizer("sgd", lr=1), epochs=12, patience=patience)
    history = fit(model, constant(), settings)
    if patience == 4:
        # Epoch 8 only equals the best: it does not count, and epoch 10 is the fourth without a better one.
        epochs, best = 10, 6
    assert (history.epochs, history.best_epoch) == (epochs, best)
    assert model.params["w"] == best
    assert model.params["s"] == best
    assert history.metrics["validation"]["loss"] == losses[best]
    assert history.ending == ("epochs" if epochs == 12 else "patience")


def test_without_early_stopping_the_last_weights_stay() -> None:
    model = Scripted(lambda w: w)
    history = fit(model, constant(), FitSettings(optimizer("sgd", lr=1), epochs=4))
    assert model.params["w"] == 4
    assert history.best_epoch == 4


def test_a_training_part_without_a_finite_loss_ends_it() -> None:
    model = Scripted(lambda w: float("nan") if w == 2 else 5 - w)
    with pytest.raises(Diverged, match="loss over the training part is nan after epoch 2"):
        fit(model, constant(), FitSettings(optimizer("sgd", lr=1), epochs=4, patience=5))
    assert model.params["w"] == 1


def test_a_validation_loss_of_nan_is_no_improvement() -> None:
    class OnValidation(Scripted):
        def report(self, batches: Iterable[Batch]) -> dict[str, float]:
            loss = super().report(batches)["loss"]
            # Parts are measured in turn: training first, then validation.
            return {"loss": loss if self.reports % 2 == 0 else 1.0}

    model = OnValidation(lambda w: float("nan") if w > 2 else 5 - w)
    history = fit(model, constant(), FitSettings(optimizer("sgd", lr=1), epochs=9, patience=3))
    assert (history.epochs, history.best_epoch, history.ending) == (5, 2, "patience")
    assert model.params["w"] == 2


def test_steps_end_in_the_middle_of_an_epoch() -> None:
    model = Scripted(lambda w: 1.0)
    history = fit(model, constant(10, 2), FitSettings(optimizer("sgd", lr=1), batch=2, epochs=None, steps=6))
    assert (history.steps, history.epochs, history.ending) == (6, 2, "steps")


def test_clipping_bounds_the_step() -> None:
    model = Scripted(lambda w: 1.0, gradient=lambda w: -1000.0)
    fit(model, constant(), FitSettings(optimizer("sgd", lr=1), epochs=1, clip=0.5))
    assert model.params["w"] == 0.5


def test_a_loss_of_nan_keeps_the_last_good_weights() -> None:
    model = Scripted(lambda w: 1.0, training=lambda w: float("nan") if w > 2 else 1.0)
    with pytest.raises(Diverged, match=r"loss is nan at step 4 \(epoch 4\)") as caught:
        fit(model, constant(), FitSettings(optimizer("sgd", lr=1), epochs=9))
    assert model.params["w"] == 2
    assert caught.value.history.steps == 3


def test_a_gradient_that_is_not_finite_takes_no_step() -> None:
    model = Scripted(lambda w: 1.0, gradient=lambda w: float("inf") if w > 1 else -1.0)
    with pytest.raises(Diverged, match=r"gradient of `w` is not finite at step 3"):
        fit(model, constant(), FitSettings(optimizer("sgd", lr=1), epochs=9))
    assert model.params["w"] == 2


def test_an_overflowing_step_is_undone() -> None:
    model = Scripted(lambda w: 1.0, training=lambda w: w, gradient=lambda w: -1e308)
    with pytest.raises(Diverged, match="loss is inf"):
        fit(model, constant(), FitSettings(optimizer("sgd", lr=1), epochs=9))
    assert np.isfinite(model.params["w"])


def test_interrupt_finishes_the_step() -> None:
    model = Scripted(lambda w: 1.0)
    model.on_step = lambda step: os.kill(os.getpid(), signal.SIGINT) if step == 7 else None
    settings = DataSettings(validation=2, test=2)
    dataset = from_arrays(specs(spec("x")), {"x": np.zeros(8)}, settings=settings)
    before = signal.getsignal(signal.SIGINT)
    history = fit(model, dataset, FitSettings(optimizer("sgd", lr=1), batch=1, epochs=9))
    assert (history.ending, history.steps, history.epochs) == ("interrupt", 7, 1)
    assert model.params["w"] == 7
    assert set(history.metrics) == {"train", "validation"}
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_interrupt_stops_at_once() -> None:
    model = Scripted(lambda w: 1.0)

    def interrupt(step: int) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    model.on_step = interrupt
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fit(model, constant(), FitSettings(optimizer("sgd", lr=1)))
    assert signal.getsignal(signal.SIGINT) is before


def test_chunks_carry_their_states() -> None:
    model = Carrying()
    dataset = from_arrays(model.inputs, {"x": np.ones((1, 11))}, bptt=4)
    fit(model, dataset, FitSettings(batch=2, epochs=2, bptt=2))
    epoch = [[2.0, 2.0], [4.0, 4.0], [5.0, 5.0]]
    assert model.sums == epoch + epoch


class Told(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.steps: list[StepRecord] = []
        self.epochs: list[EpochRecord] = []
        self.events: list[str] = []

    def started(self, plan: Plan) -> None:
        self.plan = plan
        self.events.append("started")

    def stepped(self, record: StepRecord) -> None:
        self.steps.append(record)
        self.events.append("stepped")

    def judged(self, record: EpochRecord) -> None:
        self.epochs.append(record)
        self.events.append("judged")

    def ended(self, history: History) -> None:
        self.events.append("ended")


def test_what_happens_is_told_in_order() -> None:
    told = Told()
    model = Scripted(lambda w: 0.25, training=lambda w: 5 - w, gradient=lambda w: -1 - w)
    fit(
        model, constant(6, 2), FitSettings(optimizer("sgd", lr=1), batch=2, epochs=2, clip=1.5), reporter=told
    )
    assert told.plan == Plan(epochs=2, steps=None, steps_per_epoch=2)
    assert told.events == ["started", *(["stepped"] * 2 + ["judged"]) * 2, "ended"]
    assert [(record.epoch, record.step, record.loss) for record in told.steps[:3]] == [
        (1, 1, 5.0),
        (1, 2, 4.0),
        (2, 3, 2.5),
    ]
    assert [record.gradient_norm for record in told.steps[:3]] == [1, 2, 3.5]
    assert [(record.epoch, record.step, record.epochs) for record in told.epochs] == [(1, 2, 2), (2, 4, 2)]
    assert told.epochs[0].gradient_norm == 1.5
    assert told.epochs[0].lr == 1
    assert told.epochs[0].examples_per_second is not None


class Compiling(Scripted):
    """Compiles for seven seconds at its first step; a step takes one second, a report a hundred."""

    def __init__(self, clock: list[float]) -> None:
        super().__init__(lambda w: 0.25)
        self.clock = clock

    def gradients(self, batch: Batch, *, step: int, objective: int = 0) -> StepResult:
        if not self.compile_seconds:
            self.compile_seconds = 7.0
            self.clock[0] += 7
        self.clock[0] += 1
        return super().gradients(batch, step=step, objective=objective)

    def report(self, batches: Iterable[Batch]) -> dict[str, float]:
        self.clock[0] += 100
        return super().report(batches)


def test_compiling_takes_none_of_a_trainings_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("graphc.train.trainer.time.perf_counter", lambda: clock[0])
    history = fit(Compiling(clock), constant(6, 2), FitSettings(optimizer("sgd", lr=1), batch=2, epochs=2))
    assert clock[0] == 411
    assert [record.seconds for record in history.records] == [202, 404]
    assert [record.examples_per_second for record in history.records] == [2, 2]


def test_magnitudes_are_told_to_whom_they_matter() -> None:
    told = Told()
    told.wants_magnitudes = True
    model = Scripted(lambda w: 0.25, gradient=lambda w: -1 - w)
    fit(model, constant(6, 2), FitSettings(optimizer("sgd", lr=1), batch=2, epochs=2), reporter=told)
    # w is 0, 1, 3, 7, 15: each step moves it by w + 1.
    assert [record.gradients for record in told.epochs] == [{"w": 2.0}, {"w": 8.0}]
    assert [record.moves for record in told.epochs] == [{"w": 2.0}, {"w": pytest.approx(8 / 7)}]
    again = Told()
    fit(model, constant(), FitSettings(optimizer("sgd", lr=1), epochs=1), reporter=again)
    assert again.epochs[0].gradients == {}


def test_lines_leave_stdout_alone(capsys: pytest.CaptureFixture[str]) -> None:
    fit(Scripted(lambda w: 0.25), constant(), FitSettings(optimizer("sgd", lr=1), epochs=2), reporter=Lines())
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = printed.err.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("epoch 2/2, step 2: train loss 0.25 | validation loss 0.25 | ")
