"""Workers together: nobody goes on before all have come, and a busy pool runs nothing twice at once."""

import threading

import numpy as np
import pytest

from graphc.backend.cpu import sync
from graphc.backend.cpu.compile import build
from graphc.backend.cpu.unit import Unit
from graphc.diagnostics import GraphcError

TURNS = 200
SOURCE = f"""
def turns(me, workers, sync, counts):
    for turn in range({TURNS}):
        counts[me] = turn + 1
        barrier(sync, workers)
        for other in range(workers):
            if counts[other] != turn + 1:
                counts[32] = 1
        barrier(sync, workers)
"""


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_barrier_holds_everybody(workers: int) -> None:
    kinds = ("int64", "int64", "int64", "int64*")
    turns = build(Unit("turns", SOURCE, kinds, {"barrier": sync.BARRIER}))
    counts = np.zeros(33, np.int64)
    pool = sync.Pool(workers)
    for _ in range(3):
        counts[:] = 0
        pool.run(lambda me, n, shared: turns(me, n, shared, counts.ctypes.data), workers)
        assert counts.tolist() == [TURNS] * workers + [0] * (33 - workers)


def test_a_job_beside_another_runs_alone() -> None:
    pool, teams = sync.Pool(2), []
    turns = build(
        Unit("meet", "def meet(sync, n):\n    barrier(sync, n)\n", ("int64",) * 2, {"barrier": sync.BARRIER})
    )

    def inner() -> None:
        pool.run(lambda me, n, shared: teams.append(n), 2)

    def outer(me: int, n: int, shared: int) -> None:
        if me == 0:
            other = threading.Thread(target=inner)
            other.start()
            other.join()
        turns(shared, n)

    pool.run(outer, 2)
    assert teams == [1]


def test_the_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_THREADS", "3")
    assert sync.count() == 3
    assert sync.pool().workers == 3
    for wrong in ("0", "-1", "two", "1.5"):
        monkeypatch.setenv("GRAPHC_THREADS", wrong)
        with pytest.raises(GraphcError, match=f"GRAPHC_THREADS is `{wrong}`, which is no number of threads"):
            sync.count()
