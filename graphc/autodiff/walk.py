"""The reverse walk over one list of nodes: the graph's, or that of a loop's body.

It knows nothing of any single op. It asks each op's rule for the cotangents of its operands, sums out what
an operand does not have, and adds up what reaches a value on several ways.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from graphc.analysis.activity import Activity
from graphc.autodiff.fit import fit
from graphc.ir.builder import Builder
from graphc.ir.graph import AnyNode, LoopNode, Node, Value
from graphc.ops.elementwise import ADD
from graphc.ops.leaf import PIN
from graphc.types import Index


@dataclass(frozen=True)
class Part:
    """One summand of a cotangent, and the consumer of the primal that it came through."""

    value: Value
    origin: str


@dataclass(frozen=True)
class Export:
    """The cotangent of a requested name, on its way out of the loops that it was found in."""

    name: str
    total: Value
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Context:
    """What the walks over a graph and all its bodies share."""

    active: Activity
    requested: Mapping[Value, str]
    tracked: set[Value]
    """Values whose summands stay apart when they cross into or out of a loop."""
    wanted_parts: bool
    reverse_loop: Callable[[Walk, LoopNode], None]
    """Appends the reverse of a loop to a walk."""
    owners: Mapping[Value, str]
    """The name whose equation a value belongs to, for telling where a summand came from."""


@dataclass
class Walk:
    """Cotangents found so far, and the nodes that compute them."""

    context: Context
    builder: Builder
    parts: dict[Value, list[Part]] = field(default_factory=dict)
    totals: dict[Value, Value] = field(default_factory=dict)
    exports: list[Export] = field(default_factory=list)
    rebuilt: dict[AnyNode, LoopNode] = field(default_factory=dict)
    """Forward loops that must stack more than they did."""

    def inside(self, index: Index) -> Walk:
        """A walk over the body of a loop that stands here."""
        return Walk(self.context, Builder((*self.builder.loops, index)))

    def run(self, nodes: Sequence[AnyNode]) -> None:
        """Visit nodes from last to first."""
        for node in reversed(nodes):
            with self.builder.at(node.span):
                if isinstance(node, LoopNode):
                    self.context.reverse_loop(self, node)
                else:
                    self._visit(node)
            for result in node.results:
                self.export(result)

    def _visit(self, node: Node) -> None:
        cotangent = self.total(node.result)
        if cotangent is None or not any(operand in self.context.active for operand in node.operands):
            return
        for operand, part in zip(node.operands, node.op.vjp(self.builder, node, cotangent), strict=True):
            if part is not None:
                self.add(operand, part, self._origin(node))

    def _origin(self, node: Node) -> str:
        return self.context.owners.get(node.result) or node.op.name

    def add(self, primal: Value, cotangent: Value, origin: str) -> None:
        """Count a cotangent towards a primal, unless nobody asked for it."""
        if primal in self.context.active:
            assert primal not in self.totals, "a cotangent came after its sum was taken"
            fitted = fit(self.builder, cotangent, primal.type)
            self.parts.setdefault(primal, []).append(Part(fitted, origin))

    def total(self, primal: Value) -> Value | None:
        """The sum of what has reached a primal; None if nothing has."""
        if primal not in self.totals and primal in self.parts:
            first, *rest = (part.value for part in self.parts[primal])
            for value in rest:
                first = self.builder(ADD, first, value)
            # A sum that is handed on unchanged keeps the name under which it was found.
            first.name = first.name or cotangent_name(primal)
            self.totals[primal] = first
        return self.totals.get(primal)

    def crossing(self, primal: Value, other_side: Value) -> tuple[Part, ...]:
        """What takes a primal's cotangent across a loop's border: its sum, or each summand if asked for."""
        if other_side in self.context.tracked:
            return tuple(self.parts.get(primal, ()))
        total = self.total(primal)
        return () if total is None else (Part(total, self.parts[primal][0].origin),)

    def export(self, primal: Value) -> None:
        """Keep a requested value's cotangent for the result."""
        name = self.context.requested.get(primal)
        total = None if name is None else self.total(primal)
        if name is not None and total is not None:
            parts = tuple(self.parts[primal]) if self.context.wanted_parts else ()
            self.exports.append(Export(name, total, parts))


def cotangent_name(primal: Value, more: str = "") -> str:
    """What a reader calls the cotangent of a value, "" for one without a name."""
    return f"cotangent of {primal.name}{more}" if primal.name else ""


def owners(nodes: Sequence[AnyNode]) -> dict[Value, str]:
    """The pinned name that each value is computed for: the first that uses it, loop bodies included."""
    found: dict[Value, str] = {}
    for node in reversed(nodes):
        if isinstance(node, LoopNode):
            found |= owners(node.loop.body.nodes)
            continue
        name = node.attrs["name"] if node.op is PIN else found.get(node.result)
        if name is not None:
            found |= dict.fromkeys(node.operands, name)
            found[node.result] = name
    return found
