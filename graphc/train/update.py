"""An optimizer's step on a model's weights, and the norm of gradients."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from graphc.backend import Executable, Run
from graphc.train.data import Array
from graphc.train.optimizers import Rule, squares_graph, update_graph
from graphc.train.protocol import Trainable
from graphc.train.state import Generations, Vector


class Update:
    """An optimizer's rule on a model's weights, with its state: slots of the weights' layout."""

    def __init__(self, rule: Rule, model: Trainable) -> None:
        self.rule = rule
        self.weights = model.weights
        layout, dtype = self.weights.layout, self.weights.now.flat.dtype
        self.slots = {slot: Generations(layout, dtype) for slot in rule.slots}
        self.lr: float | None = None
        """The learning rate of the last step."""
        self._run = Run(dtype)
        self._numbers: dict[str, Array] = {n: np.zeros((), dtype) for n in ("scale", *rule.numbers(1))}
        self._calls: list[tuple[Executable, dict[str, Array]]] = []
        for objective in range(model.objectives):
            moves = layout.mask(model.moves(objective))
            masked = not moves.all()
            executable = model.prepare(update_graph(rule, layout.size, masked=masked))
            self._calls.append((executable, {"moves": moves} if masked else {}))

    def state(self) -> dict[str, Array]:
        """The rule's state by name (`m/enc.Wf`), as views that hold until the next move."""
        return {
            f"{slot}/{name}": part
            for slot, vectors in self.slots.items()
            for name, part in vectors.now.parts.items()
        }

    def restore(self, state: Mapping[str, Array]) -> None:
        """What `state` gave, again. Raises KeyError if a part of it is missing."""
        for slot, vectors in self.slots.items():
            for name in vectors.layout.shapes:
                vectors.assign(name, state[f"{slot}/{name}"])

    def __call__(self, gradients: Vector, step: int, objective: int = 0, scale: float = 1.0) -> None:
        """Move the weights that an objective moves, along gradients that are multiplied by `scale` first."""
        numbers = self.rule.numbers(step)
        self.lr = numbers.get("lr")
        for name, value in numbers.items():
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
