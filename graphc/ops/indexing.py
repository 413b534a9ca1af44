"""Ops on indices and on elements by number: renaming, shifting, picking, gathering, and their adjoints.

Positions along an index count from 1, elements of a dim from 0. `BROADCAST` stands in `summing.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from graphc.ir.builder import Builder
from graphc.ir.form import Element, Scatter, Site, Target
from graphc.ir.graph import Node, Value
from graphc.ir.op import Array, Attrs, Frame, Op, Sample, TypeFault, non_differentiable
from graphc.kernel.coordinates import constant, inside
from graphc.kernel.expr import FALSE, Expr, clamp, compare, select
from graphc.ops.examples import B_T, B_T_U, C, D, H, K, S, T, U, Z, integer, real
from graphc.ops.masking import counted, within
from graphc.ops.rules import require_dtype, union_axes
from graphc.ops.summing import BROADCAST, spread_over
from graphc.types import BATCH, Dim, Index, TensorType

__all__ = ["BROADCAST", "GATHER", "ONE_HOT", "OPS", "PICK", "RENAME", "SCATTER", "SCATTER_ADD", "SHIFT"]

Cotangents = Sequence[Value | None]


# Renaming.


def _rename_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    old, new, axes = attrs["old"], attrs["new"], types[0].axes
    assert old in axes, (str(old), str(types[0]))
    assert new not in axes, (str(new), str(types[0]))
    assert old.length == new.length, (str(old), str(new))
    return types[0].with_axes(new if index == old else index for index in axes)


def _rename(frame: Frame, attrs: Attrs, x: Array) -> Array:
    renamed = [attrs["new"] if index == attrs["old"] else index for index in frame.axes]
    order = [renamed.index(index) for index in frame.out.axes]
    return np.transpose(x, (*order, *range(len(order), x.ndim)))


def _rename_form(site: Site) -> Expr:
    return site.read(0, axes={site.attrs["old"]: site.axis(site.attrs["new"])})


def _rename_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    old, new = node.attrs["old"], node.attrs["new"]
    if (new.lo, new.hi) != (old.lo, old.hi):
        # What is outside the new range may be inside the old one.
        g = within(b, g, new)
    return [b(RENAME, g, old=new, new=old)]


_SECOND = Index("u", T.length, T.lo + 1, T.hi)

RENAME = Op(
    name="rename",
    infer=_rename_type,
    vjp=_rename_vjp,
    oracle=_rename,
    samples=lambda: [
        Sample((real(*B_T, shape=(H,)),), {"old": T, "new": S}),
        Sample((real(*B_T),), {"old": T, "new": U}),
        Sample((real(BATCH, S, shape=(H,)),), {"old": S, "new": _SECOND}),
        Sample((integer(T, K),), {"old": T, "new": S}),
    ],
    form=Element(_rename_form),
)
"""`rename(x; old, new)`: the same values along another index of the same length."""


# Shifting.


def _shift(frame: Frame, attrs: Attrs, x: Array) -> Array:
    along = frame.axes.index(attrs["index"])
    extent, offset = x.shape[along], attrs["offset"]
    lo, hi = max(0, -offset), min(extent, extent - offset)
    result = np.zeros_like(x)
    if lo < hi:
        before = (slice(None),) * along
        result[(*before, slice(lo, hi))] = x[(*before, slice(lo + offset, hi + offset))]
    return result


def _shift_form(site: Site) -> Expr:
    index, offset = site.attrs["index"], site.attrs["offset"]
    exists, place = inside(site.axis(index) + offset, site.extent(index), below=offset < 0, above=offset > 0)
    return select(exists, site.read(0, axes={index: place}), constant(site.out.dtype, 0))


def _shift_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    index, offset = node.attrs["index"], node.attrs["offset"]
    return [b(SHIFT, within(b, g, index), index=index, offset=-offset)]


def _shift_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    assert attrs["index"] in types[0].axes, (str(attrs["index"]), str(types[0]))
    return types[0]


SHIFT = Op(
    name="shift",
    infer=_shift_type,
    vjp=_shift_vjp,
    oracle=_shift,
    samples=lambda: [
        Sample((real(*B_T, shape=(H,)),), {"index": T, "offset": -1}),
        Sample((real(*B_T),), {"index": T, "offset": 2}),
        Sample((real(K, BATCH),), {"index": K, "offset": 1}),
        Sample((real(K),), {"index": K, "offset": -7}),
        Sample((integer(*B_T),), {"index": T, "offset": 1}),
    ],
    form=Element(_shift_form),
)
"""`shift(x; index, offset)`: at position p what x is at p + offset; zero outside 1..extent."""


# Picking positions, and its adjoint.


def _coordinates(lead: Sequence[int], trailing: int = 0) -> list[Array]:
    """For each dimension its positions, laid along it, so that together they index all of them."""
    count = len(lead)
    return [
        np.arange(extent).reshape([1] * i + [extent] + [1] * (count - 1 - i + trailing))
        for i, extent in enumerate(lead)
    ]


def _pick_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    sequence, position = types
    _check_position("pick", position)
    assert attrs["index"] in sequence.axes, (str(attrs["index"]), str(sequence))
    return sequence.with_axes(({*sequence.axes} - {attrs["index"]}) | {*position.axes})


def _check_position(name: str, position: TensorType) -> None:
    require_dtype(name, position, ("int",))
    assert not position.rank, "a position is a single number"


def _pick(frame: Frame, attrs: Attrs, x: Array, position: Array) -> Array:
    index = attrs["index"]
    along = frame.axes.index(index)
    extent, count = x.shape[along], len(frame.axes)
    exists = (position >= 1) & (position <= extent)
    places = _coordinates(x.shape[:count])
    places[along] = np.where(exists, position - 1, 0)
    if extent == 0:
        lead = np.broadcast_shapes(
            *(place.shape for i, place in enumerate(places) if i != along), position.shape
        )
        picked = np.zeros((*lead, *x.shape[count:]), x.dtype)
    else:
        picked = x[tuple(places)]
        shown = exists.reshape(exists.shape + (1,) * (x.ndim - count))
        picked = np.where(shown, picked, np.zeros((), x.dtype))
    return picked if index in frame.out.axes else np.squeeze(picked, along)


def _pick_form(site: Site) -> Expr:
    index = site.attrs["index"]
    exists, place = inside(site.read(1, ()) - 1, site.extent(index))
    return select(exists, site.read(0, axes={index: place}), constant(site.out.dtype, 0))


def _pick_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    """Each point's cotangent goes to the position that it read.

    What only the positions vary over is summed on the way, or else the result would hold every position
    for each point.
    """
    sequence, position = node.operands
    index = node.attrs["index"]
    extra = tuple(
        i for i in g.type.axes if i not in sequence.type.axes or (i == index and i in position.type.axes)
    )
    return [
        b(SCATTER, counted(b, g, extra), position, index=index, indices=extra)
        if extra
        else b(SCATTER, g, position, index=index, indices=()),
        None,
    ]


_REVERSED = {1: (3, 2, 1)}

PICK = Op(
    name="pick",
    infer=_pick_type,
    vjp=_pick_vjp,
    oracle=_pick,
    samples=lambda: [
        Sample((real(*B_T, shape=(H,)), integer()), {"index": T}, values={1: 2}),
        Sample((real(*B_T, shape=(H,)), integer(BATCH)), {"index": T}, values={1: (2, 1, 0)}),
        Sample((real(T), integer(BATCH, S)), {"index": T}, values={1: (1, 2, 3, 2)}),
        Sample((real(BATCH, K, shape=(H,)), integer(K)), {"index": K}, values=_REVERSED),
        Sample((real(*B_T), integer(*B_T)), {"index": T}, values={1: (2, 1, 1, 9)}),
        Sample((integer(K), integer(BATCH)), {"index": K}, values={1: (2, 4, 1)}),
    ],
    form=Element(_pick_form),
)
"""`pick(x, position; index)`: x at the position, which may vary over any index, also over `index` itself.

