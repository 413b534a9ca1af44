"""What `graphc profile` says of steps: structure and sums, never how long something takes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import graphc
from graphc.backend.cpu import limits
from graphc.backend.cpu.limits import Limits
from graphc.diagnostics import GraphcError
from graphc.driver.profiling.profile import profile
from graphc.driver.program import Program
from graphc.ir.graph import Node
from graphc.schedule.program import Launch, Pack, Product, Repeat
from graphc.view.profile import Profile, Row
from tests.golden import FOLDER, check_golden

RECURRENT = """
dim D = 4, H = 8
axis t = 1..T
input x[t] : [D], y : index(3)
param W : [3, H], c : [3] = 0
layer rnn = GRU(D, H)

h = rnn(x).h
p = softmax(W @ h[T] + c)
minimize cross_entropy(p, y)
"""
TRAINED = RECURRENT + "fit { optimizer = adam(lr = 0.01), clip = 1.0, batch = 4 }\n"


@pytest.fixture(autouse=True)
def _known_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measuring them takes longer than all the rest."""

    def known(real: str, workers: int) -> Limits:
        return Limits(workers, [(1 << 20, 1e11), (1 << 27, 1e10)], 3e10, 9e10)

    monkeypatch.setattr(limits, "measure", known)
    monkeypatch.setenv("GRAPHC_THREADS", "2")


def measured(program: Program, **options: object) -> Profile:
    return profile(program, seconds=0, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained() -> Profile:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "measure", lambda real, workers: Limits(workers, [(1, 1e10)], 3e10, 9e10))
        return measured(graphc.compile(TRAINED, backend="cpu"), batch=6, lengths={"T": 5})


def steps_of(found: Profile, part: str) -> list[Row]:
    return [row for row in found.rows if row.part == part and row.kind in ("kernel", "product", "pack")]


def test_every_step_of_the_schedule_has_one_row(trained: Profile) -> None:
    program = graphc.compile(TRAINED, backend="cpu")
    losses = program.losses
    (executable,) = [each for each, _ in losses.ready(0, dense=True, chunked=False, continued=False).parts]
    rows = iter(steps_of(trained, "loss and gradients"))
    loops = 0
    for step in executable.program.steps:  # type: ignore[attr-defined]
        loops += isinstance(step, Repeat)
        inside = step.body if isinstance(step, Repeat) else (step,)
        for one in (one for one in inside if isinstance(one, Launch | Pack | Product)):
            row = next(rows)
            assert row.kind == {Launch: "kernel", Pack: "pack", Product: "product"}[type(one)]
            assert (row.depth, row.calls) == ((1, 5) if isinstance(step, Repeat) else (0, 1))
            if isinstance(one, Product):
                assert row.operations == 2 * _count(one, {"n_T": 5, "n_batch": 6})
    assert next(rows, None) is None
    assert loops == sum(row.kind == "loop" for row in trained.rows) == 2


def _count(product: Product, sizes: dict[str, int]) -> int:
    from graphc.kernel.evaluate import Evaluator

    return int(np.prod([Evaluator(sizes)(extent) for extent in (product.m, product.n, product.k)]))


def test_the_parts_of_a_training_step(trained: Profile) -> None:
    parts = list(dict.fromkeys(row.part for row in trained.rows))
    assert parts == ["loss and gradients", "norm of the gradients", "update of the weights", "the rest"]
    assert trained.subject == "<text>: a training step on 6 random examples, T = 5"
    assert trained.rows[-1].kind == "outside"
    assert trained.marks > sum(row.calls for row in trained.rows if row.kind in ("kernel", "product", "pack"))


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_the_passes_are_told_apart(trained: Profile, backend: str) -> None:
    found = trained
    if backend == "reference":
        found = measured(graphc.compile(TRAINED, backend="reference"), batch=2, lengths={"T": 3})
    gradients = [row for row in found.rows if row.part == "loss and gradients" and row.kind != "waiting"]
    ahead, back = (row.direction for row in gradients if row.kind == "loop")
    assert (ahead, back) == ("forward", "backward")
    for row in gradients:
        assert row.direction in ("forward", "backward", "both")
        if row.direction == "forward":
            assert "gradient of" not in row.name
    last = max(number for number, row in enumerate(gradients) if row.direction == "forward")
    assert any(row.direction == "backward" for row in gradients[last + 1 :])
    assert {row.direction for row in found.rows if row.part != "loss and gradients"} == {""}


def test_rows_and_equations_add_up(trained: Profile) -> None:
    assert sum(equation.seconds for equation in trained.equations) == pytest.approx(trained.seconds)
    assert sum(row.seconds for row in trained.rows if row.counts) == trained.seconds
    for number, loop in enumerate(trained.rows):
        if loop.kind == "loop":
            inside: Iterator[Row] = (row for row in trained.rows[number + 1 :])
            body = []
            for row in inside:
                if row.depth <= loop.depth:
                    break
                body.append(row.seconds)
            assert loop.seconds == pytest.approx(sum(body))


