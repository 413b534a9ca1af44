"""Figures that pool over examples (`exp(mean[batch](e))`), from batches of any size without joining them.

What a figure needs of all examples are sums: they are added up batch by batch, in double precision, in as
many rounds over the data as sums depend on sums. The figure itself is then a function of sums and parameters.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.backend import Executable
from graphc.diagnostics import GraphcError
from graphc.driver import streams
from graphc.driver.arrays import Feed, feed_spec
from graphc.driver.execution import Chunk
from graphc.driver.pipeline import Pipeline, batch_mean
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, LoopNode, Node
from graphc.ir.op import Array
from graphc.ops.indexing import PICK
from graphc.ops.leaf import LENGTH, POSITION
from graphc.passes.additive import ONCE, Additive, additive
from graphc.train.data.examples import Batch
from graphc.types import BATCH, Affine, Index

if TYPE_CHECKING:
    from graphc.driver.program import Program


@dataclass(frozen=True)
class Pooled:
    """The graphs of some figures; those of later chunks of sequences under True, where there are chunks."""

    pipeline: Pipeline
    names: tuple[str, ...]
    items: Sequence[streams.Carried]
    graphs: dict[bool, Additive]

    def executable(self, graph: Graph, number: int, dense: bool, later: bool) -> Executable:
        """A graph made ready, once."""
        return self.pipeline.made(("pooled", self.names, bool(self.items), number, later), graph, dense)

    def warm(self) -> None:
        """Prepare all graphs, for batches whose examples have one length."""
        for later, found in self.graphs.items():
            for number, graph in enumerate(found.rounds):
                self.executable(graph, number, True, later)
        self.executable(self.graphs[False].graph, len(self.graphs[False].rounds), True, False)

    def figures(self, program: Program, batches: Iterable[Batch]) -> dict[str, float]:
        """Each figure by its unit's name, as one batch of all examples would give it."""
        rounds = self.graphs[False].rounds
        if len(rounds) > 1 and iter(batches) is batches:
            batches = list(batches)
        sums: dict[str, Array] = {}
        for number in range(len(rounds)):
            found: dict[str, Array] = {}
            carried: dict[str, Array] = {}
            for place, batch in enumerate(batches):
                more = {**sums, ONCE: np.float64(place == 0)}
                values, carried = self._round(program, batch, number, more, carried)
                for name, value in values.items():
                    found[name] = found.get(name, np.float64(0)) + value.astype(np.float64)
            sums |= found
        last = self.graphs[False].graph
        nothing = Feed({}, 1, {}, True)
        execution = program.execution
        executable = self.executable(last, len(rounds), True, False)
        values = execution.call(executable, nothing, execution.run(nothing), more=sums)
        return {name: float(value) for name, value in values.items()}

    def _round(
        self, program: Program, batch: Batch, number: int, more: dict[str, Any], carried: dict[str, Array]
    ) -> tuple[dict[str, Array], dict[str, Array]]:
        """A batch's part of the sums, and the states that the next chunk goes on from."""
        execution, system = program.execution, self.pipeline.system("eval")
        fed = feed_spec(program.spec, batch.arrays, batch.lengths, program.real)
        later = bool(self.items) and not batch.first
        executable = self.executable(self.graphs[later].rounds[number], number, fed.dense, later)
        run = execution.run(fed, ids=batch.example_ids)
        values = execution.call(executable, fed, run, Chunk(carried) if later else None, more=more)
        known = {**values, **fed.arrays}
        states = {item.leaf: item.take(system, known) for item in self.items}
        kept = {item.source for item in self.items}
        return {name: value for name, value in values.items() if name not in kept}, states


def pooled(pipeline: Pipeline, names: Sequence[str], chunked: bool) -> Pooled | None:
    """How to compute figures from sums; None where their examples or chunks meet in another way."""
    items = streams.carried(pipeline.system("eval")) if chunked else []
    found = {
        later: _graphs(pipeline, names, items, later) for later in ((False, True) if chunked else (False,))
    }
    graphs = {later: graph for later, graph in found.items() if graph is not None}
    if len(graphs) < len(found) or not all(_is_closed(pipeline, graph) for graph in graphs.values()):
        return None
    if chunked and (not _seen_once(graphs[False]) or _sums(graphs[False]) != _sums(graphs[True])):
        return None
    return Pooled(pipeline, tuple(names), items, graphs)


def _graphs(
    pipeline: Pipeline, names: Sequence[str], items: Sequence[streams.Carried], later: bool
) -> Additive | None:
    units = pipeline.system("eval").units
    kept = [name for name in dict.fromkeys(item.source for item in items) if name in units]
    graph = pipeline.graph("eval", [*names, *kept], later)
    b = Builder()
    means = {name: batch_mean(b, graph.outputs[name]) for name in names}
    whole = Graph(graph.inputs, (*graph.nodes, *b.nodes), {**{n: graph.outputs[n] for n in kept}, **means})
    try:
        return additive(whole, kept=kept)
    except GraphcError:
        return None


def _sums(found: Additive) -> list[tuple[str, ...]]:
    return [tuple(f"{name}: {value.type}" for name, value in graph.outputs.items()) for graph in found.rounds]


def _is_closed(pipeline: Pipeline, found: Additive) -> bool:
    """Whether sums have one size for all batches, and figures need nothing but sums and parameters."""
    totals = {name: value for graph in found.rounds for name, value in graph.outputs.items() if "@" in name}
    sized = all(axis.length.is_fixed for value in totals.values() for axis in value.type.axes)
    given = {value.name for value in found.graph.inputs}
    axes = {axis for node in found.graph.walk() for value in node.results for axis in value.type.axes}
    return (
        sized
        and given.isdisjoint(pipeline.spec("eval").inputs)
        and BATCH not in axes
        and all(axis.length.is_fixed for axis in axes)
    )


def _seen_once(found: Additive) -> bool:
    """Whether chunks, which overlap by one step, add up to the whole: all but one step is summed, with the
    examples, and nothing asks where in the sequence it is."""
    nodes = (node for graph in found.rounds for node in graph.walk() if not isinstance(node, LoopNode))
    return all(_counts_each_step_once(node) for node in nodes)


def _counts_each_step_once(node: Node) -> bool:
    if node.op is LENGTH:
        return bool(node.attrs["length"].is_fixed or node.attrs["length"] == BATCH.length)
    if node.op in (PICK, POSITION):
        return bool(node.attrs["index"].length.is_fixed)
    indices: Sequence[Index] = node.attrs.get("indices", ())
    running = [index for index in indices if index != BATCH and not index.length.is_fixed]
    once = all(index.hi - index.lo == Affine.of(index.length) - 2 for index in running)
    return not running or (once and BATCH in indices)