Zero where there is no such position.
"""


def _scatter_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    value, position = types
    _check_position("scatter", position)
    assert set(attrs["indices"]) <= {*value.axes}, "the caller masks what is summed, so it varies over it"
    axes = {*value.axes, *position.axes} - set(attrs["indices"])
    assert attrs["index"] not in axes, (
        "the index of the points is summed before it becomes that of the result"
    )
    return value.with_axes(axes | {attrs["index"]})


def _scatter(frame: Frame, attrs: Attrs, g: Array, position: Array) -> Array:
    index, count = attrs["index"], len(frame.axes)
    extents = [frame.extent(i) for i in frame.out.axes]
    lead = np.broadcast_shapes(g.shape[:count], position.shape)
    exists = np.broadcast_to((position >= 1) & (position <= frame.extent(index)), lead)
    here = dict(zip(frame.axes, _coordinates(lead), strict=True))
    places = [
        np.broadcast_to(np.where(exists, position - 1, 0) if i == index else here[i], lead)[exists]
        for i in frame.out.axes
    ]
    values = np.broadcast_to(g, (*lead, *g.shape[count:]))[exists]
    total = added_by_row(_rows(places, extents), values, int(np.prod(extents, dtype=np.int64)))
    return total.reshape(*extents, *g.shape[count:])


def _rows(places: Sequence[Array], extents: Sequence[int]) -> Array:
    """One number for each point, counting through `extents`, last one fastest."""
    row: Array = np.zeros(places[0].shape, np.int64)
    for place, extent in zip(places, extents, strict=True):
        row = row * extent + place
    return row


def added_by_row(rows: Array, values: Array, count: int) -> Array:
    """The sum of the values of each row 0..count - 1. The order of addition is that of the values."""
    total = np.zeros((count, *values.shape[1:]), values.dtype)
    if rows.size and values.size:
        order = np.argsort(rows, kind="stable")
        ordered = rows[order]
        starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        total[ordered[starts]] = np.add.reduceat(values[order], starts, axis=0)
    return total


def _scatter_at(site: Site) -> Target:
    index = site.attrs["index"]
    exists, place = inside(site.read(1, ()) - 1, site.extent(index))
    return Target({index: place}, site.dims, site.read(0, site.dims), exists)


def _points(node: Node) -> tuple[tuple[Index, ...], tuple[Dim, ...]]:
    """What is scattered: the elements of the first operand, at all that an operand varies over."""
    value, place = (operand.type for operand in node.operands)
    return union_axes((value, place)), value.shape


def _scatter_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    value, position = node.operands
    index = node.attrs["index"]
    # A point may have a position outside an example's range, where the cotangent is garbage.
    picked = b(PICK, within(b, g, index), position, index=index)
    return [spread_over(b, picked, value.type.axes), None]


SCATTER = Op(
    name="scatter",
    infer=_scatter_type,
    vjp=_scatter_vjp,
    oracle=_scatter,
    samples=lambda: [
        Sample((real(BATCH, shape=(H,)), integer()), {"index": T, "indices": ()}, values={1: 2}),
        Sample((real(*B_T), integer(BATCH)), {"index": K, "indices": (T,)}, values={1: (3, 1)}),
        Sample((real(BATCH, K, shape=(H,)), integer(K)), {"index": K, "indices": (K,)}, values=_REVERSED),
        Sample((real(*B_T), integer(*B_T)), {"index": T, "indices": (T,)}, values={1: (2, 1, 1, 9)}),
        Sample((real(BATCH, shape=(H,)), integer()), {"index": K, "indices": (BATCH,)}, values={1: (2, 3)}),
        Sample((integer(*B_T), integer(S)), {"index": K, "indices": ()}, values={1: (0, 2, 3)}),
    ],
    form=Scatter(_points, _scatter_at),
)
"""`scatter(g, position; index, indices)`: the adjoint of `pick`. Adds each point's value at its position.

