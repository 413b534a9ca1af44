"""Runs one op of the table on a sample: operands, oracle, and gradients against central differences."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphc.autodiff.fit import fit
from graphc.backend.reference import Run, execute
from graphc.backend.state import NodeFrame, State
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Node, Value
from graphc.ir.op import Array, Op, Sample
from graphc.ops import TABLE
from graphc.ops.masking import masked
from graphc.types import BATCH, Affine, Index, Length, TensorType, sort_indices

CASES = [(op, sample) for op in TABLE.values() for sample in op.samples()]
IDS = [f"{op.name}-{i}" for op in TABLE.values() for i, _ in enumerate(op.samples())]

NEUTRAL = {
    "reduce_max": -np.inf,
    "reduce_min": np.inf,
    "reduce_prod": 1.0,
    "softmax": -np.inf,
    "log_softmax": -np.inf,
    "logsumexp": -np.inf,
}
"""What callers put at positions outside before they reduce; 0 for all others."""

MOVING = {"shift", "pick"}
"""Ops that may read a position outside an example's range, for their reader to drop."""


def run_of(lengths: Sequence[int], real: type[np.floating] = np.float64) -> Run:
    return Run(np.dtype(real), len(lengths), {"T": np.array(lengths, np.int64)}, seed=7, step=3)


RAGGED = (3, 1, 2)


def valid(type: TensorType, run: Run) -> Array:
    """Where an array of a type holds values that count.

    A bound on something that the type does not vary over is taken at its widest.
    """
    state = State(run)
    result = np.ones(state.shape(type), bool)

    def along(index: Index, values: Array) -> Array:
        shape = [1] * result.ndim
        shape[type.axes.index(index)] = len(values)
        return values.reshape(shape)

    def bound(position: Affine, upper: bool) -> Array:
        total = np.asarray(position.constant)
        for symbol, coefficient in position.terms:
            if isinstance(symbol, Length):
                own = state.lengths(Index.full("", symbol))
                if own.ndim:
                    own = along(BATCH, own) if BATCH in type.axes else own.max(initial=0)
            elif symbol in type.axes:
                own = along(symbol, np.arange(1, state.extent(symbol) + 1))
            else:
                own = bound(symbol.hi, upper) if (coefficient > 0) == upper else bound(symbol.lo, upper)
            total = total + coefficient * own
        return total

    for index in type.axes:
        here = along(index, np.arange(1, state.extent(index) + 1))
        result = result & (here >= bound(index.lo, False)) & (here <= bound(index.hi, True))
    return result


def operands(op: Op, sample: Sample, run: Run, outside: float | None = None) -> list[Array]:
    """Arrays for a sample's operands; `outside` stands at positions that do not count."""
    generator = np.random.default_rng(zlib.crc32(op.name.encode()))
    state = State(run)
    arrays: list[Array] = []
    for i, kind in enumerate(sample.types):
        shape, dtype = state.shape(kind), state.dtypes[kind.dtype]
        if sample.values is not None and i in sample.values:
            array = np.resize(np.asarray(sample.values[i]), shape).astype(dtype)
        elif kind.dtype == "real":
            array = generator.uniform(*sample.domain, shape).astype(dtype)
        else:
            array = generator.integers(-3, 4, shape).astype(dtype)
        if outside is not None and kind.dtype == "real":
            array = np.where(valid(kind, run), array, np.asarray(outside, dtype))
        arrays.append(array)
    return arrays


def frame_of(op: Op, sample: Sample, run: Run) -> NodeFrame:
    state = State(run)
    for index in {*sample.attrs.get("steps", ()), sample.attrs.get("index")} - {None}:
        state.steps[index.name] = 2
    axes = sort_indices(index for kind in sample.types for index in kind.axes)
    return NodeFrame(state, axes, sample.types, op.infer(sample.types, sample.attrs))


