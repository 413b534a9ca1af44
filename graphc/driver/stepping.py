"""Sequences that grow step by step: the state that a step leaves is what the next one begins with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from graphc.backend import Executable, Run
from graphc.diagnostics import fault
from graphc.driver.arrays import Feed
from graphc.driver.execution import Execution
from graphc.driver.one_step import PAST, STEP, OneStep, back
from graphc.ir.op import Array
from graphc.types import BATCH, TensorType

_ROOM = 16
"""Steps that a history first has room for; it doubles when they are used up."""


class Track:
    """The state of a batch of sequences, in the layout of the compiler.

    `position` counts the steps that were done. What is read of a fixed number of steps back is kept as it is;
    a history lies in an array that has room for steps to come. `constants` are the values of all leaves that
    stay the same.
    """

    def __init__(
        self, execution: Execution, step: OneStep, wanted: Sequence[str], constants: Feed, run: Run
    ) -> None:
        self.step, self.batch, self.position = step, constants.batch, 0
        self.execution, self._constants = execution, constants
        self._names = tuple(dict.fromkeys([*wanted, *step.kept]))
        self._executables: dict[tuple[str, ...], Executable] = {}
        self._past: dict[str, Array] = {}
        self.run = run
        self._resize(_ROOM if step.axis.length.size is None else step.axis.length.size.value)
        lagged = [(name, lag) for name, most in step.lags.items() for lag in range(1, most + 1)]
        self._lagged = {back(name, lag): self._zeros(step.system.type(name)) for name, lag in lagged}

    def advance(self, given: Mapping[str, Array]) -> dict[str, Array]:
        """Do a step with these values of the leaves that change; the values of the names."""
        values = self.ask(self._names, given)
        self.position += 1
        for name, most in self.step.lags.items():
            for lag in range(most, 1, -1):
                self._lagged[back(name, lag)] = self._lagged[back(name, lag - 1)]
            self._lagged[back(name, 1)] = values[name]
        for name, array in self._past.items():
            array[self._at(name, self.position - 1)] = values[name]
        return values

    def ask(self, names: Sequence[str], given: Mapping[str, Array]) -> dict[str, Array]:
        """What the next step would give, without doing it."""
        self._reserve(self.position + 1)
        past = {name + PAST: array for name, array in self._past.items()}
        inputs = {**self._constants.arrays, **self._lagged, **past, **given}
        inputs[STEP] = np.asarray(self.position + 1)
        fed = Feed(inputs, self.batch, self._lengths, self._constants.dense)
        return self.execution.call(self._executable(tuple(names)), fed, self.run)

    def take(self, rows: Array) -> None:
        """Go on with these of the sequences, by number; one may be taken several times."""
        for name, most in self.step.lags.items():
            if BATCH in self.step.system.type(name).axes:
                for leaf in (back(name, lag) for lag in range(1, most + 1)):
                    self._lagged[leaf] = self._lagged[leaf][rows]
        for name, array in self._past.items():
            if BATCH in self._history(name).axes:
                self._past[name] = array[rows]

    # --------------------------------------------------------------------------------------- state

    def save(self) -> dict[str, Array]:
        """Copies of the whole state by name."""
        done = slice(0, self.position)
        lagged = {leaf: array.copy() for leaf, array in self._lagged.items()}
        past = {name + PAST: array[self._at(name, done)].copy() for name, array in self._past.items()}
        return {STEP: np.asarray(self.position), **lagged, **past}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on where `save` was. Raises E329 for the state of other equations, or of another batch."""
        position = int(np.asarray(saved.get(STEP, -1)))
        self._check(saved, position)
        self.position = position
        self._reserve(position)
        for leaf, array in self._lagged.items():
            self._lagged[leaf] = np.array(saved[leaf], array.dtype)
        for name, array in self._past.items():
            array[self._at(name, slice(0, position))] = saved[name + PAST]

    def _check(self, saved: Mapping[str, Any], position: int) -> None:
        shapes = {STEP: (), **{leaf: array.shape for leaf, array in self._lagged.items()}}
        for name, array in self._past.items():
            along = self._along(name)
            shapes[name + PAST] = (*array.shape[:along], position, *array.shape[along + 1 :])
        for name in sorted(shapes.keys() | saved.keys()):
            if name not in shapes or name not in saved:
                which = "does not belong to it" if name in saved else "is missing"
                raise fault("E329", f"this is not the state of these steps: `{name}` {which}")
            found, expected = list(np.shape(saved[name])), list(shapes[name])
            if found != expected:
                raise fault(
                    "E329", f"this is not the state of these steps: `{name}` is {found}, not {expected}"
                )

    # ------------------------------------------------------------------------------------- details

    def _executable(self, names: tuple[str, ...]) -> Executable:
        if names not in self._executables:
            pipeline, key = self.execution.pipeline, ("one step", self.step, names)
            graph = self.step.graph(names)
            self._executables[names] = pipeline.made(key, graph, self._constants.dense)
        return self._executables[names]

    def _history(self, name: str) -> TensorType:
        return self.step.system.leaves[name + PAST].type

    def _along(self, name: str) -> int:
        """The dimension of a history along which it grows."""
        return self._history(name).axes.index(self.step.past)

    def _at(self, name: str, place: int | slice) -> tuple[int | slice, ...]:
        return (*(slice(None) for _ in range(self._along(name))), place)

    def _zeros(self, type_: TensorType) -> Array:
        dtypes = {"real": self.execution.real, "int": np.dtype(np.int64), "bool": np.dtype(np.bool_)}
        return np.zeros(Feed({}, self.batch, self._lengths, True).shape(type_), dtypes[type_.dtype])

    def _reserve(self, steps: int) -> None:
        """Room for so many steps. Raises E327 where the axis has not so many."""
        if steps <= self._room or not self._past:
            return
        if self.step.axis.length.is_fixed:
            raise fault("E327", f"the axis `{self.step.axis.name}` has {self._room} steps, and no more")
        self._resize(2 * steps)

    def _resize(self, room: int) -> None:
        self._room = room
        self._lengths = {**self._constants.lengths, self.step.axis.length.name: np.full(self.batch, room)}
        self.run = replace(self.run, lengths=self._lengths)
        before, done = self._past, slice(0, self.position)
        self._past = {name: self._zeros(self._history(name)) for name in self.step.histories}
        for name, array in before.items():
            self._past[name][self._at(name, done)] = array[self._at(name, done)]
