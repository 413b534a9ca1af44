"""How wide a wire is drawn: by the logarithm of the norm of what comes back through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from graphc.view.drawing.numbers import norm
from graphc.view.drawing.picture import Array, Picture

NARROW, WIDEST = 0.7, 6.0
"""In px."""


@dataclass(frozen=True)
class Widths:
    """The norms between which wires are told apart; None if there are no cotangents but zeros."""

    least: float | None
    most: float | None

    @classmethod
    def of(cls, picture: Picture) -> Self:
        """The smallest and the largest norm of a picture, zeros and what is not finite left out."""
        sizes = [_size(wire.cotangent) for wire in picture.wires if wire.cotangent is not None]
        finite = [size for size in sizes if 0 < size < np.inf]
        return cls(min(finite, default=None), max(finite, default=None))

    def width(self, cotangent: Array | None) -> float:
        """In px; the narrowest for none and for zero, the widest for what is not finite."""
        if cotangent is None:
            return NARROW
        size = _size(cotangent)
        if size == np.inf:
            return WIDEST
        if self.least is None or self.most is None or size == 0:
            return NARROW
        if self.most == self.least:
            return (NARROW + WIDEST) / 2
        share = np.log(size / self.least) / np.log(self.most / self.least)
        return float(NARROW + share * (WIDEST - NARROW))


def _size(cotangent: Array) -> float:
    """Its norm; infinity for what is not finite."""
    return norm(cotangent) if np.isfinite(cotangent).all() else np.inf
