"""A system spelled out: every operation that a line of the spec writes is an equation of its own.

`h[t] = sigmoid(U @ h[t-1] + V @ x[t])` is one equation with four operations. Spelled out, it is four
equations, the first of which is `h~0[t] = U @ h[t-1]`. So values, cotangents and the summands at forks are
found for operations by the means by which they are found for names. What an operation is follows from the
source: nodes with the same span are one operation, so that a mean is one although it is made of a sum, a
count and masks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import networkx as nx

from graphc.analysis.recurrence import dependence_graph
from graphc.diagnostics import Span
from graphc.ir.builder import Builder
from graphc.ir.graph import Node, Value
from graphc.ir.system import READ, System, Unit
from graphc.ops.leaf import PIN
from graphc.types import BATCH, Affine, Index, sort_indices

SEPARATOR = "~"
"""Between an equation's name and the number of one of its operations: no name of a spec has it."""

_SILENT = frozenset(
    {"read", "constant", "cast", "expand", "broadcast", "rename", "position", "inside", "length", "pin"}
)
"""Operations of the IR that no spec writes: they belong to what uses them."""
HOLE = "·"
SYMBOLS = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "^", "contract": "@", "neg": "-"}

_ELEMENT = {"read", "slice", "reshape"}
"""What `w[0]` is made of: its text says more than its operation."""
_ALONE = (
    re.compile(rf"{HOLE} (\S+) {HOLE}"),
    re.compile(rf"(\w+(?:\[[^\]]*\])?)\({HOLE}(?:, {HOLE})*\)"),
    re.compile(rf"(-){HOLE}"),
)


@dataclass(frozen=True)
class Operation:
    """One operation of an equation. `label` says which one: `+`, `sigmoid`, `mean[t]`, `1 / ·`."""

    name: str
    equation: str
    label: str
    span: Span

    @property
    def is_result(self) -> bool:
        """Whether it gives the equation its value."""
        return self.name == self.equation


@dataclass(frozen=True)
class Spelled:
    """The system, and the operations by the name of their units, in the order of computation."""

    system: System
    operations: Mapping[str, Operation]


def spell(system: System, wanted: Iterable[str]) -> Spelled:
    """Take the `wanted` units apart; all others stay as they are."""
    graph = dependence_graph(system)
    components = nx.strongly_connected_components(graph)
    cyclic = {name for component in components if len(component) > 1 for name in component}
    cyclic |= {name for name, _ in nx.selfloop_edges(graph)}
    chosen = set(wanted)
    units: dict[str, Unit] = {}
    operations: dict[str, Operation] = {}
    for name, unit in system.units.items():
        if name not in chosen:
            units[name] = unit
            continue
        for part, operation in _Splitting(unit, name in cyclic).parts():
            units[part.name] = part
            operations[operation.name] = operation
    return Spelled(replace(system, units=units), operations)


