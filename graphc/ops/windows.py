"""Windows that slide over an array's last dims: what convolution and pooling have in common.

A window's element k at the place o stands at `o stride + k dilation - before` in the array, which may lie in
the padding.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from graphc.ir.builder import Builder
from graphc.ir.form import Element, Site
from graphc.ir.graph import Node, Value
from graphc.ir.op import Array, Attrs, Frame, Op, Sample, TypeFault
from graphc.kernel.coordinates import constant, inside
from graphc.kernel.expr import TRUE, ZERO, Expr, both, compare, select
from graphc.ops.examples import B_T, C, T, Z, real
from graphc.ops.rules import size_text
from graphc.types import BATCH, Dim, TensorType

Pads = Sequence[tuple[int, int]]


def output_size(size: Dim, window: int, stride: int, pad: tuple[int, int], dilation: int = 1) -> Dim:
    """How many places a window has along a dim. Raises E206 if it has none.

    floor((N + before + after - dilation (k - 1) - 1) / stride) + 1
    """
    reach = dilation * (window - 1) + 1
    free = size + Dim.literal(sum(pad) - reach)
    if free.value < 0:
        wide = f"{size_text(size)} padded by {sum(pad)}" if any(pad) else size_text(size)
        raise TypeFault("E206", f"a window of {reach} does not fit into {wide}")
    return free // Dim.literal(stride) + Dim.literal(1)


def padded(x: Array, pad: Pads, fill: float = 0.0) -> Array:
    """The array with its last dims padded."""
    if not any(itertools.chain.from_iterable(pad)):
        return x
    return np.pad(x, [(0, 0)] * (x.ndim - len(pad)) + list(pad), constant_values=fill)


def windows(
    x: Array, window: Sequence[int], stride: Sequence[int], dilation: Sequence[int] | None = None
) -> Array:
    """A view of each window of a padded array: [..., N...] to [..., O..., k...]."""
    spread = dilation or [1] * len(window)
    reach = [d * (k - 1) + 1 for d, k in zip(spread, window, strict=True)]
    dims = tuple(range(x.ndim - len(window), x.ndim))
    every = tuple(slice(None, None, step) for step in (*stride, *spread))
    return np.asarray(sliding_window_view(x, reach, dims)[_last(every)])


def folded(parts: Array, sizes: Sequence[int], attrs: Attrs) -> Array:
    """The adjoint of `padded` and `windows`: adds [..., O..., k...] where it came from in [..., N...]."""
    rank, pad = len(sizes), attrs["pad"]
    dilation = attrs.get("dilation", (1,) * rank)
    lead, outs, window = parts.shape[: -2 * rank], parts.shape[-2 * rank : -rank], parts.shape[-rank:]
    wide = [before + n + after for n, (before, after) in zip(sizes, pad, strict=True)]
    total = np.zeros((*lead, *wide), parts.dtype)
    for offset in itertools.product(*map(range, window)):
        places = tuple(
            slice(d * k, d * k + s * (o - 1) + 1, s)
            for d, k, s, o in zip(dilation, offset, attrs["stride"], outs, strict=True)
        )
        total[_last(places)] += parts[_last(offset)]
    inner = tuple(slice(before, before + n) for (before, _), n in zip(pad, sizes, strict=True))
    return np.asarray(total[_last(inner)])


def _last(places: tuple[slice | int, ...]) -> tuple[Any, ...]:
    """What indexes the last dims and everything in front of them whole."""
    return (..., *places)


# The same for one element, in the kernel language.


def _dilation(attrs: Attrs) -> tuple[int, ...]:
    found: tuple[int, ...] = attrs.get("dilation", (1,) * len(attrs["stride"]))
    return found


def padded_at(site: Site, operand: int, outs: Sequence[Expr], inner: Sequence[Expr], fill: float) -> Expr:
    """Element `inner` of the window at `outs`, read from an operand; `fill` in the padding.

    In front of its last dims the operand has those of the result.
    """
    attrs, sizes = site.attrs, site.types[operand].sizes
    lead = len(sizes) - len(outs)
    how = zip(outs, inner, sizes[lead:], attrs["stride"], _dilation(attrs), attrs["pad"], strict=True)
    exists: Expr = TRUE
    places = list(site.dims[:lead])
    for o, k, size, stride, dilation, (before, after) in how:
        if size == 0:
            return constant("real", fill)
        here, place = inside(o * stride + k * dilation - before, size, below=before > 0, above=after > 0)
        exists = both(exists, here)
        places.append(place)
    return select(exists, site.read(operand, places), constant("real", fill))


def folded_at(
    site: Site,
    outs: Sequence[int],
    window: Sequence[int],
    value: Callable[[Sequence[Expr], Sequence[Expr]], Expr],
) -> Expr:
    """The sum over the windows that hold this element of `value(place of the window, number in it)`."""
    attrs, rank = site.attrs, len(window)
    how = (attrs["stride"], _dilation(attrs), [before for before, _ in attrs["pad"]])
    slides = [_Slide(*numbers) for numbers in zip(site.out.sizes[-rank:], outs, window, *how, strict=True)]
    several = [slide.holders for slide in slides if slide.holders > 1]

    def body(over: Sequence[Expr]) -> Expr:
        left = iter(over)
        held = [
            slide.holder(n, next(left) if slide.holders > 1 else ZERO)
            for slide, n in zip(slides, site.dims[-rank:], strict=True)
        ]
        exists: Expr = TRUE
        for here, _, _ in held:
            exists = both(exists, here)
        return select(exists, value([o for _, o, _ in held], [k for _, _, k in held]), constant("real", 0))

    return site.reduce("sum", several, body) if several else body(())


class _Slide(NamedTuple):
    """How windows slide along a dim."""

    size: int
    out: int
    window: int
    stride: int
    dilation: int
    before: int

    @property
    def holders(self) -> int:
        """The most windows that one element can be in."""
        return self.window if self.dilation > 1 else -(-self.window // self.stride)

    def holder(self, n: Expr, j: Expr) -> tuple[Expr, Expr, Expr]:
        """The j-th window that element n can be in: whether it is, the window's place, n's number in it.

        All are safe to read at. Coordinates are divided only as numbers that are not negative.
        """
        if self.dilation > 1:
            reach = self.out * self.stride
            exists, ahead = inside(n + self.before - j * self.dilation, reach)
            return both(exists, compare("==", ahead % self.stride, ZERO)), ahead // self.stride, j
        at = n + self.before
        last = (self.size - 1 + self.before) // self.stride
        placed, o = inside(at // self.stride - j, self.out, below=self.holders > 1, above=last >= self.out)
        uneven = self.window % self.stride > 0
        numbered, k = inside(at % self.stride + j * self.stride, self.window, below=False, above=uneven)
        return both(placed, numbered), o, k


# The ops that convolution is made of.


def _windows_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    x, rank = types[0], len(attrs["sizes"])
    how = (attrs["sizes"], attrs["stride"], attrs["pad"], attrs["dilation"])
    sizes = zip(x.shape[x.rank - rank :], *how, strict=True)
    outs = [output_size(n, k.value, stride, pad, dilation) for n, k, stride, pad, dilation in sizes]
    return x.with_shape((*x.shape[: x.rank - rank], *outs, *attrs["sizes"]))


def _windows(frame: Frame, attrs: Attrs, x: Array) -> Array:
    return windows(padded(x, attrs["pad"]), _values(attrs["sizes"]), attrs["stride"], attrs["dilation"])


def _values(sizes: Iterable[Dim]) -> list[int]:
    return [size.value for size in sizes]


def _windows_vjp(b: Builder, node: Node, g: Value) -> Sequence[Value | None]:
    shape, rank = node.operands[0].type.shape, len(node.attrs["sizes"])
    return [b(FOLD, g, **{**node.attrs, "sizes": shape[len(shape) - rank :]})]


def _windows_form(site: Site) -> Expr:
    rank = len(site.attrs["sizes"])
    outs, inner = site.dims[-2 * rank : -rank], site.dims[-rank:]
    return padded_at(site, 0, outs, inner, 0.0)


def _windows_samples() -> Iterable[Sample]:
    n, m, two, three = Dim.named("N", 5), Dim.named("M", 4), Dim.named("k", 2), Dim.literal(3)
    for x, sizes, stride, pad, dilation in [
        (real(BATCH, shape=(C, n)), (three,), (1,), ((0, 0),), (1,)),
        (real(*B_T, shape=(n, m)), (three, two), (2, 1), ((1, 1), (0, 1)), (1, 2)),
        (real(shape=(C, m)), (two,), (3,), ((4, 2),), (2,)),
        (real(T, shape=(Z, n)), (two,), (1,), ((0, 0),), (1,)),
    ]:
        yield Sample((x,), {"sizes": sizes, "stride": stride, "pad": pad, "dilation": dilation})


WINDOWS = Op(
    name="windows",
    infer=_windows_type,
    vjp=_windows_vjp,
    oracle=_windows,
    samples=_windows_samples,
    form=Element(_windows_form),
)
"""`windows(x; sizes, stride, pad, dilation)`: each window of these sizes, as [C..., O..., k...]."""


def _fold_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    lead = types[0].rank - 2 * len(attrs["sizes"])
    return types[0].with_shape((*types[0].shape[:lead], *attrs["sizes"]))


def _fold_vjp(b: Builder, node: Node, g: Value) -> Sequence[Value | None]:
    window = node.operands[0].type.shape[-len(node.attrs["sizes"]) :]
    return [b(WINDOWS, g, **{**node.attrs, "sizes": window})]


def _fold_form(site: Site) -> Expr:
    rank, sizes = len(site.attrs["sizes"]), site.types[0].sizes
    lead = site.dims[: len(site.dims) - rank]
    return folded_at(
        site, sizes[-2 * rank : -rank], sizes[-rank:], lambda o, k: site.read(0, [*lead, *o, *k])
    )


def _fold_samples() -> Iterable[Sample]:
    for sample in _windows_samples():
        (x,), rank = sample.types, len(sample.attrs["sizes"])
        yield Sample((_windows_type((x,), sample.attrs),), {**sample.attrs, "sizes": x.shape[-rank:]})


FOLD = Op(
    name="fold",
    infer=_fold_type,
    vjp=_fold_vjp,
    oracle=lambda frame, attrs, parts: folded(parts, _values(attrs["sizes"]), attrs),
    samples=_fold_samples,
    form=Element(_fold_form),
)
"""`fold(parts; sizes, stride, pad, dilation)`: the adjoint of `windows`, into last dims of these sizes."""


OPS = (WINDOWS, FOLD)
