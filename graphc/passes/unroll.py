"""Loops written out, step by step, for lengths that all examples share.

The result computes the same values as the loops do; it is what tests compare them with, and what a drawing
of a network in time shows. A pinned name gets its step: `h[t=3]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphc.ir.builder import Builder
from graphc.ir.graph import AnyNode, Graph, LoopNode, Node, Value
from graphc.ops.elementwise import EQUAL, SELECT
from graphc.ops.indexing import PICK, RENAME
from graphc.ops.leaf import INSIDE_STEP, PIN, POSITION, STEP, constant
from graphc.ops.summing import spread_over
from graphc.types import Affine, Index, TensorType


def unroll(graph: Graph, lengths: Mapping[str, int]) -> Graph:
    """The graph without loops, for runs in which every example has these lengths."""
    builder = Builder()
    unrolling = _Unrolling(builder, lengths, {})
    values = {value: value for value in graph.inputs}
    unrolling.copy(graph.nodes, values)
    outputs = {name: values[value] for name, value in graph.outputs.items()}
    return Graph(graph.inputs, tuple(builder.nodes), outputs)


class _Unrolling:
    """Copies nodes at given steps of the loops that they stand in."""

    def __init__(self, builder: Builder, lengths: Mapping[str, int], steps: Mapping[Index, int]) -> None:
        self.builder = builder
        self.lengths = lengths
        self.steps = steps
        self.suffix = "[" + ",".join(f"{i.name}={step}" for i, step in steps.items()) + "]" if steps else ""

    def copy(self, nodes: tuple[AnyNode, ...], values: dict[Value, Value]) -> None:
        """Append the nodes; `values` maps what they read, and then also what they define."""
        for node in nodes:
            operands = [values[operand] for operand in node.operands]
            with self.builder.at(node.span):
                if isinstance(node, Node):
                    values[node.result] = self._node(node, operands)
                else:
                    values.update(zip(node.results, self._loop(node, operands), strict=True))

    def _node(self, node: Node, operands: list[Value]) -> Value:
        index: Any = node.attrs.get("index")
        if node.op is STEP and index in self.steps:
            return constant(self.builder, self.steps[index], "int")
        if node.op is INSIDE_STEP and index in self.steps:
            # A step that is beyond an example's length would not stand here.
            return constant(self.builder, True, "bool")
        attrs = {key: self._at_step(value) for key, value in node.attrs.items()}
        if node.op is PIN:
            attrs["name"] += self.suffix
        name = node.result.name
        return self.builder(node.op, *operands, called=name and name + self.suffix, **attrs)

    def _loop(self, node: LoopNode, operands: list[Value]) -> list[Value]:
        loop, b = node.loop, self.builder
        size = loop.index.length.size
        extent = self.lengths[loop.index.length.name] if size is None else size.value
        constants, sequences, carried = loop.split(operands)
        carries = list(carried)
        stacks = [self._zeros(result.type) for result in node.results[loop.carries :]]
        steps = range(1, extent + 1)
        for step in reversed(steps) if loop.reverse else steps:
            inside = _Unrolling(b, self.lengths, {**self.steps, loop.index: step})
            here = constant(b, step, "int")
            slices = [b(PICK, sequence, here, index=loop.index) for sequence in sequences]
            histories = [stacks[number] for number in loop.histories]
            given = [*constants, *slices, *carries, *histories]
            values = {
                value: inside.fitted(found, value.type)
                for value, found in zip(loop.body.inputs, given, strict=True)
            }
            inside.copy(loop.body.nodes, values)
            results = [values[value] for value in loop.body_outputs]
            carries = results[: loop.carries]
            is_here = b(EQUAL, b(POSITION, index=loop.index), here)
            stacks = [
                b(SELECT, is_here, self.fitted(value, stack.type), stack)
                for value, stack in zip(results[loop.carries :], stacks, strict=True)
            ]
        return [
            self.fitted(v, result.type) for v, result in zip([*carries, *stacks], node.results, strict=True)
        ]

    def _zeros(self, target: TensorType) -> Value:
        zero = {"real": 0.0, "int": 0, "bool": False}[target.dtype]
        scalar = constant(self.builder, zero, target.dtype, target.shape)
        return spread_over(self.builder, scalar, [self._index(axis) for axis in target.axes])

    def fitted(self, value: Value, target: TensorType) -> Value:
        """The value under the indices that a type has at these steps: `u = 1..t` is `u = 1..3`."""
        wanted = [self._index(axis) for axis in target.axes]
        missing = [axis for axis in wanted if axis not in value.type.axes]
        for old in value.type.axes:
            if old in wanted:
                continue
            same = [new for new in missing if new.length == old.length]
            if same:
                named = [new for new in same if new.name == old.name]
                new = (named or same)[0]
                missing.remove(new)
                value = self.builder(RENAME, value, old=old, new=new)
        return value

    def _at_step(self, attribute: Any) -> Any:
        """An attribute with the steps in the place of the loops' indices."""
        if isinstance(attribute, Index):
            return self._index(attribute)
        if isinstance(attribute, Affine):
            return self._affine(attribute)
        if isinstance(attribute, TensorType):
            return attribute.with_axes(self._index(axis) for axis in attribute.axes)
        if isinstance(attribute, tuple):
            return tuple(self._at_step(part) for part in attribute)
        if isinstance(attribute, frozenset):
            return frozenset(self._at_step(part) for part in attribute if part not in self.steps)
        return attribute

    def _index(self, index: Index) -> Index:
        return Index(index.name, index.length, self._affine(index.lo), self._affine(index.hi))

    def _affine(self, position: Affine) -> Affine:
        result = Affine(position.constant)
        for symbol, coefficient in position.terms:
            if isinstance(symbol, Index) and symbol in self.steps:
                result = result + coefficient * self.steps[symbol]
            else:
                kept = self._index(symbol) if isinstance(symbol, Index) else symbol
                result = result + Affine(0, ((kept, coefficient),))
        return result
