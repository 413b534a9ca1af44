"""Pooling over the last dims, and what its gradients need.

An input is [C, N...] (any dims in front), a window has a size for each of the last ones. Attributes:
`window`, `stride`, and `pad`, a pair (before, after) for each. Padding never wins a maximum; in a mean it
counts as zeros. Where elements of a window tie, the first one wins.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from graphc.ir.builder import Builder
from graphc.ir.graph import Node, Value
from graphc.ir.op import Array, Attrs, Frame, Op, Sample, TypeFault
from graphc.ops.examples import B_T, C, K, T, Z, real
from graphc.ops.rules import require_dtype, shape_text, union_axes
from graphc.ops.windows import folded, output_size, padded, windows
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


def _winners(x: Array, attrs: Attrs) -> Array:
    """Each window's first winner: [..., O..., 1]."""
    return np.asarray(np.argmax(_places(x, attrs, -np.inf), axis=-1)[..., np.newaxis])


def _folded_back(values: Array, attrs: Attrs, sizes: Sequence[Dim]) -> Array:
    shaped = values.reshape(*values.shape[:-1], *attrs["window"])
    return folded(shaped, [size.value for size in sizes], attrs)


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
    return [b(MAX_POOL_GRADIENT, node.operands[0], g, **node.attrs)]


MAX_POOL = Op(
    name="max_pool",
    infer=_pooled_type,
    vjp=_max_pool_vjp,
    oracle=_max_pool,
    samples=lambda: [Sample((x,), attrs) for x, attrs in _samples()],
)
"""`max_pool(x; window, stride, pad)`"""


def _max_gradient(frame: Frame, attrs: Attrs, x: Array, g: Array) -> Array:
    wins = np.arange(math.prod(attrs["window"])) == _winners(x, attrs)
    sizes = frame.types[0].shape[-len(attrs["window"]) :]
    return _folded_back(np.where(wins, g[..., np.newaxis], np.zeros((), g.dtype)), attrs, sizes)


def _max_gradient_vjp(b: Builder, node: Node, cotangent: Value) -> Cotangents:
    # Which element wins does not change with small changes of x.
    return [None, b(MAX_POOL_PICK, node.operands[0], cotangent, **node.attrs)]


MAX_POOL_GRADIENT = Op(
    name="max_pool_gradient",
    infer=lambda types, attrs: types[0].with_axes(union_axes(types)),
    vjp=_max_gradient_vjp,
    oracle=_max_gradient,
    samples=lambda: [Sample((x, _pooled_type((x,), attrs)), attrs) for x, attrs in _samples()],
)
"""`max_pool_gradient(x, g; window, stride, pad)`: each element of g goes to the winner of its window."""


def _max_pick(frame: Frame, attrs: Attrs, x: Array, v: Array) -> Array:
    winners, values = _winners(x, attrs), _places(v, attrs, 0.0)
    lead = np.broadcast_shapes(winners.shape[:-1], values.shape[:-1])
    spread = np.broadcast_to(values, (*lead, values.shape[-1]))
    return np.take_along_axis(spread, np.broadcast_to(winners, (*lead, 1)), axis=-1)[..., 0]


def _max_pick_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    return [None, b(MAX_POOL_GRADIENT, node.operands[0], g, **node.attrs)]


MAX_POOL_PICK = Op(
    name="max_pool_pick",
    infer=_pooled_type,
    vjp=_max_pick_vjp,
    oracle=_max_pick,
    samples=lambda: [Sample((x, x.with_axes({*x.axes, T})), attrs) for x, attrs in _samples()],
)
"""`max_pool_pick(x, v; window, stride, pad)`: of v the elements that win in x."""


# The mean.


def _average(frame: Frame, attrs: Attrs, x: Array) -> Array:
    return np.asarray(np.mean(_places(x, attrs, 0.0), axis=-1))


def _average_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    shape = node.operands[0].type.shape
    sizes = shape[len(shape) - len(node.attrs["window"]) :]
    return [b(AVERAGE_POOL_GRADIENT, g, sizes=sizes, **node.attrs)]


AVERAGE_POOL = Op(
    name="average_pool",
    infer=_pooled_type,
    vjp=_average_vjp,
    oracle=_average,
    samples=lambda: [Sample((x,), attrs) for x, attrs in _samples()],
)
"""`average_pool(x; window, stride, pad)`"""


def _average_gradient_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    front = types[0].rank - len(attrs["sizes"])
    return types[0].with_shape((*types[0].shape[:front], *attrs["sizes"]))


def _average_gradient(frame: Frame, attrs: Attrs, g: Array) -> Array:
    count = math.prod(attrs["window"])
    share = (g / np.asarray(count, g.dtype))[..., np.newaxis]
    return _folded_back(np.broadcast_to(share, (*g.shape, count)), attrs, attrs["sizes"])


def _without_sizes(attrs: Attrs) -> dict[str, Any]:
    return {key: value for key, value in attrs.items() if key != "sizes"}


def _average_gradient_vjp(b: Builder, node: Node, cotangent: Value) -> Cotangents:
    return [b(AVERAGE_POOL, cotangent, **_without_sizes(node.attrs))]


def _average_gradient_samples() -> Iterable[Sample]:
    for x, attrs in _samples():
        sizes = x.shape[x.rank - len(attrs["window"]) :]
        yield Sample((_pooled_type((x,), attrs),), {"sizes": sizes, **attrs})


AVERAGE_POOL_GRADIENT = Op(
    name="average_pool_gradient",
    infer=_average_gradient_type,
    vjp=_average_gradient_vjp,
    oracle=_average_gradient,
    samples=_average_gradient_samples,
)
"""`average_pool_gradient(g; sizes, window, stride, pad)`: each element shared out over its window."""


OPS = (MAX_POOL, MAX_POOL_GRADIENT, MAX_POOL_PICK, AVERAGE_POOL, AVERAGE_POOL_GRADIENT)
