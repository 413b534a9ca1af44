"""What a training's state is outside of it, and who keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from graphc.diagnostics import Diagnostic
from graphc.ir.op import Array
from graphc.train.reporting import EpochRecord, History


@dataclass(frozen=True)
class Snapshot:
    """A training between two steps: arrays by kind and name, and numbers as JSON knows them."""

    tensors: Mapping[str, Array]
    numbers: Mapping[str, Any]

    @property
    def epoch(self) -> int:
        """Epochs that are finished."""
        epoch: int = self.numbers["epoch"]
        return epoch

    @property
    def step(self) -> int:
        """Steps that were taken."""
        step: int = self.numbers["step"]
        return step


class Keeper(Protocol):
    """Keeps a training's states."""

    wants_best: bool
    """Whether the best weights are asked for, though nothing goes back to them."""
    wants_magnitudes: bool
    """Whether records are to have `EpochRecord.gradients` and `moves`."""

    def begin(self, start: Snapshot) -> None:
        """Keep the state before the first step, so that what stands in the way is found before training."""
        ...

    def resume(self, start: Snapshot) -> list[EpochRecord]:
        """Take over from a state that was kept; the records of the epochs before."""
        ...

    def is_due(self, epoch: int, step: int) -> bool:
        """Whether it is time to keep the state after so many epochs and steps."""
        ...

    def keep(self, state: Snapshot, best: Snapshot | None) -> None:
        """Keep the state, and the best weights if others were kept last."""
        ...

    def keep_best(self, best: Snapshot | None) -> None:
        """Keep the best weights if others were kept last."""
        ...

    def record(self, record: EpochRecord) -> None:
        """Add an epoch to the record."""
        ...

    def stop(self, step: int, found: Diagnostic) -> None:
        """Add a fault that ends the training to the record."""
        ...

    def end(self, history: History) -> None:
        """Add the end to the record."""
        ...


class Unkept:
    """Keeps nothing."""

    wants_best = False
    wants_magnitudes = False

    def begin(self, start: Snapshot) -> None:
        pass

    def resume(self, start: Snapshot) -> list[EpochRecord]:
        return []

    def is_due(self, epoch: int, step: int) -> bool:
        return False

    def keep(self, state: Snapshot, best: Snapshot | None) -> None:
        pass

    def keep_best(self, best: Snapshot | None) -> None:
        pass

    def record(self, record: EpochRecord) -> None:
        pass

    def stop(self, step: int, found: Diagnostic) -> None:
        pass

    def end(self, history: History) -> None:
        pass
