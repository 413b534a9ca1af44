"""The first of those that are true: what gives a maximum's cotangent to one winner only.

Elements are numbered from 0 through the indices that are reduced, then through the dims, the last
one fastest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from graphc.ir.builder import Builder
from graphc.ir.form import Element, Expanded, Site
from graphc.ir.graph import Node, Value
from graphc.ir.op import Array, Attrs, Frame, Op, Sample, non_differentiable
from graphc.kernel.coordinates import flat
from graphc.kernel.expr import Const, Expr, compare, select
from graphc.ops.examples import B_T, B_T_U, C, D, H, T, U, boolean, integer
from graphc.ops.rules import require_dtype
from graphc.ops.summing import reduced_at, reduced_dimensions, reduced_type
from graphc.types import BATCH, TensorType, sort_indices


def _first_true(frame: Frame, attrs: Attrs, x: Array) -> Array:
    along = reduced_dimensions(frame, attrs)
    last = np.moveaxis(x, along, range(-len(along), 0))
    lead = last.ndim - len(along)
    line = last.reshape(*last.shape[:lead], math.prod(last.shape[lead:]))
    first = line & (np.cumsum(line, axis=-1) == 1)
    return np.moveaxis(first.reshape(last.shape), range(-len(along), 0), along)


def _first_true_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    require_dtype("first_true", types[0], ("bool",))
    reduced_type(types[0], attrs)
    return types[0]


def _samples() -> Iterable[Sample]:
    yield Sample((boolean(shape=(H,)),), {"dims": (0,), "indices": ()})
    yield Sample((boolean(*B_T, shape=(H, D)),), {"dims": (0, 1), "indices": (T,)})
    yield Sample((boolean(*B_T_U),), {"dims": (), "indices": (U,)})


def _first_true_nodes(b: Builder, node: Node) -> Value:
    """In two steps, because to look at all elements once for each would take quadratic time."""
    (x,) = node.operands
    return b(HAS_NUMBER, b(FIRST_NUMBER, x, **node.attrs), shape=x.type.shape, **node.attrs)


FIRST_TRUE = Op(
    name="first_true",
    infer=_first_true_type,
    vjp=non_differentiable,
    oracle=_first_true,
    samples=_samples,
    form=Expanded(_first_true_nodes),
)
"""`first_true(x; dims, indices)`: of those that are true only the first, indices counting before dims."""


_NONE = int(np.iinfo(np.int64).max)
"""The least of no numbers."""


def _first_number(frame: Frame, attrs: Attrs, x: Array) -> Array:
    along = reduced_dimensions(frame, attrs)
    last = np.moveaxis(x, along, range(-len(along), 0))
    own = np.arange(math.prod(last.shape[-len(along) :])).reshape(last.shape[-len(along) :])
    return np.asarray(np.min(np.where(last, own, _NONE), axis=tuple(range(-len(along), 0)), initial=_NONE))


FIRST_NUMBER = Op(
    name="first_number",
    infer=lambda types, attrs: reduced_type(types[0], attrs).with_dtype("int"),
    vjp=non_differentiable,
    oracle=_first_number,
    samples=_samples,
    form=Element(lambda site: reduced_at(site, "min", lambda x, number: select(x, number, Const(_NONE)))),
)
"""`first_number(x; dims, indices)`: the number of the first that is true; the greatest int if none is."""


def _has_number_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    return TensorType.of("bool", {*types[0].axes, *attrs["indices"]}, attrs["shape"])


def _has_number(frame: Frame, attrs: Attrs, number: Array) -> Array:
    out, dims, indices = frame.out, attrs["dims"], sort_indices(attrs["indices"])
    places = [*(out.axes.index(i) for i in indices), *(len(out.axes) + i for i in dims)]
    extents = [*map(frame.extent, indices), *(out.sizes[i] for i in dims)]
    own = np.arange(math.prod(extents)).reshape([*extents, *[1] * (len(out.axes) + out.rank - len(places))])
    lead = [number.shape[frame.axes.index(i)] if i in frame.axes else 1 for i in out.axes]
    wanted = number.reshape(*lead, *(1 if i in dims else size for i, size in enumerate(out.sizes)))
    return np.asarray(np.moveaxis(own, range(len(extents)), places) == wanted)


def _has_number_form(site: Site) -> Expr:
    indices, dims = sort_indices(site.attrs["indices"]), site.attrs["dims"]
    places = [*map(site.axis, indices), *(site.dims[i] for i in dims)]
    extents = [*map(site.extent, indices), *(site.out.sizes[i] for i in dims)]
    number = site.read(0, [place for i, place in enumerate(site.dims) if i not in dims])
    return compare("==", number, flat(places, extents))


HAS_NUMBER = Op(
    name="has_number",
    infer=_has_number_type,
    vjp=non_differentiable,
    oracle=_has_number,
    samples=lambda: [
        Sample((integer(),), {"shape": (H,), "dims": (0,), "indices": ()}, values={0: 1}),
        Sample((integer(BATCH, shape=(C,)),), {"shape": (H, C, D), "dims": (2, 0), "indices": (T,)}),
        Sample((integer(*B_T),), {"shape": (), "dims": (), "indices": (U,)}, values={0: (0, 2, 1, 9)}),
    ],
    form=Element(_has_number_form),
)
"""`has_number(number; shape, dims, indices)`: whether an element of the shape has this number."""


OPS = (FIRST_TRUE, FIRST_NUMBER, HAS_NUMBER)
