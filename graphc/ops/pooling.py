"""Pooling over the last dims, and what its gradients need.

An input is [C, N...] (any dims in front), a window has a size for each of the last ones. Attributes:
`window`, `stride`, and `pad`, a pair (before, after) for each. Padding never wins a maximum; in a mean it
counts as zeros. Where elements of a window tie, the first one wins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from graphc.ir.builder import Builder
from graphc.ir.form import Element, Site
from graphc.ir.graph import Node, Value
from graphc.ir.op import Array, Attrs, Frame, Op, Sample, TypeFault, non_differentiable
from graphc.kernel.coordinates import constant, flat, unflat
from graphc.kernel.expr import Apply, Expr, Kind, compare, select
from graphc.ops.examples import B_T, C, K, T, Z, real
from graphc.ops.rules import require_dtype, shape_text, union_axes
from graphc.ops.windows import folded, folded_at, output_size, padded, padded_at, windows
from graphc.types import BATCH, Dim, TensorType

Cotangents = Sequence[Value | None]


def _pooled_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    x, rank = types[0], len(attrs["window"])
    require_dtype("pooling", x, ("real",))
    assert len(attrs["stride"]) == len(attrs["pad"]) == rank, dict(attrs)
    if x.rank < rank:
        raise TypeFault("E206", f"a window over {rank} dims does not fit into {shape_text(x.shape)}")
    for size, pad in zip(attrs["window"], attrs["pad"], strict=True):
        if max(pad) >= size:
            raise TypeFault("E206", f"a window of {size} can lie in padding of {max(pad)} altogether")
    sizes = zip(x.shape[x.rank - rank :], attrs["window"], attrs["stride"], attrs["pad"], strict=True)
    outs = [output_size(*how) for how in sizes]
    return TensorType.of("real", union_axes(types), (*x.shape[: x.rank - rank], *outs))


def _places(x: Array, attrs: Attrs, fill: float) -> Array:
    """Each window's elements in one dim: [..., O..., number in the window]."""
    rank = len(attrs["window"])
    found = windows(padded(x, attrs["pad"], fill), attrs["window"], attrs["stride"])
    return found.reshape(*found.shape[: found.ndim - rank], math.prod(attrs["window"]))


def _folded_back(values: Array, attrs: Attrs) -> Array:
    shaped = values.reshape(*values.shape[:-1], *attrs["window"])
    return folded(shaped, [size.value for size in attrs["sizes"]], attrs)


def _last_dims(x: TensorType, attrs: Attrs) -> tuple[Dim, ...]:
    return x.shape[x.rank - len(attrs["window"]) :]


def _unpooled_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    front = types[0].rank - len(attrs["sizes"])
    return types[0].with_shape((*types[0].shape[:front], *attrs["sizes"]))


def _without_sizes(attrs: Attrs) -> dict[str, Any]:
    return {key: value for key, value in attrs.items() if key != "sizes"}


def _outs(site: Site) -> tuple[Expr, ...]:
    return site.dims[len(site.dims) - len(site.attrs["window"]) :]


def _window_at(site: Site, kind: Kind, fill: float) -> Expr:
    """A reduction of the window at this place."""
    window = site.attrs["window"]
    return site.reduce(kind, window, lambda inner: padded_at(site, 0, _outs(site), inner, fill))


def _unpooled_at(site: Site, value: Callable[[Sequence[Expr], Sequence[Expr]], Expr]) -> Expr:
    """The sum over the windows that hold this element of `value(place in the result of pooling, number)`."""
    window = site.attrs["window"]
    lead = site.dims[: len(site.dims) - len(window)]
    outs = site.types[-1].sizes[len(lead) :]
    return folded_at(site, outs, window, lambda place, inner: value([*lead, *place], inner))


