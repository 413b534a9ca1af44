"""Ops that are only another way to look at their operand's memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from graphc.ir.graph import Node
from graphc.ir.op import Op
from graphc.kernel.expr import ZERO, Const, Expr
from graphc.ops.elementwise import CAST, STOP_GRADIENT
from graphc.ops.indexing import RENAME
from graphc.ops.leaf import PIN
from graphc.ops.movement import RESHAPE, SLICE, STACK, TRANSPOSE
from graphc.ops.summing import BROADCAST, EXPAND
from graphc.schedule.places import Place


def view(node: Node, place: Place) -> Place | None:
    """Where the result of a node lies if its first operand lies at `place`; None if it is no view of it."""
    make = _VIEWS.get(node.op)
    return None if make is None else make(node, place)


def _same(node: Node, place: Place) -> Place | None:
    return place if node.operands[0].type.dtype == node.result.type.dtype else None


def _renamed(node: Node, place: Place) -> Place:
    return place.renamed(node.attrs["old"], node.attrs["new"])


def _broadcast(node: Node, place: Place) -> Place:
    axes = {index: place.axes.get(index, ZERO) for index in node.result.type.axes}
    return Place(place.buffer, place.offset, axes, place.dims)


def _expanded(node: Node, place: Place) -> Place:
    dims = tuple(ZERO if s is None else place.dims[s] for s in node.attrs["source"])
    return Place(place.buffer, place.offset, place.axes, dims)


def _transposed(node: Node, place: Place) -> Place:
    return Place(place.buffer, place.offset, place.axes, tuple(place.dims[i] for i in node.attrs["perm"]))


def _sliced(node: Node, place: Place) -> Place:
    return place.moved(place.dims[node.attrs["dim"]] * node.attrs["start"])


def _reshaped(node: Node, place: Place) -> Place | None:
    known = [stride.value for stride in place.dims if isinstance(stride, Const)]
    if len(known) < len(place.dims):
        return None
    dims = reshaped(node.operands[0].type.sizes, [int(stride) for stride in known], node.result.type.sizes)
    return None if dims is None else Place(place.buffer, place.offset, place.axes, dims)


def reshaped(old: Sequence[int], strides: Sequence[int], new: Sequence[int]) -> tuple[Expr, ...] | None:
    """The strides of dims of other sizes over the same elements, in order; None if there are none."""
    if 0 in new:
        return tuple(ZERO for _ in new)
    runs: list[tuple[int, int]] = []
    for size, stride in zip(old, strides, strict=True):
        if size == 1:
            continue
        if runs and runs[-1][1] == stride * size:
            runs[-1] = (runs[-1][0] * size, stride)
        else:
            runs.append((size, stride))
    found: list[Expr] = []
    left = list(reversed(runs))
    for size in reversed(new):
        if size == 1:
            found.append(ZERO)
            continue
        if not left or left[0][0] % size:
            return None
        extent, stride = left[0]
        found.append(Const(stride))
        left[0] = (extent // size, stride * size)
        if left[0][0] == 1:
            left.pop(0)
    return tuple(reversed(found))


def joined_parts(node: Node, place: Place) -> list[Place]:
    """Where each operand of a `concat` or `stack` lies in a result that lies at `place`."""
    found: list[Place] = []
    if node.op is STACK:
        first, *rest = place.dims
        for number in range(len(node.operands)):
            found.append(replace(place, offset=place.offset + first * number, dims=tuple(rest)))
        return found
    dim, start = node.attrs["dim"], 0
    for operand in node.operands:
        found.append(place.moved(place.dims[dim] * start))
        start += operand.type.shape[dim].value
    return found


_VIEWS: Mapping[Op, Callable[[Node, Place], Place | None]] = {
    PIN: _same,
    STOP_GRADIENT: _same,
    CAST: _same,
    RENAME: _renamed,
    BROADCAST: _broadcast,
    EXPAND: _expanded,
    TRANSPOSE: _transposed,
    SLICE: _sliced,
    RESHAPE: _reshaped,
}
