"""Code with clocks: the numbers are those of code without, and each step has a slot of its own."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.backend.cpu import clock, executable, timed
from graphc.backend.cpu.assemble import assemble
from graphc.backend.cpu.limits import Limits
from graphc.backend.state import Run
from graphc.diagnostics import GraphcError
from graphc.ir.graph import Graph
from graphc.schedule.program import Launch, Pack, Product, Repeat
from tests.backend.cpu.test_assemble import H, recurrence


def run(made: executable.Executable, steps: int = 4) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    x = generator.standard_normal((3, steps, H)).astype(np.float32)
    u = generator.standard_normal((H, H)).astype(np.float32) / H
    return made.run({"x": x, "u": u}, Run(np.dtype(np.float32), 3, {"T": steps}))


@pytest.mark.parametrize("workers", [1, 2])
def test_the_bits_are_the_same_and_each_step_is_counted(
    workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRAPHC_THREADS", str(workers))
    monkeypatch.setattr(executable, "_ALONE", 0)
    program = recurrence()
    made = timed.Timed(Graph((), (), {}), program)
    expected = run(executable.Executable(Graph((), (), {}), program))
    for name, array in run(made).items():
        np.testing.assert_array_equal(array, expected[name])
    reading = made.read()
    assert reading.workers == workers
    assert reading.seconds.shape == (workers, clock.slots(program))
    calls = iter(reading.calls[clock.FIRST :])
    for step in program.steps:
        inside = step.body if isinstance(step, Repeat) else (step,)
        for one in (one for one in inside if isinstance(one, Launch | Pack | Product)):
            assert next(calls) == (4 if isinstance(step, Repeat) else 1), one
    assert next(calls, None) is None
    assert reading.calls[clock.BEGIN] == 1


def test_a_reading_is_what_came_since_the_one_before() -> None:
    made = timed.Timed(Graph((), (), {}), recurrence())
    run(made)
    first = made.read()
    assert not made.read().calls.any()
    assert not made.read().seconds.any()
    run(made)
    run(made)
    assert (made.read().calls == 2 * first.calls).all()


def test_what_passed_between_runs_is_none_of_theirs() -> None:
    made = timed.Timed(Graph((), (), {}), recurrence())
    run(made)
    assert not made.read().seconds[:, clock.BEGIN].any()


def test_sizes_are_those_of_the_last_run() -> None:
    made = timed.Timed(Graph((), (), {}), recurrence())
    run(made, steps=5)
    assert made.sizes(np.dtype(np.float32)) == {"T": 5, "B": 3}


def test_ordinary_code_has_no_clock() -> None:
    program = recurrence()
    assert "mark" in assemble(program, "float32", clocks=True).source
    assert "mark" not in assemble(program, "float32").source


def test_workers_write_into_lines_of_their_own() -> None:
    for slots in range(1, 20):
        room = clock.words(slots)
        assert room % 8 == 0
        assert room >= 3 + 2 * slots + 1


def test_a_system_without_a_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(clock.time, "clock_gettime")
    with pytest.raises(GraphcError, match=r"E613.*clock_gettime"):
        timed.Timed(Graph((), (), {}), recurrence())


def test_bandwidth_is_that_of_what_holds_the_bytes() -> None:
    limits = Limits(1, [(1 << 15, 9e10), (1 << 20, 4e10), (1 << 27, 5e9)], 1.0, 1.0)
    assert limits.bandwidth(100) == 9e10
    assert limits.bandwidth(1 << 16) == 4e10
    assert limits.bandwidth(1 << 30) == 5e9
