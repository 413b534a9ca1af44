"""What a schedule is made of: what is joined, hoisted, fused, sliced and shared."""

from __future__ import annotations

from collections import Counter

import numpy as np

from graphc import compile as compile_spec
from graphc.backend.cpu.arena import Piece, place
from graphc.backend.cpu.sizing import evaluate
from graphc.schedule import Program, schedule
from graphc.schedule.program import Barrier, Launch, Pack, Product, Repeat, Step

LANGUAGE_MODEL = """
dim V = 12, E = 16, H = 32
axis t = 1..T
input s[t] : index(V), y[t] : index(V)
param Emb : [V, E] ~ normal(1), W : [V, H], c : [V] = 0
layer rnn = {cell}(E, H)
h    = rnn(Emb[s]).h
p[t] = softmax(W @ h[t] + c)
minimize mean[t](cross_entropy(p[t], y[t]))
"""

OWN_CELL = """
dim D = 16, H = 32
axis t = 1..T
input x[t] : [D], y : real
param A, B : [H, D], P, Q : [H, H] ~ orthogonal, b : [H] = 0, w : [H]
h[0] = 0
r[t] = sigmoid(A @ x[t] + P @ h[t-1])
h[t] = r[t] * h[t-1] + (1 - r[t]) * tanh(B @ x[t] + Q @ h[t-1] + b)
minimize (w @ h[T] - y)^2
"""

ATTENTION = """
dim E = 16
axis t = 1..T, u = 1..N
input x[t] : [E], z[u] : [E]
param A, B, P, Q : [E, E]
h[0] = 0
h[t] = tanh(A @ x[t] + P @ h[t-1])
g[0] = 0
g[u] = tanh(B @ z[u] + Q @ g[u-1])
k[u,t] = softmax[t](g[u] @ h[t])
q[u] = sum[t](k[u,t] * h[t])
minimize mean[u](sum((q[u] - z[u])^2))
"""


def _gradients(text: str, dense: bool = True) -> Program:
    program = compile_spec(text, backend="reference")
    made = program.pipeline.gradients("train", list(program.trainable), dense=dense)
    (part,) = made.parts
    return schedule(part[0].graph, dense=dense)


def _loops(program: Program) -> list[Repeat]:
    return [step for step in program.steps if isinstance(step, Repeat)]


def _kinds(steps: tuple[Step, ...]) -> Counter[type]:
    return Counter(type(step) for step in steps)


def test_a_cell_is_one_product_and_one_kernel_a_step() -> None:
    for cell in ("LSTM", "PeepholeLSTM", "GRU_library"):
        forwards, backwards = _loops(_gradients(LANGUAGE_MODEL.format(cell=cell)))
        assert all(loop.sliced for loop in (forwards, backwards)), cell
        assert _kinds(forwards.body) == {Product: 1, Launch: 1}, cell
        assert _kinds(backwards.body)[Product] == 1, cell
        assert _kinds(backwards.body)[Barrier] == 0, cell


def test_a_cell_of_ones_own_gets_the_same() -> None:
    program = _gradients(OWN_CELL)
    forwards, backwards = _loops(program)
    assert forwards.sliced
    assert backwards.sliced
    assert _kinds(forwards.body) == {Product: 1, Launch: 1}
    assert _kinds(backwards.body) == {Product: 1, Launch: 1}
    # `A @ x` and `B @ x` in front of the loop; both weights' gradients of x and of h behind it.
    assert _kinds(program.steps)[Product] == 3


def test_recurrent_weights_are_packed_once() -> None:
    program = _gradients(LANGUAGE_MODEL.format(cell="LSTM"))
    assert _kinds(program.steps)[Pack] == 2
    for loop in _loops(program):
        assert all(step.packed is not None for step in loop.body if isinstance(step, Product))


def test_a_state_that_is_kept_is_where_the_next_step_reads_it() -> None:
    forwards, _ = _loops(_gradients(LANGUAGE_MODEL.format(cell="LSTM")))
    product = next(step for step in forwards.body if isinstance(step, Product))
    kernel = next(step for step in forwards.body if isinstance(step, Launch))
    written = [p.name for p in kernel.kernel.buffers if p.written]
    assert product.a.buffer.name in written
    # Six gates and states for the reverse loop, each in one place.
    assert len(written) == 7


