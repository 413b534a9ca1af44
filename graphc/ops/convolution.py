"""Convolution (as networks use the word: without flipping the filter), and its two adjoints.

Channels come first: an input is [C, N...] with one to three spatial dims, filters are [K, C, k...], the
result is [K, O...] with O = floor((N + before + after - dilation (k - 1) - 1) / stride) + 1. The three ops
are the three ways to contract x, f and g with one another, so each one's gradients are the other two. Pooling
stands in `pooling.py`.

Attributes: `stride` and `dilation` have a number for each spatial dim, `pad` a pair (before, after).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from graphc.ir.builder import Builder
from graphc.ir.form import Expanded
from graphc.ir.graph import Node, Value
from graphc.ir.op import Array, Attrs, Frame, Op, Sample, TypeFault
from graphc.ops.contraction import CONTRACT, contracted
from graphc.ops.examples import B_T, C, H, K, T, Z, real
from graphc.ops.masking import masked
from graphc.ops.pooling import AVERAGE_POOL, MAX_POOL
from graphc.ops.rules import require_dtype, shape_text, size_text, union_axes
from graphc.ops.summing import spread_over
from graphc.ops.windows import FOLD, WINDOWS, folded, output_size, padded, windows
from graphc.types import BATCH, Dim, TensorType

__all__ = ["AVERAGE_POOL", "CONV", "CONV_FILTER_GRADIENT", "CONV_INPUT_GRADIENT", "MAX_POOL", "OPS"]

Cotangents = Sequence[Value | None]


GEOMETRY = ("stride", "pad", "dilation")
"""The attributes that the ops of one convolution have in common."""


def _geometry(attrs: Attrs) -> dict[str, Any]:
    return {key: attrs[key] for key in GEOMETRY}


def _labels(rank: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Labels of output positions and of filter positions."""
    return tuple(f"o{i}" for i in range(rank)), tuple(f"k{i}" for i in range(rank))


def _spatial(attrs: Attrs) -> int:
    rank = len(attrs["stride"])
    assert len(attrs["pad"]) == len(attrs["dilation"]) == rank, dict(attrs)
    return rank


def _require_channels(found: Dim, wanted: Dim) -> None:
    if not found.agrees(wanted):
        message = f"the input has {size_text(found)} channels, the filters take {size_text(wanted)}"
        raise TypeFault("E205", message)


def _conv_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    x, f = types
    rank = _spatial(attrs)
    for operand in types:
        require_dtype("conv", operand, ("real",))
    if x.rank != rank + 1 or f.rank != rank + 2:
        found = f"found {shape_text(x.shape)} and {shape_text(f.shape)}"
        raise TypeFault("E205", f"`conv` takes an input [C, N...] and filters [K, C, k...], {found}")
    _require_channels(x.shape[0], f.shape[1])
    sizes = zip(x.shape[1:], f.shape[2:], *(attrs[key] for key in GEOMETRY), strict=True)
    outs = [output_size(n, k.value, *how) for n, k, *how in sizes]
    return TensorType.of("real", union_axes(types), (f.shape[0], *outs))


def _conv(frame: Frame, attrs: Attrs, x: Array, f: Array) -> Array:
    rank = len(attrs["stride"])
    outs, inner = _labels(rank)
    parts = windows(padded(x, attrs["pad"]), f.shape[-rank:], attrs["stride"], attrs["dilation"])
    return contracted(frame, (parts, ("c", *outs, *inner)), (f, ("k", "c", *inner)), ("k", *outs))


def _conv_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    x, f = node.operands
    shared = _geometry(node.attrs)
    return [
        b(CONV_INPUT_GRADIENT, g, f, sizes=x.type.shape[1:], **shared),
        _filter_cotangent(b, node, x, g, f.type, g),
    ]


def _filter_cotangent(b: Builder, node: Node, x: Value, g: Value, f: TensorType, whole: Value) -> Value:
    """The filters' cotangent from what stands in the places of input and output.

    What the filters do not vary over is summed on the way: there is one filter, not one for each example.
    `whole` is the one of the two that is the cotangent, and so varies over everything.
    """
    known = frozenset(whole.type.axes) | frozenset(b.loops)
    extra = tuple(index for index in whole.type.axes if index not in f.axes)
    x, g = (masked(b, value, extra, known=known) for value in (x, g))
    return b(CONV_FILTER_GRADIENT, x, g, sizes=f.shape[2:], indices=extra, **_geometry(node.attrs))


def _conv_nodes(b: Builder, node: Node) -> Value:
    x, f = node.operands
    outs, inner = _labels(len(node.attrs["stride"]))
    parts = b(WINDOWS, x, sizes=f.type.shape[2:], **_geometry(node.attrs))
    labels = (("c", *outs, *inner), ("k", "c", *inner), ("k", *outs))
    return b(CONTRACT, parts, f, labels=labels, indices=())


