"""A clock for the code of steps: how long each of them takes, read where it runs.

Code that is to be measured calls `mark` behind each step. The time since the last mark of the same worker is
added to the step's sum, so nothing is missed between the first mark of a run and its last one.
"""

from __future__ import annotations

import time
from functools import cache
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from graphc.backend.cpu.compile import Part, build
from graphc.backend.cpu.unit import Unit
from graphc.diagnostics import fault
from graphc.schedule.program import Launch, Pack, Product, Program

if TYPE_CHECKING:
    from concurrent.futures import Future

    from graphc.backend.cpu.cache import Code

SYMBOL = "graphc_mark"
"""`mark(words, slot)`: add the time since the last mark to a slot, and count it."""

BEGIN, WAIT, FIRST = 0, 1, 2
"""Slots: what passed before a run began, waiting for other workers; the steps come from FIRST on."""

_NOW, _LAST, _SLOTS = 0, 2, 3
"""Where in a worker's words the time lies that was read last (seconds, nanoseconds), the time of the last
mark, and the slots, two words each: nanoseconds and how often."""


def slots(program: Program) -> int:
    """How many slots the code of a program has."""
    return FIRST + sum(isinstance(step, Launch | Pack | Product) for step in program.walk())


def words(slots: int) -> int:
    """How many words of 64 bits a worker needs: whole cache lines, and one more that nobody else writes."""
    return (_SLOTS + 2 * slots + 7) // 8 * 8 + 8


def read(memory: NDArray[np.int64], slots: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Seconds and counts, `[workers, slots]`, of memory with the words of each worker in a row."""
    pairs = memory[:, _SLOTS : _SLOTS + 2 * slots].reshape(len(memory), slots, 2)
    return np.multiply(pairs[..., 0], 1e-9, dtype=np.float64), pairs[..., 1].copy()


def require() -> None:
    """Raises E613 where the C library has no clock that could be read."""
    if not hasattr(time, "clock_gettime"):
        raise fault(
            "E613",
            "this system's C library has no `clock_gettime`, which code that is measured reads",
            help="`--backend reference` is measured without it",
        )


@cache
def cost() -> float:
    """Seconds that a mark takes: what each adds to the step that it measures."""
    count = 2000
    source = "def marks(words, count):\n    for i in range(count):\n        mark(words, 0)\n"
    function = build(Unit("marks", source, ("int64", "int64"), {"mark": SYMBOL}, language="steps"))
    memory = np.zeros(words(1), np.int64)
    found = []
    for _ in range(20):
        began = time.perf_counter()
        function(memory.ctypes.data, count)
        found.append((time.perf_counter() - began) / count)
    return median(found)


def _begin() -> Future[Code]:
    from llvmlite import ir

    from graphc.backend.cpu import assembler
    from graphc.backend.cpu.instructions import INT, Value, Writer

    emit = Writer("graphc_clock", {"mark": SYMBOL})
    with emit.function("mark", "ii") as (address, slot):
        word = Value(emit, emit.builder.inttoptr(address.raw, INT.as_pointer()))
        clock = ir.IntType(32)(time.CLOCK_MONOTONIC)
        emit.outside("clock_gettime", ir.IntType(32), clock, (word + _NOW).raw)
        now = word[_NOW] * 1_000_000_000 + word[_NOW + 1]
        sum_, count = word + (slot * 2 + _SLOTS), word + (slot * 2 + (_SLOTS + 1))
        sum_[0] = sum_[0] + (now - word[_LAST])
        count[0] = count[0] + 1
        word[_LAST] = now
    return assembler.submit(str(emit.module), effort="little")


LIBRARY = Part("clock", "clock.o", (SYMBOL,), _begin)
