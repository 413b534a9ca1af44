"""The numbers of a drawing: values, cotangents, and what comes back through each use, of one run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from graphc.backend import Run, choose
from graphc.driver.arrays import Feed, masked, to_declared
from graphc.driver.execution import Execution, by_objective
from graphc.driver.pictures.uses import Copied, copied, copied_by_step
from graphc.driver.pipeline import Pipeline
from graphc.frontend.elaborate import Mode
from graphc.frontend.spec import Spec
from graphc.ir.op import Array
from graphc.ir.system import System
from graphc.types import BATCH
from graphc.view.drawing.operations import Spelled
from graphc.view.drawing.rolled import Numbers

if TYPE_CHECKING:
    from graphc.driver.compiled import Compiled

MODE: Mode = "train"


class Rewritten(Pipeline):
    """The pipeline of a program whose training mode is other equations for the same.

    It computes on the reference backend: one example is done before code for it would be compiled.
    """

    def __init__(self, own: Pipeline, system: System) -> None:
        # Two users that read alike would be one use, and have one cotangent between them.
        disabled = own.disabled | {"cse"}
        super().__init__(own.file, own.library, own.given, disabled, own.verify, choose("reference"))
        self._own = own
        self._system = system

    def spec(self, mode: Mode) -> Spec:
        """The program's, with the other equations."""
        found = self._own.spec(mode)
        return replace(found, system=self._system) if mode == MODE else found


@dataclass
class Computing:
    """A run of a program that is spelled out, on one batch."""

    program: Compiled
    spelled: Spelled
    fed: Feed

    def numbers(self) -> Numbers:
        """Values by operation; with a loss cotangents too, and the summands of each that has several."""
        names = [*self.spelled.system.leaves, *self.spelled.operations]
        if not self.program.pipeline.has_loss(MODE):
            system = self.spelled.system
            computed = self._execution(system).values(MODE, names, self.fed, self._run)
            return Numbers(
                {n: self._shown(system, n, a) for n, a in computed.items()}, has_batch=self.is_batch
            )
        copies = copied(self.spelled.system, self.spelled.operations, losses(self.program.pipeline))
        system = copies.system
        execution = self._execution(system)
        values: dict[str, Array] = {}
        cotangents: dict[str, Array] = {}
        real = [name for name in names if system.type(name).dtype == "real"]
        for number, group in self._groups(copies, real):
            wanted = [] if number else names
            found = execution.gradients(MODE, group, self.fed, self._run, names=wanted, objective=number)
            values |= {name: self._shown(system, name, array) for name, array in found.values.items()}
            cotangents |= {name: self._shown(system, name, array) for name, array in found.gradients.items()}
        alone = {use: name for use, name in self._uses() if name in cotangents}
        uses = {use: cotangents[name] for use, name in {**alone, **copies.copies}.items()}
        return Numbers(values, {name: cotangents[name] for name in real}, uses, has_batch=self.is_batch)

    def by_step(self, length: str) -> dict[tuple[str, int], Array]:
        """What each step of an axis that ends at `length` adds to the cotangent of what all steps read: by
        use, the steps first."""
        if not self.program.pipeline.has_loss(MODE):
            return {}
        copies = copied_by_step(self.spelled.system, self.spelled.operations, length)
        execution = self._execution(copies.system)
        found: dict[str, Array] = {}
        for number, group in self._groups(copies, ()):
            if group:
                made = execution.gradients(MODE, group, self.fed, self._run, objective=number)
                found |= made.gradients
        shown = {name: self._shown(copies.system, name, array) for name, array in found.items()}
        if self.is_batch:
            varying = {name for name in shown if BATCH in copies.system.type(name).axes}
            shown |= {name: np.moveaxis(shown[name], 1, 0) for name in varying}
        return {use: shown[name] for use, name in copies.copies.items()}

    # ------------------------------------------------------------------------------------- inside

    @property
    def is_batch(self) -> bool:
        """Whether there are several examples, and arrays that vary over them have a dim for it."""
        return self.fed.batch != 1

    @cached_property
    def _run(self) -> Run:
        return self._execution(self.spelled.system).run(self.fed)

    def _execution(self, system: System) -> Execution:
        program = self.program
        return Execution(Rewritten(program.pipeline, system), program.params, program.real, program.seed)

    def _groups(self, copies: Copied, names: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
        """Names, and copies of names, by the loss that moves them."""
        by_source: dict[str, list[str]] = {}
        for copy, source in copies.sources.items():
            by_source.setdefault(source, []).append(copy)
        spec = self.program.pipeline.spec(MODE)
        for number, group in by_objective(spec, list({**dict.fromkeys(names), **by_source})).items():
            wanted = [copy for source in group for copy in by_source.get(source, ())]
            yield number, [*(name for name in group if name in names), *wanted]

    def _uses(self) -> Iterator[tuple[tuple[str, int], str]]:
        """Each use, and what is read."""
        for reader in self.spelled.operations:
            for number, node in enumerate(self.spelled.system.units[reader].reads()):
                yield (reader, number), node.attrs["unit"]

    def _shown(self, system: System, name: str, array: Array) -> Array:
        """In the user's layout, a single example without its batch."""
        type_ = system.type(name)
        found = to_declared(masked(array, type_, self.fed.lengths), type_, system.indices(name))
        return found if self.is_batch or BATCH not in type_.axes else found[0]


def losses(pipeline: Pipeline) -> list[str]:
    """The units that are differentiated."""
    count = len(pipeline.spec(MODE).objectives) or int(pipeline.has_loss(MODE))
    return [pipeline.loss_unit(MODE, number) for number in range(count)]


def lengths(fed: Feed) -> Mapping[str, tuple[int, ...]]:
    """The numbers of steps that examples have, by length."""
    return {name: tuple(np.unique(ends).tolist()) for name, ends in fed.lengths.items() if np.size(ends)}
