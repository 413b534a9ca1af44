"""The gradients of one equation, as formulas.

No rule of differentiation stands here: every operation is asked for its own (`Op.vjp`), on the nodes of the
unit, and the nodes that it answers with are read as formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from graphc.autodiff.fit import fit
from graphc.ir.builder import Builder
from graphc.ir.graph import Node, Value
from graphc.ir.system import READ, System, Unit
from graphc.ops.elementwise import ADD
from graphc.types import BATCH, Affine, Index, sort_indices
from graphc.view.latex.algebra import made
from graphc.view.latex.cleaning import cleaned
from graphc.view.latex.terms import COUNT, POSITION, REF, Term, ref, substitute

LETTERS = "abdeqruvz"
SEPARATOR = "~"
"""Between an equation's name and the letter of a value on the way to it."""
_INLINE = 2
"""A value on the way is written out where it is used if that takes no more operations than this."""
_TOTALS = ("softmax", "log_softmax", "logsumexp", "reduce_sum", "contract", "conv")
"""Always with a name: they go through many elements."""


@dataclass(frozen=True)
class Named:
    """A value on the way to an equation's, with a name of ours, since gradients speak of it."""

    name: str
    indices: tuple[Index, ...]
    value: Term
    cotangent: Term | None
    """None if only its value is spoken of."""


@dataclass(frozen=True)
class Use:
    """What comes back through one read: `cotangent` for `name` at `subscripts`, for each point of the
    reading unit."""

    name: str
    subscripts: tuple[Affine, ...]
    cotangent: Term


@dataclass(frozen=True)
class Derived:
    """One equation: its value, the values on the way that have names, what it gives back to what it reads."""

    unit: Unit
    value: Term
    named: tuple[Named, ...]
    uses: tuple[Use, ...]


def derived(system: System, unit: Unit, is_active: Callable[[str], bool]) -> Derived:
    """The formulas of a unit and of the cotangents of the active names that it reads.

    Raises nothing: an operation without a gradient ends the way through it.
    """
    return _Deriving(system, unit, is_active).derived()


