"""Workers together: nobody goes on before all have come, and a busy pool runs nothing twice at once."""

import time
from collections.abc import Callable
from textwrap import indent

import numpy as np
import pytest

from graphc.backend.cpu import assembler, machine, sync
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
        pool.run(turns, workers, counts.ctypes.data, 0)
        assert counts.tolist() == [TURNS] * workers + [0] * (33 - workers) + [workers]


def test_a_pool_may_be_larger_than_a_job(turns: Callable[..., None]) -> None:
    counts, pool = np.zeros(34, np.int64), sync.Pool(3)
    for workers in (3, 2, 3, 1, 2):
        counts[:] = 0
        pool.run(turns, workers, counts.ctypes.data, 0)
        assert counts.tolist() == [TURNS] * workers + [0] * (33 - workers) + [workers]


def test_many_short_jobs() -> None:
    add = job("add(counts, me, workers, 0)\nbarrier(sync, workers)", ADD)
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


def test_a_job_that_fails_in_a_worker_is_reported() -> None:
    pool = sync.Pool(2)
    text = f"""
declare void @{BARRIER}(i64, i64)
define i32 @number(ptr %a, ptr %b, i64 %me, i64 %workers, i64 %sync, ptr %table, ptr %sizes) {{
  call void @{BARRIER}(i64 %sync, i64 %workers)
  %state = trunc i64 %me to i32
  ret i32 %state
}}
"""
    machine.load([assembler.assemble(text)])
    number = machine.function("number", KINDS)

    def twice() -> None:
        # It fails behind the barrier: worker 0 may have gone on before, but not past the next barrier.
        for _ in range(2):
            pool.run(number, 2, 0, 0)

    with pytest.raises(RuntimeError, match="compiled code failed in a worker"):
        twice()


def test_the_number_of_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHC_THREADS", "3")
    assert sync.count() == 3
    assert sync.pool().workers == 3
    for wrong in ("0", "-1", "two", "1.5"):
        monkeypatch.setenv("GRAPHC_THREADS", wrong)
        with pytest.raises(GraphcError, match=f"GRAPHC_THREADS is `{wrong}`, which is no number of threads"):
            sync.count()
