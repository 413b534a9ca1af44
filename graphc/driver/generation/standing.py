"""What is the same at each step, taken out of a graph that is called again and again."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from graphc.backend import Executable
from graphc.driver.pipeline import Pipeline
from graphc.ir.graph import AnyNode, Graph, LoopNode, Node, Value
from graphc.ops.summing import BROADCAST, EXPAND
from graphc.passes.cse import Cse
from graphc.passes.dce import Dce
from graphc.passes.hoist import Hoist
from graphc.passes.project import Project
from graphc.passes.rebuild import renamed
from graphc.passes.simplify import Simplify
from graphc.schedule.prepare import expanded, joined
from graphc.types import Index, Length

_STANDING = "standing@"
"""Begins the names of what the first graph gives to the other one."""


@dataclass(frozen=True)
class Parted:
    """A graph in two: what `first` gives is among the inputs of `rest`, as long as nothing else changes."""

    first: Graph
    rest: Graph


@dataclass(frozen=True, eq=False)
class Ready:
    """Both parts, ready to run; `first` is None where everything changes."""

    first: Executable | None
    rest: Executable


def ready(
    pipeline: Pipeline, graph: Graph, changing: Collection[str], growing: Collection[str], dense: bool
) -> Ready:
    """A graph made ready in two parts; arguments as for `parted`.

    Weights are laid side by side and tables multiplied before the graph is parted, so that it is done once.
    """
    graph = pipeline.optimized(graph, keep=(), dense=dense)
    for change in (Project(along=1), Hoist(), Simplify(), Cse(), Dce()):
        graph = change(graph)
    both = parted(joined(expanded(graph)), changing, growing)
    first = pipeline.ready(both.first, dense) if both.first.outputs else None
    return Ready(first, pipeline.ready(both.rest, dense))


def parted(graph: Graph, changing: Collection[str], growing: Collection[str]) -> Parted:
    """What depends on inputs other than the `changing` ones alone, and the rest.

    Values along axes whose lengths are `growing` are not taken out, nor what only spreads a smaller one.
    """
    still = {value for value in graph.inputs if value.name not in changing}
    made: dict[Value, AnyNode] = {}
    for node in graph.nodes:
        if still.issuperset(node.operands) and growing_free(node, growing):
            still.update(node.results)
            made.update(dict.fromkeys(node.results, node))
    return _Parting(graph, made).parts()


def growing_free(node: AnyNode, growing: Collection[str]) -> bool:
    """Whether a node has nothing to do with these lengths."""
    return not any(length.name in growing for length in _lengths([node]))


def _lengths(nodes: Iterable[AnyNode]) -> Iterable[Length]:
    for node in nodes:
        for value in (*node.operands, *node.results):
            yield from (axis.length for axis in value.type.axes)
        if isinstance(node, LoopNode):
            yield node.loop.index.length
            yield from _lengths(node.loop.body.nodes)
            continue
        for attribute in node.attrs.values():
            if isinstance(attribute, Index):
                yield attribute.length
            elif isinstance(attribute, Length):
                yield attribute


class _Parting:
    """The rest of a graph, made from what it needs back to what stands still."""

    def __init__(self, graph: Graph, made: dict[Value, AnyNode]) -> None:
        self.graph, self.made = graph, made
        self.taken: dict[Value, Value] = {}
        self.copied: set[AnyNode] = set()

    def parts(self) -> Parted:
        """Both parts."""
        standing = set(self.made.values())
        needed = [v for node in self.graph.nodes if node not in standing for v in node.operands]
        for value in (*needed, *self.graph.outputs.values()):
            self._take(value)
        nodes = [n for n in self.graph.nodes if n not in standing or n in self.copied]
        rest = Graph(
            (*self.graph.inputs, *self.taken.values()),
            tuple(renamed(node, self.taken) for node in nodes),
            {name: self.taken.get(value, value) for name, value in self.graph.outputs.items()},
        )
        first = Graph(self.graph.inputs, self.graph.nodes, {v.name: old for old, v in self.taken.items()})
        return Parted(_tidy(first), _tidy(rest))

    def _take(self, value: Value) -> None:
        """Have a value that stands still given to the rest, or the one that it only spreads."""
        node = self.made.get(value)
        if node is None or node in self.copied or value in self.taken:
            return
        spreads = isinstance(node, Node) and (node.op is BROADCAST or node.op is EXPAND)
        if spreads or not node.operands:
            self.copied.add(node)
            for operand in node.operands:
                self._take(operand)
            return
        self.taken[value] = Value(value.type, f"{_STANDING}{len(self.taken)}")


def _tidy(graph: Graph) -> Graph:
    """Without dead nodes, and without the inputs that only they had read."""
    graph = Dce()(graph)
    read = {operand for node in graph.nodes for operand in node.operands} | {*graph.outputs.values()}
    return Graph(tuple(value for value in graph.inputs if value in read), graph.nodes, graph.outputs)
