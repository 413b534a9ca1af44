"""Workers together: nobody goes on before all have come, and a busy pool runs nothing twice at once."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from graphc.backend.cpu import sync
from graphc.backend.cpu.compile import build
from graphc.backend.cpu.unit import Unit
from graphc.diagnostics import GraphcError

TURNS = 200
SOURCE = f"""
def turns(me, workers, sync, counts, sizes):
    counts[33] = workers
    for turn in range({TURNS}):
        counts[me] = turn + 1
        barrier(sync, workers)
        for other in range(workers):
            if counts[other] != turn + 1:
                counts[32] = 1
        barrier(sync, workers)
"""


@pytest.fixture(scope="module")
def turns() -> Callable[..., None]:
    kinds = ("int64", "int64", "int64", "int64*", "int64*")
    return build(Unit("turns", SOURCE, kinds, {"barrier": sync.BARRIER}))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_barrier_holds_everybody(workers: int, turns: Callable[..., None]) -> None:
    counts = np.zeros(34, np.int64)
    pool = sync.Pool(workers)
    for wait in (0.0, 0.0, 0.05, 0.0):  # back to back, and when all are parked again
        time.sleep(wait)
        counts[:] = 0
        pool.run(turns, workers, counts.ctypes.data, 0)
        assert counts.tolist() == [TURNS] * workers + [0] * (33 - workers) + [workers]


def test_a_pool_may_be_larger_than_a_job(turns: Callable[..., None]) -> None:
    counts, pool = np.zeros(34, np.int64), sync.Pool(3)
    for workers in (3, 2, 3, 1, 2):
        counts[:] = 0
        pool.run(turns, workers, counts.ctypes.data, 0)
        assert counts.tolist() == [TURNS] * workers + [0] * (33 - workers) + [workers]


def test_many_short_jobs(turns: Callable[..., None]) -> None:
    kinds = ("int64", "int64", "int64", "int64*", "int64*")
    source = (
        "def add(me, workers, sync, counts, sizes):\n    counts[8 * me] += 1\n    barrier(sync, workers)\n"
    )
    add = build(Unit("add", source, kinds, {"barrier": sync.BARRIER}))
    counts, pool = np.zeros(16, np.int64), sync.Pool(2)
    for number in range(300):
        if number % 100 == 99:
            time.sleep(0.02)
        pool.run(add, 2, counts.ctypes.data, 0)
    assert counts[[0, 8]].tolist() == [300, 300]


def test_a_job_beside_another_runs_alone(turns: Callable[..., None]) -> None:
    counts, pool = np.zeros(34, np.int64), sync.Pool(2)
    with pool._busy:
        pool.run(turns, 2, counts.ctypes.data, 0)
    assert counts[33] == 1


def test_the_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_THREADS", "3")
    assert sync.count() == 3
    assert sync.pool().workers == 3
    for wrong in ("0", "-1", "two", "1.5"):
        monkeypatch.setenv("GRAPHC_THREADS", wrong)
        with pytest.raises(GraphcError, match=f"GRAPHC_THREADS is `{wrong}`, which is no number of threads"):
            sync.count()
