"""The picture of the graph after all passes, with the numbers of a run of that very graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from graphc.autodiff.gradient import differentiate
from graphc.backend.reference import Executable
from graphc.backend.state import State
from graphc.driver.arrays import Feed, masked
from graphc.driver.pictures.first_example import Example
from graphc.driver.pipeline import LOSS, batch_mean
from graphc.driver.stages import spans_of_loops
from graphc.driver.tracing import ordered_names
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, LoopNode, Node, Value
from graphc.ir.op import Array
from graphc.ops.leaf import CONSTANT, PIN
from graphc.passes.rebuild import Scope, rewrite
from graphc.types import BATCH, TensorType, sort_indices
from graphc.view.drawing.found import Found
from graphc.view.drawing.graphs import graph_picture
from graphc.view.drawing.picture import Picture

if TYPE_CHECKING:
    from graphc.driver.program import Program

MOST = 1000
"""A graph of more nodes is drawn without numbers: each would be an output of its own."""


def optimised_picture(program: Program, shown: Example) -> Picture:
    """The forward graph: simplified, with all names of the spec; with the values of an example if there is
    one, and with cotangents if there is a loss too."""
    pipeline, names = program.pipeline, ordered_names(program)
    loss = pipeline.loss_unit("train") if pipeline.has_loss("train") else None
    wanted = list(dict.fromkeys([*names, *([loss] if loss else [])]))
    fed = None if shown.inputs is None else program.feed(shown.inputs, shown.lengths)
    dense = fed is None or fed.dense
    lowered = pipeline.entitled(pipeline.graph("train", wanted))
    graph = pipeline.optimized(lowered, keep=frozenset(names), dense=dense)
    count = sum(1 for _ in graph.walk())
    found = Found() if fed is None or count > MOST else _Looking(program, graph, loss, fed).found()
    made = graph_picture(
        graph,
        title=pipeline.file.span.source.name,
        parameters=list(program.spec.params),
        loss=loss,
        loops=spans_of_loops(program),
        found=found,
    )
    if fed is None or count <= MOST:
        return made
    return replace(made, notes=(*made.notes, f"not computed: {count} operations, more than {MOST}"))


class _Looking:
    """A run of a graph in which every value has a name, so that its cotangent can be asked for."""

    def __init__(self, program: Program, graph: Graph, loss: str | None, fed: Feed) -> None:
        self.program, self.graph, self.loss, self.fed = program, graph, loss, fed
        nodes = [node for node in graph.walk() if isinstance(node, Node) and node.op is not CONSTANT]
        self.names = {node.result: f"#{number}" for number, node in enumerate(nodes)}
        self.types: dict[str, TensorType] = {value.name: value.type for value in graph.inputs}
        self.seen: dict[str, dict[int, Array]] = {}
        """What each name was at each step of the loop around it; step 0 where there is none."""
        self.is_single = fed.batch == 1

    def found(self) -> Found:
        """Values by value of the graph; with a loss cotangents, and the summands by who they come through."""
        pinned = rewrite(self.graph, self._pinned)
        wanted = [n for n, t in {**self.types, **self._own_types()}.items() if t.dtype == "real"]
        parts: Mapping[str, Sequence[tuple[str, str]]] = {}
        if self.loss is not None:
            b = Builder()
            total = batch_mean(b, pinned.outputs[self.loss])
            whole = Graph(pinned.inputs, (*pinned.nodes, *b.nodes), {LOSS: total})
            made = differentiate(whole, LOSS, wanted, summands=True)
            parts = {name: [(p.origin, p.output) for p in found] for name, found in made.summands.items()}
            pinned = made.graph
        run = self.program.execution.run(self.fed)
        given = {**self.program.params.leaves(), **self.fed.arrays}
        outputs = Executable(pinned).run(given, run, watch=self._watch)
        return self._told(pinned, given, outputs, parts)

    def _pinned(self, scope: Scope, node: Node) -> Value | None:
        name = self.names.get(node.result)
        if name is None:
            return None
        return scope(PIN, scope(node.op, *node.operands, **node.attrs), name=name)

    def _own_types(self) -> dict[str, TensorType]:
        return {name: value.type for value, name in self.names.items()}

    def _watch(self, state: State, node: Node, operands: Sequence[Array], result: Array) -> None:
        if node.op is PIN and len(state.steps) <= 1:
            step = next(iter(state.steps.values()), 0)
            shape = state.shape(node.result.type)
            self.seen.setdefault(node.attrs["name"], {})[step] = np.array(np.broadcast_to(result, shape))

    def _told(
        self,
        graph: Graph,
        given: Mapping[str, Array],
        outputs: Mapping[str, Array],
        parts: Mapping[str, Sequence[tuple[str, str]]],
    ) -> Found:
        """By the values of the graph that is drawn, the axis of a loop behind that of the batch."""
        by_name = {value.name: value for value in self.graph.inputs} | {n: v for v, n in self.names.items()}
        users = {name: value for value, name in self.names.items()}
        found = Found(has_batch=not self.is_single)
        for name, value in by_name.items():
            if name in self.seen:
                found.values[value] = self._value(value, self.seen[name])
            elif name in given:
                found.values[value] = self._shown(np.asarray(given[name]), value.type)
            if f"grad:{name}" in outputs:
                output = graph.outputs[f"grad:{name}"]
                found.cotangents[value] = self._shown(outputs[f"grad:{name}"], output.type)
            for origin, key in parts.get(name, ()):
                user = users.get(origin)
                part = self._shown(outputs[key], graph.outputs[key].type)
                found.summands.setdefault((value, user), []).append(part)
        for node in self.graph.nodes:
            if isinstance(node, LoopNode):
                self._carry(node, found.values)
        return found

    def _carry(self, node: LoopNode, values: dict[Value, Array]) -> None:
        """What a loop's states are when a step begins: the one that it starts with, then those that steps
        have left."""
        loop = node.loop
        starts, inputs = (loop.split(some)[2] for some in (node.operands, loop.body.inputs))
        for start, carry, after in zip(starts, inputs, loop.body_outputs, strict=False):
            if start in values and after in values and carry.type.axes == start.type.axes:
                left = values[after]
                lead = int(not self.is_single and BATCH in carry.type.axes)
                kept = np.delete(left, 0 if loop.reverse else -1, axis=lead)
                parts = [np.expand_dims(values[start], lead), kept]
                values[carry] = np.concatenate(parts[::-1] if loop.reverse else parts, axis=lead)

    def _value(self, value: Value, steps: Mapping[int, Array]) -> Array:
        type_ = value.type
        if 0 in steps:
            return self._shown(steps[0], type_)
        ordered = np.stack([steps[step] for step in sorted(steps)], axis=int(BATCH in type_.axes))
        return ordered[0] if self.is_single and BATCH in type_.axes else ordered

    def _shown(self, array: Array, type_: TensorType) -> Array:
        if type_.axes == tuple(sort_indices(type_.axes)):
            array = masked(array, type_, self.fed.lengths)
        return array[0] if self.is_single and BATCH in type_.axes else array