`indices` are those of the points that are summed, `index` itself among them if the points vary over it.
"""


# Gathering elements, and its adjoint.


def _gather_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    table, number = types
    require_dtype("an index", number, ("int",))
    dim = attrs["dim"]
    shape = (*table.shape[:dim], *number.shape, *table.shape[dim + 1 :])
    return TensorType.of(table.dtype, union_axes(types), shape)


def _gather(frame: Frame, attrs: Attrs, x: Array, number: Array) -> Array:
    count, rank = len(frame.axes), frame.types[1].rank
    along = count + attrs["dim"]
    size = x.shape[along]
    if size == 0:
        lead = np.broadcast_shapes(x.shape[:count], number.shape[:count])
        return np.zeros((*lead, *frame.out.sizes), x.dtype)
    # The gathered dim comes first, so that what is gathered stands where the numbers stand.
    first = np.moveaxis(x, along, count)
    places = _coordinates(x.shape[:count], rank)
    found = first[(*places, np.clip(number, 0, size - 1))]
    new, old = range(count, count + rank), range(along, along + rank)
    return np.moveaxis(found, tuple(new), tuple(old))


def _gather_form(site: Site) -> Expr:
    dim, rank, size = site.attrs["dim"], site.types[1].rank, site.types[0].sizes[site.attrs["dim"]]
    if size == 0:
        return constant(site.out.dtype, 0)
    number = clamp(site.read(1, site.dims[dim : dim + rank]), size)
    return site.read(0, [*site.dims[:dim], number, *site.dims[dim + rank :]])


def _gather_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    """What the table does not vary over is summed on the way: the sum is as small as the table."""
    table, number = node.operands
    dim = node.attrs["dim"]
    extra = tuple(i for i in g.type.axes if i not in table.type.axes)
    size = table.type.shape[dim]
    return [b(SCATTER_ADD, counted(b, g, extra), number, dim=dim, size=size, indices=extra), None]


_NUMBERS = {1: (0, 3, 1, 1, 2)}

GATHER = Op(
    name="gather",
    infer=_gather_type,
    vjp=_gather_vjp,
    oracle=_gather,
    samples=lambda: [
        Sample((real(shape=(D, H)), integer(*B_T)), {"dim": 0}, values=_NUMBERS),
        Sample((real(BATCH, shape=(D,)), integer(BATCH)), {"dim": 0}, values=_NUMBERS),
        Sample((real(T, shape=(C, D, H)), integer(BATCH, shape=(H, C))), {"dim": 1}, values=_NUMBERS),
        Sample((real(*B_T_U, shape=(H, D)), integer(shape=(C,))), {"dim": 1}, values=_NUMBERS),
        Sample((real(shape=(D, Z)), integer(T)), {"dim": 0}, values=_NUMBERS),
        Sample((integer(shape=(D,)), integer(T)), {"dim": 0}, values=_NUMBERS),
    ],
    form=Element(_gather_form),
)
"""`gather(x, i; dim)`: elements of a dim by number, whose place the dims of i take.