def test_loss_and_gradient_are_one_pass() -> None:
    program = _gradients("dim N = 50\ninput x : [N]\nparam w : [N]\nminimize mean(tanh(w * x)^2)\n")
    rows = [step for step in program.steps if isinstance(step, Launch) and step.extent is not None]
    assert len(rows) <= 2, "one kernel over examples, one that adds up"


def test_each_example_has_a_table_of_scores_of_its_own() -> None:
    """Both are sequences of loops, with the batch inside of the steps; their products are not."""
    program = _gradients(ATTENTION)
    numbers = {"n_T": 5, "n_N": 7, "n_batch": 3}
    numbers |= {size.name: numbers.get(size.name, 1) for size in program.sizes}
    tables = [s for s in program.steps if isinstance(s, Product) and s.over]
    assert len(tables) == 6
    for step in tables:
        (name, _), *_ = step.over
        strides = [evaluate(e, {**numbers, name.name: 0}) for e in (step.c.rows, step.c.columns)]
        assert 1 in strides, step.note
        scores = [x for x in (step.a, step.b, step.c) if evaluate(x.buffer.size, numbers) == 5 * 7 * 3]
        assert [sorted((evaluate(x.rows, numbers), evaluate(x.columns, numbers))) for x in scores] == [[1, 5]]


def test_where_examples_meet_workers_do() -> None:
    norm = "axis t = 1..T\ndim D = 16\ninput x[t] : [D]\nh[0] = 0\nh[t] = tanh(x[t] + {} )\noutput h[T]\n"
    program = compile_spec(norm.format("0.5 * h[t-1]"), backend="reference")
    apart = schedule(program.pipeline.forward("train", ("h",), dense=True).graph, dense=True)
    assert all(loop.sliced for loop in _loops(apart))
    program = compile_spec(norm.format("mean[batch](h[t-1])"), backend="reference")
    together = schedule(program.pipeline.forward("train", ("h",), dense=True).graph, dense=True)
    (loop,) = _loops(together)
    assert not loop.sliced
    assert _kinds(loop.body)[Barrier] >= 1


def test_workers_meet_where_an_inner_loop_packs() -> None:
    text = (
        "dim H = 16\naxis s = 1..S, t = 1..T\ninput x[s, t] : [H]\nparam U : [H, H] ~ orthogonal\n"
        "g[0] = 0\nh[s, 0] = g[s-1]\nh[s, t] = tanh(U @ h[s, t-1] + x[s, t])\ng[s] = h[s, T]\noutput g[S]\n"
    )
    program = compile_spec(text, backend="reference")
    found = schedule(program.pipeline.forward("eval", ("g",), dense=True).graph, dense=True)
    (outer,) = _loops(found)
    (inner,) = [step for step in outer.body if isinstance(step, Repeat)]
    assert not outer.sliced
    assert inner.sliced
    assert _kinds(outer.body)[Pack] == 1


def test_buffers_share_memory_and_never_while_both_live() -> None:
    program = _gradients(LANGUAGE_MODEL.format(cell="LSTM"))
    sizes = {"n_batch": 4, "n_T": 9}
    lives = [(evaluate(buffer.size, sizes) * 4, first, last) for buffer, first, last in program.lives]
    pieces = [Piece(*life) for life in lives]
    starts, total = place(pieces)
    assert total < sum(piece.bytes for piece in pieces)
    taken = np.array([(s, s + n, first, last) for s, (n, first, last) in zip(starts, lives, strict=True)])
    for i, (start, end, first, last) in enumerate(taken):
        for other, stop, begins, ends in taken[:i]:
            assert end <= other or stop <= start or last < begins or ends < first


def test_a_ragged_schedule_holds_states() -> None:
    for dense, wanted in ((True, False), (False, True)):
        program = _gradients(OWN_CELL, dense)
        inside = [
            b for loop in _loops(program) for s in loop.body if isinstance(s, Launch) for b in s.arguments
        ]
        assert any(argument.buffer.role == "lengths" for argument in inside) is wanted


def test_a_softmax_over_an_axis_is_one_kernel() -> None:
    steps = [step for step in _gradients(ATTENTION).steps if not isinstance(step, Barrier)]
    tables = [place for place, step in enumerate(steps) if isinstance(step, Product) and step.over]
    scores, means, *_ = tables
    assert [type(step) for step in steps[scores + 1 : means]] == [Launch]
