"""A program's losses, ready for training: their graphs read and write arrays that stay from step to step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from graphc.backend import Executable, Run
from graphc.driver.accumulation import Piece, Totals, add, pieces
from graphc.driver.arrays import Feed, feed_spec
from graphc.driver.compiling import uncollected
from graphc.driver.execution import Chunk, check_batch
from graphc.driver.feeding import Feeder
from graphc.driver.pipeline import LOSS
from graphc.driver.reports import report
from graphc.driver.streams import Carry
from graphc.ir.graph import Graph, Node
from graphc.ir.op import Array
from graphc.ir.system import System
from graphc.ops.contraction import CONTRACT
from graphc.train.blame import Blame
from graphc.train.data.examples import Batch
from graphc.train.protocol import StepResult
from graphc.train.state import Vector

if TYPE_CHECKING:
    from graphc.driver.program import Program
    from graphc.schedule.program import Keeping
    from graphc.train.fit_settings import FitSettings


@dataclass(frozen=True)
class _Divided:
    """What a loss needs besides, whose batches are computed in pieces: a piece's results, and their sums."""

    totals: Totals
    gradients: Vector
    statistics: tuple[tuple[Array, Array, bool], ...]
    """A piece's running statistics, those of the whole batch, and whether they are its sums."""


@dataclass(frozen=True)
class _Ready:
    """A loss's executables, each with the arrays that its outputs go to."""

    parts: tuple[tuple[Executable, dict[str, Array]], ...]
    loss: Array
    gradients: Vector
    idle: tuple[str, ...]
    """Parameters that this graph does not read, though the same loss's other graphs may."""
    divided: _Divided | None


