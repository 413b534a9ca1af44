"""One optimizer step after another: every objective, clipping, and what happens where numbers run away."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from graphc.diagnostics import Diagnostic, GraphcError
from graphc.train.blame import Blame
from graphc.train.data import Array, Batch
from graphc.train.fit_settings import FitSettings
from graphc.train.protocol import StepResult, Trainable
from graphc.train.update import Norm, Update

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
        self.norm = Norm(model)
        self.carried: Mapping[str, Array] = {}
        """States of a long sequence's chunk, for the next one."""
        self.steps = 0
        self.gradient_norm = 0.0
        """Of the first objective at the last step, before clipping."""
        model.weights.settle()

    def step(self, batch: Batch, place: str = "") -> float:
        """Descend along each objective in turn; the first one's loss before.

        Raises E501 or E502, with the last good weights put back. `place` goes into their messages.
        """
        number = self.steps + 1
        first = self._along(0, batch, number, place)
        for objective in range(1, self.model.objectives):
            self._along(objective, batch, number, place)
        self.carried = self.model.keep()
        self.steps = number
        return first

    def restore(self, steps: int, state: Mapping[str, Array], carried: Mapping[str, Array]) -> None:
        """Go on after some steps, from what `update.state` and `carried` were then."""
        self.update.restore(state)
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
