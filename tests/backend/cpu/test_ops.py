"""Every op of the table with all its samples: one graph for each family, and one executable for all sizes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
import pytest

from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Value
from graphc.ir.op import Array, Attrs, Op, Sample
from graphc.ops import (
    TABLE,
    choosing,
    contraction,
    convolution,
    elementwise,
    first,
    indexing,
    leaf,
    movement,
    pooling,
    random,
    reduction,
    softmax,
    summing,
    windows,
)
from graphc.types import Index
from tests.backend.cpu.comparing import assert_equals_reference
from tests.backend.cpu.plain import uncompiled
from tests.loops import Outcome, Step, loop
from tests.ops.harness import operands, run_of

FAMILIES: dict[str, Sequence[Op]] = {
    "leaves": leaf.OPS,
    "elements": elementwise.OPS,
    "reductions": (*reduction.OPS, *softmax.OPS, *summing.OPS, *first.OPS),
    "moves": (*movement.OPS, *indexing.OPS),
    "products": (*contraction.OPS, *convolution.OPS),
    "windows": (*windows.OPS, *pooling.OPS),
    "draws": (*random.OPS, *choosing.OPS),
}
LENGTHS = {"ragged": (3, 1, 2), "one": (1,), "none": (0, 0), "some none": (2, 4, 0)}


def stepped(b: Builder, op: Op, attrs: Attrs, steps: Sequence[Index]) -> Value:
    """An op that depends on the steps of loops, at all of them."""
    if not steps:
        return b(op, **attrs)
    outer, *rest = steps

    def step(inside: Builder, at: Step) -> Outcome:
        return [], [stepped(inside, op, attrs, rest)]

    (value,) = loop(b, outer, step)
    return value


def family(
    ops: Sequence[Op], real: type, most: int | None = None
) -> tuple[Graph, dict[str, dict[str, Array]]]:
    """Samples of these ops side by side, `most` of each, and their operands for each of the lengths."""
    b, inputs, outputs = Builder(), list[Value](), dict[str, Value]()
    given: dict[str, dict[str, Array]] = {name: {} for name in LENGTHS}
    for op in ops:
        for number, sample in enumerate(islice(op.samples(), most)):
            values = [Value(kind, f"{op.name} {number} {i}") for i, kind in enumerate(sample.types)]
            outputs[f"{op.name} {number}"] = _applied(b, op, sample, values)
            inputs += values
            for name, lengths in LENGTHS.items():
                arrays = operands(op, sample, run_of(lengths, real))
                given[name].update(zip((value.name for value in values), arrays, strict=True))
    return Graph(tuple(inputs), tuple(b.nodes), outputs), given


def _applied(b: Builder, op: Op, sample: Sample, values: Sequence[Value]) -> Value:
    steps = sample.attrs.get("steps", ())
    steps = (sample.attrs["index"],) if op is leaf.STEP else steps
    if steps:
        return stepped(b, op, sample.attrs, sorted(steps, key=lambda index: index.name))
    return b(op, *values, **sample.attrs)


def test_families_are_the_whole_table() -> None:
    assert sorted(op.name for ops in FAMILIES.values() for op in ops) == sorted(TABLE)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_sample_compiled(name: str) -> None:
    graph, given = family(FAMILIES[name], np.float64)
    runs = {case: run_of(lengths) for case, lengths in LENGTHS.items()}
    assert_equals_reference(graph, runs, inputs=given)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_sample_in_single_precision(name: str) -> None:
    """The generated source with NumPy's numbers."""
    graph, given = family(FAMILIES[name], np.float32)
    runs = {case: run_of(lengths, np.float32) for case, lengths in LENGTHS.items()}
    with uncompiled():
        assert_equals_reference(graph, runs, inputs=given, tolerance=1e-5)


def test_single_precision_compiled() -> None:
    """One sample of each op whose arithmetic the two precisions do not share."""
    ops = [op for name in ("elements", "reductions", "draws") for op in FAMILIES[name]]
    graph, given = family(ops, np.float32, most=1)
    runs = {case: run_of(lengths, np.float32) for case, lengths in LENGTHS.items()}
    assert_equals_reference(graph, runs, inputs=given, tolerance=1e-5)
