"""Reading a sequence at a position of each of its indices, for all points at once."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.ir.builder import Builder
from graphc.ir.graph import Value
from graphc.ops import elementwise as ew
from graphc.ops.indexing import BROADCAST, PICK, RENAME, SHIFT
from graphc.ops.leaf import CONSTANT, LENGTH, POSITION, STEP
from graphc.ops.movement import EXPAND
from graphc.types import Affine, Index, TensorType


def aside(index: Index, number: int = 0) -> Index:
    """The same axis under a name that no equation, no loop and no gradient has."""
    return Index.full(index.name + "~" + (str(number) if number else ""), index.length)


def zeros(b: Builder, type_: TensorType) -> Value:
    """Zeros of a type: what carries start from (boundary equations stand in front of them)."""
    zero: int | float = 0 if type_.dtype == "int" else 0.0
    value = b(CONSTANT, value=False if type_.dtype == "bool" else zero, dtype=type_.dtype, shape=())
    if type_.rank:
        value = b(EXPAND, value, shape=type_.shape, source=(None,) * type_.rank)
    return b(BROADCAST, value, indices=type_.axes) if type_.axes else value


def gather(b: Builder, value: Value, indices: Sequence[Index], places: Sequence[Affine | Value]) -> Value:
    """`value` with each of `indices` read at its place."""
    moves = [
        (index, place)
        for index, place in zip(indices, places, strict=True)
        if not (isinstance(place, Affine) and place == Affine.of(index))
    ]
    targets = {s for _, p in moves if isinstance(p, Affine) for s, _ in p.terms}
    targets |= {i for _, p in moves if isinstance(p, Value) for i in p.type.axes}
    if len(moves) > 1 or any(index in targets for index, _ in moves):
        # Names may change places (`a[t,u]` read at `[u,t]`): step aside first.
        renamed = []
        for number, (index, place) in enumerate(moves):
            other = aside(index, number + 1)
            value = b(RENAME, value, old=index, new=other)
            renamed.append((other, place))
        moves = renamed
    for index, place in moves:
        value = _moved(b, value, index, place)
    return value


def _moved(b: Builder, value: Value, index: Index, place: Affine | Value) -> Value:
    if isinstance(place, Value):
        return b(PICK, value, place, index=index)
    if len(place.terms) == 1:
        symbol, coefficient = place.terms[0]
        simple = isinstance(symbol, Index) and coefficient == 1
        if simple and symbol not in b.loops and symbol not in value.type.axes:
            if place.constant:
                value = b(SHIFT, value, index=index, offset=place.constant)
            return b(RENAME, value, old=index, new=symbol)
    return b(PICK, value, position(b, place), index=index)


def position(b: Builder, place: Affine) -> Value:
    """The nodes that compute an affine position where `b` stands."""
    total: Value | None = None
    for symbol, coefficient in place.terms:
        if isinstance(symbol, Index):
            part = b(STEP if symbol in b.loops else POSITION, index=symbol)
        else:
            part = b(LENGTH, length=symbol)
        if coefficient != 1:
            part = b(ew.MUL, part, b(CONSTANT, value=coefficient, dtype="int", shape=()))
        total = part if total is None else b(ew.ADD, total, part)
    constant = b(CONSTANT, value=place.constant, dtype="int", shape=())
    if total is None:
        return constant
    return b(ew.ADD, total, constant) if place.constant else total
