"""Clocks in the reference backend: one node after another, each timed from the end of the one before."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from graphc.backend.reference import Executable
from graphc.backend.state import Run, State, Watch
from graphc.driver.profiling.directions import of_graph
from graphc.driver.profiling.node_origins import origins
from graphc.driver.profiling.rows import Measured, Origins, places
from graphc.ir.graph import AnyNode, Graph, LoopNode, Node
from graphc.ir.op import Array
from graphc.schedule.program import Keeping
from graphc.view.profile import Row


@dataclass
class Sum:
    """What one node took in a run: all its calls, and the bytes of its operands and results."""

    calls: int = 0
    seconds: float = 0.0
    bytes: int = 0


@dataclass
class Reading:
    """What the nodes of some runs took, and what it took to find that out."""

    sums: dict[Node, Sum] = field(default_factory=dict)
    own: float = 0.0


class Timed(Executable):
    """An executable that says what each node took."""

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self._reading = Reading()
        self._last = 0.0

    def run(
        self,
        inputs: Mapping[str, Array],
        run: Run,
        out: Mapping[str, Array] | None = None,
        watch: Watch | None = None,
    ) -> dict[str, Array]:
        """See the executable. Nobody else can watch it."""
        assert watch is None, "a node is timed, or shown to somebody"
        self._last = time.perf_counter()
        return super().run(inputs, run, out, self._see)

    def _see(self, _: State, node: Node, operands: Sequence[Array], result: Array) -> None:
        now = time.perf_counter()
        found = self._reading.sums.setdefault(node, Sum())
        found.calls += 1
        found.seconds += now - self._last
        found.bytes += result.nbytes + sum(operand.nbytes for operand in operands)
        self._last = time.perf_counter()
        self._reading.own += self._last - now

    def read(self) -> Reading:
        """What the runs since the last reading took."""
        found, self._reading = self._reading, Reading()
        return found


def prepare(graph: Graph, *, dense: bool = False, memory: Keeping = "normal") -> Timed:
    """A graph made ready to run with a clock."""
    return Timed(graph)


def rows(part: str, graph: Graph, readings: Sequence[Reading], spec: str) -> list[Measured]:
    """A row for each node that ran, in the order of the graph, those of a loop below it."""
    found = origins(graph)
    return [
        Measured(replace(one.row, direction=direction), one.origins)
        for node, direction in zip(graph.nodes, of_graph(graph), strict=True)
        for one in _rows(part, [node], readings, spec, 0, found)
    ]


def _rows(
    part: str,
    nodes: Sequence[AnyNode],
    readings: Sequence[Reading],
    spec: str,
    depth: int,
    found: Mapping[Node, Origins],
) -> Iterator[Measured]:
    for node in nodes:
        if isinstance(node, LoopNode):
            loop = node.loop
            inside = list(_rows(part, loop.body.nodes, readings, spec, depth + 1, found))
            seconds = sum(one.row.seconds for one in inside if one.row.counts)
            text = f"{loop.index.name}{', backwards' if loop.reverse else ''}"
            yield Measured(Row(part, "loop", text, depth=depth, seconds=seconds, busiest=seconds))
            yield from inside
        elif all(node in reading.sums for reading in readings):
            row = _row(part, node, [reading.sums[node] for reading in readings], depth)
            yield Measured(replace(row, places=places(found[node], spec)), found[node])


def _row(part: str, node: Node, sums: Sequence[Sum], depth: int) -> Row:
    seconds = sum(each.seconds for each in sums) / len(sums)
    calls = sums[0].calls
    name = f"{node.op.name} -> {node.result.name}" if node.result.name else node.op.name
    each = sums[0].bytes // calls
    return Row(part, "node", name, (), depth, calls, seconds, seconds, each)
