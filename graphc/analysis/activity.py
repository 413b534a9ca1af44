"""Which values lie on a path from what is differentiated with respect to, to the loss.

Only they have cotangents worth computing. Loop bodies are looked into: a carry that becomes active at
one step is active at every step, hence the fixpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from graphc.ir.graph import AnyNode, LoopNode, Value
from graphc.ir.op import non_differentiable


class Activity:
    """The active values of a node list and of all bodies in it."""

    def __init__(self, nodes: Sequence[AnyNode], sources: Iterable[Value], loss: Value) -> None:
        self._depends: set[Value] = set(sources)
        self._needed: set[Value] = {loss}
        _settle(self._depends, lambda: self._forward(nodes))
        _settle(self._needed, lambda: self._backward(nodes))

    def __contains__(self, value: Value) -> bool:
        return value in self._depends and value in self._needed

    def _forward(self, nodes: Sequence[AnyNode]) -> None:
        for node in nodes:
            if isinstance(node, LoopNode):
                self._forward_loop(node)
            elif node.result.type.dtype == "real" and node.op.vjp is not non_differentiable:
                _spread(self._depends, node.operands, node.results)

    def _forward_loop(self, node: LoopNode) -> None:
        loop = node.loop
        carries = loop.split(loop.body.inputs)[2]
        finals = node.results[: loop.carries]
        stacked = loop.body_outputs[loop.carries :]
        for operand, value in zip(node.operands, loop.body.inputs, strict=False):
            _spread(self._depends, [operand], [value])
        self._forward(loop.body.nodes)
        for value, carry, final in zip(loop.body_outputs, carries, finals, strict=False):
            _spread(self._depends, [value, carry], [carry, final])
        for value, result in zip(stacked, node.results[loop.carries :], strict=True):
            _spread(self._depends, [value], [result])
        for view, stack in zip(history_inputs(node), loop.histories, strict=True):
            _spread(self._depends, [stacked[stack]], [view])

    def _backward(self, nodes: Sequence[AnyNode]) -> None:
        for node in reversed(nodes):
            if isinstance(node, LoopNode):
                self._backward_loop(node)
            elif node.op.vjp is not non_differentiable:
                _spread(self._needed, node.results, node.operands)

    def _backward_loop(self, node: LoopNode) -> None:
        loop = node.loop
        carries = loop.split(loop.body.inputs)[2]
        stacked = loop.body_outputs[loop.carries :]
        for value, carry, final in zip(loop.body_outputs, carries, node.results, strict=False):
            _spread(self._needed, [final, carry], [value, carry])
        for value, result in zip(stacked, node.results[loop.carries :], strict=True):
            _spread(self._needed, [result], [value])
        for view, stack in zip(history_inputs(node), loop.histories, strict=True):
            _spread(self._needed, [view], [stacked[stack]])
        self._backward(loop.body.nodes)
        for operand, value in zip(node.operands, loop.body.inputs, strict=False):
            _spread(self._needed, [value], [operand])


def history_inputs(node: LoopNode) -> tuple[Value, ...]:
    """The body inputs that are histories."""
    loop = node.loop
    return loop.body.inputs[loop.constants + loop.sequences + loop.carries :]


def _spread(marked: set[Value], sources: Iterable[Value], targets: Iterable[Value]) -> None:
    """Mark the real targets if any source is marked."""
    if any(source in marked for source in sources):
        marked.update(target for target in targets if target.type.dtype == "real")


def _settle(marked: set[Value], sweep: Callable[[], None]) -> None:
    """Sweep until nothing new is marked."""
    before = -1
    while len(marked) != before:
        before = len(marked)
        sweep()
