"""A graph as a list of calls on numbered slots: all that can be settled before the run is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from graphc.analysis.liveness import last_uses
from graphc.backend.state import NodeFrame, State
from graphc.diagnostics import GraphcError, fault
from graphc.ir.graph import AnyNode, Graph, LoopNode, Node, Value
from graphc.ir.op import Array
from graphc.ops.leaf import PIN
from graphc.ops.summing import BROADCAST
from graphc.types import BATCH, TensorType, sort_indices

Slots = list[Array | None]

Selector = tuple[slice | None, ...]


class Plan:
    """The calls of a graph, its values in slots: inputs first, then results in order."""

    def __init__(self, graph: Graph) -> None:
        numbers: dict[Value, int] = {value: i for i, value in enumerate(graph.inputs)}
        for node in graph.nodes:
            for result in node.results:
                numbers[result] = len(numbers)
        self.size = len(numbers)
        self.outputs = [numbers[value] for value in graph.outputs.values()]
        dying = [tuple(numbers[value] for value in values) for values in last_uses(graph)]
        self.calls = [_call(node, numbers, dead) for node, dead in zip(graph.nodes, dying, strict=True)]

    def least(self, state: State) -> int:
        """Bytes that a run needs at least: of the largest value, or of all that a loop stacks."""
        return max((call.least(state) for call in self.calls), default=0)

    def execute(self, state: State, arguments: Sequence[Array]) -> list[Array]:
        """The outputs, in order."""
        slots: Slots = [None] * self.size
        slots[: len(arguments)] = arguments
        for call in self.calls:
            try:
                call.run(state, slots)
            except MemoryError:
                raise _too_large(call.node, state) from None
            for slot in call.dead:
                slots[slot] = None
        return [_filled(slots[i]) for i in self.outputs]


class NodeCall:
    """One node: where its operands are, how they are aligned, and what the result must look like."""

    def __init__(self, node: Node, numbers: dict[Value, int], dead: tuple[int, ...]) -> None:
        self.node = node
        self.oracle = node.op.oracle
        self.attrs = node.attrs
        self.types = tuple(operand.type for operand in node.operands)
        self.axes = sort_indices(index for given in self.types for index in given.axes)
        self.out = node.result.type
        self.sources = [(numbers[operand], _selector(self.axes, operand.type)) for operand in node.operands]
        self.target = numbers[node.result]
        self.extents = _extents(self.out)
        self.dead = dead

    def least(self, state: State) -> int:
        """See `Plan.least`. What only repeats its operand takes no memory."""
        return 0 if self.node.op in (BROADCAST, PIN) else _bytes(self.out, state)

    def run(self, state: State, slots: Slots) -> None:
        arrays: list[Array] = []
        for slot, selector in self.sources:
            array = _filled(slots[slot])
            arrays.append(array if selector is None else array[selector])
        result = np.asarray(
            self.oracle(NodeFrame(state, self.axes, self.types, self.out), self.attrs, *arrays),
            state.dtypes[self.out.dtype],
        )
        shape = tuple([state.extents[e] if isinstance(e, str) else e for e in self.extents])
        whole = result if result.shape == shape else np.broadcast_to(result, shape)
        slots[self.target] = whole
        if state.watch is not None:
            state.watch(state, self.node, arrays, whole)


class LoopCall:
    """One loop, its body planned in turn."""

    def __init__(self, node: LoopNode, numbers: dict[Value, int], dead: tuple[int, ...]) -> None:
        loop = node.loop
        self.node = node
        self.loop = loop
        self.body = Plan(loop.body)
        self.operands = [numbers[operand] for operand in node.operands]
        self.targets = [numbers[result] for result in node.results]
        self.dead = dead
        _, sequences, _ = loop.split(node.operands)
        self.slices = [_before(operand.type, node) for operand in sequences]
        self.stack_types = [result.type for result in node.results[loop.carries :]]
        self.positions = [_before(stack, node) for stack in self.stack_types]
        outputs = loop.body_outputs[: loop.carries]
        self.held = [BATCH in value.type.axes for value in outputs]
        views = loop.body.inputs[len(loop.body.inputs) - len(loop.histories) :]
        self.histories = [
            (stack, _moved_axis(self.stack_types[stack], view.type, node))
            for stack, view in zip(loop.histories, views, strict=True)
        ]

    def least(self, state: State) -> int:
        """See `Plan.least`."""
        return sum(_bytes(stack, state) for stack in self.stack_types) + self.body.least(state)

    def run(self, state: State, slots: Slots) -> None:
        index, count = self.loop.index, self.loop.carries
        constants, sequences, carries = self.loop.split([_filled(slots[i]) for i in self.operands])
        stacks = [np.zeros(state.shape(s), state.dtypes[s.dtype]) for s in self.stack_types]
        histories = [np.moveaxis(stacks[i], *axes) for i, axes in self.histories]
        own = state.lengths(index)
        steps = range(1, state.extent(index) + 1)
        for step in reversed(steps) if self.loop.reverse else steps:
            state.steps[index.name] = step
            parts = [
                sequence[_at(before, step)] for sequence, before in zip(sequences, self.slices, strict=True)
            ]
            results = self.body.execute(state, [*constants, *parts, *carries, *histories])
            carries = self._carry(carries, results[:count], own, step)
            for stack, before, value in zip(stacks, self.positions, results[count:], strict=True):
                stack[_at(before, step)] = value
        state.steps.pop(index.name, None)
        for target, array in zip(self.targets, [*carries, *stacks], strict=True):
            slots[target] = array

    def _carry(self, old: Sequence[Array], new: Sequence[Array], own: Array, step: int) -> tuple[Array, ...]:
        """The carries after a step; where it lies outside an example's length they stay as they were."""
        if self.histories:
            # A view of a history would change with the steps to come.
            new = [array.copy() for array in new]
        if own.ndim == 0 or bool((own >= step).all()):
            return tuple(new)
        happens = own >= step
        return tuple(
            np.where(happens.reshape(-1, *[1] * (b.ndim - 1)), b, a) if held else b
            for a, b, held in zip(old, new, self.held, strict=True)
        )


