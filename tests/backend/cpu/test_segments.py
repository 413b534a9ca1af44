"""`memory = low`: the losses and gradients of loops that are kept whole, with less memory.

Most run as generated source in plain Python (see `plain`); with `GRAPHC_COMPILE_ALL=1` all are compiled.
"""

from __future__ import annotations

import os
from contextlib import nullcontext

import numpy as np
import pytest

import graphc
from graphc.backend import BACKENDS, Run
from graphc.backend.cpu.arena import Piece, place
from graphc.backend.cpu.executable import Executable
from graphc.backend.cpu.sizing import evaluate
from graphc.ir.graph import Graph, LoopNode
from graphc.schedule import Keeping, Program, schedule
from graphc.schedule.prepare import expanded, joined
from graphc.schedule.printer import program_text
from graphc.schedule.program import segment_length
from graphc.schedule.segments import Segments, segmented
from tests.backend.cpu.comparing import assert_close, builds, draw
from tests.backend.cpu.plain import uncompiled

ALL = os.environ.get("GRAPHC_COMPILE_ALL") == "1"

HEAD = """
dim D = 3, H = 8
axis t = 1..T
input x[t] : [D], y[t] : [H]
"""
ELMAN = """
param W : [H, D], U : [H, H]
h[0] = 0
h[t] = tanh(W @ x[t] + U @ h[t-1])
"""
LOSS = """
minimize mean[t](sum((h[t] - y[t])^2))
"""
STARTED = """
param W : [H, D], U : [H, H], a : [H]
h[0] = tanh(a)
h[t] = tanh(W @ x[t] + U @ h[t-1])
minimize mean[t](sum((h[t] - y[t])^2)) + sum(h[T] * a)
"""
PEEPHOLE = """
param Wf, Wi, Wc : [H, D], Uf, Ui, Uc : [H, H], Vf, Vi, Vo : [H], b : [H]
h[0] = 0
c[0] = 0
f[t] = sigmoid(Wf @ x[t] + Uf @ h[t-1] + Vf * c[t-1])
i[t] = sigmoid(Wi @ x[t] + Ui @ h[t-1] + Vi * c[t-1])
c[t] = f[t] * c[t-1] + i[t] * tanh(Wc @ x[t] + Uc @ h[t-1] + b)
h[t] = sigmoid(Vo * c[t]) * tanh(c[t])
"""
BACKWARDS = """
param A : [H, D], B : [H, H]
g[T+1] = 0
g[t] = tanh(A @ x[t] + B @ g[t+1])
"""
LAYERS = """
layer one = LSTM(D, H), two = LSTM(H, H)
h = two(one(x).h).h
"""
DROPOUT = """
param W : [H, D], U : [H, H]
h[0] = 0
h[t] = tanh(W @ dropout(x[t], 0.25) + U @ dropout(h[t-1], 0.5))
"""
POSITIONS = """
param W : [H, D], U : [H, H]
h[0] = 0
h[t] = tanh(W @ x[t] * cos(0.5 * t) + U @ h[t-1] / t)
"""
DEPTH = """
axis l = 1..12
param W : [H, D], U[l] : [H, H], V[l] : [H, H]
h[t, 0] = W @ x[t]
h[0, l] = 0
h[t, l] = tanh(U[l] @ h[t-1, l] + V[l] @ h[t, l-1])
minimize mean[t](sum((h[t, 12] - y[t])^2))
"""
CELLS = {
    "elman": ELMAN + LOSS,
    "started": STARTED,
    "lstm": "layer rnn = LSTM(D, H)\nh = rnn(x).h\n" + LOSS,
    "gru": "layer rnn = GRU_library(D, H)\nh = rnn(x)\n" + LOSS,
    "peephole": PEEPHOLE + LOSS,
    "bidirectional": ELMAN + BACKWARDS + "minimize mean[t](sum((h[t] * g[t] - y[t])^2))\n",
    "two layers": LAYERS + LOSS,
    "dropout": DROPOUT + LOSS,
    "positions": POSITIONS + LOSS,
    "depth and time": DEPTH,
}
LOOPS = {"bidirectional": 4, "two layers": 4}
"""Over segments; two where nothing is said."""
COMPILED = ("lstm", "dropout", "bidirectional")

RUNS = {
    **{f"T = {T}": Run(batch=3, lengths={"T": T}, seed=4, step=2) for T in (7, 1, 2, 50)},
    "one example": Run(batch=1, lengths={"T": 10}),
    "ragged": Run(batch=5, lengths={"T": np.array([11, 3, 1, 12, 7])}),
    "no steps": Run(batch=2, lengths={"T": 0}),
}


def gradients(text: str, *, dense: bool = False) -> Graph:
    program = graphc.compile(HEAD + text, backend="reference", dtype="float64")
    ((made, _),) = program.pipeline.gradients("train", program.trainable, dense=dense).parts
    return made.graph


def over_segments(graph: Graph) -> int:
    nodes = segmented(joined(expanded(graph))).walk()
    return sum(isinstance(node, LoopNode) and isinstance(node.loop, Segments) for node in nodes)