A number outside the dim gives the nearest element: whoever feeds numbers checks them.
"""


def _scatter_add_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    value, number = types
    require_dtype("an index", number, ("int",))
    dim = attrs["dim"]
    given = value.shape[dim : dim + number.rank]
    if not number.same_shape(number.with_shape(given)):
        raise TypeFault("E201", f"the numbers are {number}, the values {value}")
    assert set(attrs["indices"]) <= {*value.axes}, "the caller masks what is summed, so it varies over it"
    axes = [i for i in union_axes(types) if i not in attrs["indices"]]
    shape = (*value.shape[:dim], attrs["size"], *value.shape[dim + number.rank :])
    return TensorType.of(value.dtype, axes, shape)


def _scatter_add(frame: Frame, attrs: Attrs, g: Array, number: Array) -> Array:
    count, rank, size = len(frame.axes), frame.types[1].rank, attrs["size"].value
    lead = np.broadcast_shapes(g.shape[:count], number.shape[:count])
    at = count + attrs["dim"]
    spread = np.broadcast_to(g, (*lead, *g.shape[count:]))
    values = np.moveaxis(spread, tuple(range(at, at + rank)), tuple(range(count, count + rank)))
    points = (*lead, *values.shape[count : count + rank])
    here = dict(zip(frame.axes, _coordinates(lead, rank), strict=True))
    places = [np.broadcast_to(here[i], points).ravel() for i in frame.out.axes]
    places.append(np.broadcast_to(np.clip(number, 0, size - 1), points).ravel())
    extents = [lead[frame.axes.index(i)] for i in frame.out.axes] + [size]
    rest = values.shape[count + rank :]
    flat = values.reshape(places[0].size, *rest)
    total = added_by_row(_rows(places, extents), flat, int(np.prod(extents, dtype=np.int64)))
    kept = len(extents) - 1
    return np.moveaxis(total.reshape(*extents, *rest), kept, kept + attrs["dim"])


def _scatter_add_at(site: Site) -> Target:
    dim, rank, size = site.attrs["dim"], site.types[1].rank, site.attrs["size"].value
    number = clamp(site.read(1, site.dims[dim : dim + rank]), size)
    dims = (*site.dims[:dim], number, *site.dims[dim + rank :])
    return Target({}, dims, site.read(0, site.dims), None if size else FALSE)


def _scatter_add_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    value, number = node.operands
    gathered = b(GATHER, g, number, dim=node.attrs["dim"])
    return [spread_over(b, gathered, value.type.axes), None]


def _scatter_add_samples() -> Iterable[Sample]:
    for g, number, dim, indices in [
        (real(*B_T, shape=(H,)), integer(*B_T), 0, B_T),
        (real(*B_T, shape=(H,)), integer(*B_T), 0, ()),
        (real(BATCH), integer(BATCH, T), 0, ()),
        (real(*B_T, shape=(C, H, C)), integer(BATCH, shape=(H,)), 1, (BATCH,)),
        (real(shape=(C, H)), integer(shape=(C, H)), 0, ()),
        (integer(*B_T), integer(T), 0, (BATCH,)),
    ]:
        yield Sample((g, number), {"dim": dim, "size": D, "indices": indices}, values=_NUMBERS)


SCATTER_ADD = Op(
    name="scatter_add",
    infer=_scatter_add_type,
    vjp=_scatter_add_vjp,
    oracle=_scatter_add,
    samples=_scatter_add_samples,
    form=Scatter(_points, _scatter_add_at),
)
"""`scatter_add(g, i; dim, size, indices)`: the adjoint of `gather`. Adds each value at its number.

