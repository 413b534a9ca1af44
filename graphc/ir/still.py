"""Evaluating an op outside of any run: for constant folding and for what is known of values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.ir.op import Array
from graphc.types import Index, TensorType


class Still:
    """The frame of a computation that needs nothing of a run."""

    axes: tuple[Index, ...] = ()
    real: np.dtype[Any] = np.dtype(np.float64)

    def __init__(self, types: Sequence[TensorType], out: TensorType) -> None:
        self.types = tuple(types)
        self.out = out

    def extent(self, index: Index) -> int:
        raise AssertionError("a constant has no indices")

    def lengths(self, index: Index) -> Array:
        raise AssertionError("a constant has no indices")

    def step(self, index: Index) -> int:
        raise AssertionError("a constant has no indices")

    def draw_key(self) -> tuple[int, int]:
        raise AssertionError("a constant is not drawn")

    def example_ids(self) -> Array:
        raise AssertionError("a constant is not drawn")
