"""The gradients of one equation, as formulas.

No rule of differentiation stands here: every operation is asked for its own (`Op.vjp`), on the nodes of the
unit, and the nodes that it answers with are read as formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from graphc.autodiff.fit import fit, spread
from graphc.ir.graph import Node, Value
from graphc.ir.system import READ, System, Unit
from graphc.ops.elementwise import ADD
from graphc.ops.leaf import constant
from graphc.types import Affine, Index
from graphc.view.latex.cleaning import Aliases
from graphc.view.latex.reading import Reading
from graphc.view.latex.terms import REF, Term, moved, substitute


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


def derived(
    system: System,
    unit: Unit,
    is_active: Callable[[str], bool],
    *,
    is_seed: bool = False,
    aliases: Aliases | None = None,
) -> Derived:
    """The formulas of a unit and of the cotangents of the active names that it reads.

    The cotangent of the unit itself is called by its name, or is 1 with `is_seed`. Raises nothing: an
    operation without a gradient ends the way through it.
    """
    first = Reading(system, unit, aliases or {})
    deriving = _Deriving(first, is_active, is_seed)
    found = deriving.derived()
    if not deriving.bars:
        return found
    # A value whose cotangent has a name is called by its own wherever it stands, also where the walk came by
    # before the name was given.
    known = frozenset(map([*first.forward].index, deriving.bars))
    return _Deriving(Reading(system, unit, aliases or {}, known), is_active, is_seed).derived()


@dataclass
class _Deriving:
    reading: Reading
    is_active: Callable[[str], bool]
    is_seed: bool
    bars: dict[Value, Term] = field(default_factory=dict)
    """Cotangents that have names, by the value whose they are."""

    def derived(self) -> Derived:
        with self.reading.spelling_out():
            own = self.reading.written(self.reading.value)
        self.reading.alias()
        name = self.reading.unit.place.of if self.reading.unit.place else self.reading.unit.name
        uses = tuple(self._uses()) if self.is_active(name) else ()
        with self.reading.spelling_out():
            return Derived(self.reading.unit, own, tuple(self._named()), uses)

    def _named(self) -> Iterator[Named]:
        """In the order of computation."""
        for value in self.reading.forward:
            if value in self.reading.names:
                indices = self.reading.own_indices(value)
                name, term = self.reading.names[value], self.reading.written(value)
                yield _unprimed(Named(name, indices, term, self.bars.get(value)))

    def _uses(self) -> Iterator[Use]:
        active = self._active()
        parts: dict[Value, list[Value]] = {self.reading.value: [self._seed()]}
        for node in reversed(self.reading.forward.values()):
            if node.result not in parts:
                continue
            with self.reading.builder.at(node.span):
                total = self._total(parts[node.result])
                if node.op is READ and not active[node.result]:
                    continue
                if node.op is READ:
                    yield self._use(node, total)
                    continue
                total = self._maybe_named(node, total, active)
                cotangents = node.op.vjp(self.reading.builder, node, total)
                for operand, part in zip(node.operands, cotangents, strict=True):
                    if part is not None and active.get(operand):
                        axes = {*operand.type.axes, *part.type.axes} if self._is_read(operand) else None
                        type_ = operand.type.with_axes(axes) if axes else operand.type
                        parts.setdefault(operand, []).append(fit(self.reading.builder, part, type_))

    def _is_read(self, value: Value) -> bool:
        return self.reading.forward[value].op is READ

    def _seed(self) -> Value:
        if self.is_seed:
            return spread(self.reading.builder, constant(self.reading.builder, 1.0), self.reading.value.type)
        place = self.reading.unit.place
        fixed = dict(place.positions) if place else {}
        name = place.of if place else self.reading.unit.name
        own = self.reading.system.indices(name)
        subscripts = tuple(fixed[index] if index in fixed else Affine.of(index) for index in own)
        return self._bar(name, subscripts, self.reading.value)

    def _bar(self, name: str, subscripts: tuple[Affine, ...], like: Value) -> Value:
        return self.reading.builder(READ, unit=name, subscripts=subscripts, type=like.type, bar=True)

    def _active(self) -> dict[Value, int]:
        """How many reads of active names lead to each value."""
        count: dict[Value, int] = {}
        for node in self.reading.forward.values():
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
            first = self.reading.builder(ADD, first, value)
        return fit(self.reading.builder, first, first.type.with_axes(axes))

    def _maybe_named(self, node: Node, total: Value, active: dict[Value, int]) -> Value:
        """A cotangent that several reads need gets a name, where their ways part."""
        ways = sum(active[operand] > 0 for operand in node.operands)
        term = self.reading.term(total)
        if ways < 2 or term.size == 0 or node.result is self.reading.value:
            return total
        name = self.reading.name(node.result)
        self.bars[node.result] = term
        return self._bar(name, tuple(map(Affine.of, self.reading.own_indices(node.result))), node.result)

    def _use(self, node: Node, total: Value) -> Use:
        return Use(node.attrs["unit"], node.attrs["subscripts"], self.reading.term(total))


def _unprimed(named: Named) -> Named:
    """With t for the t' of a sum, as far as no other index is called so."""
    names = [index.name for index in named.indices]
    by: dict[Index, Affine] = {}
    plain: dict[Index, Index] = {}
    for index in sorted(named.indices, key=lambda index: len(index.dependencies)):
        bare = index.name.rstrip("'")
        name = index.name if bare in names else bare
        plain[index] = replace(index, name=name, lo=moved(index.lo, by), hi=moved(index.hi, by))
        if plain[index] != index:
            by[index] = Affine.of(plain[index])
    indices = tuple(plain[index] for index in named.indices)
    cotangent = None if named.cotangent is None else substitute(named.cotangent, by)
    return Named(named.name, indices, substitute(named.value, by), cotangent)


def bars(term: Term) -> Iterator[Term]:
    """The cotangents that a formula speaks of."""
    return (part for part in term.walk() if part.op == REF and part.attr("bar"))