class Losses:
    """A program as the trainer sees it: its losses in training mode, and the state that they move."""

    def __init__(self, program: Program) -> None:
        spec = program.spec
        self._program, self._spec = program, spec
        self.params = program.params
        self.weights = program.params.weights
        self.inputs = program.inputs
        if _multiplies(spec.system):
            with uncollected():
                program.pipeline.backend.expect_products(program.real)
        self.objectives = max(1, len(spec.objectives))
        self._feeder = Feeder(spec.inputs, lambda a, lengths: feed_spec(spec, a, lengths, program.real))
        self._ready: dict[tuple[int, bool, bool, bool, bool, Keeping], _Ready] = {}
        self._begun: list[Executable] = []
        """What the first step will want compiled, its update too: the assembler has begun on it."""
        self._gradients = [Vector(self.weights.layout, program.real) for _ in range(self.objectives)]
        self._statistics = Vector(self.params.averages.layout, program.real)
        """What each running statistic was in the first loss's last batch."""
        self._chunks = False
        """Whether batches are chunks of longer sequences, whose states are asked for."""
        self.memory: Keeping = "normal"
        """What is kept for the gradients of a batch."""
        self.accumulate = 1
        """In how many pieces a batch is computed, one after another."""
        self._carry = Carry(spec.system, program.real)
        self._states = {item.leaf: spec.system.type(item.boundary) for item in self._carry.items}
        self._chunk: Feed | None = None
        """The first loss's last batch, if it was a chunk of a longer sequence."""

    @contextmanager
    def fitting(self, settings: FitSettings) -> Iterator[None]:
        """Inside, the options of a fit hold: see `_chunks`, `memory` and `accumulate`."""
        before = self.memory, self.accumulate
        self._chunks = settings.bptt is not None
        self.adopt(settings)
        try:
            yield
        finally:
            self._chunks = False
            self.memory, self.accumulate = before

    def adopt(self, settings: FitSettings) -> None:
        """How a batch is computed from now on."""
        self.memory, self.accumulate = settings.memory, settings.accumulate

    @property
    def compile_seconds(self) -> float:
        """See `Trainable.compile_seconds`."""
        return self._program.compile_seconds

    def state(self) -> dict[str, Array]:
        """See `Trainable.state`."""
        return self.params.state()

    def restore(self, state: Mapping[str, Array]) -> None:
        """See `Trainable.restore`."""
        self.params.restore(state)

    def moves(self, objective: int) -> list[str]:
        """See `Trainable.moves`."""
        over = self._spec.objectives[objective].over if self._spec.objectives else None
        return [name for name in self.weights.layout.shapes if over is None or name in over]

    def prepare(self, graph: Graph) -> Executable:
        """See `Trainable.prepare`."""
        executable = self._program.pipeline.prepare(graph)
        self._begin(executable)
        if self._ready:
            self._finish()
        return executable

    def _begin(self, executable: Executable) -> None:
        with uncollected():
            executable.begin(self._program.real)
        self._begun.append(executable)

    def _finish(self) -> None:
        """Compile what was begun."""
        for executable in self._begun:
            self._program.pipeline.compile(executable, self._program.real)
        self._begun.clear()

    def gradients(self, batch: Batch, *, step: int, objective: int = 0) -> StepResult:
        """See `Trainable.gradients`; the first loss also gives what `keep` takes over.

        Raises E530 if the batch is to be computed in pieces whose gradients do not add up.
        """
        continued = bool(batch.carried)
        fed = self._feeder(batch.arrays, batch.lengths)
        check_batch(fed)
        chunked = self._chunks or continued
        ready = self.ready(objective, dense=fed.dense, chunked=chunked, continued=continued)
        extra: dict[str, Array] = {}
        if objective == 0:
            self._chunk = fed if chunked else None
            extra = self._carry.outputs(fed) if chunked else {}
        chunk = Chunk(batch.carried) if continued else None
        run = self._program.execution.run(fed, None, step, batch.example_ids)
        for name in ready.idle:
            ready.gradients.parts[name].fill(0.0)
        if ready.divided is not None:
            return StepResult(self._added(ready, ready.divided, fed, run, chunk, extra), ready.gradients)
        self._run(ready, fed, run, chunk, extra)
        return StepResult(float(ready.loss), ready.gradients)

    def _run(
        self,
        ready: _Ready,
        fed: Feed,
        run: Run,
        chunk: Chunk | None,
        extra: Mapping[str, Array],
        more: Mapping[str, Array] | None = None,
    ) -> None:
        """Run all graphs of a loss; the first one also writes the outputs `extra`."""
        for executable, out in ready.parts:
            written = {**out, **extra} if extra else out
            self._program.execution.call(executable, fed, run, chunk, written, more)
            extra = {}

    def _added(
        self,
        ready: _Ready,
        divided: _Divided,
        fed: Feed,
        run: Run,
        chunk: Chunk | None,
        extra: Mapping[str, Array],
    ) -> float:
        """A batch in pieces: the sum of their losses; gradients and statistics are added up in place."""
        system, execution = self._spec.system, self._program.execution
        ids = np.arange(fed.batch, dtype=np.uint64) if run.example_ids is None else run.example_ids
        parts = list(pieces(fed, self.accumulate, system))

        def of(piece: Piece) -> tuple[Run, Chunk | None]:
            own = replace(
                run, batch=piece.fed.batch, lengths=piece.fed.lengths, example_ids=ids[piece.examples]
            )
            if chunk is None:
                return own, None
            return own, Chunk({n: piece.of(a, self._states[n]) for n, a in chunk.carried.items()})

        divided.totals.add_up(
            fed, parts, lambda graph, piece, more: execution.call(graph, piece.fed, *of(piece), more=more)
        )
        loss = 0.0
        for number, piece in enumerate(parts):
            more = divided.totals.of(piece, first=number == 0)
            sequences = {name: piece.of(array, system.type(name)) for name, array in extra.items()}
            self._run(ready, piece.fed, *of(piece), sequences, more)
            loss += float(ready.loss)
            add(ready.gradients.flat, divided.gradients.flat, first=number == 0)
            for found, whole, adds in divided.statistics:
                add(whole, found, first=number == 0 or not adds)
        return loss

    def blame(self, batch: Batch, *, step: int, objective: int = 0) -> Blame | None:
        """See `Trainable.blame`."""
        from graphc.driver import blaming

        fed = self._feeder(batch.arrays, batch.lengths)
        run = self._program.execution.run(fed, None, step, batch.example_ids)
        rows = None if self._chunks or batch.carried else run.example_ids
        what = blaming.Step(objective, self.moves(objective), fed, run, batch.carried, rows)
        return blaming.blame(self._program, what)

    def blame_report(self, batches: Iterable[Batch]) -> Blame | None:
        """See `Trainable.blame_report`."""
        from graphc.driver import blaming

        execution, unit = self._program.execution, self._program.pipeline.loss_unit("eval")
        for batch in batches:
            fed = self._feeder(batch.arrays, batch.lengths)
            run = execution.run(fed, ids=batch.example_ids)
            if batch.first and not np.isfinite(execution.values("eval", [unit], fed, run)[unit]).all():
                rows = None if self._chunks else run.example_ids
                found = blaming.blame(self._program, blaming.Step(0, (), fed, run, {}, rows, "eval"))
                if found is not None:
                    return found
        return None

    def keep(self) -> Mapping[str, Array]:
        """See `Trainable.keep`."""
        for name in self._spec.updates:
            self.params.average(name, self._statistics.parts[name], self._spec.states[name].decay)
        return self._carry.take(self._chunk) if self._chunk is not None else {}

    def report(self, batches: Iterable[Batch]) -> dict[str, float]:
        """See `Trainable.report`."""
        return report(self._program, batches)

    def ready(self, objective: int, *, dense: bool, chunked: bool, continued: bool) -> _Ready:
        """The executables of a loss, made when they are first asked for.

        `chunked` says that the batch is a chunk of a longer sequence, `continued` that it is a later one.
        """
        key = (objective, dense, chunked, continued, self.accumulate > 1, self.memory)
        found = self._ready.get(key)
        if found is None:
            found = self._ready[key] = self._made(*key)
            for executable, _ in found.parts:
                self._begin(executable)
            self._finish()
        return found

    def _made(
        self,
        objective: int,
        dense: bool,
        chunked: bool,
        continued: bool,
        divided: bool,
        memory: Keeping,
    ) -> _Ready:
        program, wrt = self._program, self.moves(objective)
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
            divided=divided,
        )
        total, statistics = self._gradients[objective], self._statistics.parts
        found, parts_of = total, statistics
        if divided:
            found = Vector(total.layout, program.real)
            parts_of = Vector(self._statistics.layout, program.real).parts
        loss = np.zeros((), program.real)
        first = {LOSS: loss, **{unit: parts_of[name] for name, unit in units.items()}}
        parts = []
        for number, (executable, gradients) in enumerate(made.parts):
            out = {output: found.parts[name] for name, output in gradients.names.items()}
            parts.append((executable, out if number else {**first, **out}))
        read = {name for _, gradients in made.parts for name in gradients.names}
        idle = tuple(name for name in wrt if name not in read)
        pairs = tuple((parts_of[n], statistics[n], unit in made.shares) for n, unit in units.items())
        small = _Divided(Totals(made.rounds, program.real), found, pairs)
        return _Ready(tuple(parts), loss, total, idle, small if divided else None)


def _multiplies(system: System) -> bool:
    """Whether an equation has a product of matrices in it."""
    nodes = (node for unit in system.units.values() for node in unit.nodes)
    return any(isinstance(node, Node) and node.op is CONTRACT for node in nodes)
