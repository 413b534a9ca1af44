"""Windows that slide over an array's last dims: what convolution and pooling have in common."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from graphc.ir.op import Array, Attrs, TypeFault
from graphc.ops.rules import size_text
from graphc.types import Dim

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