def _samples() -> Iterable[tuple[TensorType, TensorType, Attrs]]:
    """Inputs and filters, and how they meet."""
    n, m, k = Dim.named("N", 5), Dim.named("M", 4), Dim.named("k", 2)
    one, three = Dim.literal(1), Dim.literal(3)
    plain = {"stride": (1, 1), "pad": ((0, 0), (0, 0)), "dilation": (1, 1)}
    yield real(BATCH, shape=(C, n, m)), real(shape=(H, C, three, k)), plain
    around = {"stride": (2, 1), "pad": ((1, 1), (0, 1)), "dilation": (1, 2)}
    yield real(*B_T, shape=(C, n, m)), real(shape=(H, C, three, k)), around
    yield real(BATCH, shape=(C, n)), real(K, shape=(H, C, k)), _line(3, 0, 2)
    yield real(T, shape=(one, n)), real(BATCH, T, shape=(C, one, three)), _line(2, 1, 1)
    cube = {"stride": (1, 2, 1), "pad": ((0, 0), (1, 0), (0, 0)), "dilation": (1, 1, 1)}
    yield real(BATCH, shape=(one, k, m, k)), real(shape=(C, one, k, k, one)), cube
    yield real(shape=(Z, n)), real(shape=(C, Z, k)), _line(1, 0, 1)


def _line(stride: int, pad: int, dilation: int) -> Attrs:
    return {"stride": (stride,), "pad": ((pad, pad),), "dilation": (dilation,)}


CONV = Op(
    name="conv",
    infer=_conv_type,
    vjp=_conv_vjp,
    oracle=_conv,
    samples=lambda: [Sample((x, f), attrs) for x, f, attrs in _samples()],
    form=Expanded(_conv_nodes),
)
"""`conv(x, f; stride, pad, dilation)`: the inner product of each filter with each window of the input."""


# Its adjoints.


def _input_gradient_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    g, f = types
    _require_channels(g.shape[0], f.shape[0])
    return TensorType.of("real", union_axes(types), (f.shape[1], *attrs["sizes"]))


def _input_gradient(frame: Frame, attrs: Attrs, g: Array, f: Array) -> Array:
    outs, inner = _labels(len(attrs["stride"]))
    parts = contracted(frame, (g, ("k", *outs)), (f, ("k", "c", *inner)), ("c", *outs, *inner))
    return folded(parts, [size.value for size in attrs["sizes"]], attrs)


def _input_gradient_nodes(b: Builder, node: Node) -> Value:
    g, f = node.operands
    outs, inner = _labels(len(node.attrs["stride"]))
    labels = (("k", *outs), ("k", "c", *inner), ("c", *outs, *inner))
    parts = b(CONTRACT, g, f, labels=labels, indices=())
    return b(FOLD, parts, **node.attrs)


def _input_gradient_vjp(b: Builder, node: Node, x: Value) -> Cotangents:
    g, f = node.operands
    return [b(CONV, x, f, **_geometry(node.attrs)), _filter_cotangent(b, node, x, g, f.type, x)]


CONV_INPUT_GRADIENT = Op(
    name="conv_input_gradient",
    infer=_input_gradient_type,
    vjp=_input_gradient_vjp,
    oracle=_input_gradient,
    samples=lambda: [
        Sample((_conv_type((x, f), attrs), f), {"sizes": x.shape[1:], **attrs}) for x, f, attrs in _samples()
    ],
    form=Expanded(_input_gradient_nodes),
)
"""`conv_input_gradient(g, f; sizes, stride, pad, dilation)`: what `conv` does to g, turned round."""


def _filter_gradient_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    x, g = types
    axes = union_axes(types)
    assert {*attrs["indices"]} <= {*axes}, "broadcast before summing over an index"
    kept = [index for index in axes if index not in attrs["indices"]]
    return TensorType.of("real", kept, (g.shape[0], x.shape[0], *attrs["sizes"]))


def _filter_gradient(frame: Frame, attrs: Attrs, x: Array, g: Array) -> Array:
    outs, inner = _labels(len(attrs["stride"]))
    sizes = [size.value for size in attrs["sizes"]]
    parts = windows(padded(x, attrs["pad"]), sizes, attrs["stride"], attrs["dilation"])
    return contracted(frame, (parts, ("c", *outs, *inner)), (g, ("k", *outs)), ("k", "c", *inner))


def _filter_gradient_nodes(b: Builder, node: Node) -> Value:
    x, g = node.operands
    outs, inner = _labels(len(node.attrs["stride"]))
    parts = b(WINDOWS, x, sizes=node.attrs["sizes"], **_geometry(node.attrs))
    labels = (("c", *outs, *inner), ("k", *outs), ("k", "c", *inner))
    return b(CONTRACT, parts, g, labels=labels, indices=node.attrs["indices"])


def _filter_gradient_vjp(b: Builder, node: Node, f: Value) -> Cotangents:
    x, g = node.operands
    shared = _geometry(node.attrs)
    to_x = b(CONV_INPUT_GRADIENT, g, f, sizes=x.type.shape[1:], **shared)
    return [spread_over(b, to_x, x.type.axes), spread_over(b, b(CONV, x, f, **shared), g.type.axes)]


def _filter_gradient_samples() -> Iterable[Sample]:
    for x, f, attrs in _samples():
        g = _conv_type((x, f), attrs)
        summed = tuple(index for index in g.axes if index not in f.axes)
        for indices in dict.fromkeys(((), summed)):
            yield Sample((x, g), {"sizes": f.shape[2:], "indices": indices, **attrs})


CONV_FILTER_GRADIENT = Op(
    name="conv_filter_gradient",
    infer=_filter_gradient_type,
    vjp=_filter_gradient_vjp,
    oracle=_filter_gradient,
    samples=_filter_gradient_samples,
    form=Expanded(_filter_gradient_nodes),
)
"""`conv_filter_gradient(x, g; sizes, indices, stride, pad, dilation)`: g with each window of x.

Summed over `indices` as well; the caller has masked both operands.
"""


OPS = (CONV, CONV_INPUT_GRADIENT, CONV_FILTER_GRADIENT)