`indices` are summed on the way: an embedding's gradient is one table, not one for each step.
"""


def _one_hot_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    require_dtype("one_hot", types[0], ("int",))
    return TensorType("real", types[0].axes, (*types[0].shape, attrs["classes"]))


def _one_hot(frame: Frame, attrs: Attrs, number: Array) -> Array:
    classes: Dim = attrs["classes"]
    return np.asarray(number[..., np.newaxis] == np.arange(classes.value), frame.real)


def _one_hot_form(site: Site) -> Expr:
    hit = compare("==", site.read(0, site.dims[:-1]), site.dims[-1])
    return select(hit, constant("real", 1), constant("real", 0))


ONE_HOT = Op(
    name="one_hot",
    infer=_one_hot_type,
    vjp=non_differentiable,
    oracle=_one_hot,
    samples=lambda: [
        Sample((integer(*B_T),), {"classes": D}, values={0: (0, 3, 2, 9)}),
        Sample((integer(U, shape=(H,)),), {"classes": C}, values={0: (0, 1)}),
        Sample((integer(),), {"classes": Z}, values={0: 0}),
    ],
    form=Element(_one_hot_form),
)
"""`one_hot(i; classes)`: a new last dim with 1 at number i; zeros for a number that is none of them."""


OPS = (RENAME, SHIFT, PICK, SCATTER, GATHER, SCATTER_ADD, ONE_HOT)
