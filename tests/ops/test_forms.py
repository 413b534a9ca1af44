"""Every op's kernel form gives what its oracle gives, at every point of every sample."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from graphc.backend.reference import Run
from graphc.backend.state import State
from graphc.ir.builder import Builder
from graphc.ir.form import Element, Expanded
from graphc.ir.graph import Node, Value
from graphc.ir.op import Array, Op, Sample
from graphc.kernel.expr import Reduce
from graphc.kernel.printer import text
from graphc.ops.first import FIRST_TRUE
from graphc.ops.pooling import AVERAGE_POOL, MAX_POOL, MAX_POOL_WINNER
from graphc.ops.random import CLASS_AT, NORMAL, UNIFORM
from graphc.ops.reduction import ARGMAX, ARGMIN, REDUCE_MAX, REDUCE_MIN, REDUCE_PROD
from graphc.ops.softmax import LOG_SOFTMAX, LOGSUMEXP, SOFTMAX
from graphc.ops.summing import REDUCE_SUM
from graphc.ops.windows import FOLD, WINDOWS
from graphc.types import Dim, TensorType
from tests.ops.calls import evaluate, typed
from tests.ops.harness import CASES, IDS, call, frame_of, operands, run_of
from tests.ops.sites import NodeSite, computed

INF, NAN = np.inf, np.nan

every_case = pytest.mark.parametrize(("op", "sample"), CASES, ids=IDS)


@pytest.mark.parametrize("lengths", [(3, 1), (0, 0)], ids=["ragged", "none"])
@every_case
def test_form_gives_what_the_oracle_gives(op: Op, sample: Sample, lengths: tuple[int, ...]) -> None:
    run = run_of(lengths)
    frame, state = frame_of(op, sample, run), State(run)
    for index in {*sample.attrs.get("steps", ()), sample.attrs.get("index")} - {None}:
        state.steps[index.name] = 2
    inputs = [Value(kind, f"x{i}") for i, kind in enumerate(sample.types)]
    node = Node(op, tuple(inputs), sample.attrs, Value(frame.out))
    arrays = operands(op, sample, run)
    expected = np.broadcast_to(call(op, sample, run, arrays), state.shape(frame.out))
    found = computed(node, arrays, state)
    if frame.out.dtype == "real":
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    else:
        np.testing.assert_array_equal(found, expected)


def formed(op: Op, *arrays: Array, run: Run | None = None, **attrs: Any) -> Array:
    """The op by its form, on operands without indices."""
    inputs = [Value(typed(array)) for array in arrays]
    node = Node(op, tuple(inputs), attrs, Value(op.infer([x.type for x in inputs], attrs)))
    return computed(node, arrays, State(run or Run()))


REDUCTIONS = [REDUCE_SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_PROD, ARGMAX, ARGMIN]
SPECIAL = np.array([[-INF, 2.0, NAN, NAN], [-INF] * 4, [INF, 1.0, INF, 0.0], [3.0, -INF, 3.0, 1.0]])


@pytest.mark.parametrize(
    "op",
    [REDUCE_SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_PROD, ARGMAX, ARGMIN, SOFTMAX, LOG_SOFTMAX, LOGSUMEXP],
    ids=repr,
)
def test_reductions_of_nan_and_infinity(op: Op) -> None:
    how = {"dims": (1,), "indices": ()}
    np.testing.assert_allclose(formed(op, SPECIAL, **how), evaluate(op, SPECIAL, **how), rtol=1e-15)


@pytest.mark.parametrize("op", REDUCTIONS, ids=repr)
@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_reductions_of_nothing(op: Op, dtype: type) -> None:
    nothing, how = np.zeros((2, 0), dtype), {"dims": (1,), "indices": ()}
    np.testing.assert_array_equal(formed(op, nothing, **how), evaluate(op, nothing, **how))


@pytest.mark.parametrize("op", [MAX_POOL, MAX_POOL_WINNER, AVERAGE_POOL], ids=repr)
def test_pools_of_nan_and_infinity(op: Op) -> None:
    how = {"window": (2, 3), "stride": (1, 2), "pad": ((1, 0), (2, 1))}
    np.testing.assert_array_equal(formed(op, SPECIAL, **how), evaluate(op, SPECIAL, **how))


def test_draws_of_examples_with_large_numbers() -> None:
    run = Run(batch=3, example_ids=np.array([2**64 - 1, 2**63, 2**32 + 5], np.uint64), seed=3, step=9)
    attrs = {"stream": "noise", "shape": (Dim.literal(5),), "per_example": True}
    for op in (UNIFORM, NORMAL):
        np.testing.assert_array_equal(formed(op, run=run, **attrs), evaluate(op, run=run, **attrs))


def test_draws_in_single_precision_are_the_same_numbers() -> None:
    attrs = {"stream": "noise", "shape": (Dim.literal(9),), "per_example": False}
    for op in (UNIFORM, NORMAL):
        single, double = (formed(op, run=Run(np.dtype(r), seed=1), **attrs) for r in (np.float32, np.float64))
        assert single.dtype == np.float32
        np.testing.assert_array_equal(single, double.astype(np.float32))


def test_a_class_without_a_chance_is_never_drawn() -> None:
    p = np.array([0.0, 0.1, 0.2, 0.0])
    levels = np.array([0.0, 0.05, 0.1, 0.29, 0.3, 1.0])
    for level in levels:
        found = formed(CLASS_AT, p, np.asarray(level))
        assert found == evaluate(CLASS_AT, p, np.asarray(level))
        assert found in (1, 2)


def test_the_first_that_is_true_is_found_without_looking_at_all_for_each() -> None:
    b = Builder()
    x = Value(TensorType("bool", (), (Dim.literal(5), Dim.literal(7))))
    assert isinstance(FIRST_TRUE.form, Expanded)
    made = FIRST_TRUE.form.into(b, Node(FIRST_TRUE, (x,), {"dims": (0, 1), "indices": ()}, x))
    assert [node.results[0].type.sizes for node in b.nodes] == [(), (5, 7)]
    last = b.nodes[-1]
    assert isinstance(last, Node)
    assert last.result is made
    assert isinstance(last.op.form, Element)
    element = last.op.form.at(NodeSite(last, State(Run()), (), x.type.shape))
    assert not any(isinstance(part, Reduce) for part in element.walk())


def test_windows_without_padding_read_without_detours() -> None:
    x = Value(TensorType("real", (), (Dim.literal(4),)))
    attrs = {"sizes": (Dim.literal(2),), "stride": (2,), "pad": ((0, 0),), "dilation": (1,)}
    node = Node(WINDOWS, (x,), attrs, Value(WINDOWS.infer([x.type], attrs)))
    assert isinstance(WINDOWS.form, Element)
    element = WINDOWS.form.at(NodeSite(node, State(Run()), (), node.result.type.shape))
    assert text(element) == "x0[checked(d0 * 2 + d1, 4)]"


GEOMETRIES = list(itertools.product((1, 2, 3), (1, 2, 3), (1, 2), ((0, 0), (2, 0), (1, 2))))


@pytest.mark.parametrize(("window", "stride", "dilation", "pad"), GEOMETRIES)
def test_windows_and_their_adjoint(window: int, stride: int, dilation: int, pad: tuple[int, int]) -> None:
    x = np.arange(1.0, 7.0)
    how = {"stride": (stride,), "pad": (pad,), "dilation": (dilation,)}
    parts = evaluate(WINDOWS, x, sizes=(Dim.literal(window),), **how)
    np.testing.assert_array_equal(formed(WINDOWS, x, sizes=(Dim.literal(window),), **how), parts)
    expected = evaluate(FOLD, parts, sizes=(Dim.literal(6),), **how)
    np.testing.assert_array_equal(formed(FOLD, parts, sizes=(Dim.literal(6),), **how), expected)
