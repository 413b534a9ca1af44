"""Appends nodes, inferring types as it goes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from graphc.diagnostics import Span
from graphc.ir.graph import AnyNode, Loop, LoopNode, Node, Value
from graphc.ir.op import Op
from graphc.types import Index, TensorType


class Builder:
    """A list of nodes under construction.

    `loops` are the indices of the loops that the nodes stand inside, outermost first: rules that sum over
    the batch must leave out the examples for which a step of these does not happen.
    """

    def __init__(self, loops: tuple[Index, ...] = ()) -> None:
        self.nodes: list[AnyNode] = []
        self.loops = loops
        self.span: Span | None = None

    def __call__(self, op: Op, *operands: Value, called: str = "", **attrs: Any) -> Value:
        """Append `op(operands; attrs)` and return its result, for printing named `called`.

        Raises `TypeFault` if the operands do not fit.
        """
        result = Value(op.infer([operand.type for operand in operands], attrs), called)
        self.nodes.append(Node(op, operands, attrs, result, self.span))
        return result

    def loop(self, loop: Loop, *operands: Value) -> tuple[Value, ...]:
        """Append a loop; its results' types follow from the body's outputs."""
        outputs = loop.body_outputs
        types: list[TensorType] = [
            value.type if i < loop.carries else value.type.with_axes({*value.type.axes, loop.index})
            for i, value in enumerate(outputs)
        ]
        results = tuple(Value(t, v.name) for t, v in zip(types, outputs, strict=True))
        self.nodes.append(LoopNode(loop, operands, results, self.span))
        return results

    @contextmanager
    def at(self, span: Span | None) -> Iterator[None]:
        """Nodes appended inside carry this span."""
        before, self.span = self.span, span
        try:
            yield
        finally:
            self.span = before