def test_bytes_are_those_of_the_buffers(trained: Profile) -> None:
    (update,) = steps_of(trained, "update of the weights")
    weights = 4 * graphc.compile(TRAINED).params.weights.layout.size
    assert weights * 7 <= update.bytes <= weights * 7 + 64  # w, m, v and g are read, w, m and v written
    (norm,) = steps_of(trained, "norm of the gradients")
    assert norm.bytes == weights + 4
    assert norm.operations == 2 * weights // 4


def test_every_row_says_what_it_is_bound_by(trained: Profile) -> None:
    for row in trained.rows:
        if row.reached is not None:
            assert row.kind in ("kernel", "product", "pack")
            assert row.bound in ("memory", "arithmetic", "latency")
            assert (row.bound == "latency") == (row.reached < 0.25)
        else:
            assert row.bound == ""


def test_what_a_product_reached_is_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "measure", lambda real, workers: Limits(workers, [(1, 1e10)], 3e10, 1.0))
    text = "dim N = 300\nparam A, B : [N, N]\nC = A @ B\noutput C\n"
    found = measured(graphc.compile(text, backend="cpu"), forward=True)
    (product,) = (row for row in found.rows if row.kind == "product")
    assert product.operations == 2 * 300**3
    assert product.reached == pytest.approx(1)
    assert found.machine is not None
    assert found.machine.products == pytest.approx(product.rate(product.operations))


def test_what_is_joined_belongs_to_each_gate(trained: Profile) -> None:
    joined = [row for row in trained.rows if row.kind == "product" and len(row.places) > 1]
    assert joined
    assert all(place.startswith("gru.nn:") for row in joined for place in row.places)
    gates = [e for e in trained.equations if e.text.startswith(("r[t] =", "z[t] ="))]
    assert len(gates) == 2
    assert not [e for e in trained.equations if e.text.startswith("loss and gradients")]


def test_what_each_unit_takes_to_compile() -> None:
    program = graphc.compile("input x : [3] = [1, 2, 3]\ny = x * 2\noutput y\n", backend="cpu")
    found = measured(program, compiling=True)
    assert [unit.name for unit in found.units] == ["workers", "step", "kernel y"]
    assert all(unit.translation > 0 and unit.llvm > 0 for unit in found.units)
    assert not measured(program).units


def test_the_program_itself_stays_as_it_is() -> None:
    program = graphc.compile(TRAINED, backend="reference")
    before = program.weights()
    measured(program, batch=3, lengths={"T": 2})
    assert all((array == before[name]).all() for name, array in program.weights().items())


def test_values_and_gradients() -> None:
    plain = graphc.compile(RECURRENT, backend="reference")
    assert "the loss and its gradients on 2 random" in measured(plain, batch=2, lengths={"T": 3}).subject
    found = measured(plain, batch=2, forward=True, lengths={"T": 3})
    assert "the values on 2 random examples, T = 3" in found.subject
    assert {row.part for row in found.rows} == {"values", "the rest"}


def test_a_row_for_each_node_of_the_reference_backend() -> None:
    program = graphc.compile(RECURRENT, backend="reference")
    found = measured(program, batch=2, lengths={"T": 3})
    made = program.pipeline.gradients("train", program.trainable, dense=True)
    ((executable, _),) = made.parts
    nodes = [node for node in executable.graph.walk() if isinstance(node, Node)]
    rows = [row for row in found.rows if row.kind == "node"]
    assert len(rows) == len(nodes)
    assert sum(row.calls for row in rows) > len(nodes)
    assert all(row.bytes and row.operations is None for row in rows)
    assert sum(e.seconds for e in found.equations) == pytest.approx(found.seconds)
    # Sums over examples and what autodiff made are given to the equations that they are made for.
    assert not [e for e in found.equations if e.text.startswith("loss and gradients")]


def test_the_specs_own_examples_and_its_data(tmp_path: Path) -> None:
    own = graphc.compile("input x : [2] = batch([1, 2], [3, 4])\nparam w : [2] = 0\nminimize (w @ x)^2\n")
    assert measured(own).subject.endswith("on 2 examples of the spec")
    one = graphc.compile("input x = 2\nparam w = 1\nminimize (w * x)^2\n")
    assert measured(one).subject.endswith("on 1 example of the spec")
    (tmp_path / "points.csv").write_text("x,y\n" + "1,2\n" * 10, encoding="utf-8")
    text = "input x : real, y : real\nparam w = 0\nminimize (w * x - y)^2\n"
    text += 'data { source = "points.csv" }\nfit { optimizer = sgd(lr = 1e30), batch = 4, epochs = 2 }\n'
    data = graphc.compile(text, root=tmp_path)
    assert measured(data).subject.endswith("a training step on 4 examples of its data")


def nothing() -> None:
    measured(graphc.compile(RECURRENT))


def unknown_length() -> None:
    measured(graphc.compile(RECURRENT), batch=2, lengths={"S": 3})


def size_of_a_dim() -> None:
    measured(graphc.compile(RECURRENT), batch=2, lengths={"H": 3})


@pytest.mark.parametrize("case", [nothing, unknown_length, size_of_a_dim])
def test_faults(case: object, update_goldens: bool) -> None:
    with pytest.raises(GraphcError) as caught:
        case()  # type: ignore[operator]
    path = FOLDER / "errors" / "profile" / f"{case.__name__}.txt"  # type: ignore[attr-defined]
    check_golden(path, f"{caught.value}\n", update_goldens)
