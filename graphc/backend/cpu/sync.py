"""Workers: threads that run one compiled function together, and the barrier at which they wait.

The calling thread is worker 0. The others are Python threads of one pool for the whole process: each is
parked on a lock, and runs compiled code that holds no interpreter lock. After a job a worker looks out for
the next one for a moment, because waking a thread costs more than a small step of training.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import numpy as np

from graphc.backend.cpu.compile import build
from graphc.backend.cpu.unit import Unit
from graphc.diagnostics import fault

Job = Callable[[int, int, int], None]
"""What workers run together: `job(me, workers, sync)`, with the address of the memory that they share."""

_LINE = 8
"""Words in a cache line: each word of the shared memory has a line of its own."""
_ARRIVED, _ROUND, _POSTED = 0, _LINE, 2 * _LINE
"""How many workers are at the barrier, how often it was passed, how many jobs there have been."""

_ATOMICS = "graphc.backend.cpu.atomics"
_USES = {
    "word": "graphc.backend.cpu.pointers:int_",
    "atomic_add": f"{_ATOMICS}:atomic_add",
    "atomic_load": f"{_ATOMICS}:atomic_load",
    "atomic_store": f"{_ATOMICS}:atomic_store",
    "pause": f"{_ATOMICS}:pause",
    "give_way": f"{_ATOMICS}:give_way",
}


def _unit(name: str, source: str, arguments: int) -> Unit:
    uses = {use: path for use, path in _USES.items() if f"{use}(" in source}
    return Unit(name, source, ("int64",) * arguments, uses)


BARRIER = _unit(
    "barrier",
    f"""
def barrier(sync, workers):
    if workers > 1:
        arrived, round = word(sync + {8 * _ARRIVED}), word(sync + {8 * _ROUND})
        before = atomic_load(round)
        if atomic_add(arrived, 1) == workers - 1:
            atomic_store(arrived, 0)
            atomic_store(round, before + 1)
        looks = 0
        while atomic_load(round) == before:
            pause()
            looks += 1
            # Some ten microseconds: then the others may be waiting for this processor.
            if looks > 1000:
                give_way()
""",
    2,
)
"""Go on when all workers have come here."""

_LINGER = _unit(
    "linger",
    f"""
def linger(sync, seen):
    posted = word(sync + {8 * _POSTED})
    looks = 0
    while atomic_load(posted) == seen and looks < 1000:
        pause()
        give_way()
        looks += 1
""",
    2,
)
"""Wait a moment for a job after the one with the number `seen`."""


def count() -> int:
    """How many workers there are: what GRAPHC_THREADS says, else the processors that this process may use.

    Raises E612 if that is no number of threads.
    """
    given = os.environ.get("GRAPHC_THREADS", "").strip()
    if given:
        if not given.isdecimal() or not 1 <= int(given) <= 1024:
            raise fault(
                "E612",
                f"GRAPHC_THREADS is `{given}`, which is no number of threads from 1 to 1024",
                help="`GRAPHC_THREADS=2`, or leave it out: then there is one for each processor",
            )
        return int(given)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Pool:
    """Threads that wait for jobs. `workers` counts the caller as well."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._memory = np.zeros(4 * _LINE, np.int64)
        # Lines of 64 bytes: a word that shared one with another would slow both down.
        offset = -self._memory.ctypes.data % 64 // 8
        self._words = self._memory[offset : offset + 3 * _LINE]
        self._sync = self._words.ctypes.data
        self._busy = threading.Lock()
        self._job: Job = _nothing
        self._together = 1
        self._parked = [threading.Lock() for _ in range(1, workers)]
        self._linger = build(_LINGER) if workers > 1 else _nothing
        for number, lock in enumerate(self._parked, 1):
            lock.acquire()
            threading.Thread(
                target=self._serve, args=(number, lock), name=f"graphc-{number}", daemon=True
            ).start()

    def run(self, job: Job, workers: int) -> None:
        """Run a job with so many workers, or as many as there are.

        A job that comes while another one runs, from another thread, is run by its caller alone. The
        results are the same.
        """
        workers = min(workers, self.workers)
        if workers == 1 or not self._busy.acquire(blocking=False):
            job(0, 1, self._sync)
            return
        try:
            self._job, self._together = job, workers
            self._words[_POSTED] += 1
            for lock in self._parked[: workers - 1]:
                lock.release()
            # The barrier at the end of every job keeps worker 0 until the others are done.
            job(0, workers, self._sync)
        finally:
            self._busy.release()

    def _serve(self, number: int, parked: threading.Lock) -> None:
        while True:
            parked.acquire()
            seen = int(self._words[_POSTED])
            self._job(number, self._together, self._sync)
            self._linger(self._sync, seen)


def _nothing(*arguments: int) -> None:
    """The job before the first one."""


_POOLS: dict[int, Pool] = {}
_MAKING = threading.Lock()


def pool() -> Pool:
    """The pool of this process, of `count()` workers."""
    workers = count()
    with _MAKING:
        if workers not in _POOLS:
            _POOLS[workers] = Pool(workers)
        return _POOLS[workers]


def _forked() -> None:
    """A child process has none of its parent's threads, and locks as they were."""
    global _MAKING
    _MAKING = threading.Lock()
    _POOLS.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
