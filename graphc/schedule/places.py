"""Where values lie in memory: buffers, layouts, and views of other values' places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from graphc.ir.graph import Graph, LoopNode
from graphc.kernel.expr import ONE, ZERO, Const, DType, Expr, Name, add, substitute
from graphc.schedule.program import Buffer, Role, Size, segment_length
from graphc.schedule.tables import tables
from graphc.types import BATCH, Index, Length, TensorType

_LONGEST = 30
"""Letters of an identifier that is made of a text."""


@dataclass(frozen=True)
class Place:
    """Where a value lies: an element at some coordinates is at offset + the sum of coordinate * stride."""

    buffer: Buffer
    offset: Expr
    axes: Mapping[Index, Expr]
    """The stride along each index that the value varies over."""
    dims: tuple[Expr, ...]

    def at(self, axes: Mapping[Index, Expr], dims: Sequence[Expr]) -> Expr:
        """The offset of an element in the buffer."""
        total = self.offset
        for index, stride in self.axes.items():
            total = total + axes[index] * stride
        for coordinate, stride in zip(dims, self.dims, strict=True):
            total = total + coordinate * stride
        return total

    def moved(self, by: Expr) -> Place:
        return replace(self, offset=self.offset + by)

    def without(self, index: Index, at: Expr) -> Place:
        """The part at one coordinate along an index."""
        rest = {i: stride for i, stride in self.axes.items() if i != index}
        return replace(self, offset=self.offset + at * self.axes[index], axes=rest)

    def renamed(self, old: Index, new: Index) -> Place:
        return replace(self, axes={new if i == old else i: stride for i, stride in self.axes.items()})


@dataclass(frozen=True)
class Span:
    """The positions of an index that one step of a loop over segments has: where they begin, how many."""

    segment: Name
    """The number of the segment."""
    start: Expr
    extent: Expr


@dataclass
class Memory:
    """All the buffers and sizes of a program under construction, and the order of axes in memory.

    Axes that loops run along come first, so that a step is one piece of memory; then the batch, then others.
    Tables have an order of their own.
    """

    steps: frozenset[str]
    """The lengths that loops run along."""
    buffers: dict[str, Buffer] = field(default_factory=dict)
    """By name, in the order in which they were made."""
    sizes: dict[str, Size] = field(default_factory=dict)
    spans: Mapping[Index, Span] = field(default_factory=dict)
    """The indices of which only a segment is seen: what varies over them has that many elements."""
    tables: Mapping[frozenset[Index], tuple[Index, ...]] = field(default_factory=dict)
    """See `graphc.schedule.tables`."""

    @staticmethod
    def of(graph: Graph) -> Memory:
        loops = (node.loop.index for node in graph.walk() if isinstance(node, LoopNode))
        return Memory(frozenset(index.length.name for index in loops), tables=tables(graph))

    def order(self, axes: Iterable[Index]) -> tuple[Index, ...]:
        """The axes from the outermost to the innermost."""
        own = tuple(axes)
        if order := self.tables.get(frozenset(own)):
            return order
        return tuple(
            sorted(own, key=lambda i: (i.length.name not in self.steps or i == BATCH, i != BATCH, i.name))
        )

    def is_table(self, axes: Iterable[Index]) -> bool:
        """Whether axes have an order of their own."""
        return frozenset(axes) in self.tables

    def extent(self, index: Index | Length) -> Expr:
        """How long arrays are along an index."""
        if isinstance(index, Index) and index in self.spans:
            return self.spans[index].extent
        length = index if isinstance(index, Length) else index.length
        if length.size is not None:
            return Const(length.size.value)
        return self._size("n_" + _plain(length.name), Size("n_" + _plain(length.name), "extent", length.name))

    def position(self, index: Index, step: Expr) -> Expr:
        """Where a loop over an index stands, from 0, at a step of what is seen of the index."""
        return add(self.spans[index].start, step) if index in self.spans else step

    def within(self, index: Index, span: Span) -> Memory:
        """The same memory, as it is seen inside of a loop over segments of an index."""
        return replace(self, spans={**self.spans, index: span})

    def segment(self, index: Index) -> Expr:
        """How many positions of an index a segment has, except the last one: see `segment_length`."""
        length = index.length
        if length.size is not None:
            return Const(segment_length(length.size.value))
        name = f"n_{_plain(length.name)}_segment"
        return self._size(name, Size(name, "segment", length.name))

    def key(self, stream: str, word: int) -> Expr:
        """A word of the key of a stream of random numbers."""
        name = f"key_{_plain(stream)}_{word}"
        return self._size(name, Size(name, "key", stream, word))

    def _size(self, name: str, size: Size) -> Expr:
        known = self.sizes.setdefault(name, size)
        while known != size:
            # Names that differ only in what no identifier may have.
            name += "_"
            known = self.sizes.setdefault(name, replace(size, name=name))
            size = replace(size, name=name)
        return Name(name)

    def extents(self, axes: Iterable[Index]) -> tuple[Expr, ...]:
        return tuple(self.extent(index) for index in axes)

    def buffer(
        self,
        name: str,
        dtype: DType,
        size: Expr,
        role: Role = "work",
        source: str = "",
        type: TensorType | None = None,
        data: tuple[float, ...] = (),
        title: str = "",
    ) -> Buffer:
        """A new buffer, its name made unique."""
        stem = identifier(name) or "v"
        unique, number = stem, 1
        while unique in self.buffers:
            number += 1
            unique = f"{stem}_{number}"
        # No segment is longer than the first one.
        largest = substitute(size, {span.segment.name: ZERO for span in self.spans.values()})
        made = Buffer(unique, dtype, largest, role, source, type, data, title)
        self.buffers[unique] = made
        return made

    def drop(self, buffer: Buffer) -> None:
        """Take back a buffer that nothing uses."""
        del self.buffers[buffer.name]

    def shared(self, role: Role, source: str, dtype: DType, size: Expr) -> Buffer:
        """The one buffer of lengths or of example numbers, made when it is first asked for."""
        for buffer in self.buffers.values():
            if (buffer.role, buffer.source) == (role, source):
                return buffer
        return self.buffer(f"{role}_{source}" if source else role, dtype, size, role, source)

    def table(self, values: Sequence[float], dtype: DType) -> Buffer:
        """The buffer of a constant array."""
        data = tuple(values)
        for buffer in self.buffers.values():
            if buffer.role == "constant" and buffer.dtype == dtype and buffer.data == data:
                return buffer
        return self.buffer("table", dtype, Const(len(data)), "constant", data=data)

    def laid_out(
        self,
        name: str,
        type: TensorType,
        *,
        role: Role = "work",
        source: str = "",
        leading: Expr = ONE,
        title: str = "",
    ) -> Place:
        """A new buffer for a value, or for `leading` of them in a row. Inputs and outputs lie as typed."""
        axes = type.axes if role in ("input", "output") else self.order(type.axes)
        strides: dict[Index, Expr] = {}
        dims: list[Expr] = []
        step: Expr = ONE
        for dim in reversed(type.shape):
            dims.insert(0, step)
            step = step * dim.value
        for index in reversed(axes):
            strides[index] = step
            step = step * self.extent(index)
        given = type if role in ("input", "output") else None
        buffer = self.buffer(name, type.dtype, step * leading, role, source, given, title=title)
        return Place(buffer, ZERO, {index: strides[index] for index in axes}, tuple(dims))


def identifier(title: str) -> str:
    """The name of a value as an identifier; of a longer text its first words."""
    if " " not in title:
        return _plain(title)
    words = [word for word in re.split(r"\W+", title, flags=re.ASCII) if word]
    while len("_".join(words)) > _LONGEST:
        words.pop()
    return _plain("_".join(words))


def _plain(name: str) -> str:
    """A name as an identifier."""
    text = "".join(c if c.isalnum() and c.isascii() else "_" for c in name)
    return text if not text[:1].isdigit() else f"v{text}"
