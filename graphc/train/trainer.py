"""The training loop: steps, epochs, what is measured after each, when it ends, and how it goes on.

A training is a state that steps move. All of it is in arrays and numbers (`Trainer.snapshot`), so that it can
be kept between any two steps and be restored: the steps behind give the same bits then.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from graphc.diagnostics import Diagnostic, GraphcError, fault
from graphc.train.data.batches import batches_in_epoch, training_batches
from graphc.train.data.examples import Batch, Dataset
from graphc.train.descent import RUNAWAY, Descent
from graphc.train.evaluation import Evaluator
from graphc.train.fit_settings import FitSettings
from graphc.train.interrupts import Interrupts
from graphc.train.protocol import Trainable
from graphc.train.reporting import Ending, EpochRecord, History, Metrics, Plan, Reporter, Silent, StepRecord
from graphc.train.requirements import check_judged, check_parts
from graphc.train.runs.checkpoint import under, within
from graphc.train.runs.keeping import Keeper, Snapshot, Unkept
from graphc.train.runs.position import Best, Position


class Diverged(GraphcError):
    """Training stopped at a loss or gradient that is no finite number; the last good weights are kept."""

    def __init__(self, diagnostic: Diagnostic, history: History) -> None:
        super().__init__(diagnostic)
        self.history = history


def fit(
    model: Trainable,
    dataset: Dataset,
    settings: FitSettings,
    *,
    reporter: Reporter | None = None,
    keeper: Keeper | None = None,
    start: Snapshot | None = None,
) -> History:
    """Train until the epochs or steps are done, validation stops getting better, or Ctrl-C.

    With `patience` the weights left are those of the best epoch by validation loss. `start` is the state
    to go on from, one that `keeper` has written. Raises E503, E640 for a state of another training, and
    what the model and the data raise.
    """
    check_parts(settings, dataset)
    trainer = Trainer(model, dataset, settings, reporter or Silent(), keeper or Unkept())
    if trainer.descent.update.is_judged:
        check_judged(settings, dataset)
    if start is not None:
        try:
            trainer.restore(start)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise fault("E640", "the state to go on from is not that of a training like this one") from None
    return trainer.run()


class Trainer:
    """A training between its beginning and its end."""

    def __init__(
        self,
        model: Trainable,
        dataset: Dataset,
        settings: FitSettings,
        reporter: Reporter,
        keeper: Keeper,
    ) -> None:
        self.model, self.dataset, self.settings = model, dataset, settings
        self.reporter, self.keeper = reporter, keeper
        self.at = Position()
        self.descent = Descent(model, settings)
        keeps_best = settings.patience is not None or keeper.wants_best
        self.evaluator = Evaluator(model, dataset, settings, reporter, keeps_best=keeps_best)
        self.history = History()
        self._resumed = False
        self._examples, self._stepping = 0, 0.0
        """Examples of this epoch's steps so far, and the seconds that they took."""
        self._began = self._now()

    # ---------------------------------------------------------------------------------- its state

    def snapshot(self) -> Snapshot:
        """All of it: what `restore` takes. The arrays hold until the next step."""
        best = self.evaluator.best
        tensors = {**self.model.state(), **self.descent.state(), **under("best", best.state)}
        if self.at.batch:
            # No loss has shown yet that the last move was a good one: it can still be taken back.
            tensors |= under("before", self.model.weights.before.parts)
            tensors |= under("carried", self.descent.carried)
            self._note_magnitudes()
        self.at.seconds = self._seconds()
        numbers = {**self.at.numbers(), "descent": self.descent.numbers(), "best": best.numbers()}
        return Snapshot(tensors, numbers)

    def restore(self, start: Snapshot) -> None:
        """Take over a state. Raises KeyError, TypeError or ValueError if it is another one's."""
        numbers, tensors = start.numbers, start.tensors
        self.at = Position.of(numbers)
        self.evaluator.best = Best.of(numbers["best"], within("best", tensors))
        self.model.restore(tensors)
        carried = within("carried", tensors)
        self.descent.restore(self.at.step, tensors, numbers["descent"], carried)
        for name, part in within("before", tensors).items():
            self.model.weights.before.parts[name][...] = part
        self.history.records = self.keeper.resume(start)
        self._began = self._now() - self.at.seconds
        self._resumed = True

    def _keep(self) -> None:
        self.keeper.keep(self.snapshot(), self._best())

    def _keep_if_due(self) -> None:
        if self.keeper.is_due(self.at.epoch, self.at.step):
            self._keep()

    def _best(self) -> Snapshot | None:
        """The weights alone: a program to use, no training to go on with."""
        best = self.evaluator.best
        return Snapshot(best.state, best.numbers()) if best.epoch else None

    def _now(self) -> float:
        """The seconds of a clock that stands still while something is compiled."""
        return time.perf_counter() - self.model.compile_seconds

    def _seconds(self) -> float:
        return self._now() - self._began

    # ----------------------------------------------------------------------------------- the loop

    def run(self) -> History:
        """From where it stands to an end. Raises `Diverged`, and what the model and the data raise."""
        self.reporter.started(self._plan())
        with Interrupts() as interrupts:
            if not self._resumed:
                self.keeper.begin(self.snapshot())
            while (ending := self._ending()) is None:
                self._keep_if_due()
                self._epoch(interrupts)
                if interrupts.seen():
                    break
                if self._has_all_steps:
                    # To go on later means to go on in the middle of the epoch that is judged now.
                    self._keep()
                    self._evaluate()
                    return self._close(self._ending() or "steps", kept=True)
                self._evaluate()
                if interrupts.seen():
                    break
            return self._close(ending or "interrupt")

    def _plan(self) -> Plan:
        count = batches_in_epoch(self.dataset.train, self.settings)
        at, settings = self.at, self.settings
        return Plan(settings.epochs, settings.steps, count, at.epoch, at.step, settings.patience)

    @property
    def _has_all_steps(self) -> bool:
        """More than all, where a run goes on with fewer than it has taken."""
        return self.settings.steps is not None and self.at.step >= self.settings.steps

    def _ending(self) -> Ending | None:
        """Why nothing is left to do between two epochs, if it is so."""
        at, settings = self.at, self.settings
        if at.batch:
            return None
        if settings.patience is not None and at.epoch - self.evaluator.best.epoch >= settings.patience:
            return "patience"
        if self._has_all_steps:
            return "steps"
        return "epochs" if settings.epochs is not None and at.epoch >= settings.epochs else None

    def _epoch(self, interrupts: Interrupts) -> None:
        """The steps that are left of an epoch, or fewer."""
        at, settings = self.at, self.settings
        batches = training_batches(self.dataset.train, settings, epoch=at.epoch + 1, start=at.batch)
        self.descent.begin(at.epoch + 1, self._plan().steps_in_all)
        self._examples, self._stepping = 0, 0.0
        while not (interrupts.seen() or self._has_all_steps):
            began = self._now()
            batch = self._next(batches)
            if batch is None:
                break
            self._step(batch)
            self._examples += batch.size
            self._stepping += self._now() - began
            self._keep_if_due()

    def _next(self, batches: Iterator[Batch]) -> Batch | None:
        """Raises what the data raises; nothing is lost then."""
        try:
            return next(batches, None)
        except Exception:
            self._keep()
            raise

    def _step(self, batch: Batch) -> None:
        at, descent = self.at, self.descent
        if not batch.first:
            batch = replace(batch, carried=descent.carried)
        try:
            loss = descent.step(batch, f" (epoch {at.epoch + 1})")
        except GraphcError as error:
            raise self._diverged(error) from None
        at.step, at.batch = descent.steps, at.batch + 1
        norm, at.lr = descent.gradient_norm, descent.update.lr
        at.norms += norm
        self.reporter.stepped(StepRecord(at.epoch + 1, at.step, loss, norm, at.lr, batch.size))

    def _evaluate(self) -> None:
        """The end of an epoch. Raises `Diverged` if the loss over the training part is not finite."""
        at = self.at
        number = at.epoch + 1
        self._note_magnitudes()
        try:
            with self.descent.averaged():
                metrics = self.evaluator.measure(number, at.step)
        except GraphcError as error:
            if error.diagnostics[0].code in RUNAWAY:
                self.descent.undo()
            raise self._diverged(error) from None
        if (judged := metrics.get("validation", {}).get("loss")) is not None:
            self.descent.update.judged(judged)
        record = self._record(number, metrics)
        self.at = replace(at, epoch=number, batch=0, norms=0.0, gradients={}, moves={}, metrics=metrics)
        self.history.records.append(record)
        self.reporter.judged(record)
        self.keeper.record(record)

    def _note_magnitudes(self) -> None:
        """Of the last step, if somebody asks for it. Behind a pause no step may be left to an epoch's end."""
        if self.descent.gradients and (self.reporter.wants_magnitudes or self.keeper.wants_magnitudes):
            self.at.gradients, self.at.moves = self.descent.magnitudes()

    def _record(self, number: int, metrics: dict[str, Metrics]) -> EpochRecord:
        at = self.at
        return EpochRecord(
            number,
            self.settings.epochs,
            at.step,
            metrics,
            self._seconds(),
            at.lr,
            at.norms / max(1, at.batch),
            self._examples / self._stepping if self._stepping else None,
            at.gradients,
            at.moves,
        )

    # ------------------------------------------------------------------------------------ its end

    def _close(self, ending: Ending, *, kept: bool = False) -> History:
        """Raises E606 if a run could not be kept as it ended."""
        history, at = self.history, self.at
        if kept:
            self.keeper.keep_best(self._best())
        else:
            self._keep()
        history.best_epoch, history.metrics = at.epoch, dict(at.metrics)
        if self.descent.average is not None:
            self.descent.average.conclude()
        if self.settings.patience is not None and self.evaluator.best.epoch:
            self.model.restore(self.evaluator.best.state)
            history.best_epoch, history.metrics = self.evaluator.best.epoch, dict(self.evaluator.best.metrics)
        if ending != "interrupt" and (measured := self.evaluator.test()) is not None:
            history.metrics["test"] = measured
        history.ending, history.epochs, history.steps = ending, at.epoch, at.step
        history.seconds = self._seconds()
        self.reporter.ended(history)
        self.keeper.end(history)
        return history

    def _diverged(self, error: GraphcError) -> GraphcError:
        """The fault with what was done so far; a fault of another kind as it is."""
        found, history = error.diagnostics[0], self.history
        history.epochs, history.steps, history.seconds = self.at.epoch, self.at.step, self._seconds()
        self.keeper.stop(self.at.step, found)
        return Diverged(found, self.history) if found.code in RUNAWAY else error
