"""A graph as text that a person can read and a golden file can hold.

    input x : real [batch, t] (D=4)
    %1 = contract W, x; labels = i k, k -> i : real [batch, t] (H=3)   # line 7: W @ x[t]
    output loss = %1

Inputs of the graph go by their names, all other values by numbers in the order of their definition.
Attributes that are empty are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

from graphc.diagnostics import Span
from graphc.ir.graph import AnyNode, Graph, Loop, LoopNode, Value

_WIDEST_TEXT = 60
_MOST_ITEMS = 12


def print_graph(graph: Graph, title: str = "", file: str = "") -> str:
    """The whole graph, loops indented. Lines of other sources than `file` are named with their source."""
    lines = [f"graph {title}"] if title else []
    return "\n".join([*lines, *_Printer(file).graph(graph)])


class _Printer:
    """The names given so far."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.names: dict[Value, str] = {}
        self.numbers = count(1)

    def graph(self, graph: Graph) -> Iterator[str]:
        for value in graph.inputs:
            self.names[value] = value.name
            yield f"input {value.name} : {value.type}"
        yield from self.nodes(graph.nodes)
        for name, value in graph.outputs.items():
            yield f"output {name} = {self.name(value)}"

    def name(self, value: Value) -> str:
        # A value that nothing has defined is a fault; it is shown rather than hidden.
        return self.names.get(value, "%?")

    def define(self, value: Value) -> str:
        self.names[value] = f"%{next(self.numbers)}"
        return self.names[value]

    def nodes(self, nodes: Sequence[AnyNode]) -> Iterator[str]:
        for node in nodes:
            if isinstance(node, LoopNode):
                yield from self.loop(node)
                continue
            operands = ", ".join(map(self.name, node.operands))
            call = " ".join(part for part in (node.op.name, operands) if part)
            shown = [(key, node.attrs[key]) for key in sorted(node.attrs) if not _is_empty(node.attrs[key])]
            attrs = "".join(f"; {key} = {_attribute(key, value)}" for key, value in shown)
            head = f"{self.define(node.result)} = {call}{attrs} : {node.result.type}"
            yield head + self.remark(node.result.name, node.span)

    def loop(self, node: LoopNode) -> Iterator[str]:
        loop = node.loop
        opening = f"loop {loop.index}{' backwards' if loop.reverse else ''} {{"
        results = ", ".join(map(self.define, node.results))
        yield f"{results} = {opening}" if results else opening
        yield from (f"    {line}" for line in self.body(node))
        types = ", ".join(str(value.type) for value in node.results)
        yield f"}} : {types}{self.remark('', node.span)}"

    def body(self, node: LoopNode) -> Iterator[str]:
        loop = node.loop
        inputs = loop.split(loop.body.inputs)
        kinds = zip(("constant", "sequence", "carry"), inputs, loop.split(node.operands), strict=True)
        for kind, values, operands in kinds:
            for value, operand in zip(values, operands, strict=True):
                own = self.define(value)
                source = (
                    f"{self.name(operand)} at {loop.index.name}" if kind == "sequence" else self.name(operand)
                )
                yield f"{kind} {own} = {source} : {value.type}{self.remark(value.name, None)}"
        for value, stack in zip(_histories(loop), loop.histories, strict=True):
            remark = self.remark(value.name, None)
            yield f"history {self.define(value)} = stack {stack} : {value.type}{remark}"
        yield from self.nodes(loop.body.nodes)
        for value, after in zip(inputs[2], loop.body_outputs, strict=False):
            yield f"next {self.name(value)} = {self.name(after)}"
        for number, value in enumerate(loop.body_outputs[loop.carries :]):
            yield f"stack {number} = {self.name(value)}"

    def remark(self, name: str, span: Span | None) -> str:
        text = "" if span is None else " ".join(span.text.split())
        parts = [name] if name and name != text else []
        if span is not None:
            shown = text if len(text) <= _WIDEST_TEXT else text[: _WIDEST_TEXT - 3] + "..."
            parts.append(f"{place(span, self.file)}: {shown}")
        return f"   # {'; '.join(parts)}" if parts else ""


def place(span: Span, file: str = "") -> str:
    """`line 3`, or `stdlib/losses.nn line 3` for a span that is not in `file`."""
    source = span.source.name
    return f"line {span.line}" if file in ("", source) else f"{source} line {span.line}"


def _histories(loop: Loop) -> tuple[Value, ...]:
    inputs = loop.body.inputs
    return inputs[len(inputs) - len(loop.histories) :]


def _is_empty(value: Any) -> bool:
    return isinstance(value, tuple | frozenset) and not value


def _attribute(key: str, value: Any) -> str:
    if key == "labels":
        left, right, result = (" ".join(labels) for labels in value)
        return f"{left}, {right} -> {result}".strip()
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, frozenset):
        return "{" + ", ".join(sorted(map(_plain, value))) + "}"
    if isinstance(value, tuple):
        shown = [_plain(item) for item in value[:_MOST_ITEMS]]
        more = [f"... {len(value) - _MOST_ITEMS} more"] if len(value) > _MOST_ITEMS else []
        return "(" + ", ".join([*shown, *more]) + ")"
    # Floats by their shortest form; dims, lengths and indices as messages show them.
    return repr(value) if isinstance(value, float) else str(value)
