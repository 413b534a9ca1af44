"""One level of a graph in which values are laid side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import is_

from graphc.ir.builder import Builder
from graphc.ir.graph import AnyNode, Graph, LoopNode, Node, Value
from graphc.ops.elementwise import SELECT
from graphc.ops.movement import CONCAT, SLICE
from graphc.passes.rebuild import Parts
from graphc.types import BATCH, Dim

LONGEST = 48
"""Letters of the names of values that lie side by side, before they are counted."""


@dataclass(frozen=True)
class Row:
    """Values that lie side by side in one, along a dim of it."""

    whole: Value
    dim: int
    parts: tuple[Value, ...]


class Level:
    """The nodes of the top of a graph or of a loop's body, which can be changed at any place.

    Inside of a loop `parts` are those of the loop, and `outer` is the level that it stands in.
    """

    def __init__(self, graph: Graph, outer: Level | None = None, node: LoopNode | None = None) -> None:
        self.graph, self.outer, self.node = graph, outer, node
        self.nodes: list[AnyNode] = list(graph.nodes)
        self.parts = Parts.of(node) if node else None
        self.rows: list[Row] = []
        self._look()

    def _look(self) -> None:
        """Take note of what stands where. What no node makes is an input, in front of everything."""
        self.producers = {result: node for node in self.nodes for result in node.results}
        self._numbers = {node: i for i, node in enumerate(self.nodes)}

    def number(self, node: AnyNode | None) -> int:
        """Where a node stands; None is the end."""
        return len(self.nodes) if node is None else self._numbers[node]

    def made_at(self, value: Value) -> int:
        """Where the node stands that makes a value: -1 for an input."""
        return self._numbers[self.producers[value]] if value in self.producers else -1

    def made_by(self, value: Value, op: object) -> Node | None:
        node = self.producers.get(value)
        return node if isinstance(node, Node) and node.op is op else None

    def replace(self, nodes: Sequence[AnyNode], gone: Sequence[AnyNode], place: AnyNode | None) -> None:
        """Put nodes in front of a place, and take others away."""
        at, dropped = self.number(place), set(gone)
        before, behind = self.nodes[:at], self.nodes[at:]
        left = [[node for node in part if node not in dropped] for part in (before, behind)]
        self.nodes = [*left[0], *nodes, *left[1]]
        self._look()

    def uses(self) -> Counter[Value]:
        """How many operands and outputs each value is."""
        count = Counter(operand for node in self.nodes for operand in node.operands)
        return count + Counter(self.outputs())

    def outputs(self) -> list[Value]:
        if self.parts is None:
            return list(self.graph.outputs.values())
        after = [carry.next for carry in self.parts.carries]
        return [*after, *(stack.value for stack in self.parts.stacks)]

    def early(self, nodes: Sequence[Node]) -> AnyNode | None:
        """In front of what results of nodes have to be: the first use of any, or what follows the last."""
        results = {node.result for node in nodes}
        last = max(map(self.number, nodes))
        found = (i for i, node in enumerate(self.nodes[: last + 1]) if not results.isdisjoint(node.operands))
        return self.at(next(found, last + 1))

    def at(self, number: int) -> AnyNode | None:
        """The node that stands there; None at the end."""
        return self.nodes[number] if number < len(self.nodes) else None

    def are_ready(self, values: Iterable[Value], place: AnyNode | None) -> bool:
        end = self.number(place)
        return all(self.made_at(value) < end for value in values)

    def loop(self) -> LoopNode:
        """The loop with this level as its body: the one that it was if nothing has changed."""
        assert self.parts
        assert self.node
        same = len(self.nodes) == len(self.graph.nodes) and all(map(is_, self.nodes, self.graph.nodes))
        self.parts.nodes = self.nodes
        return self.node if same else self.parts.joined()

    # Rows.

    def row(self, value: Value) -> tuple[Row | None, tuple[Value, ...]]:
        """The row in which a value stands, perhaps under a mask, and the mask."""
        masks = self._masks([value])
        mask = self.producers[value].operands[::2] if masks else ()
        part = masks[0] if masks else value
        return next((row for row in self.rows if part in row.parts), None), mask

    def order(self, parts: Sequence[Value], dim: int, place: AnyNode | None) -> list[int] | None:
        """The order in which parts lie side by side somewhere already: their numbers."""
        if masks := self._masks(parts):
            return self.order(masks, dim, place)
        for row in self._rows(dim, place):
            if set(parts) <= set(row.parts):
                return sorted(range(len(parts)), key=lambda i: row.parts.index(parts[i]))
        if self.outer and (given := self._constants(parts)):
            return self.outer.order(given, dim, self.node)
        return None

    def side_by_side(
        self, b: Builder, parts: Sequence[Value], dim: int, place: AnyNode | None, *, copy: bool
    ) -> Value | None:
        """One value in front of a place that the parts are slices of, in this order; None if it would cost.

        It costs nothing where they are slices of one value already. If `copy` says so, parts that are small
        are copied: parameters, once for all steps if there is a loop, and in a loop a step's own values.
        """
        found = self._whole(b, parts, dim, place)
        if found is None and (masks := self._masks(parts)):
            inner = self.side_by_side(b, masks, dim, place, copy=False)
            condition, _, fill = self.producers[parts[0]].operands
            found = b(SELECT, condition, inner, fill) if inner else None
        if found is None and self.outer and (given := self._constants(parts)):
            return self._captured(parts, given, dim)
        if found is None and copy and self._is_small(parts):
            found = self._copied(b, parts, dim)
        return found

    def _rows(self, dim: int, place: AnyNode | None) -> list[Row]:
        end = self.number(place)
        return [row for row in self.rows if row.dim == dim and self.made_at(row.whole) < end]

    def _whole(self, b: Builder, parts: Sequence[Value], dim: int, place: AnyNode | None) -> Value | None:
        for row in self._rows(dim, place):
            if parts[0] in row.parts:
                first = row.parts.index(parts[0])
                if row.parts[first : first + len(parts)] == tuple(parts):
                    return row.whole if len(parts) == len(row.parts) else _part(b, row, first, len(parts))
        return None

    def _masks(self, parts: Sequence[Value]) -> list[Value] | None:
        """What stands under the one mask that all parts have, if they have it."""
        nodes = [self.made_by(part, SELECT) for part in parts]
        masks = [node for node in nodes if node]
        if len(masks) < len(nodes) or len({node.operands[::2] for node in masks}) > 1:
            return None
        condition, _, fill = masks[0].operands
        if condition.type.rank or fill.type.rank:
            return None
        inner = [node.operands[1] for node in masks]
        same = all(x.type == part.type for x, part in zip(inner, parts, strict=True))
        return inner if same else None

    def _constants(self, parts: Sequence[Value]) -> list[Value] | None:
        """The operands that parts are, if all are constants of the loop."""
        assert self.parts
        given = {inside: operand for operand, inside in self.parts.constants}
        found = [given[part] for part in parts if part in given]
        return found if len(found) == len(parts) else None

    def _captured(self, parts: Sequence[Value], given: Sequence[Value], dim: int) -> Value | None:
        """The constant that has parts of the outer level side by side."""
        assert self.outer
        assert self.parts
        b = Builder()
        whole = self.outer.side_by_side(b, given, dim, self.node, copy=True)
        if whole is None:
            return None
        self.outer.replace(b.nodes, (), self.node)
        inside = Value(whole.type, whole.name)
        self.parts.constants.append((whole, inside))
        self.rows.append(Row(inside, dim, tuple(parts)))
        return inside

    def _is_small(self, parts: Sequence[Value]) -> bool:
        allowed = {BATCH} if self.outer else set()
        return all(allowed.issuperset(part.type.axes) for part in parts)

    def _copied(self, b: Builder, parts: Sequence[Value], dim: int) -> Value:
        """The parts in a new value, made as early as it can be, so that others find it."""
        made = Builder()
        whole = made(CONCAT, *parts, called=together(parts), dim=dim)
        ready = max(map(self.made_at, parts)) + 1
        self.replace(made.nodes, (), self.at(ready))
        self.rows.append(Row(whole, dim, tuple(parts)))
        return whole


def together(values: Sequence[Value]) -> str:
    """What a reader calls values that lie side by side, "" if one of them has no name."""
    names = list(dict.fromkeys(value.name for value in values))
    if not all(names):
        return ""
    said = ", ".join(names)
    return said if len(said) <= LONGEST else f"{names[0]} and {len(names) - 1} more"


def _part(b: Builder, row: Row, first: int, count: int) -> Value:
    widths = [part.type.shape[row.dim] for part in row.parts]
    start = sum(width.value for width in widths[:first])
    size = sum(widths[first : first + count], Dim.literal(0))
    return b(SLICE, row.whole, dim=row.dim, start=start, stop=start + size.value, size=size)


def slices(whole: Value, dim: int, results: Sequence[Value]) -> list[Node]:
    """Nodes that make values, given, of the parts of one that follow one another along a dim."""
    start, nodes = 0, []
    for result in results:
        size = result.type.shape[dim]
        attrs = {"dim": dim, "start": start, "stop": start + size.value, "size": size}
        nodes.append(Node(SLICE, (whole,), attrs, result))
        start += size.value
    return nodes
