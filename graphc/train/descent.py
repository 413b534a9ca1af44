"""One optimizer step after another: every objective, clipping, and what happens where numbers run away."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from graphc.backend import Executable, Run
from graphc.diagnostics import Diagnostic, GraphcError
from graphc.train.data import Array, Batch
from graphc.train.fit_settings import FitSettings
from graphc.train.optimizers import Rule, squares_graph, update_graph
from graphc.train.protocol import StepResult, Trainable
from graphc.train.state import Generations, Vector

_ADVICE = "a smaller learning rate or `clip = 1.0` in `fit` may help; so may `standardize` in `data`"
_NOTE = "the last weights with a finite loss are kept"


def runaway(code: str, message: str) -> GraphcError:
    """The fault of a loss or gradient that is no finite number."""
    return GraphcError(Diagnostic(code, message, note=_NOTE, help=_ADVICE))


class Update:
    """An optimizer's rule on a model's weights, with its state: slots of the weights' layout."""

    def __init__(self, rule: Rule, model: Trainable) -> None:
        self.rule = rule
        self.weights = model.weights
        layout, dtype = self.weights.layout, self.weights.now.flat.dtype
        self.slots = {slot: Generations(layout, dtype) for slot in rule.slots}
        self._run = Run(dtype)
        self._numbers: dict[str, Array] = {n: np.zeros((), dtype) for n in ("scale", *rule.numbers(1))}
        self._calls: list[tuple[Executable, dict[str, Array]]] = []
        for objective in range(model.objectives):
            moves = layout.mask(model.moves(objective))
            masked = not moves.all()
            executable = model.prepare(update_graph(rule, layout.size, masked=masked))
            self._calls.append((executable, {"moves": moves} if masked else {}))

    @property
    def state(self) -> dict[str, Array]:
        """The rule's state by name (`m/enc.Wf`), as views that hold until the next move."""
        return {
            f"{slot}/{name}": part
            for slot, vectors in self.slots.items()
            for name, part in vectors.now.parts.items()
        }

    def __call__(self, gradients: Vector, step: int, objective: int = 0, scale: float = 1.0) -> None:
        """Move the weights that an objective moves, along gradients that are multiplied by `scale` first."""
        for name, value in self.rule.numbers(step).items():
            self._numbers[name][()] = value
        self._numbers["scale"][()] = scale
        executable, moves = self._calls[objective]
        moved = {"w": self.weights, **self.slots}
        inputs = {name: vectors.now.flat for name, vectors in moved.items()}
        outputs = {name: vectors.before.flat for name, vectors in moved.items()}
        executable.run({**inputs, "g": gradients.flat, **self._numbers, **moves}, self._run, outputs)
        for vectors in moved.values():
            vectors.turn()

    def undo(self) -> None:
        """Weights and state as before the last move."""
        for vectors in (self.weights, *self.slots.values()):
            vectors.undo()


class Norm:
    """The norm of all gradients taken as one vector, at their own precision."""

    def __init__(self, model: Trainable) -> None:
        real = model.weights.now.flat.dtype
        self._squares = model.prepare(squares_graph(model.weights.layout.size))
        self._run = Run(real)
        self._result = {"squares": np.zeros((), real)}

    def __call__(self, flat: Array) -> float:
        """Of a vector of real numbers; NaN if one of them is not finite."""
        self._squares.run({"g": flat}, self._run, self._result)
        square = float(self._result["squares"])
        if math.isfinite(square):
            return math.sqrt(square)
        # Squares overflow long before the gradients do.
        largest = float(np.abs(flat).max(initial=0))
        return largest * self(flat / largest) if math.isfinite(largest) else math.nan


class Descent:
    """Moves a model's parameters by a `fit` block."""

    def __init__(self, model: Trainable, settings: FitSettings) -> None:
        self.model, self.settings = model, settings
        self.update = Update(settings.optimizer, model)
        self.norm = Norm(model)
        self.carried: Mapping[str, Array] = {}
        """States of a long sequence's chunk, for the next one."""
        self.steps = 0
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

    def undo(self) -> None:
        """Back to the parameters before the last move."""
        self.update.undo()

    def _along(self, objective: int, batch: Batch, number: int, place: str) -> float:
        result = self.model.gradients(batch, step=number, objective=objective)
        if not math.isfinite(result.loss):
            self.undo()
            raise runaway("E501", f"the loss is {result.loss} at step {number}{place}")
        norm = self.norm(result.gradients.flat)
        if not math.isfinite(norm):
            raise runaway(
                "E502", f"the gradient of {_not_finite(result)} is not finite at step {number}{place}"
            )
        limit = self.settings.clip
        scale = 1.0 if limit is None or norm <= limit else limit / norm
        # A step that overflows is found by the next loss, and undone then.
        self.update(result.gradients, number, objective, scale)
        return result.loss


def _not_finite(result: StepResult) -> str:
    bad = (name for name, part in result.gradients.parts.items() if not np.isfinite(part).all())
    return f"`{next(bad, 'all together')}`"
