"""A training step once more, to say which of its numbers was the first that is not finite.

The step runs on the reference backend, in the program's precision, with the graph that is trained: the same
stable rewrites, the same draws. A large batch is searched in small pieces, so that this costs little memory.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from graphc.analysis.liveness import live_nodes
from graphc.autodiff.gradient import differentiate
from graphc.autodiff.walk import owners
from graphc.backend.state import Run
from graphc.backend.trail import Origin, Trail
from graphc.diagnostics import Span
from graphc.driver.accumulation import pieces
from graphc.driver.arrays import Feed
from graphc.driver.parameters import AVERAGE
from graphc.driver.pipeline import LOSS, Pipeline, present
from graphc.frontend.elaborate import Mode
from graphc.ir.graph import Graph, LoopNode, Node
from graphc.ir.op import Array
from graphc.ir.system import LeafKind
from graphc.train.blame import Blame, Kind
from graphc.types import BATCH_NAME

if TYPE_CHECKING:
    from graphc.driver.program import Program

_LEAVES: Mapping[LeafKind, Kind] = {"input": "input", "param": "parameter", "state": "state"}

_MANY = {"reduce_sum": "a sum", "reduce_prod": "a product", "contract": "a sum of products"}
"""Operations over many numbers, in the words of those who have not read the compiler."""

AT_ONCE = 16
"""Examples that are looked at together."""


@dataclass(frozen=True)
class Step:
    """What a step computes: a loss, with respect to what, on which examples and states."""

    objective: int
    wrt: Sequence[str]
    """Empty for an evaluation, which has no gradients."""
    fed: Feed
    run: Run
    carried: Mapping[str, Array]
    rows: Array | None
    """The examples' numbers in the data, where they have some."""
    mode: Mode = "train"


def blame(program: Program, step: Step) -> Blame | None:
    """The first number that is not finite; None if all are, computed like this.

    Where no piece of the batch shows one by itself, all of it is computed at once.
    """
    graphs = _Graphs(program.pipeline, step)
    for parts in (list(_parts(program, step)), [(step, 0)]):
        for graph in graphs.both:
            for part, first in parts:
                if (found := graphs.search(graph, program, part)) is not None:
                    return _numbered(found, first, step.rows)
    return None


def _numbered(found: Blame, first: int, rows: Array | None) -> Blame:
    """With the example's number in the batch instead of in a part that begins with example `first`."""
    if found.example is None:
        return found
    number = found.example + first
    return replace(found, example=number, row=None if rows is None else int(rows[number]))


def _parts(program: Program, step: Step) -> Iterator[tuple[Step, int]]:
    """The step on few examples at a time, and the number of the first of them."""
    batch = step.fed.batch
    if batch <= AT_ONCE:
        return
    leaves = program.pipeline.system(step.mode, continued=bool(step.carried)).leaves
    ids = np.arange(batch, dtype=np.uint64) if step.run.example_ids is None else step.run.example_ids
    for piece in pieces(step.fed, math.ceil(batch / AT_ONCE), program.spec.system):
        fed = piece.fed
        run = replace(step.run, batch=fed.batch, lengths=fed.lengths, example_ids=ids[piece.examples])
        carried = {name: piece.of(array, leaves[name].type) for name, array in step.carried.items()}
        yield replace(step, fed=fed, run=run, carried=carried), piece.examples.start


class _Graphs:
    """The loss of a step with all names in it, and its gradients when they are asked for."""

    def __init__(self, pipeline: Pipeline, step: Step) -> None:
        spec = pipeline.spec(step.mode)
        names = [*spec.system.units, *spec.params]
        keep, dense = frozenset(names), step.fed.dense
        graph = pipeline.with_loss(step.mode, (), step.objective, bool(step.carried))
        forward = pipeline.optimized(graph, keep=keep, dense=dense)
        self.both = [forward]
        """The loss alone, then the loss with its gradients."""
        if step.wrt:
            found = differentiate(forward, LOSS, present(forward, step.wrt)).graph
            self.both.append(pipeline.optimized(found, keep=keep, dense=dense))
        self._leaves = pipeline.system(step.mode, continued=bool(step.carried)).leaves
        names_of = owners(forward.nodes)
        self._places = {
            node.span: name
            for node in reversed([*forward.walk()])
            if not isinstance(node, LoopNode) and (name := names_of.get(node.result))
        }

    def search(self, graph: Graph, program: Program, step: Step) -> Blame | None:
        """The first number that is not finite on the way to an output of a graph."""
        trail = Trail(graph, {**program.params.leaves(), **step.carried, **step.fed.arrays}, step.run)
        found = [o for value in graph.outputs.values() if (o := trail.of(value)) is not None]
        return self._told(graph, min(found, key=lambda origin: origin.order)) if found else None

    def _told(self, graph: Graph, origin: Origin) -> Blame:
        name, kind, span = self._made_by(graph, origin)
        steps = {axis.rstrip("'*"): at for axis, at in origin.place.items() if axis != BATCH_NAME}
        example = origin.place.get(BATCH_NAME)
        # The equations of `minimize` and `report` have names of the compiler.
        shown = "" if "@" in name else name
        return Blame(shown, kind, origin.number, span, _formula(origin), example, None, steps, origin.element)

    def _made_by(self, graph: Graph, origin: Origin) -> tuple[str, Kind, Span | None]:
        """The name that a value belongs to, what it is of it, and the operation in the spec."""
        node = origin.node
        if node is None:
            leaf = self._leaves[origin.value.name]
            return leaf.name.removesuffix(AVERAGE), _LEAVES[leaf.kind], leaf.span
        name = owners(graph.nodes).get(origin.value) or self._places.get(node.span) or LOSS
        return name, "value" if _leads_to_loss(graph, node) else "gradient", node.span


def _leads_to_loss(graph: Graph, node: Node) -> bool:
    """Whether a node, or the loop that it stands in, is needed for the loss."""
    loss = Graph(graph.inputs, tuple(live_nodes(graph.nodes, [graph.outputs[LOSS]])), {})
    return any(node is other for other in loss.walk())


def _formula(origin: Origin) -> str:
    """`exp(105.2)`, or what an operation over many numbers read."""
    node = origin.node
    if node is None:
        return ""
    numbers = dict(zip("abc", (f"{number:.4g}" for number in origin.operands), strict=False))
    if node.op.scalar is not None:
        return re.sub(r"\b[abc]\b", lambda match: numbers[match[0]], node.op.scalar)
    sizes = " and ".join(f"{abs(number):.4g}" for number in origin.operands)
    return f"{_MANY.get(node.op.name, node.op.name.replace('_', ' '))} of numbers up to {sizes}"
