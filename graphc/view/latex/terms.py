"""Formulas: what the nodes of a unit say, without what only a machine needs.

A term compares by what it says. Masks of ragged lengths, casts and spreading over indices are gone; a sum
over `t` says itself which steps it takes. What is left is an operation of the IR, so that a term means what
the oracle of its operation says; three more operations exist, `ref` (a name at positions), `count` (how many
positions an index has) and `at` (a softmax over positions at one of them).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from graphc.types import BATCH, Affine, Dim, DType, Index

REF, COUNT, CONSTANT, POSITION = "ref", "count", "constant", "position"
LENGTH, AT = "length", "at"
KEEPING = ("softmax", "log_softmax", "first_true")
"""Operations that go through indices and keep them."""

Substitution = Mapping[Index, Affine]


@dataclass(frozen=True)
class Term:
    """An operation of other terms, for one point of its free indices.

    `attrs` are those of the operation, as sorted pairs. A `ref` has `name`, `subscripts` (an `Affine` for
    each index of the name) and `bar`, whether the cotangent is meant.
    """

    op: str
    operands: tuple[Term, ...]
    attrs: tuple[tuple[str, Any], ...]
    dtype: DType
    shape: tuple[Dim, ...]
    has_batch: bool

    def attr(self, name: str) -> Any:
        return dict(self.attrs)[name]

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def bound(self) -> tuple[Index, ...]:
        """The indices that the operation takes away by going through them."""
        indices: tuple[Index, ...] = dict(self.attrs).get("indices", ())
        return () if self.op in KEEPING else indices

    @cached_property
    def free(self) -> frozenset[Index]:
        """The indices, except the batch, that the term varies over."""
        if self.op == REF:
            return symbols(self.attr("subscripts"))
        if self.op == POSITION:
            return symbols([self.attr("at")])
        if self.op == COUNT:
            index = self.attr("index")
            return symbols([index.lo, index.hi])
        if self.op == AT:
            return (self.operands[0].free - {self.attr("index")}) | symbols([self.attr("place")])
        inner = frozenset().union(*(operand.free for operand in self.operands))
        ranges = symbols([bound for index in self.bound for bound in (index.lo, index.hi)])
        return (inner | ranges) - {*self.bound}

    @cached_property
    def size(self) -> int:
        """How many operations it takes to write the term down."""
        own = 0 if self.op in (REF, CONSTANT, COUNT, POSITION, LENGTH, AT, "expand") else 1
        return own + sum(operand.size for operand in self.operands)

    def walk(self) -> Iterator[Term]:
        """The term and all its parts."""
        yield self
        for operand in self.operands:
            yield from operand.walk()

    def number(self) -> float | None:
        """The value of a constant that is one number."""
        if self.op != CONSTANT or isinstance(self.attr("value"), tuple):
            return None
        return float(self.attr("value"))


def symbols(positions: Any) -> frozenset[Index]:
    """The index variables in positions."""
    return frozenset(
        symbol for place in positions for symbol, _ in place.terms if isinstance(symbol, Index)
    ) - {BATCH}


def ref(
    name: str,
    subscripts: tuple[Affine, ...],
    *,
    bar: bool = False,
    shape: tuple[Dim, ...] = (),
    has_batch: bool = False,
    dtype: DType = "real",
) -> Term:
    """A name at a position of each of its indices; its cotangent if `bar`."""
    attrs = (("bar", bar), ("name", name), ("subscripts", subscripts))
    return Term(REF, (), attrs, dtype, shape, has_batch)


def constant(value: float | bool, like: Term | None = None, dtype: DType = "real") -> Term:
    """A number, all over the shape of another term if that is given."""
    return Term(CONSTANT, (), (("value", value),), dtype, like.shape if like else (), False)


def substitute(term: Term, by: Substitution) -> Term:
    """The term with positions in the place of index variables; what it sums over keeps its own."""
    by = {index: place for index, place in by.items() if index in term.free}
    if not by:
        return term
    attrs = dict(term.attrs)
    if term.op == AT:
        return _at(term.operands[0], attrs["index"], moved(attrs["place"], by), by)
    for index in attrs["indices"] if term.op in KEEPING else ():
        if index in by and not _is_variable(by[index]):
            return _at(term, index, by[index], by)
    if term.op == REF:
        attrs["subscripts"] = tuple(moved(place, by) for place in attrs["subscripts"])
    elif term.op == POSITION:
        attrs["at"] = moved(attrs["at"], by)
    elif term.op == COUNT:
        attrs["index"] = _range(attrs["index"], by)
    operands = term.operands
    if indices := attrs.get("indices"):
        new = tuple(_bound(index, by, term) for index in indices)
        rename = {old: Affine.of(now) for old, now in zip(indices, new, strict=True) if old != now}
        attrs["indices"] = new
        operands = tuple(substitute(operand, rename) for operand in operands)
    return replace(
        term, operands=tuple(substitute(o, by) for o in operands), attrs=tuple(sorted(attrs.items()))
    )


def _at(term: Term, index: Index, place: Affine, by: Substitution) -> Term:
    """The term at a position of an index that it goes through, with others replaced in it."""
    by = {other: position for other, position in by.items() if other != index}
    own = _range(index, by)
    while own in symbols([place, *by.values()]):
        own = replace(own, name=own.name + "'")
    inner = substitute(term, {**by, index: Affine.of(own)})
    return replace(inner, op=AT, operands=(inner,), attrs=(("index", own), ("place", place)))


def _is_variable(place: Affine) -> bool:
    return place.constant == 0 and [factor for _, factor in place.terms] == [1] and bool(symbols([place]))


def _bound(index: Index, by: Substitution, term: Term) -> Index:
    """What a bound index becomes: its range moves along, and a softmax's own index is renamed."""
    if index in by and index not in term.bound:
        return next(iter(symbols([by[index]])))
    own = _range(index, by)
    taken = {symbol for place in by.values() for symbol in symbols([place])}
    while own in taken:
        own = replace(own, name=own.name + "'")
    return own


def _range(index: Index, by: Substitution) -> Index:
    return replace(index, lo=moved(index.lo, by), hi=moved(index.hi, by))


def moved(place: Affine, by: Substitution) -> Affine:
    """The position with others in the place of index variables."""
    # All at once: what is put in may name what is still to be replaced.
    total = Affine(place.constant)
    for symbol, factor in place.terms:
        part = by.get(symbol) if isinstance(symbol, Index) else None
        part = part if part is not None else Affine(0, ((symbol, 1),))
        total = total + Affine(part.constant * factor, tuple((s, c * factor) for s, c in part.terms))
    return total