Call = NodeCall | LoopCall


def _call(node: AnyNode, numbers: dict[Value, int], dead: tuple[int, ...]) -> Call:
    return NodeCall(node, numbers, dead) if isinstance(node, Node) else LoopCall(node, numbers, dead)


def _bytes(type: TensorType, state: State) -> int:
    return math.prod(state.shape(type)) * state.dtypes[type.dtype].itemsize


def _too_large(node: AnyNode, state: State) -> GraphcError:
    """The fault of a value that the machine has no memory for."""
    shapes = [state.shape(result.type) for result in node.results]
    largest = max(shapes, key=math.prod)
    size = math.prod(largest) * state.real.itemsize / 2**30
    what = f"`{' '.join(node.span.text.split())[:60]}`" if node.span else "a value"
    return fault(
        "E526",
        f"{what} does not fit into memory: {' x '.join(map(str, largest))} numbers take {size:.3g} GiB",
        node.span,
        help="smaller batches or shorter sequences need less",
    )


def _selector(axes: tuple[object, ...], type: TensorType) -> Selector | None:
    """What to index an array with so that it has a dimension for each of `axes`."""
    if len(axes) == len(type.axes):
        return None
    return tuple(slice(None) if axis in type.axes else None for axis in axes)


def _extents(type: TensorType) -> tuple[str | int, ...]:
    """An array's shape, run-time lengths by name."""
    axes = [i.length.name if i.length.size is None else i.length.size.value for i in type.axes]
    return (*axes, *type.sizes)


def _before(type: TensorType, node: LoopNode) -> tuple[slice, ...]:
    """Full slices for the dimensions in front of the loop's index."""
    return (slice(None),) * type.axes.index(node.loop.index)


def _at(before: tuple[slice, ...], step: int) -> tuple[slice | int, ...]:
    """What picks a step, which counts from 1, out of a sequence or a stack."""
    return (*before, step - 1)


def _moved_axis(stack: TensorType, view: TensorType, node: LoopNode) -> tuple[int, int]:
    """Where the loop's index stands in a stack, and where the bound index stands in its history."""
    index = node.loop.index
    (bound,) = (axis for axis in view.axes if axis not in stack.axes)
    return stack.axes.index(index), view.axes.index(bound)


def _filled(array: Array | None) -> Array:
    assert array is not None, "a value was freed before its last use"
    return array
