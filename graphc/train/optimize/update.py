"""An optimizer's step on a model's weights, and the norm of gradients."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from graphc.backend import Executable, Run
from graphc.backend.reference import execute
from graphc.frontend.optimizers import GRADIENT, WEIGHT
from graphc.ir.graph import Graph
from graphc.train.data.examples import Array
from graphc.train.optimize.course import Course, Plateau, Spread
from graphc.train.optimize.one_step import SCALE
from graphc.train.optimize.optimizers import Optimizer
from graphc.train.optimize.rules import MOVES, Rule, compile_rule, squares_graph
from graphc.train.protocol import Trainable
from graphc.train.state import Generations, Vector


class Update:
    """An optimizer's rule on a model's weights, with its state: slots of the weights' layout.

    With `maximize` the weights climb. `patience` is that of `Plateau`.
    """

    def __init__(
        self, optimizer: Optimizer, model: Trainable, *, maximize: bool = False, patience: int = 5
    ) -> None:
        rule = compile_rule(optimizer.definition, optimizer.library, optimizer.choices, optimizer.grouped)
        self.weights = model.weights
        layout, real = self.weights.layout, self.weights.now.flat.dtype
        self.slots = {slot: Generations(layout, real) for slot in rule.slots}
        self.lr: float | None = None
        """The learning rate of the last step."""
        self._course = Course(optimizer, rule, real)
        self._plateau = Plateau(patience)
        self._spread = {name: Spread(name, optimizer, layout, real) for name in optimizer.grouped}
        self._run = Run(real, batch=layout.size)
        self._scalars = {**self._course.scalars, SCALE: np.zeros((), real)}
        self._sign = -1.0 if maximize else 1.0
        self._first = self.weights.now
        self._calls = [_Call(rule, model, objective) for objective in range(model.objectives)]
        if rule.slots and not rule.starts_at_zero:
            self._start(rule.start)

    def _start(self, graph: Graph) -> None:
        """The state before the first step. It is made once: to compile anything for it would not pay."""
        options = self._course.options(1)
        inputs = {WEIGHT: self.weights.now.flat, **{n: np.asarray(v) for n, v in options.items()}}
        for name, spread in self._spread.items():
            spread.fill(options)
            inputs[name] = spread.flat
        for slot, values in execute(graph, inputs, self._run).items():
            for name, part in self.weights.layout.views(values).items():
                self.slots[slot].assign(name, part)

    def begin(self, epoch: int, steps: int | None = None) -> None:
        """From now on it is this epoch, from 1; `steps` is how many there will be in all, if it is known."""
        self._course.move(replace(self._course.moment, epoch=epoch, steps=steps))

    @property
    def is_judged(self) -> bool:
        """Whether it asks for the validation loss of each epoch."""
        return self._course.is_judged

    def judged(self, loss: float) -> None:
        """The validation loss after an epoch, or what else there is to get smaller."""
        self._plateau = self._plateau.after(self._sign * loss)
        self._tell()

    def _tell(self) -> None:
        moment, plateau = self._course.moment, self._plateau
        self._course.move(replace(moment, worse=plateau.worse, stalled=plateau.stalled))

    def state(self) -> dict[str, Array]:
        """The rule's state by name (`m/enc.Wf`), as views that hold until the next move."""
        return {
            f"{slot}/{name}": part
            for slot, vectors in self.slots.items()
            for name, part in vectors.now.parts.items()
        }

    def numbers(self) -> dict[str, int | float]:
        """The rest of its state."""
        return asdict(self._plateau)

    def restore(self, state: Mapping[str, Array], numbers: Mapping[str, Any] | None = None) -> None:
        """What `state` and `numbers` gave, again. Raises KeyError if a part of it is missing."""
        for slot, vectors in self.slots.items():
            for name in vectors.layout.shapes:
                vectors.assign(name, state[f"{slot}/{name}"])
        if numbers is not None:
            kinds = asdict(Plateau())
            self._plateau = Plateau(**{name: type(kinds[name])(numbers[name]) for name in kinds})
            self._tell()

    def __call__(self, gradients: Vector, step: int, objective: int = 0, scale: float = 1.0) -> None:
        """Move the weights that an objective moves, along gradients that are multiplied by `scale` first."""
        self._look_up(step)
        self._scalars[SCALE][()] = self._sign * scale
        call = self._calls[objective]
        moved = {WEIGHT: self.weights, **self.slots}
        inputs = {name: vectors.now.flat for name, vectors in moved.items()}
        outputs = {name: vectors.before.flat for name, vectors in moved.items()}
        spread = {name: spread.flat for name, spread in self._spread.items()}
        given = {**inputs, **spread, GRADIENT: gradients.flat, **self._scalars, **call.moves}
        call.turns[self.weights.now is self._first].run(given, self._run, outputs)
        for vectors in moved.values():
            vectors.turn()

    def _look_up(self, step: int) -> None:
        self._course.look_up(step)
        self.lr = self._course.option("lr", step)
        if self._spread:
            options = self._course.options(step)
            for spread in self._spread.values():
                spread.fill(options)

    def undo(self) -> None:
        """Weights and state as before the last move."""
        for vectors in (self.weights, *self.slots.values()):
            vectors.undo()


class _Call:
    """A step for one objective: the graph made ready, and where it moves anything.

    It is made ready twice, for the two vectors that take turns: an executable that gets the arrays of its
    last run again has nothing to bind.
    """

    def __init__(self, rule: Rule, model: Trainable, objective: int) -> None:
        moves = model.weights.layout.mask(model.moves(objective))
        graph = rule.step if moves.all() else rule.masked()
        self.moves: dict[str, Array] = {} if moves.all() else {MOVES: moves}
        self.turns: tuple[Executable, Executable] = (model.prepare(graph), model.prepare(graph))


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
