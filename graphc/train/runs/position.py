"""Where a training stands between two steps, and the best that it has seen, as numbers that JSON keeps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from graphc.ir.op import Array
from graphc.train.reporting import Metrics
from graphc.view.results import plain


@dataclass
class Position:
    """Between which steps a training stands."""

    epoch: int = 0
    """Epochs that are finished."""
    batch: int = 0
    """Batches that were taken since."""
    step: int = 0
    """Steps that were taken in all."""
    seconds: float = 0.0
    """How long the training has taken."""
    norms: float = 0.0
    """The sum of the gradients' norms of those batches."""
    lr: float | None = None
    """The learning rate of the last step."""
    gradients: Metrics = field(default_factory=dict)
    """The norm of each parameter's gradient at that step, where it is asked for."""
    moves: Metrics = field(default_factory=dict)
    """How far that step moved each parameter, relative to its norm."""
    metrics: dict[str, Metrics] = field(default_factory=dict)
    """What was measured after the last epoch, by part."""

    def numbers(self) -> dict[str, Any]:
        """What `of` makes it of again."""
        found: dict[str, Any] = plain(asdict(self))
        return found

    @classmethod
    def of(cls, numbers: Mapping[str, Any]) -> Position:
        """Raises KeyError, TypeError or ValueError for numbers that are none of a position."""
        epoch, batch, step = (int(numbers[name]) for name in ("epoch", "batch", "step"))
        seconds, norms = float(numbers["seconds"]), float(numbers["norms"])
        lr = None if numbers["lr"] is None else float(numbers["lr"])
        gradients, moves = _figures(numbers["gradients"]), _figures(numbers["moves"])
        return cls(epoch, batch, step, seconds, norms, lr, gradients, moves, _metrics(numbers))


@dataclass
class Best:
    """Weights and running statistics of the epoch with the lowest validation loss so far, if there is one."""

    loss: float = math.inf
    epoch: int = 0
    step: int = 0
    metrics: dict[str, Metrics] = field(default_factory=dict)
    state: Mapping[str, Array] = field(default_factory=dict)

    def numbers(self) -> dict[str, Any]:
        """What `of` makes it of again, together with `state`."""
        found: dict[str, Any] = plain(
            {"loss": self.loss, "epoch": self.epoch, "step": self.step, "metrics": self.metrics}
        )
        return found

    @classmethod
    def of(cls, numbers: Mapping[str, Any], state: Mapping[str, Array]) -> Best:
        """Raises as `Position.of` does."""
        return cls(
            float(numbers["loss"]), int(numbers["epoch"]), int(numbers["step"]), _metrics(numbers), state
        )


def _metrics(numbers: Mapping[str, Any]) -> dict[str, Metrics]:
    return {part: _figures(table) for part, table in numbers["metrics"].items()}


def _figures(table: Mapping[str, Any]) -> Metrics:
    """Numbers by name; NaN and infinities are strings in JSON."""
    return {name: float(value) for name, value in table.items()}
