"""The time of compiling: counted once, told while it passes, in no other time."""

from __future__ import annotations

import gc

import pytest

import graphc
from graphc.diagnostics import GraphcError
from graphc.driver.compiling import CompileClock, uncollected
from graphc.train.reporting import Silent

SPEC = """
input x : [2] = [1, 2]
param w : [2] = 1
minimize (w @ x - 4)^2
fit { optimizer = sgd(lr = 0.05), epochs = 2 }
"""


class Told(Silent):
    def __init__(self) -> None:
        self.begun: list[str] = []
        self.done: dict[str, float] = {}

    def compiling(self, what: str) -> None:
        self.begun.append(what)

    def compiled(self, what: str, seconds: float) -> None:
        assert self.begun[-1] == what
        self.done[what] = self.done.get(what, 0) + seconds


def test_what_is_compiled_is_told() -> None:
    program = graphc.compile(SPEC)
    before = program.compile_seconds
    assert before > 0
    told = Told()
    program.fit(reporter=told)
    purposes = ("the training step", "evaluation", "the optimizer")
    expected = {f"the {stage} of {purpose}" for stage in ("graph", "code") for purpose in purposes}
    assert expected <= set(told.done)
    assert program.compile_seconds == pytest.approx(before + sum(told.done.values()))
    again = Told()
    program.fit(reporter=again)
    assert not any("training step" in what for what in again.begun)


def test_a_part_of_compiling_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("graphc.driver.compiling.time.perf_counter", lambda: now[0])
    clock, told = CompileClock(), Told()

    def broken() -> None:
        with clock.compiling("evaluation", "code"):
            now[0] += 4
            raise ValueError("wrong")

    with clock.heard_by(told):
        with clock.compiling("evaluation", "graph"):
            now[0] += 1
            with clock.compiling("the equations", "graph"):
                now[0] += 2
        with pytest.raises(ValueError, match="wrong"):
            broken()
    with clock.compiling("evaluation", "code"):
        now[0] += 8
    assert told.done == {"the graph of evaluation": 3, "the code of evaluation": 4}
    assert clock.seconds == 15


def test_garbage_is_looked_for_again_behind_compiling() -> None:
    with uncollected():
        with uncollected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(GraphcError):
        graphc.compile("y = \n")
    assert gc.isenabled()
    gc.disable()
    try:
        graphc.compile(SPEC)
        assert not gc.isenabled(), "who compiles had switched it off"
    finally:
        gc.enable()
