"""Workers: threads that run one compiled function together, and the barrier at which they wait.

The calling thread is worker 0. The others are Python threads that all programs share. Between two
jobs they look out for the next one in compiled code, without the interpreter's lock: waking a thread costs
more than a small step of training. One that has looked for long enough parks on a lock of Python.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from graphc.backend.cpu import machine, words
from graphc.backend.cpu.compile import Part, load
from graphc.diagnostics import fault

if TYPE_CHECKING:
    from concurrent.futures import Future

    from graphc.backend.cpu.cache import Code

SYMBOLS = {name: f"graphc_{name}" for name in ("barrier", "launch", "serve")}
"""What the functions of `waiting` are called in compiled code."""


def _begin() -> Future[Code]:
    # Here, because a library from the cache needs no compiler.
    from graphc.backend.cpu import waiting

    return waiting.begin(SYMBOLS)


LIBRARY = Part("workers", "workers.o", tuple(SYMBOLS.values()), _begin)


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
    """Threads that wait for jobs, which all of them run. `workers` counts the caller as well."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._memory = np.zeros(words.AWAKE + (1 + workers) * words.LINE, np.int64)
        # One line more than there are words, so that they can begin with a cache line, of 64 bytes.
        offset = -self._memory.ctypes.data % 64 // 8
        self._words = self._memory[offset:]
        self._sync = self._words.ctypes.data
        self._busy = threading.Lock()
        self._parked = [threading.Lock() for _ in range(1, workers)]
        load([LIBRARY])
        self._launch = machine.plain(SYMBOLS["launch"], ("int64",) * 5)
        self._serve = machine.plain(SYMBOLS["serve"], ("int64",) * 2)
        for number, lock in enumerate(self._parked, 1):
            lock.acquire()
            threading.Thread(
                target=self._work, args=(number, lock), name=f"graphc-{number}", daemon=True
            ).start()

    def run(self, job: Callable[..., None], table: int, sizes: int) -> None:
        """Run a compiled `job(me, workers, sync, table, sizes)`.

        It ends with a barrier, so worker 0 comes back when all are done. A job that comes while another
        one runs, from another thread, is run by its caller alone. The results are the same.
        """
        if self.workers == 1 or not self._busy.acquire(blocking=False):
            job(0, 1, self._sync, table, sizes)
            return
        try:
            self._together(job, table, sizes)
        finally:
            self._busy.release()

    def _together(self, job: Callable[..., None], table: int, sizes: int) -> None:
        code = machine.address(job)
        self._words[words.ASLEEP] = 0
        try:
            self._launch(self._sync, code, self.workers, table, sizes)
        finally:
            # Also after Ctrl-C: the others have begun, and worker 0 is waited for at their barriers.
            if self._words[words.ASLEEP]:
                for lock in self._parked:
                    if lock.locked():
                        lock.release()
                job(0, self.workers, self._sync, table, sizes)

    def _work(self, number: int, parked: threading.Lock) -> None:
        while True:
            # Opened once too often it is no harm: then there is nothing to do, and the next time it holds.
            parked.acquire()
            self._serve(self._sync, number)


_POOLS: dict[int, Pool] = {}
_MAKING = threading.Lock()


def pool(workers: int) -> Pool:
    """The pool of so many workers."""
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
