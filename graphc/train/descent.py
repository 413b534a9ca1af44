"""One optimizer step after another: every objective, clipping, and what happens where numbers run away."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from graphc.diagnostics import Diagnostic, GraphcError
from graphc.train.blame import Blame
from graphc.train.data.examples import Array, Batch
from graphc.train.fit_settings import FitSettings
from graphc.train.optimize.averaging import Averaging
from graphc.train.optimize.magnitudes import norms, relative_moves
from graphc.train.optimize.update import Norm, Update
from graphc.train.protocol import StepResult, Trainable
from graphc.train.runs.checkpoint import under, within
from graphc.train.state import Vector
from graphc.view.results import plain

RUNAWAY = ("E501", "E502")
"""The codes of a loss and of a gradient that are no finite numbers."""

_ADVICE = "a smaller learning rate or `clip = 1.0` in `fit` may help; so may `standardize` in `data`"
_NOTE = "the last weights with a finite loss are kept"


def runaway(code: str, message: str, blame: Blame | None = None) -> GraphcError:
    """The fault of a loss or gradient that is no finite number; `blame` says where that began."""
    if blame is None:
        return GraphcError(Diagnostic(code, message, note=_NOTE, help=_ADVICE))
    message = f"{message}: {blame.what}"
    return GraphcError(Diagnostic(code, message, blame.span, blame.detail, help=f"{_NOTE}; {_ADVICE}"))


class Descent:
    """Moves a model's parameters by a `fit` block."""

    def __init__(self, model: Trainable, settings: FitSettings) -> None:
        self.model, self.settings = model, settings
        self.update = Update(settings.optimizer, model, maximize=settings.maximize, patience=settings.stall)
        self.average = Averaging(settings.average, model) if settings.average is not None else None
        self.norm = Norm(model)
        self.carried: Mapping[str, Array] = {}
        """States of a long sequence's chunk, for the next one."""
        self.steps = 0
        self.gradient_norm = 0.0
        """Of the first objective at the last step, before clipping."""
        self.gradients: dict[int, Vector] = {}
        """Those of each objective at the last step, before clipping. They hold until the next step."""
        weights = model.weights
        self.before = Vector(weights.layout, weights.now.flat.dtype) if model.objectives > 1 else None
        """The weights before the last step, where `weights.before` has those between two objectives."""
        model.weights.settle()
        self.begin(1, settings.steps)

    def begin(self, epoch: int, steps: int | None) -> None:
        """The epoch, from 1, that the next steps belong to; `steps` is how many there will be, if known."""
        self.epoch = epoch
        self.update.begin(epoch, steps)

    def step(self, batch: Batch, place: str = "") -> float:
        """Descend along each objective in turn; the first one's loss before.

        Raises E501 or E502, with the last good weights put back. `place` goes into their messages.
        """
        number = self.steps + 1
        if self.before is not None:
            np.copyto(self.before.flat, self.model.weights.now.flat)
        first = self._along(0, batch, number, place)
        for objective in range(1, self.model.objectives):
            self._along(objective, batch, number, place)
        if self.average is not None:
            self.average.take(self.epoch)
        self.carried = self.model.keep()
        self.steps = number
        return first

    def magnitudes(self) -> tuple[dict[str, float], dict[str, float]]:
        """Norms of gradients at the last step, before clipping, and relative moves, by parameter.

        Where several objectives move a parameter, the gradient is that of the first of them.
        """
        found: dict[str, float] = {}
        for objective, vector in self.gradients.items():
            moved = self.model.moves(objective)
            found |= {name: norm for name, norm in norms(vector, moved).items() if name not in found}
        return found, relative_moves(self.model.weights.now, self.before or self.model.weights.before)

    def averaged(self) -> AbstractContextManager[None]:
        """Inside, the weights are their average, if there is one: it is what is measured and kept."""
        return self.average.applied() if self.average is not None else nullcontext()

    def state(self) -> dict[str, Array]:
        """The optimizer's vectors (`slot/v/W`) and the average (`average/W`), valid until the next step."""
        average = self.average.state() if self.average is not None else {}
        return under("slot", self.update.state()) | under("average", average)

    def numbers(self) -> dict[str, Any]:
        """The numbers that belong to `state`, as JSON knows them."""
        average = self.average.numbers() if self.average is not None else {}
        found: dict[str, Any] = plain({"update": self.update.numbers(), "average": average})
        return found

    def restore(
        self,
        steps: int,
        state: Mapping[str, Array],
        numbers: Mapping[str, Any],
        carried: Mapping[str, Array],
    ) -> None:
        """Go on after some steps, from what `state`, `numbers` and `carried` were then."""
        self.update.restore(within("slot", state), numbers["update"])
        if self.average is not None:
            self.average.restore(within("average", state), numbers["average"])
        self.steps, self.carried = steps, carried

    def undo(self) -> None:
        """Back to the parameters before the last move."""
        self.update.undo()

    def _along(self, objective: int, batch: Batch, number: int, place: str) -> float:
        result = self.model.gradients(batch, step=number, objective=objective)
        if not math.isfinite(result.loss):
            found = self.model.blame(batch, step=number, objective=objective)
            self.undo()
            raise runaway("E501", f"the loss is {result.loss} at step {number}{place}", found)
        norm = self.norm(result.gradients.flat)
        if not math.isfinite(norm):
            found = self.model.blame(batch, step=number, objective=objective)
            raise runaway(
                "E502", f"the gradient of {_not_finite(result)} is not finite at step {number}{place}", found
            )
        self.gradients[objective] = result.gradients
        if objective == 0:
            self.gradient_norm = norm
        limit = self.settings.clip
        scale = 1.0 if limit is None or norm <= limit else limit / norm
        # A step that overflows is found by the next loss, and undone then.
        self.update(result.gradients, number, objective, scale)
        return result.loss


def _not_finite(result: StepResult) -> str:
    bad = (name for name, part in result.gradients.parts.items() if not np.isfinite(part).all())
    return f"`{next(bad, 'all together')}`"
