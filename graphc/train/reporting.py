"""What a training says of itself: to a terminal, to a file of records, to the caller."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from graphc.diagnostics import Diagnostic
from graphc.view.numbers import brief
from graphc.view.progress import figures, rate

Metrics = dict[str, float]
Ending = Literal["epochs", "steps", "patience", "interrupt"]


@dataclass(frozen=True)
class Plan:
    """What lies ahead when a training begins or goes on. What only the data can tell is None."""

    epochs: int | None
    steps: int | None
    steps_per_epoch: int | None
    epoch: int = 0
    """Epochs that were finished before."""
    step: int = 0
    """Steps that were taken before."""
    patience: int | None = None
    """After how many epochs without a better validation loss it ends early."""

    @property
    def steps_in_all(self) -> int | None:
        """How many steps there are if nothing ends the training early; None if that is not known."""
        count = self.steps_per_epoch
        by_epochs = self.epochs * count if self.epochs is not None and count is not None else None
        known = [steps for steps in (self.steps, by_epochs) if steps is not None]
        return min(known, default=None)


@dataclass(frozen=True)
class StepRecord:
    """What a step was: the loss before it, and the norm of the gradients before they were clipped."""

    epoch: int
    step: int
    loss: float
    gradient_norm: float
    lr: float | None
    examples: int = 0
    """How many the step took."""


@dataclass(frozen=True)
class EpochRecord:
    """What was measured after an epoch, over whole parts: `metrics["validation"]["loss"]`.

    `seconds` are those of the whole training so far, without compiling; the norm of the gradients is the
    mean over the epoch's steps; examples per second are counted while steps are taken, not while parts are
    judged or something is compiled.
    """

    epoch: int
    epochs: int | None
    step: int
    metrics: dict[str, Metrics]
    seconds: float
    lr: float | None = None
    gradient_norm: float = 0.0
    examples_per_second: float | None = None
    gradients: Mapping[str, float] = field(default_factory=dict)
    """The norm of each parameter's gradient at the last step, if somebody asks for it."""
    moves: Mapping[str, float] = field(default_factory=dict)
    """How far the last step moved each parameter, by its own norm; given with `gradients`."""


@dataclass
class History:
    """What a training did. `metrics` holds for the weights that it left, and has the test part's figures.

    After an interrupt the metrics are those of the last whole epoch, and the test part is not looked at.
    """

    records: list[EpochRecord] = field(default_factory=list)
    epochs: int = 0
    """How many were finished."""
    steps: int = 0
    best_epoch: int = 0
    metrics: dict[str, Metrics] = field(default_factory=dict)
    seconds: float = 0.0
    ending: Ending = "epochs"


class Reporter(Protocol):
    """Is told what happens, in this order: started; stepped, measuring, judged as it comes; ended.

    What is compiled, saved and warned of can come at any time.
    """

    wants_magnitudes: bool
    """Whether `EpochRecord.gradients` and `moves` are asked for."""

    def compiling(self, what: str) -> None:
        """Compiling begins, and nothing else happens until it is `compiled`."""
        ...

    def compiled(self, what: str, seconds: float) -> None: ...

    def started(self, plan: Plan) -> None: ...

    def stepped(self, record: StepRecord) -> None: ...

    def measuring(self, part: str) -> None:
        """A part of the data is gone through."""
        ...

    def judged(self, record: EpochRecord) -> None:
        """An epoch is over, and the parts are measured."""
        ...

    def saved(self, path: Path, step: int) -> None:
        """The state after a step is on the disk."""
        ...

    def warned(self, warning: Diagnostic) -> None:
        """Something went wrong that training goes on without."""
        ...

    def ended(self, history: History) -> None: ...


class Silent:
    """Tells nobody. What others do not want to hear, they inherit."""

    wants_magnitudes = False

    def compiling(self, what: str) -> None:
        pass

    def compiled(self, what: str, seconds: float) -> None:
        pass

    def started(self, plan: Plan) -> None:
        pass

    def stepped(self, record: StepRecord) -> None:
        pass

    def measuring(self, part: str) -> None:
        pass

    def judged(self, record: EpochRecord) -> None:
        pass

    def saved(self, path: Path, step: int) -> None:
        pass

    def warned(self, warning: Diagnostic) -> None:
        pass

    def ended(self, history: History) -> None:
        pass


def to_stderr(line: str) -> None:
    """For logs and pipes; stdout is for data."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


class Lines(Silent):
    """A plain line for each epoch, and for each warning."""

    def __init__(self, write: Callable[[str], None] = to_stderr) -> None:
        self._write = write

    def judged(self, record: EpochRecord) -> None:
        self._write(epoch_line(record))

    def warned(self, warning: Diagnostic) -> None:
        self._write(warning.render())


class Log(Lines):
    """A line for everything: each graph that is compiled, each step, each epoch with all parameters."""

    wants_magnitudes = True

    def compiled(self, what: str, seconds: float) -> None:
        self._write(f"compiled {what} in {seconds:.2f} s")

    def started(self, plan: Plan) -> None:
        most = "at most " if plan.patience is not None else ""
        count = plan.steps_in_all
        steps = "an unknown number of steps" if count is None else f"{most}{count} steps"
        behind = f", {plan.step} of which were taken before" if plan.step else ""
        self._write(f"training: {steps}{behind}")

    def stepped(self, record: StepRecord) -> None:
        lr = "" if record.lr is None else f", lr {brief(record.lr)}"
        gradient = brief(record.gradient_norm)
        self._write(f"step {record.step}: loss {brief(record.loss)}, gradient {gradient}{lr}")

    def judged(self, record: EpochRecord) -> None:
        super().judged(record)
        for name, norm in record.gradients.items():
            moved = record.moves.get(name)
            by = "" if moved is None else f", moved by {brief(moved)} of its norm"
            self._write(f"  {name}: gradient {brief(norm)}{by}")

    def saved(self, path: Path, step: int) -> None:
        self._write(f"saved `{path}` after step {step}")


def epoch_line(record: EpochRecord) -> str:
    """An epoch in one plain line."""
    of = f"/{record.epochs}" if record.epochs else ""
    parts = [figures(record.metrics), f"gradient {brief(record.gradient_norm)}"]
    if record.examples_per_second is not None:
        parts.append(rate(record.examples_per_second))
    return f"epoch {record.epoch}{of}, step {record.step}: {' | '.join(parts)} | {record.seconds:.1f} s"
