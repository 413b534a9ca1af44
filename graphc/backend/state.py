"""What a run of the reference backend brings, and what its nodes share while it lasts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.ir.graph import Node
from graphc.ir.op import Array
from graphc.types import BATCH_NAME, Index, TensorType


@dataclass(frozen=True)
class Run:
    """What a run brings besides its inputs.

    `lengths` gives the run-time lengths by name: one number for all examples, or one for each. A fixed
    length needs no entry.
    """

    real: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float64))
    batch: int = 1
    lengths: Mapping[str, int | Array] = field(default_factory=dict)
    seed: int = 0
    step: int = 0
    """The number of the training step."""
    example_ids: Array | None = None
    """A number for each example; 0, 1, ... where the caller does not say."""


Watch = Callable[["State", Node, Sequence[Array], Array], None]
"""Is shown every node as it is computed: its operands as its oracle sees them, and its result."""


class State:
    """Extents, lengths, and the steps that the loops are at."""

    def __init__(self, run: Run, watch: Watch | None = None) -> None:
        self.run = run
        self.watch = watch
        self.real = np.dtype(run.real)
        self.dtypes = {"real": self.real, "int": np.dtype(np.int64), "bool": np.dtype(np.bool_)}
        self.extents: dict[str, int] = {BATCH_NAME: run.batch}
        self.own: dict[str, Array] = {BATCH_NAME: np.asarray(run.batch, np.int64)}
        for name, given in run.lengths.items():
            own = np.broadcast_to(np.asarray(given, np.int64), (run.batch,))
            self.own[name] = own
            self.extents[name] = int(own.max(initial=0))
        self.steps: dict[str, int] = {}
        ids = np.arange(run.batch) if run.example_ids is None else run.example_ids
        self.ids: Array = np.asarray(ids, np.uint64)

    def extent(self, index: Index) -> int:
        """How long arrays are along an index: the longest example's length."""
        size = index.length.size
        return self.extents[index.length.name] if size is None else size.value

    def lengths(self, index: Index) -> Array:
        """Each example's own length of an index's axis."""
        size = index.length.size
        return self.own[index.length.name] if size is None else np.asarray(size.value, np.int64)

    def shape(self, type: TensorType) -> tuple[int, ...]:
        """The shape of a type's arrays in this run."""
        return (*(self.extent(index) for index in type.axes), *type.sizes)


class NodeFrame:
    """The `Frame` that one node's oracle sees."""

    __slots__ = ("_state", "axes", "out", "real", "types")

    def __init__(
        self, state: State, axes: tuple[Index, ...], types: tuple[TensorType, ...], out: TensorType
    ) -> None:
        self._state = state
        self.axes = axes
        self.types = types
        self.out = out
        self.real = state.real

    def extent(self, index: Index) -> int:
        return self._state.extent(index)

    def lengths(self, index: Index) -> Array:
        return self._state.lengths(index)

    def step(self, index: Index) -> int:
        return self._state.steps[index.name]

    def draw_key(self) -> tuple[int, int]:
        return self._state.run.seed, self._state.run.step

    def example_ids(self) -> Array:
        return self._state.ids
