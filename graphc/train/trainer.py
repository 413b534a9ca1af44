"""The training loop: steps, epochs, what is measured after each, and when it ends."""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import FrameType
from typing import Literal

from graphc.diagnostics import Diagnostic, GraphcError, fault
from graphc.train.batches import judging_batches, training_batches
from graphc.train.data import Array, Batch, Dataset, Examples
from graphc.train.descent import Descent, runaway
from graphc.train.fit_settings import FitSettings
from graphc.train.protocol import Trainable

Metrics = dict[str, float]
Ending = Literal["epochs", "steps", "patience", "interrupt"]


@dataclass(frozen=True)
class EpochRecord:
    """What was measured after an epoch, over whole parts: `metrics["validation"]["loss"]`."""

    epoch: int
    epochs: int | None
    step: int
    metrics: dict[str, Metrics]
    seconds: float


@dataclass
class History:
    """What a training did. `metrics` holds for the weights that it left, and has the test part's figures.

    After an interrupt the metrics are those of the last whole epoch, and the test part is not looked at.
    """

    records: list[EpochRecord] = field(default_factory=list)
    steps: int = 0
    best_epoch: int = 0
    metrics: dict[str, Metrics] = field(default_factory=dict)
    seconds: float = 0.0
    ending: Ending = "epochs"

    @property
    def epochs(self) -> int:
        """The number of epochs that were finished."""
        return len(self.records)


class Diverged(GraphcError):
    """Training stopped at a loss or gradient that is no finite number; the last good weights are kept."""

    def __init__(self, diagnostic: Diagnostic, history: History) -> None:
        super().__init__(diagnostic)
        self.history = history


def epoch_line(record: EpochRecord) -> str:
    """An epoch in one plain line."""
    of = f"/{record.epochs}" if record.epochs else ""
    parts = []
    for part, metrics in record.metrics.items():
        shown = ", ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        parts.append(f"{part} {shown}")
    return f"epoch {record.epoch}{of}, step {record.step}: {' | '.join(parts)} | {record.seconds:.1f} s"


def print_epoch(record: EpochRecord) -> None:
    """The line on stderr, for logs and pipes."""
    sys.stderr.write(epoch_line(record) + "\n")
    sys.stderr.flush()


def fit(
    model: Trainable,
    dataset: Dataset,
    settings: FitSettings,
    *,
    progress: Callable[[EpochRecord], None] | None = print_epoch,
) -> History:
    """Train until the epochs or steps are done, validation stops getting better, or Ctrl-C.

    With `patience` the weights left are those of the best epoch by validation loss.
    """
    if settings.patience is not None and dataset.validation is None:
        raise fault(
            "E503",
            "`stop = patience(n)` watches the validation part, and there is none",
            settings.spans.get("stop"),
            help="`data { validation = 0.2 }`",
        )
    return _Training(model, dataset, settings).run(progress)


@dataclass
class _Best:
    """The weights and running statistics of the epoch with the lowest validation loss so far."""

    loss: float = math.inf
    epoch: int = 0
    params: dict[str, Array] = field(default_factory=dict)


class _Training:
    """One call of `fit`."""

    def __init__(self, model: Trainable, dataset: Dataset, settings: FitSettings) -> None:
        self.model, self.dataset, self.settings = model, dataset, settings
        self.descent = Descent(model, settings)
        self.history = History()
        self.best = _Best()
        self.started = time.perf_counter()

    def run(self, progress: Callable[[EpochRecord], None] | None) -> History:
        with _Interrupt() as interrupt:
            ending: Ending | None = None
            while ending is None:
                epoch = self.history.epochs + 1
                for batch in training_batches(self.dataset.train, self.settings, epoch=epoch):
                    self._step(batch, epoch)
                    if interrupt.seen or self.history.steps == self.settings.steps:
                        break
                if interrupt.seen:
                    ending = "interrupt"
                    break
                record = self._evaluate(epoch)
                if progress is not None:
                    progress(record)
                ending = "interrupt" if interrupt.seen else self._judge(record)
            return self._close(ending)

    def _step(self, batch: Batch, epoch: int) -> None:
        if not batch.first:
            batch = replace(batch, carried=self.descent.carried)
        try:
            self.descent.step(batch, f" (epoch {epoch})")
        except GraphcError as error:
            raise self._diverged(error) from None
        self.history.steps = self.descent.steps

    def _evaluate(self, epoch: int) -> EpochRecord:
        metrics = {"train": self._report(self.dataset.train)}
        loss = metrics["train"].get("loss", 0.0)
        if not math.isfinite(loss):
            self.descent.undo()
            message = f"the loss over the training part is {loss} after epoch {epoch}"
            raise self._diverged(runaway("E501", message))
        if self.dataset.validation is not None:
            metrics["validation"] = self._report(self.dataset.validation)
        seconds = time.perf_counter() - self.started
        record = EpochRecord(epoch, self.settings.epochs, self.history.steps, metrics, seconds)
        self.history.records.append(record)
        return record

    def _report(self, part: Examples) -> Metrics:
        return self.model.report(judging_batches(part, self.settings))

    def _judge(self, record: EpochRecord) -> Ending | None:
        settings = self.settings
        if settings.patience is not None:
            loss = record.metrics["validation"]["loss"]
            if loss < self.best.loss:
                self.best = _Best(loss, record.epoch, dict(self.model.params))
            elif record.epoch - self.best.epoch >= settings.patience:
                return "patience"
        if self.history.steps == settings.steps:
            return "steps"
        return "epochs" if record.epoch == settings.epochs else None

    def _close(self, ending: Ending) -> History:
        history = self.history
        history.ending = ending
        history.best_epoch = self.best.epoch or history.epochs
        for name, value in self.best.params.items():
            self.model.params[name] = value
        if history.records:
            history.metrics = dict(history.records[history.best_epoch - 1].metrics)
        if self.dataset.test is not None and ending != "interrupt":
            history.metrics["test"] = self._report(self.dataset.test)
        history.seconds = time.perf_counter() - self.started
        return history

    def _diverged(self, error: GraphcError) -> GraphcError:
        """The fault with what was done so far; a fault of another kind as it is."""
        self.history.seconds = time.perf_counter() - self.started
        found = error.diagnostics[0]
        return Diverged(found, self.history) if found.code in ("E501", "E502") else error


class _Interrupt:
    """Notes the first Ctrl-C, so that the step is finished; the second one stops at once."""

    def __init__(self) -> None:
        self.seen = False
        # Only the main thread may handle signals.
        self._active = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> _Interrupt:
        if self._active:
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._active:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.seen:
            raise KeyboardInterrupt
        self.seen = True
