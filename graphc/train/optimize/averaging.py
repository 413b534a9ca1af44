"""The average of the weights over the steps: it is evaluated and kept, while training moves the weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.backend import Run
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Value
from graphc.ir.op import Array
from graphc.ops.elementwise import ADD, MUL, SUB
from graphc.train.protocol import Trainable
from graphc.train.state import Generations
from graphc.types import BATCH, TensorType


@dataclass(frozen=True)
class Average:
    """`ema(decay)`: the decay of the old average; `decay` None: all weights count alike. From an epoch on."""

    decay: float | None
    epoch: int = 1


class Averaging:
    """An average of a model's weights; before its first epoch there is none.

    a <- a + r (w - a) with r = 1 - decay, or r = 1 / n for the n-th weights (Polyak and Juditsky 1992). The
    first weights that are taken are the first average.
    """

    def __init__(self, average: Average, model: Trainable) -> None:
        self.average, self.weights = average, model.weights
        layout, real = self.weights.layout, self.weights.now.flat.dtype
        self.count = 0
        """How many weights were taken."""
        self._mean = Generations(layout, real)
        self._rate = np.zeros((), real)
        self._run = Run(real, batch=layout.size)
        self._executable = model.prepare(_graph())

    def take(self, epoch: int) -> None:
        """The weights as they are now, behind a step of this epoch."""
        if epoch < self.average.epoch:
            return
        self.count += 1
        decay = self.average.decay
        self._rate[()] = 1 / self.count if decay is None or self.count == 1 else 1 - decay
        inputs = {"mean": self._mean.now.flat, "w": self.weights.now.flat, "rate": self._rate}
        self._executable.run(inputs, self._run, {"mean": self._mean.before.flat})
        self._mean.turn()

    def undo(self) -> None:
        """As before the last weights were taken."""
        if self.count:
            self.count -= 1
            self._mean.undo()

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside, the average stands in for the model's weights, if there is one yet."""
        if not self.count:
            yield
            return
        weights = self.weights.now.flat
        kept = weights.copy()
        np.copyto(weights, self._mean.now.flat)
        try:
            yield
        finally:
            np.copyto(weights, kept)

    def conclude(self) -> None:
        """From now on the average is the model's weights, if there is one."""
        if self.count:
            for name, part in self._mean.now.parts.items():
                self.weights.assign(name, part)

    def state(self) -> dict[str, Array]:
        """The average by name, as views that hold until the next step; nothing before its first epoch."""
        return dict(self._mean.now.parts) if self.count else {}

    def numbers(self) -> dict[str, int]:
        """The rest of its state."""
        return {"count": self.count}

    def restore(self, state: Mapping[str, Array], numbers: Mapping[str, Any]) -> None:
        """What `state` and `numbers` gave, again. Raises KeyError if a part of it is missing."""
        self.count = int(numbers["count"])
        for name in self._mean.layout.shapes if self.count else ():
            self._mean.assign(name, state[name])


def _graph() -> Graph:
    b = Builder()
    vector = TensorType.of("real", (BATCH,))
    mean, w, rate = Value(vector, "mean"), Value(vector, "w"), Value(TensorType.of("real"), "rate")
    moved = b(ADD, mean, b(MUL, rate, b(SUB, w, mean)))
    return Graph((mean, w, rate), tuple(b.nodes), {"mean": moved})
