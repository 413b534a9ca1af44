"""The sum and its adjoints: what spreads one value over new dims and new indices."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence

import numpy as np

from graphc.ir.builder import Builder
from graphc.ir.form import Element, Site
from graphc.ir.graph import Node, Value
from graphc.ir.op import Array, Attrs, Frame, Op, Sample, TypeFault
from graphc.kernel.coordinates import flat
from graphc.kernel.expr import Expr, Kind, Name, cast
from graphc.ops.examples import B_T, B_T_U, C, D, H, K, S, T, U, Z, boolean, integer, real
from graphc.ops.rules import shape_text
from graphc.types import BATCH, Dim, Index, TensorType, sort_indices


def reduced_type(type: TensorType, attrs: Attrs) -> TensorType:
    """The type without the `dims` and `indices` that are reduced."""
    dims: tuple[int, ...] = attrs["dims"]
    indices: tuple[Index, ...] = attrs["indices"]
    assert dims or indices, "nothing to reduce"
    assert all(0 <= dim < type.rank for dim in dims), (dims, str(type))
    assert all(index in type.axes for index in indices), "broadcast before reducing over an index"
    kept = [dim for i, dim in enumerate(type.shape) if i not in dims]
    return TensorType(type.dtype, tuple(i for i in type.axes if i not in indices), tuple(kept))


def reduced_dimensions(frame: Frame, attrs: Attrs) -> tuple[int, ...]:
    """The array dimensions that `indices` and `dims` stand for."""
    lead = len(frame.axes)
    along = [frame.axes.index(index) for index in attrs["indices"]]
    return (*sorted(along), *(lead + dim for dim in attrs["dims"]))


def _as_it_is(element: Expr, number: Expr) -> Expr:
    return element


def reduced_at(site: Site, kind: Kind, made: Callable[[Expr, Expr], Expr] = _as_it_is) -> Expr:
    """The form of a reduction of the only operand over the `indices` and `dims` of the attributes.

    `made(element, number)` is what is reduced: elements are numbered through the indices, then the dims.
    """
    indices, dims = sort_indices(site.attrs["indices"]), site.attrs["dims"]
    (given,) = site.types
    extents = [*map(site.extent, indices), *(given.sizes[dim] for dim in dims)]

    def body(over: tuple[Name, ...]) -> Expr:
        inner = dict(zip(dims, over[len(indices) :], strict=True))
        kept = iter(site.dims)
        places = [inner[dim] if dim in inner else next(kept) for dim in range(given.rank)]
        return made(site.read(0, places, dict(zip(indices, over, strict=False))), flat(over, extents))

    return site.reduce(kind, extents, body)


def spread_over(b: Builder, value: Value, indices: Collection[Index]) -> Value:
    """The value, made to vary over `indices` as well."""
    missing = sort_indices(index for index in indices if index not in value.type.axes)
    return b(BROADCAST, value, indices=missing) if missing else value


def spread_back(b: Builder, value: Value, type: TensorType, attrs: Attrs) -> Value:
    """Undo a reduction's change of type: give a value of the result's type the operand's type again."""
    if attrs["dims"]:
        kept = [i for i in range(type.rank) if i not in attrs["dims"]]
        source = tuple(kept.index(i) if i in kept else None for i in range(type.rank))
        value = b(EXPAND, value, shape=type.shape, source=source)
    return spread_over(b, value, attrs["indices"])


def reduction_samples() -> Iterable[Sample]:
    """Operands for anything that reduces over dims, indices, or both."""
    yield Sample((real(shape=(H,)),), {"dims": (0,), "indices": ()})
    yield Sample((real(*B_T, shape=(H, D)),), {"dims": (0,), "indices": ()})
    yield Sample((real(*B_T, shape=(D,)),), {"dims": (), "indices": (T,)})
    yield Sample((real(*B_T_U),), {"dims": (), "indices": (U,)})
    yield Sample((real(BATCH, K, shape=(C, H, D)),), {"dims": (0, 2), "indices": (BATCH, K)})
    yield Sample((real(S, shape=(Z, H)),), {"dims": (1,), "indices": ()})


# The sum.


def _sum_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    result = reduced_type(types[0], attrs)
    return result.with_dtype("int") if result.dtype == "bool" else result


def _sum(frame: Frame, attrs: Attrs, x: Array) -> Array:
    return np.asarray(np.sum(x, axis=reduced_dimensions(frame, attrs)))


def _sum_vjp(b: Builder, node: Node, g: Value) -> Sequence[Value | None]:
    return [spread_back(b, g, node.operands[0].type, node.attrs)]


