"""A program's losses, ready for training: their graphs read and write arrays that stay from step to step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graphc.backend import Executable
from graphc.driver.arrays import Feed, feed_spec
from graphc.driver.execution import Chunk, check_batch
from graphc.driver.feeding import Feeder
from graphc.driver.pipeline import LOSS
from graphc.driver.reports import report
from graphc.driver.streams import Carry
from graphc.ir.graph import Graph
from graphc.ir.op import Array
from graphc.train.data import Batch
from graphc.train.protocol import StepResult
from graphc.train.state import Vector

if TYPE_CHECKING:
    from graphc.driver.program import Program
    from graphc.schedule.program import Keeping
    from graphc.train.fit_settings import FitSettings


@dataclass(frozen=True)
class _Ready:
    """A loss's executables, each with the arrays that its outputs go to."""

    parts: tuple[tuple[Executable, dict[str, Array]], ...]
    loss: Array
    gradients: Vector
    idle: tuple[str, ...]
    """Parameters that this graph does not read, though the same loss's other graphs may."""


class Losses:
    """A program as the trainer sees it: its losses in training mode, and the state that they move."""

    def __init__(self, program: Program) -> None:
        spec = program.spec
        self._program, self._spec = program, spec
        self.params = program.params
        self.weights = program.params.weights
        self.inputs = program.inputs
        self.objectives = max(1, len(spec.objectives))
        self._feeder = Feeder(spec.inputs, lambda a, lengths: feed_spec(spec, a, lengths, program.real))
        self._ready: dict[tuple[int, bool, bool, bool, Keeping], _Ready] = {}
        self._gradients = [Vector(self.weights.layout, program.real) for _ in range(self.objectives)]
        self._statistics = Vector(self.params.averages.layout, program.real)
        """What each running statistic was in the first loss's last batch."""
        self._chunks = False
        """Whether batches are chunks of longer sequences, whose states are asked for."""
        self.memory: Keeping = "normal"
        """What is kept for the gradients of a batch."""
        self._carry = Carry(spec.system, program.real)
        self._chunk: Feed | None = None
        """The first loss's last batch, if it was a chunk of a longer sequence."""

    @contextmanager
    def fitting(self, settings: FitSettings) -> Iterator[None]:
        """Inside, the options of a fit hold: see `_chunks` and `memory`."""
        before = self.memory
        self._chunks, self.memory = settings.bptt is not None, settings.memory
        try:
            yield
        finally:
            self._chunks, self.memory = False, before

    def moves(self, objective: int) -> list[str]:
        """See `Trainable.moves`."""
        over = self._spec.objectives[objective].over if self._spec.objectives else None
        return [name for name in self.weights.layout.shapes if over is None or name in over]

    def prepare(self, graph: Graph) -> Executable:
        """See `Trainable.prepare`."""
        return self._program.pipeline.prepare(graph)

    def gradients(self, batch: Batch, *, step: int, objective: int = 0) -> StepResult:
        """See `Trainable.gradients`; the first loss also gives what `keep` takes over."""
        execution, continued = self._program.execution, bool(batch.carried)
        fed = self._feeder(batch.arrays, batch.lengths)
        check_batch(fed)
        chunked = self._chunks or continued
        ready = self.ready(objective, dense=fed.dense, chunked=chunked, continued=continued)
        extra: dict[str, Array] = {}
        if objective == 0:
            self._chunk = fed if chunked else None
            extra = self._carry.outputs(fed) if chunked else {}
        chunk = Chunk(batch.carried) if continued else None
        run = execution.run(fed, None, step, batch.example_ids)
        for executable, out in ready.parts:
            execution.call(executable, fed, run, chunk, {**out, **extra} if extra else out)
            extra = {}
        for name in ready.idle:
            ready.gradients.parts[name].fill(0.0)
        return StepResult(float(ready.loss), ready.gradients)

    def keep(self) -> Mapping[str, Array]:
        """See `Trainable.keep`."""
        for name in self._spec.updates:
            self.params.average(name, self._statistics.parts[name], self._spec.states[name].decay)
        return self._carry.take(self._chunk) if self._chunk is not None else {}

    def report(self, batches: Iterable[Batch]) -> dict[str, float]:
        """See `Trainable.report`."""
        return report(self._program, list(batches))

    def ready(self, objective: int, *, dense: bool, chunked: bool, continued: bool) -> _Ready:
        """The executables of a loss, made when they are first asked for.

        `chunked` says that the batch is a chunk of a longer sequence, `continued` that it is a later one.
        """
        key = (objective, dense, chunked, continued, self.memory)
        found = self._ready.get(key)
        if found is None:
            found = self._ready[key] = self._made(*key)
        return found

    def _made(self, objective: int, dense: bool, chunked: bool, continued: bool, memory: Keeping) -> _Ready:
        program = self._program
        wrt = self.moves(objective)
        units = self._spec.updates if objective == 0 else {}
        sources = self._carry.sources if chunked and objective == 0 else []
        made = program.pipeline.gradients(
            "train",
            wrt,
            dense=dense,
            names=list(dict.fromkeys([*units.values(), *sources])),
            objective=objective,
            continued=continued,
            memory=memory,
        )
        vector = self._gradients[objective]
        loss = np.zeros((), program.real)
        first = {LOSS: loss, **{unit: self._statistics.parts[name] for name, unit in units.items()}}
        parts = []
        for number, (executable, found) in enumerate(made.parts):
            out = {output: vector.parts[name] for name, output in found.names.items()}
            parts.append((executable, out if number else {**first, **out}))
        read = {name for _, found in made.parts for name in found.names}
        idle = tuple(name for name in wrt if name not in read)
        return _Ready(tuple(parts), loss, vector, idle)
