"""Contractions: matrix products, inner and outer products, as one op with labels."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np

from graphc.ir.builder import Builder
from graphc.ir.form import Element, Site
from graphc.ir.graph import Node, Value
from graphc.ir.op import Array, Attrs, Frame, Op, Sample, TypeFault
from graphc.kernel.expr import Expr, Name
from graphc.ops.einsum import einsum
from graphc.ops.examples import B_T, B_T_U, C, D, H, K, S, T, U, Z, integer, real
from graphc.ops.rules import kind_text, require_dtype, require_same_dtype, size_text, union_axes
from graphc.ops.summing import EXPAND, spread_over
from graphc.types import BATCH, Dim, TensorType, sort_indices

Labels = tuple[str, ...]


def matmul(b: Builder, x: Value, y: Value) -> Value:
    """`x @ y`: sums over x's last dim and y's first, whatever their ranks.

    Raises E204 for a scalar operand, E203 if the sizes differ.
    """
    for side, value in (("left", x), ("right", y)):
        if not value.type.rank:
            message = f"the {side} side of `@` is a single number"
            raise TypeFault("E204", message, "write `*` to multiply by a number")
    inner, outer = x.type.shape[-1], y.type.shape[0]
    if not inner.agrees(outer):
        raise TypeFault("E203", f"inner sizes differ, {size_text(inner)} and {size_text(outer)}")
    left = tuple(f"x{i}" for i in range(x.type.rank - 1))
    right = tuple(f"y{i}" for i in range(1, y.type.rank))
    labels = ((*left, "k"), ("k", *right), (*left, *right))
    return b(CONTRACT, x, y, labels=labels, indices=())


def _contract_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    left, right, result = attrs["labels"]
    for operand in types:
        require_dtype("@", operand, ("real", "int"))
    require_same_dtype("@", types)
    dims: dict[str, Dim] = {}
    for labels, operand in ((left, types[0]), (right, types[1])):
        assert len(set(labels)) == len(labels) == operand.rank, (labels, kind_text(operand))
        for label, dim in zip(labels, operand.shape, strict=True):
            known = dims.setdefault(label, dim)
            if not known.agrees(dim):
                raise TypeFault("E203", f"inner sizes differ, {size_text(known)} and {size_text(dim)}")
            if known.is_literal:
                dims[label] = dim
    axes = union_axes(types)
    assert set(attrs["indices"]) <= set(axes), "broadcast before summing over an index"
    kept = [index for index in axes if index not in attrs["indices"]]
    return TensorType.of(types[0].dtype, kept, [dims[label] for label in result])


def _contract_vjp(b: Builder, node: Node, g: Value) -> Sequence[Value | None]:
    left, right, result = node.attrs["labels"]
    x, y = node.operands
    return [
        _cotangent(b, g, y, (result, right, left), x.type),
        _cotangent(b, g, x, (result, left, right), y.type),
    ]


def _cotangent(
    b: Builder, g: Value, other: Value, labels: tuple[Labels, Labels, Labels], target: TensorType
) -> Value:
    """The product of the cotangent and the other operand, as the target has its dims and indices."""
    of_g, of_other, wanted = labels
    found = tuple(label for label in wanted if label in of_g or label in of_other)
    value = b(CONTRACT, g, other, labels=(of_g, of_other, found), indices=())
    if found != wanted:
        # A label of this operand alone was summed, so each of its elements has the same cotangent.
        source = tuple(found.index(label) if label in found else None for label in wanted)
        value = b(EXPAND, value, shape=target.shape, source=source)
    return spread_over(b, value, target.axes)


def _contract(frame: Frame, attrs: Attrs, x: Array, y: Array) -> Array:
    left, right, result = attrs["labels"]
    return contracted(frame, (x, left), (y, right), result)


def contracted(frame: Frame, x: tuple[Array, Labels], y: tuple[Array, Labels], result: Labels) -> Array:
    """Contract two operands of a node whose result has the dims `result` and the indices `frame.out.axes`."""
    (a, of_a), (b, of_b) = (
        _without_size_one(frame, array, operand, labels)
        for (array, labels), operand in zip((x, y), frame.types, strict=True)
    )
    kept = [place for place, index in enumerate(frame.axes) if index in frame.out.axes]
    return einsum(a, of_a, b, of_b, (*kept, *result))


def _without_size_one(
    frame: Frame, array: Array, operand: TensorType, labels: Labels
) -> tuple[Array, tuple[Hashable, ...]]:
    """The array without the dimensions that the operand does not vary over, and labels for the others."""
    if len(operand.axes) == len(frame.axes):
        return array, (*range(len(frame.axes)), *labels)
    present = [place for place, index in enumerate(frame.axes) if index in operand.axes]
    absent = tuple(place for place in range(len(frame.axes)) if place not in present)
    return np.squeeze(array, absent), (*present, *labels)


def _contract_form(site: Site) -> Expr:
    left, right, result = site.attrs["labels"]
    indices = sort_indices(site.attrs["indices"])
    sizes = {
        label: size
        for labels, operand in zip((left, right), site.types, strict=True)
        for label, size in zip(labels, operand.sizes, strict=True)
    }
    summed = [label for label in sizes if label not in result]

    def body(over: tuple[Name, ...]) -> Expr:
        axes = dict(zip(indices, over, strict=False))
        at = {
            **dict(zip(result, site.dims, strict=True)),
            **dict(zip(summed, over[len(indices) :], strict=True)),
        }
        x, y = (site.read(i, [at[label] for label in labels], axes) for i, labels in enumerate((left, right)))
        return x * y

    extents: list[Expr | int] = [
        *(site.extent(index) for index in indices),
        *(sizes[label] for label in summed),
    ]
    return site.reduce("sum", extents, body) if extents else body(())


def _samples() -> Iterable[Sample]:
    mv: tuple[Labels, ...] = (("i", "k"), ("k",), ("i",))
    dot: tuple[Labels, ...] = (("k",), ("k",), ())
    outer: tuple[Labels, ...] = (("i",), ("j",), ("i", "j"))
    mm: tuple[Labels, ...] = (("i", "k"), ("k", "j"), ("i", "j"))
    yield Sample((real(shape=(H, D)), real(*B_T, shape=(D,))), {"labels": mv, "indices": ()})
    yield Sample((real(K, shape=(H, D)), real(BATCH, shape=(D,))), {"labels": mv, "indices": ()})
    yield Sample((real(shape=(H, Z)), real(T, shape=(Z,))), {"labels": mv, "indices": ()})
    yield Sample((real(*B_T, shape=(H,)), real(*B_T, shape=(D,))), {"labels": outer, "indices": B_T})
    yield Sample((real(*B_T, shape=(H,)), real(BATCH, shape=(D,))), {"labels": outer, "indices": (T,)})
    yield Sample((real(BATCH, T, shape=(H,)), real(BATCH, S, shape=(H,))), {"labels": dot, "indices": ()})
    yield Sample((real(*B_T, shape=(H,)), real(*B_T, shape=(H,))), {"labels": dot, "indices": ()})
    yield Sample(
        (real(*B_T_U), real(BATCH, U, shape=(C,))), {"labels": ((), ("i",), ("i",)), "indices": (U,)}
    )
    yield Sample((real(shape=(H, D)), real(T, shape=(D, C))), {"labels": mm, "indices": ()})
    alone = (("i", "a"), ("i", "b"), ("i",))
    yield Sample((real(BATCH, shape=(H, D)), real(shape=(H, C))), {"labels": alone, "indices": ()})
    swapped = (("k", "i"), ("j", "k"), ("j", "i"))
    yield Sample((real(BATCH, shape=(D, H)), real(shape=(C, D))), {"labels": swapped, "indices": ()})
    yield Sample((real(), real()), {"labels": ((), (), ()), "indices": ()})
    yield Sample((integer(shape=(H, D)), integer(T, shape=(D,))), {"labels": mv, "indices": ()})


CONTRACT = Op(
    name="contract",
    infer=_contract_type,
    vjp=_contract_vjp,
    oracle=_contract,
    samples=_samples,
    form=Element(_contract_form),
)
"""`contract(x, y; labels, indices)`: sum of products over the labels that the result does not have.

`labels` names the element dims of x, of y and of the result; `indices` are summed as well, over all their
positions: the caller has masked both operands (zero times NaN is NaN).
"""


OPS = (CONTRACT,)
