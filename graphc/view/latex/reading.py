"""The nodes of a unit read as formulas, with names for values on the way to its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from graphc.ir.builder import Builder
from graphc.ir.graph import Node, Value
from graphc.ir.system import READ, System, Unit
from graphc.types import BATCH, Affine, Index, sort_indices
from graphc.view.latex.algebra import made
from graphc.view.latex.cleaning import Aliases, cleaned
from graphc.view.latex.terms import COUNT, POSITION, REF, Term, constant, ref, substitute

LETTERS = "abdeqruvz"
SEPARATOR = "~"
"""Between an equation's name and the letter of a value on the way to it."""
_INLINE = 2
"""A value on the way is written out where it is used if that takes no more operations than this."""
DRAWS = {"bernoulli": "mr", "normal": ("epsilon", "eta"), "uniform": "uv", "categorical": "kc"}
"""What is drawn at random, and letters for it: m for a mask, unless the spec calls something else so."""
_TOTALS = ("softmax", "log_softmax", "logsumexp", "reduce_sum", "contract", "conv")
"""Always with a name: they go through many elements."""


@dataclass
class Reading:
    """A unit's nodes, those that a reverse walk adds to them, and what they are called."""

    system: System
    unit: Unit
    aliases: Aliases
    known: frozenset[int] = frozenset()
    """Which values, in the order of computation, have names in any case."""
    builder: Builder = field(init=False)
    value: Value = field(init=False)
    forward: dict[Value, Node] = field(init=False)
    """The node that makes each value of the unit itself."""
    makers: dict[Value, Node] = field(init=False)
    terms: dict[Value, Term] = field(default_factory=dict)
    names: dict[Value, str] = field(default_factory=dict)
    is_spelling_out: bool = False

    def __post_init__(self) -> None:
        self.builder, self.value = cleaned(self.system, self.unit, self.aliases)
        self.forward = self._made()
        self.makers = dict(self.forward)
        values = [*self.forward]
        self.preferred = {values[place] for place in self.known}

    def _made(self) -> dict[Value, Node]:
        return {node.result: node for node in self.builder.nodes if isinstance(node, Node)}

    def alias(self) -> None:
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

    def term(self, value: Value) -> Term:
        """The value in a formula of gradients: by name if it has one or needs one."""
        if value in self.terms:
            return self.terms[value]
        if value in self.forward and self._needs_name(value):
            indices = tuple(map(Affine.of, self.own_indices(value)))
            return self._ref(self.name(value), indices, value)
        term = self.written(value)
        if not self.is_spelling_out:
            self.terms[value] = term
        return term

    def _needs_name(self, value: Value) -> bool:
        if self.forward[value].op.name in DRAWS:
            return True  # what is drawn is drawn once, wherever it is spoken of
        if value in self.names or self.is_spelling_out:
            return value in self.names
        if value in self.preferred:
            return True
        op = self.forward[value].op
        if op is READ or op.scalar is None:
            return op.name in _TOTALS and not self._is_count(value)
        with self.spelling_out():
            return value.type.dtype == "real" and self.written(value).size > _INLINE

    def name(self, value: Value) -> str:
        """The name of a value on the way, which it gets now if it has none."""
        if value not in self.names:
            names = (f"{self.unit.name}{SEPARATOR}{letter}" for letter in self._letters(value))
            self.names[value] = next(name for name in names if name not in self.names.values())
        return self.names[value]

    def _letters(self, value: Value) -> Iterator[str]:
        """Letters for a value, the best one first; there is always one more."""
        letters: Sequence[str] = LETTERS
        if (op := self.forward[value].op.name) in DRAWS:
            taken = {name.rpartition(".")[2] for name in (*self.system.leaves, *self.system.units)}
            letters = [next((one for one in DRAWS[op] if one not in taken), DRAWS[op][-1])]
        yield from letters
        yield from (f"{letters[0]}{number}" for number in count(2))

    def own_indices(self, value: Value) -> tuple[Index, ...]:
        """The indices of a value but the batch, in the order of its equation."""
        axes = [axis for axis in value.type.axes if axis != BATCH]
        own = [index for index in self.unit.indices if index in axes]
        return (*own, *(axis for axis in sort_indices(axes) if axis not in own))

    def written(self, value: Value) -> Term:
        """The operation that makes a value, of its operands' terms."""
        node = self._maker(value)
        operands = tuple(self.term(operand) for operand in node.operands)
        attrs, type_ = dict(node.attrs), node.result.type
        has_batch = BATCH in type_.axes
        match node.op.name:
            case "read":
                return self._ref(attrs["unit"], attrs["subscripts"], value, attrs.get("bar", False))
            case "cast" if operands[0].dtype == "bool" and operands[0].op != REF:
                condition = operands[0]
                numbers = (constant(1, condition), constant(0, condition))
                return made("select", (condition, *numbers), {}, type_.dtype, type_.shape, has_batch)
            case "cast" | "broadcast":
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
        with self.spelling_out():
            return all(part.op in (COUNT, "mul") for part in self.written(value).walk())

    def _sum(self, x: Term, attrs: dict[str, Any], node: Node) -> Term:
        """A sum of ones over indices counts their positions."""
        type_ = node.result.type
        if x.number() == 1 and not attrs["dims"]:
            return _number(attrs["indices"])
        return made("reduce_sum", (x,), attrs, type_.dtype, type_.shape, BATCH in type_.axes)

    @contextmanager
    def spelling_out(self) -> Iterator[None]:
        """Inside, values on the way are written out, except those that have a name already."""
        before, self.is_spelling_out = self.is_spelling_out, True
        try:
            yield
        finally:
            self.is_spelling_out = before

    def _maker(self, value: Value) -> Node:
        if value not in self.makers:
            self.makers = self._made()
        return self.makers[value]


def _number(indices: tuple[Index, ...]) -> Term:
    """How many positions there are: a product, but `sum[t](t)` where a range depends on t, u = 1..t."""
    last = next(index for index in indices if not any(index in other.dependencies for other in indices))
    around = tuple(index for index in indices if index in last.dependencies)
    found = Term(COUNT, (), (("index", last),), "real", (), BATCH in last.dependencies)
    if around:
        has_batch = found.has_batch and BATCH not in around
        found = made("reduce_sum", (found,), {"dims": (), "indices": around}, "real", (), has_batch)
    rest = tuple(index for index in indices if index != last and index not in around)
    return made("mul", (_number(rest), found), {}, "real", (), found.has_batch) if rest else found
