"""How the reverse of a loop gets hold of values of the forward body.

Constants and slices come from where the forward loop has them. A finished history stands in for itself as a
constant: whoever reads it masks by position anyway. A leaf is computed again. Everything else the forward
loop stacks, and the reverse loop reads as a sequence.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from graphc.analysis.activity import history_inputs
from graphc.autodiff.fit import starred
from graphc.ir.builder import Builder
from graphc.ir.graph import AnyNode, LoopNode, Node, Value, body_graph
from graphc.ops.indexing import RENAME

Binding = tuple[Value, Value]
"""An operand of the reverse loop, and the input of its body."""


@dataclass
class Closure:
    """What the reverse loop of `node` takes in. `outer` builds in front of it, `preamble` in its body."""

    node: LoopNode
    outer: Builder
    preamble: Builder
    constants: list[Binding] = field(default_factory=list)
    sequences: list[Binding] = field(default_factory=list)
    names: dict[Value, Value] = field(default_factory=dict)
    """Forward body values to what stands for them in the reverse body."""
    extra: list[Binding] = field(default_factory=list)
    """Results that the forward loop gains, and the body values that they are stacks of."""

    def capture(self, values: Iterable[Value]) -> None:
        """Make forward body values available in the reverse body."""
        leaves = {n.result: n for n in self.node.loop.body.nodes if isinstance(n, Node) and not n.operands}
        for value in values:
            self._capture(value, leaves)

    def _capture(self, value: Value, leaves: Mapping[Value, Node]) -> None:
        loop = self.node.loop
        operands = dict(zip(loop.body.inputs, self.node.operands, strict=False))
        constants, slices, _ = loop.split(loop.body.inputs)
        if value in constants:
            self._bind(self.constants, operands[value], value)
        elif value in slices:
            self._bind(self.sequences, operands[value], value)
        elif value in history_inputs(self.node):
            self._capture_history(value)
        elif value in leaves:
            self.names[value] = _computed_again(self.preamble, leaves[value])
        else:
            self._bind(self.sequences, self._stack(value), value)

    def _bind(self, bindings: list[Binding], operand: Value, value: Value) -> None:
        self.names[value] = Value(value.type, value.name)
        bindings.append((operand, self.names[value]))

    def _stack(self, value: Value) -> Value:
        """The stack of a body value: one that the loop has already, or a new one."""
        loop = self.node.loop
        for output, result in zip(loop.body_outputs[loop.carries :], self._stacks, strict=True):
            if output is value:
                return result
        result = Value(value.type.with_axes({*value.type.axes, loop.index}), value.name)
        self.extra.append((result, value))
        return result

    @property
    def _stacks(self) -> tuple[Value, ...]:
        return self.node.results[self.node.loop.carries :]

    def _capture_history(self, view: Value) -> None:
        loop = self.node.loop
        stack = self._stacks[loop.histories[history_inputs(self.node).index(view)]]
        star = starred(loop.index)
        whole = self.outer(RENAME, stack, old=loop.index, new=star)
        inside = Value(whole.type, stack.name)
        self.constants.append((whole, inside))
        (bound,) = (axis for axis in view.type.axes if axis not in stack.type.axes)
        self.names[view] = self.preamble(RENAME, inside, old=star, new=bound)

    def forward(self, rebuilt: Mapping[AnyNode, LoopNode]) -> LoopNode:
        """The forward loop with the extra stacks, and with the loops in its body that have gained some."""
        body = self.node.loop.body
        if not self.extra and not any(node in rebuilt for node in body.nodes):
            return self.node
        nodes = tuple(rebuilt.get(node, node) for node in body.nodes)
        outputs = (*body.outputs.values(), *(value for _, value in self.extra))
        loop = self.node.loop.with_body(body_graph(body.inputs, nodes, outputs))
        return replace(self.node, loop=loop, results=(*self.node.results, *(r for r, _ in self.extra)))


def _computed_again(builder: Builder, node: Node) -> Value:
    """Compute a node again, as a value of its own."""
    with builder.at(node.span):
        return builder(node.op, *node.operands, called=node.result.name, **node.attrs)
