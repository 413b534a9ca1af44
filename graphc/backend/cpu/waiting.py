"""What workers run between jobs and at barriers, written as LLVM's instructions.

No thread is stopped here: who waits looks again and again, and after some time lets others have the
processor. The words that threads wait for are read and written in one order that all threads agree on
(sequentially consistent), so what was written before them is seen by who has read them.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import Future

from llvmlite import ir

from graphc.backend.cpu import assembler, machine
from graphc.backend.cpu.cache import Code
from graphc.backend.cpu.instructions import INT, Value, Writer
from graphc.backend.cpu.words import (
    ARRIVED,
    ASLEEP,
    AWAKE,
    JOB,
    LINE,
    POSTED,
    ROUND,
    SEEN,
    SIZES,
    TABLE,
    TOGETHER,
)

_ORDER = "seq_cst"
_PATIENCE = 1000
"""Looks, some ten microseconds, after which others may be waiting for this processor."""
_IDLE = 2000
"""Looks for a job after which other threads may have the processor: more, because jobs come one by one."""
_PARKED = 3000
"""Looks for a job after which a worker gives up."""


def begin(public: Mapping[str, str]) -> Future[Code]:
    """Begin to compile `barrier`, `launch` and `serve`, with these symbols.

    - `barrier(sync, workers)`: go on when all workers have come here.
    - `launch(sync, job, workers, table, sizes)`: post a job and, unless somebody has to be woken first, run
      worker 0's share of it.
    - `serve(sync, me)`: run jobs as they come, until none has come for a while.

    `sync`, `table` and `sizes` are addresses, the first that of the words (see `words`).
    """
    emit = _Writer("graphc_workers", public)
    _emit_barrier(emit)
    _emit_run(emit)
    _emit_launch(emit)
    _emit_serve(emit)
    return assembler.submit(str(emit.module), effort="little")


class _Writer(Writer):
    """Instructions for memory that threads share."""

    def word(self, address: Value, number: Value | int) -> Value:
        """A pointer to this word of the memory there."""
        return Value(self, self.builder.inttoptr(address.raw, INT.as_pointer())) + number

    def read(self, word: Value) -> Value:
        return Value(self, self.builder.load_atomic(word.raw, _ORDER, 8))

    def write(self, word: Value, value: Value | int) -> None:
        self.builder.store_atomic(self.raw(value), word.raw, _ORDER, 8)

    def increment(self, word: Value) -> Value:
        """Add 1 to the word; what it was before."""
        return Value(self, self.builder.atomic_rmw("add", word.raw, INT(1), _ORDER))

    def look_again(self, looks: Value, patience: int) -> None:
        """A moment's rest between two looks."""
        triple = machine.triple()
        if triple.startswith(("x86_64", "i686")):
            self.outside("llvm.x86.sse2.pause", ir.VoidType())
        elif triple.startswith(("aarch64", "arm64")):
            self.outside("llvm.aarch64.hint", ir.VoidType(), ir.IntType(32)(1))
        if hasattr(os, "sched_yield"):  # then the C library has it
            with self.when(looks > patience):
                self.outside("sched_yield", ir.IntType(32))


def _emit_barrier(emit: _Writer) -> None:
    with emit.function("barrier", "ii") as (sync, workers), emit.when(workers > 1):
        arrived, passed = emit.word(sync, ARRIVED), emit.word(sync, ROUND)
        before = emit.read(passed)
        with emit.when(emit.increment(arrived).equals(workers - 1)):
            emit.write(arrived, 0)
            emit.write(passed, before + 1)
        with emit.until(lambda _: ~emit.read(passed).equals(before)) as looks:
            emit.look_again(looks, _PATIENCE)


def _emit_run(emit: _Writer) -> None:
    """`run(sync, job, me, workers, table, sizes)`: call a step function.

    It has Numba's calling convention: places for a result and an exception come first, a state comes back.
    """
    with emit.function("run", "iiiiii") as (sync, job, me, workers, table, sizes):
        state, place = ir.IntType(32), INT.as_pointer()
        kind = ir.FunctionType(state, [place, place, *[INT] * 5])
        function = emit.builder.inttoptr(job.raw, kind.as_pointer())
        places = [emit.builder.alloca(INT) for _ in range(2)]
        given = [value.raw for value in (me, workers, sync, table, sizes)]
        emit.builder.call(function, [*places, *given])


def _emit_launch(emit: _Writer) -> None:
    with emit.function("launch", "iiiii") as (sync, job, workers, table, sizes):
        words, posted = emit.word(sync, 0), emit.word(sync, POSTED)
        for place, value in ((JOB, job), (TOGETHER, workers), (TABLE, table), (SIZES, sizes)):
            words[place] = value
        emit.write(posted, emit.read(posted) + 1)
        words[ASLEEP] = emit.integer(0)
        with emit.loop(1, workers) as other:
            awake = emit.read(emit.word(sync, other * LINE + AWAKE))
            words[ASLEEP] = words[ASLEEP] + 1 - awake
        with emit.when(words[ASLEEP].equals(0)):
            emit.call("run", sync, job, 0, workers, table, sizes)


def _emit_serve(emit: _Writer) -> None:
    with emit.function("serve", "ii") as (sync, me):
        words, posted = emit.word(sync, 0), emit.word(sync, POSTED)
        awake, seen = emit.word(sync, me * LINE + AWAKE), emit.word(sync, me * LINE + SEEN)

        def nothing_new() -> Value:
            return emit.read(posted).equals(seen[0])

        emit.write(awake, 1)
        with emit.forever():
            with emit.until(lambda looks: ~nothing_new() | (looks >= _PARKED)) as looks:
                emit.look_again(looks, _IDLE)
            with emit.when(nothing_new()):
                emit.write(awake, 0)
                # Whoever posts a job looks who is awake after that: one of both sees what the other has done.
                with emit.when(nothing_new()):
                    emit.returns()
                emit.write(awake, 1)
            seen[0] = emit.read(posted)
            # Nobody posts another job before this one is done, for which all have to have read it.
            job = [words[place] for place in (TOGETHER, TABLE, SIZES)]
            emit.call("run", sync, words[JOB], me, *job)
