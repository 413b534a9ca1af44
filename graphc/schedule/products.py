"""Contractions as matrix products: which operand gives rows, which columns, and what is summed.

A contraction's coordinates (indices and labels) fall into four kinds: in both operands and the result (a
product for each), in one operand and the result (rows or columns), in both operands only (summed), and in one
operand only (loose). A group of coordinates that lie in memory as one run is one dimension of a matrix; rows
and columns that do not are looped over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphc.ir.graph import Node
from graphc.kernel.expr import ONE, ZERO, Const, Expr, Name, call, multiply
from graphc.schedule.places import Memory, Place
from graphc.schedule.program import Matrix, Product
from graphc.types import BATCH, Index

Coordinate = Index | str

_ASSUMED = 64
"""What a run-time extent is taken for when sizes decide."""


def worthwhile(node: Node) -> bool:
    """Whether a contraction is a matrix product rather than a loop: real, and of some size."""
    if node.result.type.dtype != "real":
        return False
    shape = _Shape.of(node)
    if shape.loose:
        return False
    if not shape.rows or not shape.columns:
        return False
    m, n, k = (shape.assumed(group) for group in (shape.rows, shape.columns, shape.summed))
    return n >= 8 and k >= 2 and m >= 2 and m * n * k >= 2048


@dataclass(frozen=True)
class _Shape:
    node: Node
    shared: tuple[Coordinate, ...]
    rows: tuple[Coordinate, ...]
    columns: tuple[Coordinate, ...]
    summed: tuple[Coordinate, ...]
    loose: tuple[Coordinate, ...]
    """Summed, but in one operand only."""
    swapped: bool
    """Whether the columns are the first operand's."""

    @staticmethod
    def of(node: Node) -> _Shape:
        x, y = node.operands
        left, right, result = node.attrs["labels"]
        first: set[Coordinate] = {*x.type.axes, *left}
        second: set[Coordinate] = {*y.type.axes, *right}
        kept: list[Coordinate] = [*node.result.type.axes, *result]
        every = list(dict.fromkeys([*x.type.axes, *y.type.axes, *left, *right]))
        gone = [c for c in every if c not in kept]
        # The result's last coordinate lies side by side in memory: it has to be a column.
        inner = next((c for c in reversed(kept) if (c in first) != (c in second)), None)
        swapped = inner is not None and inner in first
        a, b = (second, first) if swapped else (first, second)
        return _Shape(
            node,
            tuple(c for c in kept if c in a and c in b),
            tuple(c for c in kept if c in a and c not in b),
            tuple(c for c in kept if c in b and c not in a),
            tuple(c for c in gone if c in a and c in b),
            tuple(c for c in gone if (c in a) != (c in b)),
            swapped,
        )

    def size(self, coordinate: Coordinate) -> int | None:
        """The extent of a coordinate, None if only the run knows it."""
        if isinstance(coordinate, Index):
            size = coordinate.length.size
            return None if size is None else size.value
        for labels, operand in zip(self.node.attrs["labels"], self.node.operands, strict=False):
            if coordinate in labels:
                return int(operand.type.shape[labels.index(coordinate)].value)
        raise AssertionError(coordinate)

    def assumed(self, group: Sequence[Coordinate]) -> int:
        total = 1
        for coordinate in group:
            size = self.size(coordinate)
            total *= _ASSUMED if size is None else size
        return total


@dataclass(frozen=True)
class _Run:
    """Coordinates that lie in memory as one: their extent, and strides in the matrices that have them."""

    extent: Expr
    strides: tuple[Expr, ...]


