"""Graphs that are hard to schedule, and random ones: values and gradients against the reference.

Most run as generated source in plain Python (see `plain`); a few are compiled. `GRAPHC_RANDOM_GRAPHS` is how
many random graphs are drawn, `GRAPHC_RANDOM_GRAPHS_FROM` the first seed, and with `GRAPHC_COMPILE_ALL=1` all
of them are compiled, which takes minutes.
"""

from __future__ import annotations

import os
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest

from graphc import schedule
from graphc.autodiff import differentiate
from graphc.backend import BACKENDS, Run, reference
from graphc.ir.graph import Graph
from graphc.ir.verifier import verify
from graphc.passes import optimize
from graphc.schedule import phases
from graphc.schedule.program import Barrier
from tests.backend.cpu.comparing import RUNS, assert_close, assert_equals_reference, draw, merged
from tests.backend.cpu.corners import CORNERS, built, with_gradients
from tests.backend.cpu.plain import uncompiled
from tests.random_graphs import random_graph

FIRST = int(os.environ.get("GRAPHC_RANDOM_GRAPHS_FROM", "0"))
SEEDS = range(FIRST, FIRST + int(os.environ.get("GRAPHC_RANDOM_GRAPHS", "10")))
ALL = os.environ.get("GRAPHC_COMPILE_ALL") == "1"
COMPILED = ("odd carries", "joined", "held products", "loops in loops", "scattered")
"""Of the hard graphs those whose gradients are compiled."""


def gradient_graph(name: str) -> Graph:
    graph = optimize(with_gradients(built(CORNERS[name])), keep=())
    verify(graph)
    return graph


@pytest.mark.parametrize("name", CORNERS)
def test_hard_graphs(name: str) -> None:
    with uncompiled(order=(0, 2, 1)):
        assert_equals_reference(built(CORNERS[name]))


@pytest.mark.parametrize("name", CORNERS)
def test_gradients_of_hard_graphs(name: str) -> None:
    """Workers in an order that no result may depend on, or the compiler."""
    with nullcontext() if ALL else uncompiled(order=(2, 1, 0)):
        assert_equals_reference(gradient_graph(name), tolerance=1e-11)


def test_hard_graphs_compiled() -> None:
    """Side by side; random draws, which take long to compile, are in `test_ops`."""
    left_out = {*COMPILED, "draws in a loop", "held products backwards"}
    graphs = {name: built(corner) for name, corner in CORNERS.items() if name not in left_out}
    assert_equals_reference(merged(graphs), tolerance=1e-11)


@pytest.mark.parametrize("name", COMPILED)
def test_gradients_of_hard_graphs_compiled(name: str) -> None:
    assert_equals_reference(gradient_graph(name), tolerance=1e-11)


def test_hard_graphs_in_single_precision() -> None:
    graph = merged({name: built(corner) for name, corner in CORNERS.items() if name != "draws in a loop"})
    runs = {
        name: Run(np.dtype(np.float32), run.batch, run.lengths, run.seed, run.step)
        for name, run in RUNS.items()
    }
    with uncompiled():
        assert_equals_reference(graph, runs, tolerance=2e-4)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_graphs(seed: int) -> None:
    drawn = random_graph(seed)
    graph = optimize(differentiate(drawn.graph, "loss", drawn.inputs).graph, keep=())
    with nullcontext() if ALL else uncompiled(order=(1, 0)):
        assert_equals_reference(graph, tolerance=1e-10)


@pytest.mark.parametrize("seed", [3, 8])
def test_random_graphs_compiled(seed: int) -> None:
    drawn = random_graph(seed)
    assert_equals_reference(optimize(drawn.graph, keep=()), tolerance=1e-10)


# What judges has to be able to fail.


def test_a_missing_barrier_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, run = built(CORNERS["one after another"]), RUNS["dense"]
    given = draw(graph, run)
    expected = reference.prepare(graph).run(given, run)

    def without(steps: Any) -> tuple[Any, ...]:
        return tuple(step for step in phases.with_barriers(steps) if not isinstance(step, Barrier))

    monkeypatch.setattr(schedule, "with_barriers", without)
    with uncompiled(order=(1, 0)):
        found = BACKENDS["cpu"].prepare(graph).run(given, run)
    with pytest.raises(AssertionError):
        assert_close(graph, run, found, expected, 1e-6)


def test_an_element_outside_of_its_buffer_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, run = built(CORNERS["unchanged"]), RUNS["dense"]
    with uncompiled():
        prepared = BACKENDS["cpu"].prepare(graph)
        smaller = Run(batch=run.batch, lengths={"T": 1, "N": 1})
        prepared.run(draw(graph, smaller), smaller)
        monkeypatch.setattr("tests.backend.cpu.plain.evaluate", lambda size, sizes: 1)
        with pytest.raises(IndexError, match="element 1 of 1"):
            prepared.run(draw(graph, run), run)
