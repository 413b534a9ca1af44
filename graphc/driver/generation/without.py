"""Types and attributes of equations, without the axis along which their steps are done one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from graphc.types import Index, TensorType


@dataclass(frozen=True)
class Without:
    """What stands for indices, types and attributes where `axis` is a step and no index.

    A range up to the step (`u = 1..t`) has as many places as there are steps; a mask says which count.
    """

    axis: Index

    def index(self, index: Index) -> Index:
        return Index.full(index.name, index.length) if self.axis in index.dependencies else index

    def indices(self, indices: Iterable[Index]) -> tuple[Index, ...]:
        return tuple(self.index(index) for index in indices if index != self.axis)

    def type(self, type_: TensorType) -> TensorType:
        found = type_.with_axes(self.indices(type_.axes))
        assert len(found.axes) == len(type_.axes) - (self.axis in type_.axes), str(type_)
        return found

    def attribute(self, value: Any) -> Any:
        """An attribute of a node, of any kind."""
        if isinstance(value, Index):
            return self.index(value)
        if isinstance(value, TensorType):
            return self.type(value)
        if isinstance(value, tuple):
            return tuple(self.attribute(part) for part in value if part != self.axis)
        if isinstance(value, frozenset):
            return frozenset(self.attribute(part) for part in value if part != self.axis)
        return value
