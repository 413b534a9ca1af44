"""Graphs as compiled code that can be run: addresses and sizes are written down, the step function is called.

All that depends on the shapes of a run is settled when they first come and found again after that, and arrays
that come again are known by identity. So a run on equal shapes costs little more than the compiled code.
"""

from __future__ import annotations

import ctypes
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.backend.cpu import blas, sync
from graphc.backend.cpu.arena import Arena, Piece, place
from graphc.backend.cpu.assemble import assemble
from graphc.backend.cpu.compile import begin, build
from graphc.backend.cpu.products import room
from graphc.backend.cpu.sizing import evaluate, work
from graphc.backend.cpu.unit import Unit
from graphc.backend.memory import require, too_large
from graphc.backend.state import Run, State
from graphc.ir.graph import Graph
from graphc.ir.op import Array
from graphc.ops.philox import stream_key
from graphc.schedule import schedule
from graphc.schedule.program import Buffer, Product, Program
from graphc.types import BATCH_NAME

_ALONE = 200_000
"""Scalar operations below which waking the other workers costs more than they save."""
_REMEMBERED = 16
"""Combinations of sizes whose layouts are kept."""


class Executable:
    """A graph made ready to run, any number of times and with any batch size and lengths.

    It is compiled for float32 or float64 when such a run first comes. Threads may share one: their runs
    follow one another.
    """

    clocks = False
    """Whether its code has clocks: see `timed`."""

    def __init__(self, graph: Graph, program: Program) -> None:
        self.graph = graph
        self.program = program
        self._compiled: dict[np.dtype[Any], Compiled] = {}
        self._units: dict[np.dtype[Any], Unit] = {}
        """Of those that are not compiled yet."""
        self._lock = threading.Lock()

    def run(
        self, inputs: Mapping[str, Array], run: Run, out: Mapping[str, Array] | None = None
    ) -> dict[str, Array]:
        """The outputs by name; see `graphc.backend.Executable`. With all in `out` nothing is allocated."""
        with self._lock:
            compiled = self._compiled.get(run.real) or self._ready(np.dtype(run.real))
            return compiled.run(inputs, run, out or {})

    def begin(self, real: np.dtype[Any]) -> None:
        """See `graphc.backend.Executable`."""
        with self._lock:
            if real not in self._compiled:
                begin(self._unit(np.dtype(real)))

    def compile(self, real: np.dtype[Any]) -> None:
        """Compile for reals of this dtype now, or load what was compiled before."""
        with self._lock:
            self._ready(np.dtype(real))

    def _ready(self, real: np.dtype[Any]) -> Compiled:
        if real not in self._compiled:
            self._compiled[real] = Compiled(self.program, real, build(self._unit(real)))
            self._units.pop(real, None)
        return self._compiled[real]

    def _unit(self, real: np.dtype[Any]) -> Unit:
        if real not in self._units:
            self._units[real] = assemble(self.program, real.name, clocks=self.clocks)
        return self._units[real]


def prepare(graph: Graph) -> Executable:
    """A graph made ready to run."""
    return Executable(graph, schedule(graph))


@dataclass(frozen=True)
class _Layout:
    """What follows from the sizes of a run."""

    extents: tuple[int, ...]
    shapes: tuple[tuple[int, ...], ...]
    """Of inputs, then of outputs."""
    starts: tuple[tuple[int, int], ...]
    """Buffers of the arena: which, and where they begin."""
    bytes: int
    """Of the arena."""
    results: int
    """Bytes of outputs that vary over an index: they are as long as the run, and allocated for it."""
    spare: int
    """Bytes of memory that stands for inputs and outputs without elements."""
    workers: int