@dataclass
class _Splitting:
    """One equation on its way to several."""

    unit: Unit
    is_cyclic: bool
    """Whether it is part of a recurrence. There an operation under a bound index, the `h[u]` of a `sum[u =
    1..t-1]`, stays in the sum: apart from it nothing would say that only earlier steps are read."""
    heads: dict[Value, Value] = field(default_factory=dict)
    """Each value that an operation computes on the way, and the value that the operation ends with."""
    made: dict[Value, Node] = field(default_factory=dict)
    spans: dict[Value, Span | None] = field(default_factory=dict)
    """By the value that an operation ends with."""

    def parts(self) -> Iterator[tuple[Unit, Operation]]:
        """Units in an order in which they can be computed, the equation's own one last."""
        nodes = [node for node in self.unit.nodes if isinstance(node, Node)]
        self.made = {node.result: node for node in nodes}
        self._group(nodes)
        ends = [node.result for node in nodes if self.heads.get(node.result) is node.result]
        names = {value: f"{self.unit.name}{SEPARATOR}{number}" for number, value in enumerate(ends)}
        names[self.unit.value] = self.unit.name
        for value in ends:
            span = self.spans[value] or self.unit.span
            part = self._part(value, names)
            yield part, Operation(part.name, self.unit.name, self._label(value), span)

    # ---------------------------------------------------------------------------- which operation

    def _group(self, nodes: Sequence[Node]) -> None:
        consumers: dict[Value, list[Node]] = {}
        for node in nodes:
            for operand in node.operands:
                consumers.setdefault(operand, []).append(node)
        accesses = self._accesses(nodes)
        for node in reversed(nodes):
            value = node.result
            if value is self.unit.value:
                self._end(node)
                continue
            around = {
                self.heads[user.result] for user in consumers.get(value, ()) if user.result in self.heads
            }
            if not node.operands and node.op.name in _SILENT:
                continue  # every operation that needs it has its own
            head = next(iter(around)) if len(around) == 1 else None
            if head is not None and self._belongs(node, head, value in accesses):
                self.heads[value] = head
                self.spans[head] = self.spans[head] or node.span
            elif around:
                self._end(node)

    def _end(self, node: Node) -> None:
        self.heads[node.result] = node.result
        self.spans[node.result] = node.span

    def _belongs(self, node: Node, head: Value, is_access: bool) -> bool:
        span = self.spans[head]
        if is_access or node.op.name in _SILENT or span is None or node.span is None or node.span == span:
            return True
        axes = {axis for axis in node.result.type.axes if axis != BATCH}
        if self.is_cyclic and not axes <= {*self.unit.indices}:
            return True
        return not all(axis.dependencies <= {*node.result.type.axes} for axis in axes)

    def _accesses(self, nodes: Sequence[Node]) -> set[Value]:
        """Values that only say where to read: `h[t-1]`, with the choice between `h` and `h[0]` in it."""
        found: set[Value] = set()
        for node in nodes:
            is_leaf = not node.operands and node.op.name in _SILENT
            if is_leaf or (node.span is not None and all(self._same(node, o, found) for o in node.operands)):
                found.add(node.result)
        return found

    def _same(self, node: Node, operand: Value, accesses: set[Value]) -> bool:
        return operand in accesses and self.made[operand].span == node.span

    # --------------------------------------------------------------------------------- the parts

    def _part(self, end: Value, names: Mapping[Value, str]) -> Unit:
        """The unit that computes what an operation ends with, from what others end with."""
        builder = Builder()
        moved: dict[Value, Value] = {}
        for node in self._members(end):
            for operand in node.operands:
                if operand not in moved:
                    moved[operand] = self._reading(builder, operand, names[operand])
            with builder.at(node.span):
                operands = [moved[operand] for operand in node.operands]
                moved[node.result] = builder(node.op, *operands, called=node.result.name, **node.attrs)
        result = moved[end]
        if end is self.unit.value:
            return replace(self.unit, nodes=tuple(builder.nodes), value=result)
        result = builder(PIN, result, name=names[end])
        span = self.spans[end] or self.unit.span
        return Unit(names[end], self._indices(end), tuple(builder.nodes), result, span)

    def _members(self, end: Value) -> list[Node]:
        """The nodes of an operation, in the order of computation."""
        wanted, found = {end}, []
        for node in reversed(self.unit.nodes):
            assert isinstance(node, Node)
            if node.result in wanted:
                found.append(node)
                wanted |= {o for o in node.operands if self.heads.get(o) is not o}
        return found[::-1]

    def _reading(self, builder: Builder, value: Value, name: str) -> Value:
        subscripts = tuple(Affine.of(index) for index in self._indices(value))
        return builder(READ, called=name, unit=name, subscripts=subscripts, type=value.type)

    def _indices(self, value: Value) -> tuple[Index, ...]:
        axes = {axis for axis in value.type.axes if axis != BATCH}
        own = [index for index in self.unit.indices if index in axes]
        return (*own, *(axis for axis in sort_indices(axes) if axis not in own))

    # ----------------------------------------------------------------------------------- the label

    def _label(self, end: Value) -> str:
        span = self.spans[end]
        members = self._members(end)
        inner = {node.span for node in members if node.op is READ}
        inner |= {self.spans[o] for node in members for o in node.operands if self.heads.get(o) is o}
        if span is None or inner == {span}:
            return ""
        if len(members) <= len(_ELEMENT) and {node.op.name for node in members} <= _ELEMENT:
            return " ".join(span.text.split())
        parts = [part for part in inner if part is not None]
        if all(
            part.source == span.source and span.start <= part.start and part.end <= span.end for part in parts
        ):
            return with_holes(span, parts)
        # The text of a function speaks of its arguments by names of its own.
        main = next(node.op.name for node in reversed(members) if node.op.name not in _SILENT)
        return SYMBOLS.get(main, main)


def with_holes(span: Span, parts: Iterable[Span]) -> str:
    """The source's text of an operation with holes for its operands; a word or a sign alone where holes are
    all else."""
    text, at = "", span.start
    for part in sorted(parts, key=lambda p: (p.start, -p.end)):
        if part.start >= at:
            text += span.source.text[at : part.start] + HOLE
            at = part.end
    text = " ".join((text + span.source.text[at : span.end]).split())
    if text.startswith("(") and text.endswith(")") and "(" not in text[1:]:
        text = text[1:-1]
    for pattern in _ALONE:
        if found := pattern.fullmatch(text):
            return found[1]
    return text
