"""Workers: threads that run one compiled function together, and the barrier at which they wait.

The calling thread is worker 0. The others are Python threads of one pool for the whole process. Between two
jobs they look out for the next one in compiled code, without the interpreter's lock: waking a thread costs
more than a small step of training. One that has looked for long enough parks on a lock of Python.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import numpy as np

from graphc.backend.cpu import machine
from graphc.backend.cpu.compile import build
from graphc.backend.cpu.unit import Unit
from graphc.diagnostics import fault

_LINE = 8
"""Words in a cache line: each word of the shared memory that is waited for has a line of its own."""
_ARRIVED, _ROUND, _POSTED = 0, _LINE, 2 * _LINE
"""How many workers are at the barrier, how often it was passed, how many jobs there have been."""
_JOB, _TOGETHER, _TABLE, _SIZES = (3 * _LINE + i for i in range(4))
"""The job: the address of the function, how many run it, what it is given."""
_ASLEEP, _FAILED = 4 * _LINE, 4 * _LINE + 1
"""How many of those a job needs were parked, and whether compiled code has failed."""
_AWAKE, _SEEN = 5 * _LINE, 5 * _LINE + 1
"""Of worker 0, a line for each: whether it looks out for jobs, and the last one that it saw."""

_ATOMICS = "graphc.backend.cpu.atomics"
_USES = {
    "word": "graphc.backend.cpu.pointers:int_",
    "atomic_add": f"{_ATOMICS}:atomic_add",
    "atomic_load": f"{_ATOMICS}:atomic_load",
    "atomic_store": f"{_ATOMICS}:atomic_store",
    "pause": f"{_ATOMICS}:pause",
    "give_way": f"{_ATOMICS}:give_way",
    "run_job": f"{_ATOMICS}:run_job",
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

_LAUNCH = _unit(
    "launch",
    f"""
def launch(sync, job, workers, table, sizes):
    words, posted = word(sync), word(sync + {8 * _POSTED})
    words[{_JOB}] = job
    words[{_TOGETHER}] = workers
    words[{_TABLE}] = table
    words[{_SIZES}] = sizes
    atomic_store(posted, atomic_load(posted) + 1)
    asleep = 0
    for me in range(1, workers):
        asleep += 1 - atomic_load(word(sync + {8 * _AWAKE} + me * {8 * _LINE}))
    words[{_ASLEEP}] = asleep
    if asleep == 0:
        words[{_FAILED}] |= run_job(job, 0, workers, sync, table, sizes)
""",
    5,
)
"""Post a job and, unless somebody has to be woken first, run worker 0's share of it."""

_SERVE = _unit(
    "serve",
    f"""
def serve(sync, me):
    words, posted = word(sync), word(sync + {8 * _POSTED})
    own = word(sync + {8 * _AWAKE} + me * {8 * _LINE})
    atomic_store(own, 1)
    looks = 0
    while looks < 3000:
        if atomic_load(posted) != own[{_SEEN - _AWAKE}]:
            own[{_SEEN - _AWAKE}] = atomic_load(posted)
            if me < words[{_TOGETHER}]:
                words[{_FAILED}] |= run_job(
                    words[{_JOB}], me, words[{_TOGETHER}], sync, words[{_TABLE}], words[{_SIZES}]
                )
            looks = 0
        pause()
        looks += 1
        if looks > 2000:
            give_way()
        # Whoever posts a job looks who is awake after that: one of both sees what the other has done.
        if looks == 3000:
            atomic_store(own, 0)
            if atomic_load(posted) != own[{_SEEN - _AWAKE}]:
                atomic_store(own, 1)
                looks = 0
""",
    2,
)
"""Run jobs as they come, until none has come for a while."""


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
        self._memory = np.zeros((6 + workers) * _LINE, np.int64)
        # Lines of 64 bytes: a word that shared one with another would slow both down.
        offset = -self._memory.ctypes.data % 64 // 8
        self._words = self._memory[offset:]
        self._sync = self._words.ctypes.data
        self._busy = threading.Lock()
        self._parked = [threading.Lock() for _ in range(1, workers)]
        self._launch = build(_LAUNCH) if workers > 1 else _nothing
        self._serve = build(_SERVE) if workers > 1 else _nothing
        for number, lock in enumerate(self._parked, 1):
            lock.acquire()
            threading.Thread(
                target=self._work, args=(number, lock), name=f"graphc-{number}", daemon=True
            ).start()

    def run(self, job: Callable[..., None], workers: int, table: int, sizes: int) -> None:
        """Run a compiled `job(me, workers, sync, table, sizes)` with so many workers, or all there are.

        It ends with a barrier, so worker 0 comes back when all are done. A job that comes while another
        one runs, from another thread, is run by its caller alone. The results are the same.
        """
        workers = min(workers, self.workers)
        if workers == 1 or not self._busy.acquire(blocking=False):
            job(0, 1, self._sync, table, sizes)
            return
        try:
            self._launch(self._sync, machine.address(job), workers, table, sizes)
            if self._words[_ASLEEP]:
                for lock in self._parked[: workers - 1]:
                    if lock.locked():
                        lock.release()
                job(0, workers, self._sync, table, sizes)
            if self._words[_FAILED]:
                raise RuntimeError("compiled code failed in a worker")
        finally:
            self._busy.release()

    def _work(self, number: int, parked: threading.Lock) -> None:
        while True:
            # Opened once too often it is no harm: then there is nothing to do, and the next time it holds.
            parked.acquire()
            self._serve(self._sync, number)


def _nothing(*arguments: int) -> None:
    """What a pool of one has for workers."""


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
