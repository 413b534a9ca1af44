"""Where a spec applies an activation: one operation, or a function of the standard library made of several.

A system that is taken apart has an equation for each operation. What `gelu(U @ x)` is made of are operations
that the library writes; they read one name of the spec's own, `U @ x`, and give one value for each number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from graphc.autodiff.gradient import differentiate
from graphc.backend.reference import prepare
from graphc.backend.state import Run
from graphc.diagnostics import Span
from graphc.driver.reporting.showing import SAME
from graphc.frontend.scope import Library
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Node, Value
from graphc.ir.op import Array, Op
from graphc.ir.system import READ, System, Unit
from graphc.ops.elementwise import RELU, SIGMOID, SOFTPLUS, TANH
from graphc.ops.summing import REDUCE_SUM
from graphc.types import BATCH, TensorType
from graphc.view.drawing.operations import Spelled
from graphc.view.report.units import Curve

_OPS = (SIGMOID, TANH, RELU, SOFTPLUS)
_FUNCTIONS, _LOSSES = "stdlib/activations.nn", "stdlib/losses.nn"
"""Where functions are activations, and where none of the operations is one."""

Build = Callable[[Builder, Value], Value]


@dataclass(frozen=True)
class Applied:
    """A function at a place of the spec. `before` is what it is applied to, by its name in the system that is
    taken apart."""

    function: str
    equation: str
    span: Span
    before: str
    curve: Curve


def may_be(node: Node) -> bool:
    """Whether a node can be a part of an activation."""
    if node.span is not None and node.span.source.name == _LOSSES:
        return False
    return node.op in _OPS or _is_written_in(node.span, _FUNCTIONS)


def applied(spelled: Spelled, library: Library) -> list[Applied]:
    """The activations of a system that is taken apart, in its order; those of weights alone are left out."""
    system, operations = spelled.system, spelled.operations
    found: dict[str, Applied] = {}
    inside: set[str] = set()
    for group in _groups(spelled):
        units = [system.units[name] for name in group]
        entering = {read for unit in units for read in _reads(unit)} - {*group}
        # `clip(x, -1, 1)` has an operation in it that makes a number.
        fixed = [system.units[name] for name in entering if _is_fixed(system, name)]
        if len(entering) != len(fixed) + 1:
            continue  # the slope may be a weight
        (before,) = entering - {unit.name for unit in fixed}
        inside |= {*group}
        equation = operations[group[-1]].equation
        curve = _curve(_again([*fixed, *units], before))
        found[group[-1]] = Applied(
            _name(units, library), equation, system.units[equation].span, before, curve
        )
    for name, operation in operations.items():
        if name not in inside and (single := _single(system.units[name])) is not None:
            op, before = single
            curve = _curve(partial(_once, op))
            found[name] = Applied(op.name, operation.equation, operation.span, before, curve)
    return [
        found[name] for name in operations if name in found and BATCH in system.type(found[name].before).axes
    ]


def _single(unit: Unit) -> tuple[Op, str] | None:
    """The activation that an operation is, and the name that it is applied to."""
    nodes = _nodes(unit)
    made = {node.result: node for node in nodes}
    for node in nodes:
        if node.op in _OPS and may_be(node):
            read = made.get(node.operands[0])
            if read is not None and read.op is READ:
                return node.op, str(read.attrs["unit"])
    return None


# ------------------------------------------------------------------- functions of several operations


def _groups(spelled: Spelled) -> Iterator[list[str]]:
    """The operations of each such function, in the order of computation."""
    own = {n: o for n, o in spelled.operations.items() if _is_written_in(o.span, _FUNCTIONS)}
    reads = {
        name: [r for r in _reads(spelled.system.units[name]) if r in own and r != operation.equation]
        for name, operation in own.items()
    }
    read = {r for name, found in reads.items() for r in found if own[r].equation == own[name].equation}
    for last in (name for name in own if name not in read):
        group, rest = {last}, [last]
        while rest:
            name = rest.pop()
            more = {r for r in reads[name] if own[r].equation == own[last].equation} - group
            group |= more
            rest += more
        yield [name for name in own if name in group]


def _name(units: Sequence[Unit], library: Library) -> str:
    """The function that none of the others calls; of several, one is applied to what the other gives."""
    texts: dict[str, str] = {}
    for unit in reversed(units):
        spans = [node.span for node in _nodes(unit) if node.span is not None]
        for name, overloads in library.functions.items():
            for one in overloads:
                if any(_holds(one.span, span) for span in spans):
                    texts[name] = one.span.text
    called = {name for name in texts for other, text in texts.items() if other != name and _calls(text, name)}
    return " of ".join(name for name in texts if name not in called)


def _is_fixed(system: System, name: str) -> bool:
    """Whether a name is made of numbers of the spec alone."""
    return name in system.units and not _reads(system.units[name])


def _calls(text: str, name: str) -> bool:
    return re.search(rf"\b{name}\(", text) is not None


def _holds(outer: Span, inner: Span) -> bool:
    return outer.source.name == inner.source.name and outer.start <= inner.start and inner.end <= outer.end


def _is_written_in(span: Span | None, source: str) -> bool:
    return span is not None and span.source.name == source


def _nodes(unit: Unit) -> list[Node]:
    return [node for node in unit.nodes if isinstance(node, Node)]


def _reads(unit: Unit) -> list[str]:
    return [str(node.attrs["unit"]) for node in unit.reads()]


# ----------------------------------------------------------------------------------- what they give


def _again(units: Sequence[Unit], before: str) -> Build:
    """What the units compute, of a single number."""

    def build(builder: Builder, x: Value) -> Value:
        known: dict[str, Value] = {before: x}
        for unit in units:
            made: dict[Value, Value] = {}
            for node in _nodes(unit):
                operands = [made[operand] for operand in node.operands]
                if node.op is READ:
                    made[node.result] = known[str(node.attrs["unit"])]
                elif node.op in SAME:
                    made[node.result] = operands[0]
                else:
                    made[node.result] = builder(node.op, *operands, **node.attrs)
            known[unit.name] = made[unit.value]
        return known[units[-1].name]

    return build


def _once(op: Op, builder: Builder, x: Value) -> Value:
    return builder(op, x)


def _curve(build: Build) -> Curve:
    """The function of one number that is built, and its derivative by the language's own rules."""
    builder, x = Builder(), Value(TensorType("real", (BATCH,)), "x")
    y = build(builder, x)
    # The derivative of a sum over examples by each of them is that of the function there.
    total = builder(REDUCE_SUM, y, dims=(), indices=(BATCH,))
    graph = Graph((x,), tuple(builder.nodes), {"y": y, "total": total})
    found = differentiate(graph, "total", ["x"])
    executable = prepare(found.graph)

    def values(output: str) -> Callable[[Array], Array]:
        def of(places: Array) -> Array:
            flat = places.astype("float64").ravel()
            return executable.run({"x": flat}, Run(batch=len(flat)))[output].reshape(places.shape)

        return of

    return Curve(values("y"), values(found.names["x"]))
