"""Less memory for long sequences: what the reverse pass needs is computed again, segment by segment.

A loop whose stacks a reverse loop reads is cut into segments of k steps. A first loop over segments runs it
and keeps nothing but what others read of each step, and the state in front of each segment. A second one, in
the reverse loop's direction, runs a segment's steps again from that state, with all stacks; then the reverse
loop over the same steps; and the work around both: what is computed in front of them for many steps at once,
and what their stacks are summed to. So what has a value for each step lives for a segment only: instead of T
steps k are kept, and T / k states.

Sums over steps are added up segment by segment: their last bits may differ from those of one sum. Everything
else is computed by the same kernels in the same order. Loops with histories are kept whole, and so are loops
inside of others: of nested loops the outermost is cut, and its body computed again as it stands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from graphc.autodiff.fit import zeros
from graphc.ir.builder import Builder
from graphc.ir.graph import AnyNode, Graph, Loop, LoopNode, Node, Value, body_graph
from graphc.ops.contraction import CONTRACT
from graphc.ops.elementwise import ADD
from graphc.ops.indexing import SCATTER_ADD
from graphc.ops.summing import REDUCE_SUM
from graphc.passes.dce import live
from graphc.passes.rebuild import renamed
from graphc.types import Affine, Index, Length

_SHORTEST = 9
"""Steps of an axis of fixed length that are worth cutting: three segments of three."""

_SUMS = frozenset((REDUCE_SUM, CONTRACT, SCATTER_ADD))
"""Ops that add up along their attribute `indices`."""


@dataclass(frozen=True, eq=False)
class Segments(Loop):
    """A loop over segments of an index, which the body's values vary over as if it had no other positions.

    `index` counts the segments. A constant that varies over `of` is seen as far as the segment goes; a body
    output that does is stacked to a value that varies over all of `of`, and not over `index`. The two loops
    of a pair define the same values in their bodies: each body is a level of its own.
    """

    of: Index = field(kw_only=True)


def segmented(graph: Graph) -> Graph:
    """The graph with each pair of a loop and its reverse loop cut into segments."""
    for first, second in _pairs(graph):
        graph = _Cut.of(graph, first, second).made()
    return graph


# ------------------------------------------------------------------------------------ which loops


def _pairs(graph: Graph) -> list[tuple[LoopNode, LoopNode]]:
    """Loops with the reverse loops that read most of their stacks; each loop is in one pair at most."""
    producers = {result: node for node in graph.nodes for result in node.results}
    found: list[tuple[LoopNode, LoopNode]] = []
    taken: set[LoopNode] = set()
    for node in graph.nodes:
        if not isinstance(node, LoopNode) or not _can_be_cut(node) or node in taken:
            continue
        _, sequences, _ = node.loop.split(node.operands)
        read = Counter(
            producer
            for value in dict.fromkeys(sequences)
            if isinstance(producer := producers.get(value), LoopNode) and _turns(producer, node)
        )
        if best := [loop for loop, _ in read.most_common() if loop not in taken]:
            found.append((best[0], node))
            taken.update((best[0], node))
    return found


def _can_be_cut(node: LoopNode) -> bool:
    size = node.loop.index.length.size
    return not node.loop.histories and (size is None or size.value >= _SHORTEST)


def _turns(first: LoopNode, second: LoopNode) -> bool:
    """Whether one loop runs over the same steps as the other, the other way."""
    same = first.loop.index == second.loop.index
    return same and first.loop.reverse != second.loop.reverse and _can_be_cut(first)


def _is_stepwise(node: AnyNode, index: Index) -> bool:
    """Whether each position of the result is computed from the same position of the operands."""
    if not isinstance(node, Node) or index not in node.result.type.axes:
        return False
    return not _speaks(tuple(node.attrs.values()), index) and not _bounds(node, index)


def _is_sum(node: AnyNode, index: Index) -> bool:
    """Whether a node adds up what is at each position of an index, and otherwise does not look at it."""
    if not isinstance(node, Node) or node.op not in _SUMS or node.result.type.dtype != "real":
        return False
    others = tuple(value for name, value in node.attrs.items() if name != "indices")
    return index in node.attrs["indices"] and not _speaks(others, index) and not _bounds(node, index)


def _speaks(value: object, index: Index) -> bool:
    """Whether an attribute has something to do with an index."""
    if isinstance(value, Index):
        return value == index or index in value.dependencies
    if isinstance(value, Affine):
        return any(_speaks(symbol, index) for symbol, _ in value.terms)
    return isinstance(value, tuple | frozenset) and any(_speaks(part, index) for part in value)


def _bounds(node: Node, index: Index) -> bool:
    """Whether the range of some other index depends on where this one stands."""
    values = (*node.operands, node.result)
    return any(index in axis.dependencies for value in values for axis in value.type.axes)


# ----------------------------------------------------------------------------------- how they are cut


@dataclass
class _Cut:
    """A pair of loops, and what moves into the loops over segments."""

    graph: Graph
    first: LoopNode
    second: LoopNode
    inside: list[AnyNode]
    """The loops and the nodes that are computed in segments, in order."""
    sums: list[Node]
    """What is added up from segment to segment."""
    late: set[Value]
    """What depends on a result of the second loop."""

    @staticmethod
    def of(graph: Graph, first: LoopNode, second: LoopNode) -> _Cut:
        index = second.loop.index
        late = set(second.results)
        stacks = set(second.results[second.loop.carries :])
        inside: set[AnyNode] = {first, second}
        sums: list[Node] = []
        for node in graph.nodes:
            if late.isdisjoint(node.operands):
                continue
            late.update(node.results)
            if not all(value in stacks or value not in late for value in node.operands):
                continue
            if _is_stepwise(node, index):
                inside.add(node)
                stacks.update(node.results)
            elif _is_sum(node, index):
                assert isinstance(node, Node)
                sums.append(node)
        users = _users(graph)
        for node in reversed(graph.nodes):
            if _is_stepwise(node, index) and users.get(node.results[0], set()) <= inside | {*sums}:
                inside.add(node)
        ordered = [node for node in graph.nodes if node in inside]
        return _Cut(graph, first, second, ordered, sums, late)

    @property
    def index(self) -> Index:
        return self.first.loop.index

    def made(self) -> Graph:
        """The graph with the two loops over segments in the place of all that they compute."""
        moved = {*self.inside, *self.sums}
        states = [self._checkpoint(value) for value in self.first.results[: self.first.loop.carries]]
        started = Builder()
        second = self._second(states, started)
        nodes: list[AnyNode] = []
        behind: list[AnyNode] = []
        for node in self.graph.nodes:
            if node is self.first:
                nodes.append(self._first(states))
            elif node not in moved:
                (nodes if self.late.isdisjoint(node.operands) else behind).append(node)
        return Graph(self.graph.inputs, (*nodes, *started.nodes, second, *behind), self.graph.outputs)

    def _checkpoint(self, value: Value) -> Value:
        """The states of a carry in front of each segment."""
        return Value(value.type.with_axes({*value.type.axes, self._segments}), value.name)

    @property
    def _segments(self) -> Index:
        """The number of a segment."""
        return Index.full(f"segment of {self.index.name}", Length(f"segments of {self.index.length.name}"))

    def _read_outside(self, results: Iterable[Value]) -> list[Value]:
        moved = {*self.inside, *self.sums}
        read = {value for node in self.graph.nodes if node not in moved for value in node.operands}
        read.update(self.graph.outputs.values())
        return [value for value in results if value in read]

    def _first(self, states: Sequence[Value]) -> LoopNode:
        """The first loop, and what it reads that is computed in segments."""
        loop = self.first.loop
        starts = [Value(value.type, value.name) for value in self.first.results[: loop.carries]]
        finals = self.first.results[: loop.carries]
        stacks = self._read_outside(self.first.results[loop.carries :])
        nodes = [_started(n, starts) if n is self.first else n for n in self.inside if n is not self.second]
        _, _, given = loop.split(self.first.operands)
        return self._over_segments(
            self.first,
            nodes,
            (),
            list(zip(given, starts, finals, finals, strict=True)),
            [*zip(starts, states, strict=True), *((value, value) for value in stacks)],
        )

    def _second(self, states: Sequence[Value], outside: Builder) -> LoopNode:
        """Both loops over a segment, and what is computed around them there."""
        loop = self.second.loop
        starts = [Value(value.type, value.name) for value in self.second.results[: loop.carries]]
        again = [Value(value.type, value.name) for value in self.first.results[: self.first.loop.carries]]
        finals = self.second.results[: loop.carries]
        b = Builder()
        for node in self.inside:
            given = starts if node is self.second else again if node is self.first else None
            b.nodes.append(node if given is None or not isinstance(node, LoopNode) else _started(node, given))
        b.nodes += self.sums
        _, _, initial = loop.split(self.second.operands)
        carries = list(zip(initial, starts, finals, finals, strict=True))
        for node in self.sums:
            total = Value(node.result.type, node.result.name)
            zero = zeros(outside, node.result.type)
            carries.append((zero, total, b(ADD, total, node.result), node.result))
        computed = (v for n in self.inside if n is not self.first for v in n.results if v not in finals)
        stacks = [(value, value) for value in self._read_outside(computed)]
        sequences = list(zip(states, again, strict=True))
        return self._over_segments(self.second, b.nodes, sequences, carries, stacks)

    def _over_segments(
        self,
        node: LoopNode,
        nodes: Iterable[AnyNode],
        sequences: Sequence[tuple[Value, Value]],
        carries: Sequence[tuple[Value, Value, Value, Value]],
        stacks: Sequence[tuple[Value, Value]],
    ) -> LoopNode:
        """A loop over segments, in the direction of a node, of what these outputs need.

        `sequences`: outside and inside; `carries`: initial value, body input, next, result; `stacks`: body
        value and result.
        """
        outputs = [*(after for _, _, after, _ in carries), *(value for value, _ in stacks)]
        needed = live(nodes, outputs)
        inputs = [*(inside for _, inside in sequences), *(inside for _, inside, _, _ in carries)]
        names = {value: Value(value.type, value.name) for value in _read(needed, inputs)}
        body = body_graph(
            (*names.values(), *inputs), tuple(renamed(n, names) for n in needed), tuple(outputs)
        )
        loop = Segments(
            self._segments,
            node.loop.reverse,
            body,
            len(names),
            len(sequences),
            len(carries),
            of=self.index,
        )
        operands = (*names, *(outside for outside, _ in sequences), *(start for start, _, _, _ in carries))
        results = (*(result for _, _, _, result in carries), *(result for _, result in stacks))
        return LoopNode(loop, operands, results, node.span)


def _started(node: LoopNode, states: Sequence[Value]) -> LoopNode:
    """The loop with other initial values of its carries."""
    constants, sequences, _ = node.loop.split(node.operands)
    return replace(node, operands=(*constants, *sequences, *states))


def _read(nodes: Sequence[AnyNode], known: Collection[Value]) -> list[Value]:
    """What nodes read and neither compute nor know."""
    own = {*known, *(result for node in nodes for result in node.results)}
    return list(dict.fromkeys(value for node in nodes for value in node.operands if value not in own))


def _users(graph: Graph) -> dict[Value, set[AnyNode | None]]:
    """The nodes that read each value; None stands for the outputs."""
    found: dict[Value, set[AnyNode | None]] = {}
    for node in graph.nodes:
        for operand in node.operands:
            found.setdefault(operand, set()).add(node)
    for value in graph.outputs.values():
        found.setdefault(value, set()).add(None)
    return found
