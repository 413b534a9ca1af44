"""Operators on terms: kinds, alignment of shapes and indices, and faults with their place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.diagnostics import Span, fault
from graphc.frontend.terms import Term, lifted_of
from graphc.ir.builder import Builder
from graphc.ir.graph import Value
from graphc.ir.op import Op, TypeFault
from graphc.ops import elementwise as ew
from graphc.ops.indexing import RENAME
from graphc.ops.leaf import CONSTANT
from graphc.ops.movement import EXPAND
from graphc.types import Dim, Index, TensorType

ARITHMETIC = {"+": ew.ADD, "-": ew.SUB, "*": ew.MUL, "/": ew.DIV, "^": ew.POW}
COMPARISONS = {
    "==": ew.EQUAL,
    "!=": ew.NOT_EQUAL,
    "<": ew.LESS,
    "<=": ew.LESS_EQUAL,
    ">": ew.GREATER,
    ">=": ew.GREATER_EQUAL,
}
LOGIC = {"and": ew.LOGICAL_AND, "or": ew.LOGICAL_OR}


class Arithmetic:
    """Builds nodes from terms at a place in the source."""

    def __init__(self, builder: Builder) -> None:
        self.b = builder

    def number(self, value: float) -> Value:
        """A constant; a whole number is an int until it meets a real."""
        whole = isinstance(value, int)
        return self.b(CONSTANT, value=value, dtype="int" if whole else "real", shape=())

    def apply(self, op: Op, terms: Sequence[Term], span: Span, **attrs: Any) -> Term:
        """`op` on terms as they are. While an operand is unknown the others' type is the best guess."""
        lifted = lifted_of(terms)
        values = [term.value for term in terms if term.value is not None]
        if len(values) < len(terms):
            return self.unknown(terms)
        with self.b.at(span):
            try:
                return Term(self.b(op, *self.same_indices(values), **attrs), lifted)
            except TypeFault as found:
                raise fault(
                    found.code,
                    f"`{one_line(span.text)}`: {found.message}",
                    span,
                    help=found.help,
                ) from None

    def unknown(self, terms: Sequence[Term]) -> Term:
        """The guess for an elementwise result: the shape of a known operand that is no scalar."""
        axes = frozenset[Index]().union(*(term.indices for term in terms))
        best = max(
            (t.value.type for t in terms if t.value is not None and t.value.type.rank),
            key=lambda type_: type_.rank,
            default=None,
        )
        if best is None:
            return Term(None, lifted_of(terms), axes)
        return Term(Value(best.with_axes({*best.axes, *axes})), lifted_of(terms), axes)

    def elementwise(self, op: Op, terms: Sequence[Term], span: Span, texts: Sequence[str] = ()) -> Term:
        """An arithmetic or comparison op: numbers of one kind, shapes aligned by name."""
        known = [t for t in terms if t.value is not None]
        if len(known) == len(terms):
            for term, text in zip(terms, texts or [one_line(span.text)] * len(terms), strict=True):
                if term.value is not None and term.value.type.dtype == "bool":
                    raise fault(
                        "E256",
                        f"`{text}` is true or false, where a number belongs",
                        span,
                        help="write `real(...)` for 0 or 1",
                    )
            terms = self.one_kind(terms, op is ew.DIV or op is ew.POW)
            terms = self.aligned(terms, span, texts)
        return self.apply(op, terms, span)

    def one_kind(self, terms: Sequence[Term], real: bool = False) -> list[Term]:
        """All real if one of them is (or `real`), else as they are."""
        mixed = real or any(t.value is not None and t.value.type.dtype == "real" for t in terms)
        return [self.real(t) if mixed else t for t in terms]

    def real(self, term: Term) -> Term:
        if term.value is None or term.value.type.dtype == "real":
            return term
        return Term(self.b(ew.CAST, term.value, dtype="real"), term.lifted, term.axes)

    def same_indices(self, values: Sequence[Value]) -> list[Value]:
        """Where a value over `u = 1..t` meets one over all of `u`, the result exists for `1..t` only."""
        narrow: dict[str, Index] = {}
        for value in values:
            for index in value.type.axes:
                if not index.is_full:
                    narrow[index.name] = index
        if not narrow:
            return list(values)
        result = []
        for value in values:
            for index in value.type.axes:
                if index.is_full and index.name in narrow:
                    value = self.b(RENAME, value, old=index, new=narrow[index.name])
            result.append(value)
        return result

    def aligned(self, terms: Sequence[Term], span: Span, texts: Sequence[str] = ()) -> list[Term]:
        """Shapes made equal by name; scalars stay. Raises E201 if they cannot be."""
        shaped = [t.value for t in terms if t.value is not None and t.value.type.rank]
        if not shaped:
            return list(terms)
        target = max(shaped, key=lambda v: v.type.rank).type
        result = []
        for term in terms:
            value = term.value
            if value is None or value.type.rank == 0 or value.type.same_shape(target):
                result.append(term)
                continue
            places = name_alignment(value.type.shape, target.shape)
            if places is None:
                found = " and ".join(
                    f"`{texts[i]}` is {shape_text(t.value.type)}" if texts else shape_text(t.value.type)
                    for i, t in enumerate(terms)
                    if t.value is not None
                )
                raise fault(
                    "E201",
                    f"`{one_line(span.text)}`: shapes differ, {found}",
                    span,
                    help=_alignment_help(term, target),
                )
            value = self.b(EXPAND, value, shape=target.shape, source=places)
            result.append(Term(value, term.lifted, term.axes))
        return result


def name_alignment(shape: Sequence[Dim], target: Sequence[Dim]) -> tuple[int | None, ...] | None:
    """For each dim of `target`, which dim of `shape` it is, by name; None if names do not decide it."""
    names = [dim.terms for dim in shape]
    wanted = [dim.terms for dim in target]
    if len(shape) >= len(target) or any(dim.is_literal for dim in shape):
        return None
    if len(set(names)) < len(names) or any(wanted.count(name) != 1 for name in names):
        return None
    return tuple(names.index(name) if name in names else None for name in wanted)


def _alignment_help(term: Term, target: TensorType) -> str:
    assert term.value is not None
    own, other = term.value.type.shape, target.shape
    pairs = [(a, b) for a, b in zip(own, other, strict=False) if not a.agrees(b) and a.value == b.value]
    if pairs and len(own) == len(other) and term.value.type.sizes == target.sizes:
        a, b = pairs[0]
        return (
            f"`{a.expression}` and `{b.expression}` are different dims, although both are {a.value}: "
            "use one name if they are one size"
        )
    if len(own) < len(other) and any(d.is_literal for d in (*own, *other)):
        return "a smaller shape is aligned by the names of its dims: write names instead of numbers"
    return ""


def shape_text(type_: TensorType) -> str:
    """`[H=64, D=28]`, or `a number` for a scalar."""
    return "[" + ", ".join(map(str, type_.shape)) + "]" if type_.shape else "a number"


def one_line(text: str, width: int = 60) -> str:
    """The user's words on one line, cut where they are long."""
    flat = " ".join(text.split())
    if flat.startswith("(") and _closes_at_end(flat):
        flat = flat[1:-1].strip()
    return flat if len(flat) <= width else flat[: width - 3] + "..."


def _closes_at_end(text: str) -> bool:
    """Whether the bracket that opens a text is the one that ends it."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return place == len(text) - 1
    return False