def _sum_form(site: Site) -> Expr:
    return reduced_at(site, "sum", lambda x, _: cast("int", x) if x.dtype == "bool" else x)


def _sum_samples() -> Iterable[Sample]:
    yield from reduction_samples()
    yield Sample((real(T, shape=(Z, H)),), {"dims": (0,), "indices": ()})
    yield Sample((boolean(*B_T, shape=(H,)),), {"dims": (0,), "indices": (T,)})
    yield Sample((integer(*B_T),), {"dims": (), "indices": (BATCH,)})


REDUCE_SUM = Op(
    name="reduce_sum",
    infer=_sum_type,
    vjp=_sum_vjp,
    oracle=_sum,
    samples=_sum_samples,
    form=Element(_sum_form),
)
"""`reduce_sum(x; dims, indices)`: ints give an int, bools are counted."""


# Spreading over dims.


def _expand_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    operand = types[0]
    shape: tuple[Dim, ...] = attrs["shape"]
    source: tuple[int | None, ...] = attrs["source"]
    assert sorted(s for s in source if s is not None) == list(range(operand.rank)), (source, str(operand))
    for dim, place in zip(shape, source, strict=True):
        if place is not None and not dim.agrees(operand.shape[place]):
            found = f"{shape_text(operand.shape)} into {shape_text(shape)}"
            raise TypeFault("E201", f"cannot spread {found}: {operand.shape[place]} is not {dim}")
    return operand.with_shape(shape)


def _expand(frame: Frame, attrs: Attrs, x: Array) -> Array:
    lead = x.shape[: len(frame.axes)]
    order = [len(lead) + s for s in attrs["source"] if s is not None]
    moved = np.transpose(x, (*range(len(lead)), *order))
    ones = [1 if s is None else frame.types[0].shape[s].value for s in attrs["source"]]
    return np.broadcast_to(moved.reshape((*lead, *ones)), (*lead, *frame.out.sizes))


def _expand_form(site: Site) -> Expr:
    source = site.attrs["source"]
    return site.read(0, [site.dims[source.index(i)] for i in range(site.types[0].rank)])


def _expand_vjp(b: Builder, node: Node, g: Value) -> Sequence[Value | None]:
    source = node.attrs["source"]
    new = tuple(i for i, s in enumerate(source) if s is None)
    if new:
        g = b(REDUCE_SUM, g, dims=new, indices=())
    order = [s for s in source if s is not None]
    if order != sorted(order):
        inverse = tuple(order.index(i) for i in range(len(order)))
        g = b(EXPAND, g, shape=node.operands[0].type.shape, source=inverse)
    return [g]


EXPAND = Op(
    name="expand",
    infer=_expand_type,
    vjp=_expand_vjp,
    oracle=_expand,
    samples=lambda: [
        Sample((real(),), {"shape": (H,), "source": (None,)}),
        Sample((real(*B_T, shape=(H,)),), {"shape": (H, D), "source": (0, None)}),
        Sample((real(U, shape=(H,)),), {"shape": (C, H, D), "source": (None, 0, None)}),
        Sample((real(T, shape=(D, H)),), {"shape": (H, C, D), "source": (1, None, 0)}),
        Sample((real(T, shape=(H,)),), {"shape": (Z, H), "source": (None, 0)}),
        Sample((integer(T, shape=(H,)),), {"shape": (D, H), "source": (None, 0)}),
    ],
    form=Element(_expand_form),
)
"""`expand(x; shape, source)`: dim i of the result is dim `source[i]` of x, or new where that is None."""


# Spreading over indices.


def _broadcast(frame: Frame, attrs: Attrs, x: Array) -> Array:
    lead = [x.shape[frame.axes.index(i)] if i in frame.axes else 1 for i in frame.out.axes]
    return x.reshape((*lead, *frame.out.sizes))


BROADCAST = Op(
    name="broadcast",
    infer=lambda types, attrs: types[0].with_axes({*types[0].axes, *attrs["indices"]}),
    # The reverse walk sums what the operand does not vary over.
    vjp=lambda b, node, g: [g],
    oracle=_broadcast,
    samples=lambda: [
        Sample((real(),), {"indices": (T,)}),
        Sample((real(shape=(H,)),), {"indices": B_T}),
        Sample((real(T, shape=(H,)),), {"indices": (BATCH, U)}),
        Sample((integer(K),), {"indices": (BATCH,)}),
    ],
    form=Element(lambda site: site.read(0)),
)
"""`broadcast(x; indices)`: the same value, varying over these indices too."""


OPS = (REDUCE_SUM, EXPAND, BROADCAST)
