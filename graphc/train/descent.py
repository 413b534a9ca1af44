"""One optimizer step after another: every objective, clipping, and what happens where numbers run away."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from graphc.diagnostics import Diagnostic, GraphcError
from graphc.train.data import Array, Batch
from graphc.train.optimizers import clip_by_norm, global_norm
from graphc.train.protocol import StepResult, Trainable
from graphc.train.settings import FitSettings

_ADVICE = "a smaller learning rate or `clip = 1.0` in `fit` may help; so may `standardize` in `data`"
_NOTE = "the last weights with a finite loss are kept"


def runaway(code: str, message: str) -> GraphcError:
    """The fault of a loss or gradient that is no finite number."""
    return GraphcError(Diagnostic(code, message, note=_NOTE, help=_ADVICE))


class Descent:
    """Moves a model's parameters. Arrays are replaced, never written into, so keeping one costs nothing."""

    def __init__(self, model: Trainable, settings: FitSettings) -> None:
        self.model, self.settings = model, settings
        self.params = {name: np.array(model.params[name]) for name in model.trainable}
        self.previous = self.params
        self.state = settings.optimizer.start(self.params)
        self.carried: dict[str, Array] = {}
        """States of a long sequence's chunk, for the next one."""
        self.steps = 0

    def step(self, batch: Batch, place: str = "") -> float:
        """Descend along each objective in turn; the first one's loss before.

        Raises E501 or E502, with the last good weights put back. `place` goes into their messages.
        """
        number = self.steps + 1
        losses: list[float] = []
        updates: dict[str, Array] = {}
        for objective in range(self.model.objectives):
            result = self._along(objective, batch, number, f"step {number}{place}")
            losses.append(result.loss)
            updates = {**result.updates, **updates}
        self._keep(updates)
        self.steps = number
        return losses[0]

    def refresh(self) -> None:
        """Take over parameters that were assigned from outside since the last step."""
        self.params = {name: np.array(self.model.params[name]) for name in self.model.trainable}

    def undo(self) -> None:
        """Back to the parameters before the last move."""
        self._assign(self.previous)

    def _along(self, objective: int, batch: Batch, number: int, place: str) -> StepResult:
        result = self.model.gradients(batch, step=number, objective=objective)
        if not math.isfinite(result.loss):
            self.undo()
            raise runaway("E501", f"the loss is {result.loss} at {place}")
        gradients: dict[str, Array] = dict(result.gradients)
        norm = global_norm(gradients)
        if not math.isfinite(norm):
            bad = next((name for name, g in gradients.items() if not np.isfinite(g).all()), "all together")
            raise runaway("E502", f"the gradient of `{bad}` is not finite at {place}")
        if self.settings.clip is not None:
            gradients = clip_by_norm(gradients, self.settings.clip, norm)
        # A step that overflows is found by the next loss, and undone then.
        with np.errstate(over="ignore", invalid="ignore"):
            self.state, moved = self.settings.optimizer.update(self.state, self.params, gradients, number)
        self._assign(self.params | moved)
        return result

    def _assign(self, params: Mapping[str, Array]) -> None:
        self.previous, self.params = self.params, dict(params)
        for name, value in params.items():
            self.model.params[name] = np.asarray(value)

    def _keep(self, updates: Mapping[str, Array]) -> None:
        """Running statistics go to the model, carried states to the next chunk."""
        self.carried = {}
        for name, value in updates.items():
            if name in self.model.params:
                self.model.params[name] = value
            else:
                self.carried[name] = value