def aligned(frame: NodeFrame, arrays: Sequence[Array]) -> list[Array]:
    """The arrays with a dimension for each of the frame's axes."""
    return [
        array[tuple(slice(None) if axis in kind.axes else None for axis in frame.axes)]
        for array, kind in zip(arrays, frame.types, strict=True)
    ]


def call(op: Op, sample: Sample, run: Run, arrays: Sequence[Array]) -> Array:
    """What the oracle itself returns, not yet broadcast."""
    frame = frame_of(op, sample, run)
    with np.errstate(all="ignore"):
        return op.oracle(frame, sample.attrs, *aligned(frame, arrays))


@dataclass
class Gradient:
    """An op between inputs and a weighted sum of its result, forwards and backwards."""

    op: Op
    sample: Sample
    run: Run

    def __post_init__(self) -> None:
        self.inputs = [Value(kind, f"x{i}") for i, kind in enumerate(self.sample.types)]
        self.forward = self._forward()
        self.result = self.forward.outputs["y"]
        outside = 0.4 if self.op.name in MOVING else np.nan
        self.arrays = operands(self.op, self.sample, self.run, outside)
        generator = np.random.default_rng(5)
        shape = State(self.run).shape(self.result.type)
        self.counts = valid(self.result.type, self.run)
        self.weights = generator.uniform(-1, 1, shape)

    def _call(self, b: Builder) -> Value:
        over = self.sample.attrs.get("indices", ()) if self.op.name != "broadcast" else ()
        fill = NEUTRAL.get(self.op.name, 0.0)
        given = [masked(b, x, over, fill) if x.type.dtype == "real" else x for x in self.inputs]
        return b(self.op, *given, **self.sample.attrs)

    def _forward(self) -> Graph:
        b = Builder()
        y = self._call(b)
        return Graph(tuple(self.inputs), tuple(b.nodes), {"y": y})

    def loss(self, arrays: Sequence[Array]) -> float:
        given = {value.name: array for value, array in zip(self.inputs, arrays, strict=True)}
        y = execute(self.forward, given, self.run)["y"]
        return float(np.sum(np.where(self.counts, y * self.weights, 0.0)))

    def cotangents(self) -> dict[int, Array]:
        """By operand, garbage having come in at every position that does not count.

        Garbage is NaN, or zero if the result does not vary over something that its ranges depend on: such a
        cotangent has been summed over that, masked.
        """
        b = Builder()
        y = self._call(b)
        (node,) = (n for n in b.nodes if isinstance(n, Node) and n.result is y)
        g = Value(y.type, "g")
        outputs = {
            str(i): self._through_mask(b, cotangent, node.operands[i], self.inputs[i])
            for i, cotangent in enumerate(self.op.vjp(b, node, g))
            if cotangent is not None
        }
        garbage = np.nan if all({*y.type.axes} >= index.dependencies for index in y.type.axes) else 0.0
        graph = Graph((*self.inputs, g), tuple(b.nodes), outputs)
        given = {value.name: array for value, array in zip(self.inputs, self.arrays, strict=True)}
        found = execute(graph, {**given, "g": np.where(self.counts, self.weights, garbage)}, self.run)
        return {int(i): array for i, array in found.items()}

    def _through_mask(self, b: Builder, g: Value, operand: Value, given: Value) -> Value:
        """The cotangent of an input from that of the operand, which is the input masked."""
        g = fit(b, g, operand.type)
        if operand is given:
            return g
        (mask,) = (n for n in b.nodes if isinstance(n, Node) and n.result is operand)
        part = mask.op.vjp(b, mask, g)[1]
        assert part is not None
        return fit(b, part, given.type)

    def difference(self, operand: int, direction: Array, by: float = 1e-6) -> float:
        """The derivative of the loss along a direction of one operand."""
        moved = []
        for sign in (1, -1):
            arrays = list(self.arrays)
            arrays[operand] = arrays[operand] + sign * by * direction
            moved.append(self.loss(arrays))
        return (moved[0] - moved[1]) / (2 * by)
