"""Calling an op on plain arrays, for tests of single values."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.backend.reference import Run, execute
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Node, Value
from graphc.ir.op import Array, Op
from graphc.types import BATCH, Dim, DType, Index, TensorType

KINDS: dict[str, DType] = {"f": "real", "i": "int", "b": "bool"}


def typed(array: Array, *axes: Index) -> TensorType:
    """The type of an array whose first dimensions are these indices."""
    shape = [Dim.literal(size) for size in array.shape[len(axes) :]]
    return TensorType.of(KINDS[array.dtype.kind], axes, shape)


def evaluate(
    op: Op, *operands: Any, axes: tuple[tuple[Index, ...], ...] = (), run: Run | None = None, **attrs: Any
) -> Array:
    """The op's value for operands given as arrays; `axes` has the indices of each."""
    return _run(op, operands, axes, run, attrs, None)["y"]


def gradients(
    op: Op, *operands: Any, axes: tuple[tuple[Index, ...], ...] = (), run: Run | None = None, **attrs: Any
) -> list[Array | None]:
    """The cotangents of the operands where that of the result is one everywhere, not yet summed."""
    found = _run(op, operands, axes, run, attrs, 1.0)
    return [found.get(str(i)) for i in range(len(operands))]


def _run(
    op: Op,
    operands: tuple[Any, ...],
    axes: tuple[tuple[Index, ...], ...],
    run: Run | None,
    attrs: dict[str, Any],
    cotangent: float | None,
) -> dict[str, Array]:
    arrays = [np.asarray(operand) for operand in operands]
    places = axes or ((),) * len(arrays)
    inputs = [Value(typed(a, *i), f"x{n}") for n, (a, i) in enumerate(zip(arrays, places, strict=True))]
    b = Builder()
    y = b(op, *inputs, **attrs)
    outputs = {"y": y}
    given = {value.name: array for value, array in zip(inputs, arrays, strict=True)}
    if cotangent is not None:
        (node,) = b.nodes
        assert isinstance(node, Node)
        g = Value(y.type, "g")
        inputs.append(g)
        outputs |= {str(i): v for i, v in enumerate(op.vjp(b, node, g)) if v is not None}
    brought = run or Run(
        batch=max([a.shape[0] for a, i in zip(arrays, places, strict=True) if BATCH in i], default=1)
    )
    if cotangent is not None:
        lead = [brought.batch if index == BATCH else _extent(brought, index) for index in y.type.axes]
        given["g"] = np.full((*lead, *y.type.sizes), cotangent)
    return execute(Graph(tuple(inputs), tuple(b.nodes), outputs), given, brought)


def _extent(run: Run, index: Index) -> int:
    size = index.length.size
    return int(np.max(run.lengths[index.length.name])) if size is None else size.value