@dataclass
class _Deriving:
    system: System
    unit: Unit
    is_active: Callable[[str], bool]
    builder: Builder = field(init=False)
    value: Value = field(init=False)
    makers: dict[Value, Node] = field(init=False)
    forward: dict[Value, Node] = field(init=False)
    terms: dict[Value, Term] = field(default_factory=dict)
    names: dict[Value, str] = field(default_factory=dict)
    bars: dict[Value, Term] = field(default_factory=dict)
    is_spelling_out: bool = False

    def __post_init__(self) -> None:
        self.builder, self.value = cleaned(self.system, self.unit)
        self.forward = self._made()
        self.makers = dict(self.forward)

    def _made(self) -> dict[Value, Node]:
        return {node.result: node for node in self.builder.nodes if isinstance(node, Node)}

    def derived(self) -> Derived:
        with self._spelling_out():
            own = self._written(self.value)
        self._alias()
        name = self.unit.place.of if self.unit.place else self.unit.name
        uses = tuple(self._uses()) if self.is_active(name) else ()
        with self._spelling_out():
            return Derived(self.unit, own, tuple(self._named()), uses)

    def _named(self) -> Iterator[Named]:
        """In the order of computation."""
        for value in self.forward:
            if value in self.names:
                indices = self._own_indices(value)
                yield Named(self.names[value], indices, self._written(value), self.bars.get(value))

    @contextmanager
    def _spelling_out(self) -> Iterator[None]:
        """Inside, values on the way are written out, except those that have a name already."""
        before, self.is_spelling_out = self.is_spelling_out, True
        try:
            yield
        finally:
            self.is_spelling_out = before

    # ------------------------------------------------------------------------------- the reverse walk

    def _uses(self) -> Iterator[Use]:
        active = self._active()
        parts: dict[Value, list[Value]] = {self.value: [self._seed()]}
        for node in reversed(self.forward.values()):
            if node.result not in parts:
                continue
            with self.builder.at(node.span):
                total = self._total(parts[node.result])
                if node.op is READ:
                    yield self._use(node, total)
                    continue
                total = self._maybe_named(node, total, active)
                cotangents = node.op.vjp(self.builder, node, total)
                for operand, part in zip(node.operands, cotangents, strict=True):
                    if part is not None and active.get(operand):
                        axes = {*operand.type.axes, *part.type.axes} if self._is_read(operand) else None
                        type_ = operand.type.with_axes(axes) if axes else operand.type
                        parts.setdefault(operand, []).append(fit(self.builder, part, type_))

    def _maker(self, value: Value) -> Node:
        if value not in self.makers:
            self.makers = self._made()
        return self.makers[value]

    def _is_read(self, value: Value) -> bool:
        return self.forward[value].op is READ

    def _seed(self) -> Value:
        place = self.unit.place
        fixed = dict(place.positions) if place else {}
        name = place.of if place else self.unit.name
        own = self.system.indices(name)
        subscripts = tuple(fixed[index] if index in fixed else Affine.of(index) for index in own)
        return self._bar(name, subscripts, self.value)

    def _bar(self, name: str, subscripts: tuple[Affine, ...], like: Value) -> Value:
        return self.builder(READ, unit=name, subscripts=subscripts, type=like.type, bar=True)

    def _active(self) -> dict[Value, int]:
        """How many reads of active names lead to each value."""
        count: dict[Value, int] = {}
        for node in self.forward.values():
            if node.op is READ:
                real = node.result.type.dtype == "real"
                count[node.result] = int(real and self.is_active(node.attrs["unit"]))
            else:
                count[node.result] = sum(count[operand] for operand in node.operands)
        return count

    def _total(self, parts: list[Value]) -> Value:
        first, *rest = parts
        axes = {axis for part in parts for axis in part.type.axes}
        for value in rest:
            first = self.builder(ADD, first, value)
        return fit(self.builder, first, first.type.with_axes(axes))

    def _maybe_named(self, node: Node, total: Value, active: dict[Value, int]) -> Value:
        """A cotangent that several reads need gets a name, where their ways part."""
        ways = sum(active[operand] > 0 for operand in node.operands)
        term = self._term(total)
        if ways < 2 or term.size == 0 or node.result is self.value:
            return total
        name = self._name(node.result)
        self.bars[node.result] = term
        return self._bar(name, tuple(map(Affine.of, self._own_indices(node.result))), node.result)

    def _use(self, node: Node, total: Value) -> Use:
        return Use(node.attrs["unit"], node.attrs["subscripts"], self._term(total))

    # ---------------------------------------------------------------------------------- nodes as terms

    def _alias(self) -> None:
        """What the unit's value is called, also before its last renaming of an index."""
        term, value = self._plain(self.unit), self.value
        self.terms[value] = term
        while (node := self.forward[value]).op.name in ("rename", "broadcast", "cast"):
            if node.op.name == "rename":
                term = substitute(term, {node.attrs["new"]: Affine.of(node.attrs["old"])})
            value = node.operands[0]
            if self.forward[value].op is READ:
                break
            self.terms[value] = term

    def _plain(self, unit: Unit) -> Term:
        fixed = dict(unit.place.positions) if unit.place else {}
        name = unit.place.of if unit.place else unit.name
        subscripts = tuple(fixed.get(index, Affine.of(index)) for index in self.system.indices(name))
        return self._ref(name, subscripts, self.value)

    def _ref(self, name: str, subscripts: tuple[Affine, ...], value: Value, bar: bool = False) -> Term:
        found = value.type
        return ref(
            name, subscripts, bar=bar, shape=found.shape, has_batch=BATCH in found.axes, dtype=found.dtype
        )

    def _term(self, value: Value) -> Term:
        """The value in a formula of gradients: by name if it has one or needs one."""
        if value in self.terms:
            return self.terms[value]
        if value in self.forward and self._needs_name(value):
            indices = tuple(map(Affine.of, self._own_indices(value)))
            return self._ref(self._name(value), indices, value)
        term = self._written(value)
        if not self.is_spelling_out:
            self.terms[value] = term
        return term

    def _needs_name(self, value: Value) -> bool:
        if value in self.names or self.is_spelling_out:
            return value in self.names
        op = self.forward[value].op
        if op is READ or op.scalar is None:
            return op.name in _TOTALS and not self._is_count(value)
        with self._spelling_out():
            return value.type.dtype == "real" and self._written(value).size > _INLINE

    def _name(self, value: Value) -> str:
        if value not in self.names:
            count = len(self.names)
            letter = LETTERS[count] if count < len(LETTERS) else f"a{count}"
            self.names[value] = f"{self.unit.name}{SEPARATOR}{letter}"
        return self.names[value]

    def _own_indices(self, value: Value) -> tuple[Index, ...]:
        axes = [axis for axis in value.type.axes if axis != BATCH]
        own = [index for index in self.unit.indices if index in axes]
        return (*own, *(axis for axis in sort_indices(axes) if axis not in own))

    def _written(self, value: Value) -> Term:
        node = self._maker(value)
        operands = tuple(self._term(operand) for operand in node.operands)
        attrs, type_ = dict(node.attrs), node.result.type
        has_batch = BATCH in type_.axes
        match node.op.name:
            case "read":
                return self._ref(attrs["unit"], attrs["subscripts"], value, attrs.get("bar", False))
            case "cast" | "broadcast" | "stop_gradient":
                return operands[0]
            case "select" if self._is_mask(node.operands[0]):
                return operands[1]
            case "rename":
                return substitute(operands[0], {attrs["old"]: Affine.of(attrs["new"])})
            case "position":
                at = (("at", Affine.of(attrs["index"])),)
                return Term(POSITION, (), at, "int", (), False)
            case "constant":
                attrs = {"value": attrs["value"]}
            case "reduce_sum":
                return self._sum(operands[0], attrs, node)
        return made(node.op.name, operands, attrs, type_.dtype, type_.shape, has_batch)

    def _is_mask(self, condition: Value) -> bool:
        node = self._maker(condition)
        if node.op.name == "logical_and":
            return all(map(self._is_mask, node.operands))
        return node.op.name == "inside"

    def _is_count(self, value: Value) -> bool:
        with self._spelling_out():
            return self._written(value).op == COUNT

    def _sum(self, x: Term, attrs: dict[str, Any], node: Node) -> Term:
        """A sum of ones over an index counts it; where nothing varies, as many ones as there are."""
        type_ = node.result.type
        if x.number() == 1 and not attrs["dims"]:
            counts = [Term(COUNT, (), (("index", index),), "real", (), False) for index in attrs["indices"]]
            product = counts[0]
            for count in counts[1:]:
                product = made("mul", (product, count), {}, "real", (), False)
            return product
        return made("reduce_sum", (x,), attrs, type_.dtype, type_.shape, BATCH in type_.axes)


def bars(term: Term) -> Iterator[Term]:
    """The cotangents that a formula speaks of."""
    return (part for part in term.walk() if part.op == REF and part.attr("bar"))
