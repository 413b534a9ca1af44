"""Gradients against finite differences, with ragged lengths and garbage outside them."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.autodiff import differentiate
from graphc.backend.reference import Run, execute
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, LoopNode, Value
from graphc.ir.op import Array
from graphc.ops.elementwise import MUL, TANH
from graphc.ops.leaf import PIN
from graphc.ops.masking import sum_over
from graphc.ops.summing import REDUCE_SUM
from graphc.types import BATCH, TensorType
from tests.autodiff.recurrences import EXAMPLES, H, Sheet, T
from tests.gradient_checks import assert_gradients, draw_inputs, valid
from tests.loops import Outcome, Step, loop

RUNS = {
    "dense": Run(batch=3, lengths={"T": 4}),
    "ragged": Run(batch=4, lengths={"T": np.array([2, 5, 0, 3])}),
    "no steps": Run(batch=2, lengths={"T": 0}),
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())
@pytest.mark.parametrize("name", EXAMPLES)
def test_gradients_agree_with_finite_differences(name: str, run: Run) -> None:
    example = EXAMPLES[name]()
    assert_gradients(example.graph, run, example.wrt)


@pytest.mark.parametrize("name", EXAMPLES)
def test_garbage_is_never_seen(name: str) -> None:
    """What stands in padded positions changes no valid position of any output, to the last bit."""
    example = EXAMPLES[name]()
    run = RUNS["ragged"]
    graph = differentiate(example.graph, "loss", example.wrt).graph
    clean, dirty = (
        execute(graph, draw_inputs(graph, run, garbage=garbage), run) for garbage in (0.5, np.nan)
    )
    for output, value in graph.outputs.items():
        where = valid(value.type, run)
        assert np.array_equal(clean[output][where], dirty[output][where]), output
        assert np.isfinite(clean[output][where]).all()


PINS = {"elman": "h", "elman backwards": "h", "nested": "z", "history": "h"}
"""Examples that add an input `e` right before they pin a value inside a loop, so both have one gradient."""


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())
@pytest.mark.parametrize("name", PINS)
def test_pinned_values_in_loops_have_gradients(name: str, run: Run) -> None:
    example = EXAMPLES[name]()
    pin = PINS[name]
    graph = differentiate(example.graph, "loss", ["e", pin]).graph
    assert graph.outputs["grad:e"].type == graph.outputs[f"grad:{pin}"].type
    result = execute(graph, draw_inputs(graph, run), run)
    where = valid(graph.input("e").type, run)
    np.testing.assert_array_equal(result["grad:e"][where], result[f"grad:{pin}"][where])
    assert not where.any() or np.abs(result["grad:e"][where]).max() > 0


SUMMANDS = {
    ("fork", "h"): 3,
    ("fork", "x"): 1,
    ("elman", "h"): 2,
    ("elman", "U"): 1,
    ("nested", "z"): 2,
    ("nested", "C"): 1,
    ("history", "h"): 3,
    ("history", "a"): 1,
    ("second order", "a"): 2,
    ("by position", "h0"): 2,
    ("by position", "x"): 3,
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS.keys())
@pytest.mark.parametrize(("name", "wrt"), SUMMANDS)
def test_summands_add_up_exactly(name: str, wrt: str, run: Run) -> None:
    example = EXAMPLES[name]()
    gradients = differentiate(example.graph, "loss", [wrt], summands=True)
    parts = gradients.summands[wrt]
    assert len(parts) == SUMMANDS[name, wrt], parts
    graph = gradients.graph
    result = execute(graph, draw_inputs(graph, run), run)
    where = valid(graph.outputs[f"grad:{wrt}"].type, run)
    total = result[parts[0].output].copy()
    for part in parts[1:]:
        assert graph.outputs[part.output].type == graph.outputs[f"grad:{wrt}"].type
        total += result[part.output]
    np.testing.assert_array_equal(total[where], result[f"grad:{wrt}"][where])
    plain = execute(differentiate(example.graph, "loss", [wrt]).graph, draw_inputs(graph, run), run)
    np.testing.assert_allclose(total[where], plain[f"grad:{wrt}"][where], rtol=1e-12, atol=1e-13)


def test_what_the_loss_does_not_depend_on_has_zeros() -> None:
    sheet = Sheet()
    x, unused = sheet.input("x", BATCH), sheet.input("unused", BATCH, T, shape=(H,))

    def step(b: Builder, at: Step) -> Outcome:
        return [], [b(PIN, b(TANH, at.slices[0]), name="idle")]

    loop(sheet, T, step, sequences=[unused])
    example = sheet.finish(x)
    graph = differentiate(example.graph, "loss", ["x", "unused", "idle"]).graph
    run = RUNS["ragged"]
    result = execute(graph, draw_inputs(graph, run), run)
    for name in ("grad:unused", "grad:idle"):
        assert graph.outputs[name].type == unused.type
        assert result[name].shape == (4, 5, 2)
        assert not result[name].any()


def test_only_active_values_are_visited() -> None:
    """The gradient by the initial state needs no cotangent of weights, and a loop that nothing reads none."""
    example = EXAMPLES["elman"]()
    graph = differentiate(example.graph, "loss", ["h0"]).graph
    reverse = [node for node in graph.nodes if isinstance(node, LoopNode)][1]
    assert reverse.loop.carries == 1
    assert reverse.loop.stacks == 0
    assert [value.name for value in reverse.operands[: reverse.loop.constants]] == ["U"]


def test_forward_loops_stack_only_what_the_reverse_reads() -> None:
    """The step of tanh reads its result; the rest is at hand."""
    example = EXAMPLES["elman"]()
    graph = differentiate(example.graph, "loss", ["U", "V", "x"]).graph
    forward = next(node for node in graph.nodes if isinstance(node, LoopNode))
    assert forward.loop.stacks == 3  # h, tanh(...), and h of the step before


def test_a_seed_scales_the_gradient() -> None:
    example = EXAMPLES["elman"]()
    graph = example.graph
    scale = Value(TensorType.of("real"), "scale")
    seeded = Graph((*graph.inputs, scale), graph.nodes, graph.outputs)
    run = RUNS["ragged"]
    inputs = draw_inputs(graph, run)
    one = execute(differentiate(graph, "loss", ["U"]).graph, inputs, run)["grad:U"]
    both = differentiate(seeded, "loss", ["U"], seed=scale).graph
    doubled = execute(both, {**inputs, "scale": np.asarray(2.0)}, run)["grad:U"]
    np.testing.assert_allclose(doubled, 2 * one, rtol=1e-14)


@pytest.mark.parametrize("name", EXAMPLES)
def test_batch_slices_are_independent(name: str) -> None:
    """Each example's own gradient, in a batch and alone, except where examples meet."""
    if name == "pooled":
        pytest.skip("its examples meet")
    example = EXAMPLES[name]()
    data = [v.name for v in example.graph.inputs if BATCH in v.type.axes]
    graph = differentiate(example.graph, "loss", data).graph
    run = RUNS["ragged"]
    inputs = draw_inputs(graph, run)
    together = execute(graph, inputs, run)
    lengths = run.lengths["T"]
    assert isinstance(lengths, np.ndarray)
    for i, length in enumerate(lengths):
        alone = Run(batch=1, lengths={"T": int(length)})
        own = {v.name: trimmed(inputs[v.name], v.type, slice(i, i + 1), int(length)) for v in graph.inputs}
        single = execute(graph, own, alone)
        for wrt in data:
            expected = trimmed(together[f"grad:{wrt}"], graph.input(wrt).type, slice(i, i + 1), int(length))
            np.testing.assert_allclose(single[f"grad:{wrt}"], expected, rtol=1e-12, atol=1e-14)


def trimmed(array: Array, type: TensorType, batch: slice, length: int) -> Array:
    """An example's own part of an array."""
    pieces = {"batch": batch, "t": slice(0, length)}
    return array[tuple(pieces.get(axis.name, slice(None)) for axis in type.axes)]


@pytest.mark.parametrize(("name", "by"), [("elman", "U"), ("nested", "C"), ("history", "x"), ("pooled", "a")])
def test_gradients_can_be_differentiated_again(name: str, by: str) -> None:
    """The squared norm of a gradient is a loss like any other: reverse loops have reverses."""
    example = EXAMPLES[name]()
    first = differentiate(example.graph, "loss", [by]).graph
    b = Builder()
    gradient = first.outputs[f"grad:{by}"]
    norm = b(MUL, gradient, gradient)
    if norm.type.rank:
        norm = b(REDUCE_SUM, norm, dims=tuple(range(norm.type.rank)), indices=())
    norm = sum_over(b, norm, norm.type.axes)
    graph = Graph(first.inputs, (*first.nodes, *b.nodes), {"loss": norm})
    assert_gradients(graph, RUNS["ragged"], example.wrt, tolerance=1e-6)
