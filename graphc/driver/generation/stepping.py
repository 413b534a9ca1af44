"""Sequences that grow step by step: the state that a step leaves is what the next one begins with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from graphc.backend import Run
from graphc.diagnostics import fault
from graphc.driver.arrays import Feed
from graphc.driver.execution import Execution
from graphc.driver.generation.looped import STEPS, along, looped
from graphc.driver.generation.one_step import PAST, STEP, OneStep
from graphc.driver.generation.standing import Ready, ready
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
        self.execution, self._constants, self._run = execution, constants, run
        self._names = tuple(dict.fromkeys(wanted))
        self._state: dict[str, Array] = {}
        self._standing: dict[Ready, dict[str, Array]] = {}
        self._resize(_ROOM if step.axis.length.size is None else step.axis.length.size.value)

    def advance(self, given: Mapping[str, Array], count: int = 1) -> dict[str, Array]:
        """Do `count` steps with these values of the leaves that change; the values of the names.

        What goes in and what comes out has the steps along one more dimension, see `looped.along`.
        """
        self._reserve(self.position + count)
        numbers = np.arange(self.position + 1, self.position + count + 1)
        inputs = {**self._constants.arrays, **self._state, **given, STEP: numbers}
        found = self._call("steps", self._names, inputs, count)
        self.position += count
        self._state = {leaf: found.pop(leaf) for leaf in self._state}
        return found

    def ask(self, names: Sequence[str], given: Mapping[str, Array]) -> dict[str, Array]:
        """What the next step would give, without doing it; `given` are values of one step."""
        self._reserve(self.position + 1)
        number = {STEP: np.asarray(self.position + 1)}
        return self._call("step", names, {**self._constants.arrays, **self._state, **given, **number}, 1)

    def take(self, rows: Array) -> None:
        """Go on with these of the sequences, by number; one may be taken several times."""
        for leaf, array in self._state.items():
            if BATCH in self.step.state_type(leaf).axes:
                self._state[leaf] = array[rows]

    def rounds(self, name: str) -> int:
        """The dimension of a name's values along which a call's steps lie."""
        return along(self.step.system.type(name))

    # --------------------------------------------------------------------------------------- state

    def save(self) -> dict[str, Array]:
        """Copies of the whole state by name."""
        done = {leaf: array[self._done(leaf, self.position)].copy() for leaf, array in self._state.items()}
        return {STEP: np.asarray(self.position), **done}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on where `save` was. Raises E329 for the state of other equations, or of another batch."""
        position = int(np.asarray(saved.get(STEP, -1)))
        self._check(saved, position)
        self.position = position
        self._reserve(position)
        for leaf, array in self._state.items():
            fresh = np.zeros_like(array)
            fresh[self._done(leaf, position)] = saved[leaf]
            self._state[leaf] = fresh

    def _check(self, saved: Mapping[str, Any], position: int) -> None:
        shapes: dict[str, list[int]] = {STEP: []}
        for leaf, array in self._state.items():
            shapes[leaf] = list(array.shape)
            if leaf.endswith(PAST):
                shapes[leaf][self._along(leaf)] = position
        for name in sorted(shapes.keys() | saved.keys()):
            if name not in shapes or name not in saved:
                which = "does not belong to it" if name in saved else "is missing"
                raise fault("E329", f"this is not the state of these steps: `{name}` {which}")
            found, expected = list(np.shape(saved[name])), shapes[name]
            if found != expected:
                raise fault(
                    "E329", f"this is not the state of these steps: `{name}` is {found}, not {expected}"
                )

    # ------------------------------------------------------------------------------------- details

    def _call(
        self, kind: str, names: Sequence[str], inputs: dict[str, Array], count: int
    ) -> dict[str, Array]:
        dense = self._constants.dense
        key = (kind, self.step, tuple(names), dense)
        made = self.execution.pipeline.once(key, lambda: self._ready(kind, names))
        run = replace(self._run, lengths={**self._lengths, STEPS: np.full(self.batch, count)})
        if made.first is not None and made not in self._standing:
            self._standing[made] = self.execution.call(made.first, self._constants, run)
        fed = Feed({**inputs, **self._standing.get(made, {})}, self.batch, self._lengths, dense)
        return self.execution.call(made.rest, fed, run)

    def _ready(self, kind: str, names: Sequence[str]) -> Ready:
        """What computes names, of one step or of several; what stands still is in a part of its own."""
        step = self.step
        graph = looped(step, names) if kind == "steps" else step.graph(names)
        changing = step.changing | set(step.following)
        growing = {STEPS} if step.axis.length.is_fixed else {STEPS, step.axis.length.name}
        return ready(self.execution.pipeline, graph, changing, growing, self._constants.dense)

    def _along(self, leaf: str) -> int:
        """The dimension of a history along which it grows."""
        return self.step.state_type(leaf).axes.index(self.step.past)

    def _done(self, leaf: str, steps: int) -> tuple[slice, ...]:
        """The part of a leaf of the state that so many steps have written."""
        if not leaf.endswith(PAST):
            return ()
        return (*(slice(None) for _ in range(self._along(leaf))), slice(0, steps))

    def _zeros(self, type_: TensorType) -> Array:
        dtypes = {"real": self.execution.real, "int": np.dtype(np.int64), "bool": np.dtype(np.bool_)}
        return np.zeros(Feed({}, self.batch, self._lengths, True).shape(type_), dtypes[type_.dtype])

    def _reserve(self, steps: int) -> None:
        """Room for so many steps. Raises E327 where the axis has not so many."""
        if steps <= self._room or not self.step.histories:
            return
        if self.step.axis.length.is_fixed:
            raise fault("E327", f"the axis `{self.step.axis.name}` has {self._room} steps, and no more")
        self._resize(2 * steps)

    def _resize(self, room: int) -> None:
        before, self._room = self._state, room
        self._lengths = {**self._constants.lengths, self.step.axis.length.name: np.full(self.batch, room)}
        self._state = {leaf: self._zeros(self.step.state_type(leaf)) for leaf in self.step.following}
        for leaf, array in before.items():
            done = self._done(leaf, self.position)
            self._state[leaf][done] = array[done]
