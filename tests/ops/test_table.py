"""What every op of the table promises, on every one of its samples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from graphc.backend.state import State
from graphc.ir.builder import Builder
from graphc.ir.graph import Value
from graphc.ir.op import Op, Sample, non_differentiable
from graphc.ops import TABLE
from graphc.ops.summing import BROADCAST
from graphc.types import BATCH
from tests.ops.harness import (
    CASES,
    IDS,
    RAGGED,
    Gradient,
    call,
    frame_of,
    operands,
    run_of,
    valid,
)

every_case = pytest.mark.parametrize(("op", "sample"), CASES, ids=IDS)

DIFFERENTIABLE = [
    (op, sample, case)
    for (op, sample), case in zip(CASES, IDS, strict=True)
    if op.vjp is not non_differentiable
    and any(kind.dtype == "real" for kind in sample.types)
    and op.infer(sample.types, sample.attrs).dtype == "real"
]
every_gradient = pytest.mark.parametrize(
    ("op", "sample"),
    [pytest.param(op, sample, id=case) for op, sample, case in DIFFERENTIABLE],
)


@pytest.mark.parametrize("name", TABLE)
def test_every_op_has_samples(name: str) -> None:
    op = TABLE[name]
    assert op.name == name
    samples = list(op.samples())
    assert samples
    if op.vjp is not non_differentiable:
        assert any(kind.dtype == "real" for sample in samples for kind in sample.types)


@every_case
def test_attributes_are_hashable(op: Op, sample: Sample) -> None:
    hash(tuple(sample.attrs.items()))


@pytest.mark.parametrize("lengths", [RAGGED, (1, 1), (0, 0)], ids=["ragged", "one", "none"])
@every_case
def test_oracle_gives_what_the_type_rule_says(op: Op, sample: Sample, lengths: tuple[int, ...]) -> None:
    for real in (np.float32, np.float64):
        run = run_of(lengths, real)
        state, frame = State(run), frame_of(op, sample, run)
        result = call(op, sample, run, operands(op, sample, run))
        assert result.dtype == state.dtypes[frame.out.dtype]
        expected = state.shape(frame.out)
        lead = len(frame.out.axes)
        assert result.ndim == len(expected)
        assert result.shape[lead:] == expected[lead:]
        assert all(
            found in (1, full) for found, full in zip(result.shape[:lead], expected[:lead], strict=True)
        )
        if not any(extent == 0 for extent in expected):
            assert result.size > 0


@every_case
def test_oracle_in_single_and_double_precision(op: Op, sample: Sample) -> None:
    single, double = (run_of(RAGGED, real) for real in (np.float32, np.float64))
    arrays = operands(op, sample, single)
    widened = [a.astype(np.float64) if a.dtype == np.float32 else a for a in arrays]
    found, expected = call(op, sample, single, arrays), call(op, sample, double, widened)
    if found.dtype.kind == "f":
        np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)
    else:
        np.testing.assert_array_equal(found, expected)


@every_case
def test_oracle_takes_any_layout_and_leaves_operands_alone(op: Op, sample: Sample) -> None:
    run = run_of(RAGGED)
    arrays = operands(op, sample, run)
    strided = []
    for array in arrays:
        wide = np.zeros(tuple(2 * n for n in array.shape), array.dtype).T.copy().T
        view = wide[(..., *(slice(1, None, 2) for _ in array.shape))]
        view[...] = array
        view.flags.writeable = False
        strided.append(view)
    found, expected = call(op, sample, run, strided), call(op, sample, run, arrays)
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-13)  # sums may be taken in another order


@pytest.mark.parametrize(
    ("op", "sample"),
    [
        pytest.param(op, sample, id=case)
        for (op, sample), case in zip(CASES, IDS, strict=True)
        if BATCH in op.infer(sample.types, sample.attrs).axes
        and sample.attrs.get("index") != BATCH
        and (op is BROADCAST or BATCH not in sample.attrs.get("indices", ()))
    ],
)
def test_examples_do_not_see_each_other(op: Op, sample: Sample) -> None:
    """The first example alone gives what it gives in a batch."""
    many, one = run_of((3, 3)), run_of((3,))
    arrays = operands(op, sample, many)
    first = [a[:1] if BATCH in t.axes else a for a, t in zip(arrays, sample.types, strict=True)]
    together, alone = call(op, sample, many, arrays)[:1], call(op, sample, one, first)
    np.testing.assert_allclose(*np.broadcast_arrays(alone, together), rtol=1e-12, atol=1e-12)


@every_gradient
def test_gradient_along_directions(op: Op, sample: Sample) -> None:
    gradient = Gradient(op, sample, run_of(RAGGED))
    generator = np.random.default_rng(11)
    for operand, found in gradient.cotangents().items():
        here = valid(sample.types[operand], gradient.run)
        assert np.isfinite(found[here]).all()
        for _ in range(3):
            direction = np.where(here, generator.uniform(-1, 1, found.shape), 0.0)
            expected = gradient.difference(operand, direction)
            if math.isnan(expected) and op.name == "pow":
                continue  # a negative number to a power that is no integer
            assert float(np.sum(np.where(here, found, 0.0) * direction)) == pytest.approx(
                expected, rel=1e-6, abs=1e-7
            )


@every_gradient
def test_gradient_of_each_element(op: Op, sample: Sample) -> None:
    gradient = Gradient(op, sample, run_of((2, 1)))
    for operand, found in gradient.cotangents().items():
        here = valid(sample.types[operand], gradient.run)
        for place in map(tuple, np.argwhere(here)[:60]):
            direction = np.zeros(found.shape)
            direction[place] = 1.0
            expected = gradient.difference(operand, direction)
            if math.isnan(expected) and op.name == "pow":
                continue
            assert found[place] == pytest.approx(expected, rel=1e-6, abs=1e-7), place


@every_gradient
def test_every_real_operand_has_a_cotangent_or_the_rule_says_none(op: Op, sample: Sample) -> None:
    b = Builder()
    node_inputs = [Value(kind) for kind in sample.types]
    y = b(op, *node_inputs, **sample.attrs)
    (node,) = b.nodes
    cotangents = op.vjp(b, node, Value(y.type))  # type: ignore[arg-type]
    assert len(cotangents) == len(sample.types)
    for cotangent, kind in zip(cotangents, sample.types, strict=True):
        if kind.dtype != "real":
            assert cotangent is None
        elif cotangent is not None:
            assert {*kind.axes} <= {*cotangent.type.axes}
            assert cotangent.type.rank in (kind.rank, y.type.rank)
            if cotangent.type.rank == kind.rank:
                assert cotangent.type.sizes == kind.sizes