class Compiled:
    """A program for one type of reals: the code, and the tables that it reads."""

    def __init__(self, program: Program, real: np.dtype[Any], function: Callable[..., None]) -> None:
        self.program = program
        self.dtypes = {"real": real, "int": np.dtype(np.int64), "bool": np.dtype(np.bool_)}
        self.function = function
        # Behind the buffers stands where code with clocks keeps its times, which other code has none of.
        self.table = np.zeros(len(program.buffers) + 1, np.int64)
        self.sizes = np.zeros(max(1, len(program.sizes)), np.int64)
        self.addresses = self.table.ctypes.data, self.sizes.ctypes.data
        self.arena = Arena()
        self.calls_blas = any(isinstance(s, Product) and s.packed is None for s in program.walk())
        self.inputs = self._slots("input")
        self.outputs = self._slots("output")
        self.filled = [(i, b) for i, b in enumerate(program.buffers) if b.role in ("lengths", "ids")]
        self.keys = [(i, size) for i, size in enumerate(program.sizes) if size.kind == "key"]
        self.lengths = _lengths(program)
        self.layouts: OrderedDict[tuple[int, ...], _Layout] = OrderedDict()
        self.layout: _Layout | None = None
        self.bound: list[Array | None] = [None] * len(program.buffers)
        """The arrays whose addresses stand in the table, kept so that no other array can be one of them."""
        self.spare: Array = np.zeros(1, np.uint8)
        self.own: dict[int, Array] = {}
        """Arrays of ours: constants, and what is filled in anew for each run."""
        for slot, buffer in enumerate(program.buffers):
            if buffer.role == "constant":
                self.own[slot] = np.array(buffer.data, self.dtypes[buffer.dtype])
                self.table[slot] = _address(self.own[slot])

    def _slots(self, role: str) -> list[tuple[int, str, np.dtype[Any]]]:
        """Where the buffers of this role stand, with the names and dtypes of their arrays."""
        buffers = enumerate(self.program.buffers)
        return [(i, b.source, self.dtypes[b.dtype]) for i, b in buffers if b.role == role]

    def run(self, inputs: Mapping[str, Array], run: Run, out: Mapping[str, Array]) -> dict[str, Array]:
        layout = self._settled(run)
        shapes = iter(layout.shapes)
        bound = self.bound
        for slot, name, dtype in self.inputs:
            shape, given = next(shapes), inputs[name]
            if given is not bound[slot]:
                self._bind_input(slot, given, shape, dtype)
        results: dict[str, Array] = {}
        for slot, name, dtype in self.outputs:
            shape, target = next(shapes), out.get(name)
            if target is None:
                target = np.empty(shape, dtype)
                self._bind(slot, target)
            elif target is not bound[slot]:
                assert (target.shape, target.dtype) == (shape, dtype), (name, target.shape, target.dtype)
                assert target.flags.c_contiguous, name
                self._bind(slot, target)
            results[name] = target
        for slot, buffer in self.filled:
            self._fill(slot, buffer, run)
        for number, size in self.keys:
            self.sizes[number] = stream_key(run.seed, run.step, size.source)[size.word]
        # The workers are the threads: what a library adds to them only gets in their way.
        with blas.single_thread if self.calls_blas else nullcontext():
            if layout.workers == 1:
                self.function(0, 1, 0, *self.addresses)
            else:
                # There may be fewer now than there were when the layout was made.
                sync.pool(min(layout.workers, sync.count())).run(self.function, *self.addresses)
        return results

    def _bind(self, slot: int, array: Array) -> None:
        self.bound[slot] = array
        self.table[slot] = _address(array if array.size else self.spare)

    def _bind_input(self, slot: int, given: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        array = np.asarray(given, dtype, order="C")
        assert array.shape == shape, (self.program.buffers[slot].source, array.shape, shape)
        self._bind(slot, array)

    def _settled(self, run: Run) -> _Layout:
        """The layout of a run's sizes, which is then the one that the tables hold."""
        lengths = run.lengths
        extents = (run.batch, *(_longest(lengths[name], run.batch) for name in self.lengths))
        if self.layout is None or self.layout.extents != extents:
            layout = self.layouts.get(extents)
            if layout is None:
                layout = self.layouts[extents] = self._laid_out(run, extents)
                if len(self.layouts) > _REMEMBERED:
                    self.layouts.popitem(last=False)
            self.layouts.move_to_end(extents)
            self._use(layout)
        assert self.layout is not None
        return self.layout

    def _use(self, layout: _Layout) -> None:
        self.bound = [None] * len(self.bound)
        self.layout = None  # nothing is settled if memory runs out here
        base = self._reserved(layout)
        self.spare = np.zeros(layout.spare, np.uint8)
        for slot, start in layout.starts:
            self.table[slot] = base + start
        for slot, _ in self.filled:
            self.own[slot] = np.empty(layout.extents[0], np.int64)
            self._bind(slot, self.own[slot])
        numbers = dict(zip((BATCH_NAME, *self.lengths), layout.extents, strict=True))
        for number, size in enumerate(self.program.sizes):
            if size.kind != "key":
                self.sizes[number] = size.of(numbers[size.source])
        self.layout = layout

    def _reserved(self, layout: _Layout) -> int:
        """The arena's address. Raises E526 if this process cannot have so much memory."""
        batch, *longest = layout.extents
        lengths = dict(zip(self.lengths, longest, strict=True))
        missing = layout.bytes - self.arena.capacity
        if missing > 0:
            require(missing + layout.results, batch, lengths)
        try:
            return self.arena.reserve(layout.bytes)
        except MemoryError:
            raise too_large(layout.bytes, batch, lengths) from None

    def _laid_out(self, run: Run, extents: tuple[int, ...]) -> _Layout:
        numbers = dict(zip((BATCH_NAME, *self.lengths), extents, strict=True))
        sizes = {s.name: s.of(numbers[s.source]) if s.kind != "key" else 0 for s in self.program.sizes}
        state = State(run)
        buffers = self.program.buffers
        types = [buffers[slot].type for slot, _, _ in (*self.inputs, *self.outputs)]
        shapes = tuple(state.shape(kind) for kind in types if kind is not None)
        # A form may read at position 0 of an axis that is empty, for the result to be dropped.
        touched = {name: max(1, number) for name, number in sizes.items()}
        starts, total = self._arena(touched)
        spare = max((evaluate(b.size, touched) for b in buffers if b.role in ("input", "output")), default=0)
        spare = 8 * spare + 1 if 0 in extents else 1
        workers = sync.count() if work(self.program, sizes) > _ALONE else 1
        results = sum(
            math.prod(state.shape(kind)) * dtype.itemsize
            for kind, dtype in ((buffers[slot].type, dtype) for slot, _, dtype in self.outputs)
            if kind is not None and kind.axes
        )
        return _Layout(extents, shapes, starts, total, results, spare, workers)

    def _arena(self, sizes: Mapping[str, int]) -> tuple[tuple[tuple[int, int], ...], int]:
        """Where the arena's buffers begin, and its bytes."""
        lives = {buffer: (first, last) for buffer, first, last in self.program.lives}
        end = max((last for _, last in lives.values()), default=0)
        spaces = {step.workspace for step in self.program.walk() if isinstance(step, Product)}
        slots, pieces = [], []
        for slot, buffer in enumerate(self.program.buffers):
            if buffer.role == "work":
                count = evaluate(buffer.size, sizes)
                if buffer in spaces:
                    count = evaluate(room(buffer.size), sizes) * sync.count()
                slots.append(slot)
                pieces.append(Piece(count * self.dtypes[buffer.dtype].itemsize, *lives.get(buffer, (0, end))))
        starts, total = place(pieces)
        return tuple(zip(slots, starts, strict=True)), total

    def _fill(self, slot: int, buffer: Buffer, run: Run) -> None:
        """The examples' own lengths or numbers, into an array of ours."""
        if buffer.role == "lengths":
            self.own[slot][...] = run.batch if buffer.source == BATCH_NAME else run.lengths[buffer.source]
        elif run.example_ids is None:
            self.own[slot][...] = np.arange(run.batch)
        else:
            self.own[slot][...] = np.asarray(run.example_ids, np.uint64).view(np.int64)


def _lengths(program: Program) -> list[str]:
    """The names of the run-time lengths that a program depends on, beside the batch."""
    names = {size.source for size in program.sizes if size.kind != "key"}
    names |= {buffer.source for buffer in program.buffers if buffer.role == "lengths"}
    for buffer in program.buffers:
        if buffer.type is not None:
            names |= {index.length.name for index in buffer.type.axes if not index.length.is_fixed}
    return sorted(names - {BATCH_NAME})


def _address(array: Array) -> int:
    """Where an array's elements begin. The first way is three times as fast, but must be allowed to write."""
    if array.flags.writeable and array.size:
        buffer: Any = array
        return ctypes.addressof(ctypes.c_char.from_buffer(buffer))
    return int(array.__array_interface__["data"][0])


def _longest(given: int | Array, batch: int) -> int:
    """How long arrays are: where there are no examples, none is longer than nothing."""
    if not batch:
        return 0
    return given if isinstance(given, int) else int(np.max(given, initial=0))