def product(node: Node, places: Sequence[Place], memory: Memory) -> Product | None:
    """The product of a contraction whose operands and result lie at `places`.

    None if what is summed does not lie in one run in both operands: then one of them has to be copied.
    """
    shape = _Shape.of(node)
    x, y, out = places
    a, b = (y, x) if shape.swapped else (x, y)
    labels = dict(zip(("x", "y", "out"), node.attrs["labels"], strict=True))
    la, lb = (labels["y"], labels["x"]) if shape.swapped else (labels["x"], labels["y"])

    def stride(place: Place, names: Sequence[str], coordinate: Coordinate) -> Expr:
        if isinstance(coordinate, Index):
            return place.axes[coordinate]
        return place.dims[names.index(coordinate)]

    def extent(coordinate: Coordinate) -> Expr:
        if isinstance(coordinate, Index):
            return memory.extent(coordinate)
        return Const(shape.size(coordinate) or 0)

    def runs(group: Sequence[Coordinate], *sides: tuple[Place, Sequence[str]]) -> list[_Run]:
        parts = [_Run(extent(c), tuple(stride(p, names, c) for p, names in sides)) for c in group]
        return _merged(parts)

    rows = runs(_ordered(shape.rows, out, labels["out"]), (a, la), (out, labels["out"]))
    columns = runs(_ordered(shape.columns, out, labels["out"]), (b, lb), (out, labels["out"]))
    summed = runs(_ordered(shape.summed, a, la), (a, la), (b, lb))
    if len(summed) > 1:
        summed = runs(_ordered(shape.summed, b, lb), (a, la), (b, lb))
    if len(summed) > 1:
        return None
    over: list[tuple[Name, Expr]] = []
    offsets = [a.offset, b.offset, out.offset]

    def loop(run: _Run, sides: Sequence[int]) -> None:
        name = Name(f"i{len(over)}")
        over.append((name, run.extent))
        for side, s in zip(sides, run.strides, strict=True):
            offsets[side] = offsets[side] + name * s

    for coordinate in shape.shared:
        places_of = ((a, la), (b, lb), (out, labels["out"]))
        loop(_Run(extent(coordinate), tuple(stride(p, n, coordinate) for p, n in places_of)), (0, 1, 2))
    # A matrix's own dimension is the innermost run; the others are looped over.
    row, column = rows[-1] if rows else None, columns[-1] if columns else None
    for run in rows:
        if run is not row:
            loop(run, (0, 2))
    for run in columns:
        if run is not column:
            loop(run, (1, 2))
    total = summed[0] if summed else _Run(ONE, (ZERO, ZERO))
    row, column = row or _Run(ONE, (ZERO, ZERO)), column or _Run(ONE, (ZERO, ONE))
    return Product(
        c=Matrix(out.buffer, offsets[2], row.strides[1], column.strides[1]),
        a=Matrix(a.buffer, offsets[0], row.strides[0], total.strides[0]),
        b=Matrix(b.buffer, offsets[1], total.strides[1], column.strides[0]),
        m=row.extent,
        n=column.extent,
        k=total.extent,
        over=tuple(over),
        note=" ".join(node.span.text.split()) if node.span else "",
        span=node.span,
    )


PANEL = 64
"""Packed operands are padded to whole panels of columns, of at most so many."""


def packed_size(k: Expr, n: Expr) -> Expr:
    """Room for a packed right operand [k, n], whatever the width of a panel."""
    return k * ((n + (PANEL - 1)) // Const(PANEL) * PANEL)


def workspace_size(made: Product) -> Expr:
    """Room in which one worker packs blocks of both operands: what the blocks of any backend need."""
    depth = call("minimum", made.k, Const(256), dtype="int")
    longer = call("maximum", made.m, made.n, dtype="int")
    return depth * (call("minimum", longer, Const(1024), dtype="int") + 192)


def rows_are_examples(node: Node) -> bool:
    """Whether the batch, and nothing but the batch, gives a product its rows."""
    return _Shape.of(node).rows == (BATCH,)


def smaller_first(node: Node) -> list[int]:
    """The two operands, the one with fewer elements first."""
    shape = _Shape.of(node)
    sizes = [
        shape.assumed([*operand.type.axes, *names])
        for operand, names in zip(node.operands, node.attrs["labels"], strict=False)
    ]
    return sorted((0, 1), key=lambda side: sizes[side])


def repacked(node: Node, memory: Memory) -> tuple[Place, Place]:
    """Places for copies of both operands in which all that is summed lies in one run."""
    shape = _Shape.of(node)
    found: list[Place] = []
    for operand, names in zip(node.operands, node.attrs["labels"], strict=False):
        own: set[Coordinate] = {*operand.type.axes, *names}
        order = [c for c in (*shape.shared, *shape.rows, *shape.columns, *shape.summed) if c in own]
        strides: dict[Coordinate, Expr] = {}
        step: Expr = ONE
        for coordinate in reversed(order):
            strides[coordinate] = step
            size = shape.size(coordinate)
            step = step * (memory.extent(coordinate) if isinstance(coordinate, Index) else Const(size or 0))
        buffer = memory.buffer("packed", "real", step)
        axes = {c: strides[c] for c in order if isinstance(c, Index)}
        found.append(Place(buffer, ZERO, axes, tuple(strides[name] for name in names)))
    return found[0], found[1]


def _ordered(group: Sequence[Coordinate], place: Place, names: Sequence[str]) -> list[Coordinate]:
    """As they lie in a place, outermost first: axes before dims, each in its own order."""
    axes = [c for c in place.axes if c in group]
    return [*axes, *(n for n in names if n in group)]


def _merged(parts: list[_Run]) -> list[_Run]:
    """Neighbours that lie in one run in every matrix, made one."""
    found: list[_Run] = []
    for part in parts:
        if part.extent == ONE:
            continue
        if found and all(
            outer == multiply(inner, part.extent)
            for outer, inner in zip(found[-1].strides, part.strides, strict=True)
        ):
            found[-1] = _Run(found[-1].extent * part.extent, part.strides)
        else:
            found.append(part)
    return found
