"""Workers together: nobody goes on before all have come, and a busy pool runs nothing twice at once."""

import time
from collections.abc import Callable
from textwrap import indent

import numpy as np
import pytest

from graphc.backend.cpu import sync
from graphc.backend.cpu.compile import build
from graphc.backend.cpu.unit import Unit
from graphc.diagnostics import GraphcError

TURNS = 200
BARRIER = sync.SYMBOLS["barrier"]
KINDS = ("int64", "int64", "int64", "int64*", "int64*")


def kernel(name: str, body: str) -> Unit:
    text = f"def {name}(counts, me, workers, turn):\n{indent(body, '    ')}\n"
    return Unit(name, text, ("int64*", "int64", "int64", "int64"))


MARK = kernel("mark", "counts[33] = workers\ncounts[me] = turn")
CHECK = kernel("check", "for i in range(workers):\n    if counts[i] != turn:\n        counts[32] = 1")
ADD = kernel("add", "counts[8 * me] += 1")


def job(body: str, *kernels: Unit) -> Callable[..., None]:
    text = f"def job(me, workers, sync, counts, sizes):\n{indent(body, '    ')}\n"
    uses = {"barrier": BARRIER, **{unit.name: unit for unit in kernels}}
    return build(Unit("job", text, KINDS, uses, language="steps"))


@pytest.fixture(scope="module")
def turns() -> Callable[..., None]:
    body = f"""
for turn in range({TURNS}):
    mark(counts, me, workers, turn + 1)
    barrier(sync, workers)
    check(counts, me, workers, turn + 1)
    barrier(sync, workers)
"""
    return job(body, MARK, CHECK)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_barrier_holds_everybody(workers: int, turns: Callable[..., None]) -> None:
    counts = np.zeros(34, np.int64)
    pool = sync.Pool(workers)
    for wait in (0.0, 0.0, 0.05, 0.0):  # back to back, and when all are parked again
        time.sleep(wait)
        counts[:] = 0
        pool.run(turns, counts.ctypes.data, 0)
        assert counts.tolist() == [TURNS] * workers + [0] * (33 - workers) + [workers]


def test_each_number_of_workers_has_a_pool_of_its_own(turns: Callable[..., None]) -> None:
    counts = np.zeros(34, np.int64)
    for workers in (3, 2, 3, 1, 2):
        counts[:] = 0
        sync.pool(workers).run(turns, counts.ctypes.data, 0)
        assert counts.tolist() == [TURNS] * workers + [0] * (33 - workers) + [workers]


def test_many_short_jobs() -> None:
    add = job("add(counts, me, workers, 0)\nbarrier(sync, workers)", ADD)
    counts, pool = np.zeros(16, np.int64), sync.Pool(2)
    for number in range(300):
        if number % 100 == 99:
            time.sleep(0.02)
        pool.run(add, counts.ctypes.data, 0)
    assert counts[[0, 8]].tolist() == [300, 300]


def test_a_job_beside_another_runs_alone(turns: Callable[..., None]) -> None:
    counts, pool = np.zeros(34, np.int64), sync.Pool(2)
    with pool._busy:
        pool.run(turns, counts.ctypes.data, 0)
    assert counts[33] == 1


def test_an_interrupted_job_is_done_by_all(
    turns: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    counts, pool = np.zeros(34, np.int64), sync.Pool(2)
    launch = pool._launch

    def interrupted(*arguments: int) -> None:
        launch(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(pool, "_launch", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pool.run(turns, counts.ctypes.data, 0)
    assert counts[:2].tolist() == [TURNS] * 2
    counts[:] = 0
    pool.run(turns, counts.ctypes.data, 0)
    assert counts.tolist() == [TURNS] * 2 + [0] * 31 + [2]


def test_the_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_THREADS", "3")
    assert sync.count() == 3
    for wrong in ("0", "-1", "two", "1.5"):
        monkeypatch.setenv("GRAPHC_THREADS", wrong)
        with pytest.raises(GraphcError, match=f"GRAPHC_THREADS is `{wrong}`, which is no number of threads"):
            sync.count()