def _samples() -> Iterable[tuple[TensorType, Attrs]]:
    n, m = Dim.named("N", 6), Dim.named("M", 5)
    square = {"window": (2, 2), "stride": (2, 2), "pad": ((0, 0), (0, 0))}
    yield real(BATCH, shape=(C, n, m)), square
    yield real(*B_T, shape=(C, n)), {"window": (3,), "stride": (2,), "pad": ((1, 2),)}
    yield real(K, T, shape=(n, m)), {"window": (3, 1), "stride": (1, 2), "pad": ((1, 1), (0, 0))}
    yield real(BATCH, shape=(Z, n, m)), square


# The maximum.


def _max_pool(frame: Frame, attrs: Attrs, x: Array) -> Array:
    return np.asarray(np.max(_places(x, attrs, -np.inf), axis=-1))


def _max_pool_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    (x,) = node.operands
    winner = b(MAX_POOL_WINNER, x, **node.attrs)
    return [b(MAX_POOL_GRADIENT, winner, g, sizes=_last_dims(x.type, node.attrs), **node.attrs)]


MAX_POOL = Op(
    name="max_pool",
    infer=_pooled_type,
    vjp=_max_pool_vjp,
    oracle=_max_pool,
    samples=lambda: [Sample((x,), attrs) for x, attrs in _samples()],
    form=Element(lambda site: _window_at(site, "max", -math.inf)),
)
"""`max_pool(x; window, stride, pad)`"""


# What its gradients need: which element wins does not change with small changes of x.


def _winner_samples() -> Iterable[tuple[Attrs, TensorType, TensorType]]:
    """Attributes, what is pooled, and winners."""
    for x, attrs in _samples():
        yield attrs, x, _pooled_type((x,), attrs).with_dtype("int")


MAX_POOL_WINNER = Op(
    name="max_pool_winner",
    infer=lambda types, attrs: _pooled_type(types, attrs).with_dtype("int"),
    vjp=non_differentiable,
    oracle=lambda frame, attrs, x: np.asarray(np.argmax(_places(x, attrs, -np.inf), axis=-1), np.int64),
    samples=lambda: [Sample((x,), attrs) for x, attrs in _samples()],
    form=Element(lambda site: _window_at(site, "argmax", -math.inf)),
)
"""`max_pool_winner(x; window, stride, pad)`: each window's first winner, by its number in the window."""


def _max_gradient_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    return _unpooled_type(types[1:], attrs).with_axes(union_axes(types))


def _max_gradient(frame: Frame, attrs: Attrs, winner: Array, g: Array) -> Array:
    wins = np.arange(math.prod(attrs["window"])) == winner[..., np.newaxis]
    return _folded_back(np.where(wins, g[..., np.newaxis], np.zeros((), g.dtype)), attrs)


def _max_gradient_vjp(b: Builder, node: Node, cotangent: Value) -> Cotangents:
    return [None, b(MAX_POOL_PICK, node.operands[0], cotangent, **_without_sizes(node.attrs))]


def _max_gradient_form(site: Site) -> Expr:
    window = site.attrs["window"]

    def value(place: Sequence[Expr], inner: Sequence[Expr]) -> Expr:
        wins = compare("==", site.read(0, place), flat(inner, window))
        return select(wins, site.read(1, place), constant("real", 0))

    return _unpooled_at(site, value)


MAX_POOL_GRADIENT = Op(
    name="max_pool_gradient",
    infer=_max_gradient_type,
    vjp=_max_gradient_vjp,
    oracle=_max_gradient,
    samples=lambda: [
        Sample(
            (winner, winner.with_dtype("real").with_axes({*winner.axes, T})),
            {**attrs, "sizes": _last_dims(x, attrs)},
            values={0: tuple(range(math.prod(attrs["window"])))},
        )
        for attrs, x, winner in _winner_samples()
    ],
    form=Element(_max_gradient_form),
)
"""`max_pool_gradient(winner, g; sizes, window, stride, pad)`: each element of g goes to its winner."""


