"""Executables whose code has clocks: what `graphc profile` runs beside the ordinary ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphc.backend.cpu import clock, sync
from graphc.backend.cpu.executable import Compiled, Executable
from graphc.ir.graph import Graph
from graphc.schedule import schedule
from graphc.schedule.program import Keeping, Program


@dataclass(frozen=True)
class Reading:
    """What the clocks say of the runs since they were read last.

    seconds: `[workers, slots]`, with 0 for workers that had no part in them; calls: of worker 0, by slot.
    """

    seconds: NDArray[np.float64]
    calls: NDArray[np.int64]

    @property
    def workers(self) -> int:
        """How many took part."""
        return max(1, int((self.seconds > 0).any(axis=1).sum()))


class Timed(Executable):
    """An executable with clocks. Its functions of steps are other units than the ordinary ones, its kernels
    are the same."""

    clocks = True

    def __init__(self, graph: Graph, program: Program) -> None:
        super().__init__(graph, program)
        clock.require()
        self._slots = clock.slots(program)
        rows, room = sync.count(), clock.words(self._slots)
        # Lines of the caches are 64 bytes, and no two workers should write into one.
        memory = np.zeros(rows * room + 8, np.int64)
        start = -memory.ctypes.data % 64 // 8
        self._memory = memory[start : start + rows * room].reshape(rows, room)
        self._before = self._memory.copy()

    def read(self) -> Reading:
        """What the clocks say since they were read last.

        Nothing is set to 0: another worker may just be leaving the barrier at which a run ends.
        """
        now = self._memory.copy()
        seconds, calls = clock.read(now - self._before, self._slots)
        seconds[:, clock.BEGIN] = 0.0  # what passed since the run before is none of this one's
        self._before = now
        return Reading(seconds, calls[0])

    def sizes(self, real: np.dtype[Any]) -> dict[str, int]:
        """The program's sizes in the last run with such reals."""
        numbers = self._compiled[real].sizes
        return {size.name: int(numbers[i]) for i, size in enumerate(self.program.sizes)}

    def _ready(self, real: np.dtype[Any]) -> Compiled:
        compiled = super()._ready(real)
        compiled.table[-1] = self._memory.ctypes.data
        return compiled


def prepare(graph: Graph, *, dense: bool = False, memory: Keeping = "normal") -> Timed:
    """A graph made ready to run with clocks."""
    return Timed(graph, schedule(graph, dense=dense, memory=memory))