@pytest.mark.parametrize("name", CELLS)
def test_computing_again_changes_no_result(name: str) -> None:
    graph = gradients(CELLS[name])
    assert over_segments(graph) == LOOPS.get(name, 2)
    compiled = ALL or name in COMPILED
    with nullcontext() if compiled else uncompiled(order=(2, 0, 1)):
        kept, again = (Executable(graph, schedule(graph, memory=memory)) for memory in ("normal", "low"))
        with builds() as built, np.errstate(all="ignore"):
            for case, run in RUNS.items():
                given = draw(graph, run)
                expected, found = kept.run(given, run), again.run(given, run)
                assert_close(graph, run, found, expected, 1e-12, case)
                if compiled:  # plain Python's products may round otherwise for other numbers of rows
                    np.testing.assert_array_equal(found["loss@"], expected["loss@"], case)
    assert len(built) <= 2


def test_a_dense_graph_has_segments_too() -> None:
    graph = gradients(CELLS["lstm"], dense=True)
    run = RUNS["T = 50"]
    given = draw(graph, run)
    found = BACKENDS["cpu"].prepare(graph, dense=True, memory="low").run(given, run)
    assert_close(graph, run, found, BACKENDS["reference"].prepare(graph, memory="low").run(given, run), 1e-12)


HISTORY = """
param U : [H, H]
h[0] = 0
h[t] = tanh(U @ h[t-1] + 0.1 * sum[r = 1..t-1](sin(h[r]) * r))
"""


GRID = """
axis r = 1..T
param W : [H, D], v : [H]
a[0, r] = 0
a[t, r] = tanh(v * a[t-1, r] + tanh(W @ x[t]) * y[r])
minimize mean[t](mean[r](sum(a[t, r]^2)))
"""


def test_what_reads_its_own_history_is_kept_whole() -> None:
    text = "axis r = 1..T\n" + HISTORY + "minimize mean[t](sum((h[t] - y[t])^2))\n"
    assert over_segments(gradients(text)) == 0


def test_axes_of_one_length_keep_their_extents() -> None:
    """A part of `t` and all of `r` have one length: they must not be one loop."""
    graph = gradients(GRID)
    assert over_segments(graph) == 2
    run = RUNS["T = 7"]
    given = draw(graph, run)
    with uncompiled():
        found = BACKENDS["cpu"].prepare(graph, memory="low").run(given, run)
    assert_close(graph, run, found, BACKENDS["reference"].prepare(graph).run(given, run), 1e-12)


def arena(program: Program, batch: int, steps: int) -> int:
    """The bytes of all that lives from phase to phase, in float64."""
    extents = {"batch": batch, "T": steps}
    sizes = {
        size.name: segment_length(extents[size.source]) if size.kind == "segment" else extents[size.source]
        for size in program.sizes
    }
    pieces = [Piece(8 * evaluate(buffer.size, sizes), first, last) for buffer, first, last in program.lives]
    return place(pieces)[1]


def test_a_long_sequence_takes_less_than_a_third() -> None:
    graph = gradients(CELLS["lstm"], dense=True)
    modes: tuple[Keeping, ...] = ("low", "normal")
    low, normal = (arena(schedule(graph, dense=True, memory=memory), 32, 400) for memory in modes)
    assert 3 * low < normal


def test_the_printed_schedule_shows_segments_and_their_bytes() -> None:
    program = schedule(gradients(CELLS["elman"], dense=True), dense=True, memory="low")
    text = program_text(program, {"batch": 2, "T": 7}, 8)
    assert "n_T_segment  steps of a segment of `T`" in text
    assert "loop t0 from (n_T + n_T_segment - 1) // n_T_segment - 1 to 0: all workers" in text
    assert "bytes of work, at most" in text  # so all of them are numbers


@pytest.mark.parametrize(("extent", "length"), [(0, 1), (1, 1), (2, 2), (4, 2), (5, 3), (400, 20), (401, 21)])
def test_the_length_of_a_segment(extent: int, length: int) -> None:
    assert segment_length(extent) == length


def test_a_fit_says_what_is_kept() -> None:
    def cut(given: graphc.Program) -> list[bool]:
        return [
            any(size.kind == "segment" for size in made.program.sizes)
            for made in given.pipeline.executables
            if isinstance(made, Executable) and "loss@" in made.graph.outputs
        ]

    text = HEAD + CELLS["elman"] + "fit { memory = low, epochs = 1, batch = all }\n"
    given = graphc.compile(text, backend="cpu", dtype="float64")
    generator = np.random.default_rng(0)
    batch = {"x": generator.standard_normal((2, 5, 3)), "y": generator.standard_normal((2, 5, 8))}
    with uncompiled():
        given.step(batch)
        assert cut(given) == [True]
        given.value_and_grad(batch)
        assert cut(given) == [True, False]
    for other in (given, graphc.compile(text, backend="cpu", settings={"fit.memory": "normal"})):
        before = cut(other)
        with uncompiled():
            other.fit(batch, memory="normal") if other is given else other.fit(batch)
        assert cut(other) == (before or [False])