def _max_pick(frame: Frame, attrs: Attrs, winner: Array, v: Array) -> Array:
    values = _places(v, attrs, 0.0)
    lead = np.broadcast_shapes(winner.shape, values.shape[:-1])
    spread = np.broadcast_to(values, (*lead, values.shape[-1]))
    places = np.broadcast_to(winner, lead)[..., np.newaxis]
    return np.take_along_axis(spread, places, axis=-1)[..., 0]


def _max_pick_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    sizes = _last_dims(node.operands[1].type, node.attrs)
    return [None, b(MAX_POOL_GRADIENT, node.operands[0], g, sizes=sizes, **node.attrs)]


def _max_pick_form(site: Site) -> Expr:
    inner = unflat(site.read(0, site.dims), site.attrs["window"])
    return padded_at(site, 1, _outs(site), inner, 0.0)


MAX_POOL_PICK = Op(
    name="max_pool_pick",
    infer=lambda types, attrs: _pooled_type(types[1:], attrs).with_axes(union_axes(types)),
    vjp=_max_pick_vjp,
    oracle=_max_pick,
    samples=lambda: [
        Sample(
            (winner, x.with_axes({*x.axes, T})),
            attrs,
            values={0: tuple(range(math.prod(attrs["window"])))},
        )
        for attrs, x, winner in _winner_samples()
    ],
    form=Element(_max_pick_form),
)
"""`max_pool_pick(winner, v; window, stride, pad)`: of v the elements that win; zero where padding does."""


# The mean.


def _average(frame: Frame, attrs: Attrs, x: Array) -> Array:
    return np.asarray(np.mean(_places(x, attrs, 0.0), axis=-1))


def _average_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    sizes = _last_dims(node.operands[0].type, node.attrs)
    return [b(AVERAGE_POOL_GRADIENT, g, sizes=sizes, **node.attrs)]


def _average_form(site: Site) -> Expr:
    count = constant("real", math.prod(site.attrs["window"]))
    return Apply("/", (_window_at(site, "sum", 0.0), count), "real")


AVERAGE_POOL = Op(
    name="average_pool",
    infer=_pooled_type,
    vjp=_average_vjp,
    oracle=_average,
    samples=lambda: [Sample((x,), attrs) for x, attrs in _samples()],
    form=Element(_average_form),
)
"""`average_pool(x; window, stride, pad)`"""


def _average_gradient(frame: Frame, attrs: Attrs, g: Array) -> Array:
    count = math.prod(attrs["window"])
    share = (g / np.asarray(count, g.dtype))[..., np.newaxis]
    return _folded_back(np.broadcast_to(share, (*g.shape, count)), attrs)


def _average_gradient_form(site: Site) -> Expr:
    count = constant("real", math.prod(site.attrs["window"]))
    return _unpooled_at(site, lambda place, inner: Apply("/", (site.read(0, place), count), "real"))


def _average_gradient_vjp(b: Builder, node: Node, cotangent: Value) -> Cotangents:
    return [b(AVERAGE_POOL, cotangent, **_without_sizes(node.attrs))]


def _average_gradient_samples() -> Iterable[Sample]:
    for x, attrs in _samples():
        sizes = _last_dims(x, attrs)
        yield Sample((_pooled_type((x,), attrs),), {"sizes": sizes, **attrs})


AVERAGE_POOL_GRADIENT = Op(
    name="average_pool_gradient",
    infer=_unpooled_type,
    vjp=_average_gradient_vjp,
    oracle=_average_gradient,
    samples=_average_gradient_samples,
    form=Element(_average_gradient_form),
)
"""`average_pool_gradient(g; sizes, window, stride, pad)`: each element shared out over its window."""


OPS = (MAX_POOL, MAX_POOL_WINNER, MAX_POOL_GRADIENT, MAX_POOL_PICK, AVERAGE_POOL, AVERAGE_POOL_GRADIENT)
