"""From a graph with a loss to a graph that also has gradients."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from graphc.analysis.activity import Activity
from graphc.analysis.liveness import live_nodes
from graphc.autodiff.fit import zeros
from graphc.autodiff.loop import reverse_loop
from graphc.autodiff.walk import Context, Export, Walk, owners
from graphc.ir.builder import Builder
from graphc.ir.graph import AnyNode, Graph, LoopNode, Value
from graphc.ops.leaf import PIN, constant
from graphc.types import Index, TensorType


@dataclass(frozen=True)
class Summand:
    """One of the contributions to a gradient: the output that has it, and the consumer it came through."""

    output: str
    origin: str


@dataclass(frozen=True)
class Gradients:
    """A graph with the outputs of the old one, and `grad:NAME` for each name."""

    graph: Graph
    names: Mapping[str, str]
    """Each name's output."""
    summands: Mapping[str, tuple[Summand, ...]]
    """With `summands=True`: the parts of each name's gradient, added up from first to last. A name whose
    gradient is zero has none."""


@dataclass(frozen=True)
class _Source:
    """A value to differentiate with respect to, and its type seen from outside of all loops."""

    value: Value
    type: TensorType


def differentiate(
    graph: Graph,
    loss: Value | str,
    wrt: Sequence[str],
    *,
    summands: bool = False,
    seed: Value | None = None,
) -> Gradients:
    """Gradients of a scalar with respect to graph inputs or pinned values, in loop bodies too.

    A value pinned inside a loop has a gradient that varies over the loop's index. `seed` is the
    cotangent of the loss, one unless given. A name that the loss does not depend on has zeros.
    """
    target = graph.outputs[loss] if isinstance(loss, str) else loss
    is_scalar = not target.type.axes and target.type.rank == 0
    assert is_scalar, f"a loss of type {target.type} is no scalar"
    sources = _sources(graph, wrt)
    for name, source in sources.items():
        assert source.type.dtype == "real", f"`{name}` of type {source.type} has no gradient"
    requested = {source.value: name for name, source in sources.items()}
    context = Context(
        Activity(graph.nodes, requested, target),
        requested,
        _tracked(graph.nodes, set(requested)) if summands else set(),
        summands,
        reverse_loop,
        owners(graph.nodes) if summands else {},
    )
    walk = Walk(context, Builder())
    walk.add(target, seed or constant(walk.builder, 1.0), "loss")
    walk.run(graph.nodes)
    for value in graph.inputs:
        walk.export(value)
    return _assemble(graph, walk, sources)


def _sources(graph: Graph, names: Sequence[str]) -> dict[str, _Source]:
    named = [(value.name, _Source(value, value.type)) for value in graph.inputs]
    found: dict[str, list[_Source]] = {}
    for name, source in itertools.chain(named, _pins(graph, ())):
        found.setdefault(name, []).append(source)
    for name in names:
        count = len(found.get(name, ()))
        assert count == 1, f"{count} values are called `{name}`"
    return {name: found[name][0] for name in names}


def _pins(graph: Graph, loops: tuple[Index, ...]) -> Iterator[tuple[str, _Source]]:
    for node in graph.nodes:
        if isinstance(node, LoopNode):
            yield from _pins(node.loop.body, (*loops, node.loop.index))
        elif node.op is PIN:
            pinned = node.result.type
            yield node.attrs["name"], _Source(node.result, pinned.with_axes({*pinned.axes, *loops}))


def _tracked(nodes: Sequence[AnyNode], marked: set[Value]) -> set[Value]:
    """The requested values and what they are called on the other side of loops' borders."""
    for node in nodes:
        if not isinstance(node, LoopNode):
            continue
        loop = node.loop
        shared = loop.constants + loop.sequences
        for operand, value in zip(node.operands[:shared], loop.body.inputs, strict=False):
            if operand in marked:
                marked.add(value)
        _tracked(loop.body.nodes, marked)
        for value, result in zip(loop.body_outputs, node.results, strict=True):
            if value in marked:
                marked.add(result)
    return marked


def _assemble(graph: Graph, walk: Walk, sources: Mapping[str, _Source]) -> Gradients:
    """The forward nodes, the reverse nodes that matter, and all outputs."""
    exports: dict[str, Export] = {export.name: export for export in walk.exports}
    outputs: dict[str, Value] = {}
    parts: dict[str, tuple[Summand, ...]] = {}
    for name, source in sources.items():
        export = exports.get(name)
        output = f"grad:{name}"
        outputs[output] = zeros(walk.builder, source.type) if export is None else export.total
        found = () if export is None else export.parts
        outputs |= {f"{output}#{i}": part.value for i, part in enumerate(found)}
        parts[name] = tuple(Summand(f"{output}#{i}", part.origin) for i, part in enumerate(found))
    forward = [walk.rebuilt.get(node, node) for node in graph.nodes]
    reverse = live_nodes(walk.builder.nodes, outputs.values())
    result = Graph(graph.inputs, (*forward, *reverse), {**graph.outputs, **outputs})
    return Gradients(result, {name: f"grad:{name}" for name in sources}, parts)
