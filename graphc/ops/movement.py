"""Ops that only move elements: other dims, other order, parts and joins. `EXPAND` stands in `summing.py`."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from graphc.ir.builder import Builder
from graphc.ir.form import Element, Site
from graphc.ir.graph import Node, Value
from graphc.ir.op import Array, Attrs, Frame, Op, Sample, TypeFault
from graphc.kernel.coordinates import constant, inside, regrouped
from graphc.kernel.expr import Const, Expr, compare, select
from graphc.ops.examples import B_T, C, D, H, T, U, Z, integer, real
from graphc.ops.rules import preferred, require_same_dtype, shape_text, union_axes
from graphc.ops.summing import EXPAND
from graphc.types import BATCH, Dim, TensorType

__all__ = ["CONCAT", "EXPAND", "FLIP", "OPS", "PAD", "RESHAPE", "SLICE", "STACK", "TRANSPOSE"]

Cotangents = Sequence[Value | None]


def _with_dim(type: TensorType, dim: int, size: Dim) -> TensorType:
    return type.with_shape((*type.shape[:dim], size, *type.shape[dim + 1 :]))


def _at(frame: Frame, dim: int, part: slice) -> tuple[slice, ...]:
    """What indexes one dim of the elements and everything else whole."""
    return (*(slice(None),) * (len(frame.axes) + dim), part)


# Order and shape.


def _transpose_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    assert sorted(attrs["perm"]) == list(range(types[0].rank)), attrs["perm"]
    return types[0].with_shape(types[0].shape[i] for i in attrs["perm"])


def _transpose(frame: Frame, attrs: Attrs, x: Array) -> Array:
    lead = len(frame.axes)
    return np.transpose(x, (*range(lead), *(lead + i for i in attrs["perm"])))


def _transpose_form(site: Site) -> Expr:
    perm = site.attrs["perm"]
    return site.read(0, [site.dims[perm.index(i)] for i in range(len(perm))])


def _transpose_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    perm = node.attrs["perm"]
    return [b(TRANSPOSE, g, perm=tuple(perm.index(i) for i in range(len(perm))))]


TRANSPOSE = Op(
    name="transpose",
    infer=_transpose_type,
    vjp=_transpose_vjp,
    oracle=_transpose,
    samples=lambda: [
        Sample((real(shape=(H, D)),), {"perm": (1, 0)}),
        Sample((real(*B_T, shape=(C, H, D)),), {"perm": (2, 0, 1)}),
        Sample((integer(T, shape=(Z, H)),), {"perm": (1, 0)}),
    ],
    form=Element(_transpose_form),
)
"""`transpose(x; perm)`: dim i of the result is dim `perm[i]` of x."""


def _reshape_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    before, after = types[0].shape, attrs["shape"]
    if math.prod(dim.value for dim in before) != math.prod(dim.value for dim in after):
        found = f"{shape_text(before)} into {shape_text(after)}"
        raise TypeFault("E207", f"cannot reshape {found}: the numbers of elements differ")
    return types[0].with_shape(after)


def _reshape(frame: Frame, attrs: Attrs, x: Array) -> Array:
    return x.reshape((*x.shape[: len(frame.axes)], *frame.out.sizes))


def _reshape_form(site: Site) -> Expr:
    return site.read(0, regrouped(site.dims, site.out.sizes, site.types[0].sizes))


def _reshape_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    return [b(RESHAPE, g, shape=node.operands[0].type.shape)]


RESHAPE = Op(
    name="reshape",
    infer=_reshape_type,
    vjp=_reshape_vjp,
    oracle=_reshape,
    samples=lambda: [
        Sample((real(*B_T, shape=(H, D)),), {"shape": (H * D,)}),
        Sample((real(BATCH, shape=(Dim.literal(1),)),), {"shape": ()}),
        Sample((real(U, shape=(H, D)),), {"shape": (D, H)}),
        Sample((real(T, shape=(Z, H)),), {"shape": (Z,)}),
    ],
    form=Element(_reshape_form),
)
"""`reshape(x; shape)`: the same elements in the same order, last dim fastest."""


def _moved(dims: Sequence[Expr], dim: int, place: Expr) -> list[Expr]:
    """Coordinates with another one in one dim."""
    return [*dims[:dim], place, *dims[dim + 1 :]]


def _flip_form(site: Site) -> Expr:
    dim = site.attrs["dim"]
    return site.read(0, _moved(site.dims, dim, site.out.sizes[dim] - 1 - site.dims[dim]))


def _flip_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    return [b(FLIP, g, **node.attrs)]


FLIP = Op(
    name="flip",
    infer=lambda types, attrs: types[0],
    vjp=_flip_vjp,
    oracle=lambda frame, attrs, x: x[_at(frame, attrs["dim"], slice(None, None, -1))],
    samples=lambda: [
        Sample((real(*B_T, shape=(H, D)),), {"dim": 1}),
        Sample((real(U, shape=(Z,)),), {"dim": 0}),
    ],
    form=Element(_flip_form),
)
"""`flip(x; dim)`: that dim backwards."""


# Parts.


def _slice_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    start, stop, dim = attrs["start"], attrs["stop"], types[0].shape[attrs["dim"]]
    assert 0 <= start <= stop <= dim.value, (start, stop, str(dim))
    assert attrs["size"].value == stop - start, (start, stop, str(attrs["size"]))
    return _with_dim(types[0], attrs["dim"], attrs["size"])


def _slice_form(site: Site) -> Expr:
    dim = site.attrs["dim"]
    return site.read(0, _moved(site.dims, dim, site.dims[dim] + site.attrs["start"]))


def _slice_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    dim, size = node.attrs["dim"], node.operands[0].type.shape[node.attrs["dim"]]
    start, stop = node.attrs["start"], node.attrs["stop"]
    return [b(PAD, g, dim=dim, before=start, after=size.value - stop, size=size)]


SLICE = Op(
    name="slice",
    infer=_slice_type,
    vjp=_slice_vjp,
    oracle=lambda frame, attrs, x: x[_at(frame, attrs["dim"], slice(attrs["start"], attrs["stop"]))],
    samples=lambda: [
        Sample((real(*B_T, shape=(H, D)),), {"dim": 1, "start": 1, "stop": 3, "size": Dim.literal(2)}),
        Sample((real(U, shape=(D,)),), {"dim": 0, "start": 0, "stop": 4, "size": D}),
        Sample((real(T, shape=(D,)),), {"dim": 0, "start": 2, "stop": 2, "size": Dim.literal(0)}),
    ],
    form=Element(_slice_form),
)
"""`slice(x; dim, start, stop, size)`: elements `start` to `stop` (exclusive) of a dim, which gets `size`."""


def _pad_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    before, after, dim = attrs["before"], attrs["after"], types[0].shape[attrs["dim"]]
    assert before >= 0 <= after, (before, after)
    assert attrs["size"].value == before + dim.value + after, (str(attrs["size"]), before, str(dim), after)
    return _with_dim(types[0], attrs["dim"], attrs["size"])


def _pad(frame: Frame, attrs: Attrs, x: Array) -> Array:
    widths = [(0, 0)] * x.ndim
    widths[len(frame.axes) + attrs["dim"]] = (attrs["before"], attrs["after"])
    return np.pad(x, widths)


def _pad_form(site: Site) -> Expr:
    dim, size = site.attrs["dim"], site.types[0].sizes[site.attrs["dim"]]
    zero = constant(site.out.dtype, 0)
    if size == 0:
        return zero
    before, after = site.attrs["before"], site.attrs["after"]
    exists, place = inside(site.dims[dim] - before, size, below=before > 0, above=after > 0)
    return select(exists, site.read(0, _moved(site.dims, dim, place)), zero)


def _pad_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    dim, start = node.attrs["dim"], node.attrs["before"]
    size = node.operands[0].type.shape[dim]
    return [b(SLICE, g, dim=dim, start=start, stop=start + size.value, size=size)]


PAD = Op(
    name="pad",
    infer=_pad_type,
    vjp=_pad_vjp,
    oracle=_pad,
    samples=lambda: [
        Sample((real(*B_T, shape=(H, C)),), {"dim": 1, "before": 1, "after": 0, "size": C + Dim.literal(1)}),
        Sample((real(U, shape=(D,)),), {"dim": 0, "before": 1, "after": 2, "size": D + Dim.literal(3)}),
        Sample((real(T, shape=(Z, H)),), {"dim": 0, "before": 0, "after": 1, "size": Dim.literal(1)}),
    ],
    form=Element(_pad_form),
)
"""`pad(x; dim, before, after, size)`: zeros before and after a dim, which gets `size`."""


# Joins.


def _concat_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    require_same_dtype("concat", types)
    place = attrs["dim"]
    first = types[0]
    for other in types[1:]:
        rest = _with_dim(other, place, first.shape[place]) if other.rank == first.rank else other
        if not first.same_shape(rest):
            found = f"{shape_text(first.shape)} and {shape_text(other.shape)}"
            raise TypeFault("E208", f"cannot join {found} along dim {place}: the other dims differ")
    joined = [preferred(dims) for dims in zip(*(operand.shape for operand in types), strict=True)]
    joined[place] = first.shape[place]
    for other in types[1:]:
        joined[place] = joined[place] + other.shape[place]
    return TensorType.of(first.dtype, union_axes(types), joined)


def _concat(frame: Frame, attrs: Attrs, *arrays: Array) -> Array:
    return np.concatenate(_spread(frame, arrays), axis=len(frame.axes) + attrs["dim"])


def _spread(frame: Frame, arrays: Sequence[Array]) -> list[Array]:
    """The arrays with one extent along every index, which joining needs."""
    count = len(frame.axes)
    lead = np.broadcast_shapes(*(array.shape[:count] for array in arrays))
    return [np.broadcast_to(array, (*lead, *array.shape[count:])) for array in arrays]


def _concat_form(site: Site) -> Expr:
    dim, start = site.attrs["dim"], 0
    parts: list[tuple[int, Expr]] = []
    for i, operand in enumerate(site.types):
        if size := operand.sizes[dim]:
            more = start + size < site.out.sizes[dim]
            _, place = inside(site.dims[dim] - start, size, below=start > 0, above=more)
            parts.append((start, site.read(i, _moved(site.dims, dim, place))))
            start += size
    return _one_of(site, site.dims[dim], parts)


def _one_of(site: Site, place: Expr, parts: Sequence[tuple[int, Expr]]) -> Expr:
    """The last part that begins at or before a place; parts are given with where they begin."""
    found: Expr = parts[0][1] if parts else constant(site.out.dtype, 0)
    for start, part in parts[1:]:
        found = select(compare(">=", place, Const(start)), part, found)
    return found


def _concat_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    dim, start = node.attrs["dim"], 0
    parts: list[Value] = []
    for operand in node.operands:
        size = operand.type.shape[dim]
        parts.append(b(SLICE, g, dim=dim, start=start, stop=start + size.value, size=size))
        start += size.value
    return parts


CONCAT = Op(
    name="concat",
    infer=_concat_type,
    vjp=_concat_vjp,
    oracle=_concat,
    samples=lambda: [
        Sample((real(*B_T, shape=(H,)), real(BATCH, shape=(D,))), {"dim": 0}),
        Sample((real(T, shape=(C, H)), real(U, shape=(C, D)), real(shape=(C, Z))), {"dim": 1}),
        Sample((real(shape=(H,)),), {"dim": 0}),
    ],
    form=Element(_concat_form),
)
"""`concat(x, ...; dim)`: joined along a dim."""


def _stack_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    require_same_dtype("stack", types)
    for other in types[1:]:
        if not types[0].same_shape(other):
            found = f"{shape_text(types[0].shape)} and {shape_text(other.shape)}"
            raise TypeFault("E208", f"cannot stack {found}: the shapes differ")
    shape = [preferred(dims) for dims in zip(*(operand.shape for operand in types), strict=True)]
    return TensorType.of(types[0].dtype, union_axes(types), (Dim.literal(len(types)), *shape))


def _stack_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    one = Dim.literal(1)
    return [
        b(RESHAPE, b(SLICE, g, dim=0, start=i, stop=i + 1, size=one), shape=operand.type.shape)
        for i, operand in enumerate(node.operands)
    ]


def _stack_form(site: Site) -> Expr:
    parts = [(i, site.read(i, site.dims[1:])) for i in range(len(site.types))]
    return _one_of(site, site.dims[0], parts)


def _stack_samples() -> Iterable[Sample]:
    yield Sample((real(), real(), real()), {})
    yield Sample((real(*B_T, shape=(H,)), real(BATCH, shape=(H,))), {})
    yield Sample((real(T, shape=(C, D)), real(U, shape=(C, Dim.literal(4)))), {})
    yield Sample((integer(T, shape=(Z,)), integer(shape=(Z,))), {})


STACK = Op(
    name="stack",
    infer=_stack_type,
    vjp=_stack_vjp,
    oracle=lambda frame, attrs, *arrays: np.stack(_spread(frame, arrays), axis=len(frame.axes)),
    samples=_stack_samples,
    form=Element(_stack_form),
)
"""`stack(x, ...)`: values of one shape as the elements of a new first dim."""


OPS = (TRANSPOSE, RESHAPE, FLIP, SLICE, PAD, CONCAT, STACK)
