"""Gradients taken apart by the steps of an axis: what each step adds to the gradient of a shared weight.

Backpropagation through time gives a weight the sum of what reaches it through the equations of each step
(Werbos 1990). Here the summands are kept apart; `separating.py` says how.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.autodiff.gradient import differentiate
from graphc.backend import Run
from graphc.diagnostics import fault, nearest
from graphc.driver.arrays import Feed, masked, to_declared
from graphc.driver.execution import by_objective, check_batch
from graphc.driver.pipeline import LOSS, batch_mean, present
from graphc.driver.separating import REST, STEPS, Separation
from graphc.frontend.elaborate import Mode
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph
from graphc.ir.op import Array
from graphc.ir.system import System
from graphc.lower.system import lower
from graphc.types import BATCH, Index

if TYPE_CHECKING:
    from graphc.driver.compiled import Compiled


@dataclass(frozen=True)
class Shares:
    """The summands of a gradient: what reaches a name through the equations of each step of an axis.

    A name with the element's shape `[H, D]` has `steps` of `[T, H, D]`, or of `[batch, T, H, D]` by example;
    axes of its own follow the steps. Behind an example's end there are zeros.
    """

    steps: Array
    rest: Array
    """What reaches the name through equations that do not run over the axis: a penalty, a state before the
    first step, what reads the last one only. Without the dim for the steps."""
    axis: int
    """The dim of `steps` that counts the steps, from step 1 on: 1 behind a batch, else 0."""

    @property
    def total(self) -> Array:
        """The whole gradient; by example, each one's part of it."""
        found: Array = self.steps.sum(self.axis) + self.rest
        return found


@dataclass(frozen=True)
class Question:
    """Which axis is taken apart, and the run in which that is done."""

    program: Compiled
    index: Index
    mode: Mode
    fed: Feed
    run: Run

    @property
    def system(self) -> System:
        return self.program.pipeline.system(self.mode)

    def shares(self, names: Sequence[str], per_example: bool = False) -> dict[str, Shares]:
        """The shares of names that do not vary over the axis; those are left out that no step reads."""
        found: dict[str, Shares] = {}
        separation = Separation(tuple(names), self.index, per_example)
        separated = separation.apply(self.system)
        for objective, group in by_objective(self.program.pipeline.spec(self.mode), names).items():
            if group:
                found |= self._of_objective(separated, group, objective, per_example)
        return found

    def _of_objective(
        self, separated: System, names: Sequence[str], objective: int, per_example: bool
    ) -> dict[str, Shares]:
        pipeline, dense = self.program.pipeline, self.fed.dense
        graph = _with_loss(separated, pipeline.loss_unit(self.mode, objective))
        copies = present(graph, [name + suffix for name in names for suffix in (STEPS, REST)])
        kept = frozenset(copies)
        ready = pipeline.optimized(graph, keep=kept, dense=dense, pinned=kept)
        gradients = differentiate(ready, LOSS, present(ready, copies))
        key = ("shares", self.mode, self.index, tuple(names), objective, per_example)
        executable = pipeline.made(key, gradients.graph, dense)
        results = self.program.execution.call(executable, self.fed, self.run)
        arrays = {copy: results[output] for copy, output in gradients.names.items()}
        return {n: self._shares(separated, n, arrays) for n in names if n + STEPS in arrays}

    def _shares(self, separated: System, name: str, arrays: Mapping[str, Array]) -> Shares:
        own = separated.indices(name)
        found = []
        for suffix, declared in ((STEPS, (self.index, *own)), (REST, own)):
            type_ = separated.type(name + suffix)
            array = arrays.get(name + suffix)
            if array is None:
                array = np.zeros(self.fed.shape(type_), self.program.real)
            found.append(to_declared(masked(array, type_, self.fed.lengths), type_, declared))
        return Shares(found[0], found[1], int(BATCH in separated.type(name + STEPS).axes))

    def _is_real(self, name: str) -> bool:
        return self.system.type(name).dtype == "real"

    def norms(self) -> dict[str, Array]:
        """For each real name with steps, the Euclidean norm of its cotangent, or of its shares, at each."""
        spec = self.program.spec
        names = [n for n in {**spec.inputs, **spec.params, **dict.fromkeys(spec.names)} if self._is_real(n)]
        running = [name for name in names if self.index in self.system.indices(name)]
        execution = self.program.execution
        cotangents = execution.gradients_by_name(self.mode, running, self.fed, self.run).gradients
        shares = self.shares([name for name in names if name not in running])
        found: dict[str, Array] = {}
        for name in names:
            if name in shares:
                found[name] = _norm(shares[name].steps, shares[name].axis)
            elif name in running:
                array = execution.shown(name, cotangents[name], self.system, self.fed)
                batched = BATCH in self.system.type(name).axes
                found[name] = _norm(array, batched + self.system.indices(name).index(self.index))
        return found


def question(
    program: Compiled,
    inputs: Mapping[str, Any] | None,
    axis: str | None,
    mode: Mode,
    seed: int | None,
    lengths: Mapping[str, Any] | None,
) -> Question:
    """Raises E527 unless an axis of the spec is meant, E451 for no examples, and what `feed` raises."""
    index = _axis(program, axis)
    fed = program.feed(inputs, lengths)
    check_batch(fed)
    return Question(program, index, mode, fed, program.execution.run(fed, seed))


def gradient_shares(asked: Question, name: str, per_example: bool) -> Shares:
    """See `Program.gradient_shares`."""
    if asked.index in asked.system.indices(name):
        raise fault(
            "E528",
            f"`{name}` has a value for each `{asked.index.name}`: its gradient is by step as it is",
            help="`value_and_grad` gives it",
        )
    found = asked.shares([name], per_example).get(name)
    if found is None:
        raise fault("E528", f"no equation that runs over `{asked.index.name}` reads `{name}`")
    return found


def _axis(program: Compiled, name: str | None) -> Index:
    """The axis that is meant: without a name the only one, or the only one whose end is known at run time."""
    axes = program.spec.scope.axes
    if name is not None:
        if name not in axes:
            raise fault("E527", f"the spec has no axis `{name}`", help=nearest(name, axes))
        return axes[name]
    running = [index for index in axes.values() if not index.length.is_fixed] or list(axes.values())
    if len(running) != 1:
        known = ", ".join(f"`{index.name}`" for index in running)
        what = f"the spec has several axes: {known}" if running else "the spec has no axis"
        raise fault("E527", what, help=f'say which, `axis="{running[0].name}"`' if running else "")
    return running[0]


def _with_loss(system: System, unit: str) -> Graph:
    graph = lower(system, [unit])
    b = Builder()
    loss = batch_mean(b, graph.outputs[unit])
    return Graph(graph.inputs, (*graph.nodes, *b.nodes), {LOSS: loss})


def _norm(array: Array, axis: int) -> Array:
    others = tuple(dim for dim in range(array.ndim) if dim != axis)
    found: Array = np.sqrt(np.sum(np.square(array, dtype=np.float64), axis=others))
    return found
