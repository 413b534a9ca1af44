"""The reverse of a loop: a loop against its direction.

Cotangents of carries are its carries, cotangents of stacks its sequences. What it reads of the forward body
is captured (`closure.py`). Cotangents of slices come out as stacks; those of constants are stacked and
summed over the index behind the loop.

A history is read at many steps, so its cotangent accumulates in a carry that has the whole sequence, and
each step takes its own position out of it. That is complete by then: a step is read by later ones only, and
the reverse loop has been through those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from graphc.analysis.activity import history_inputs
from graphc.analysis.liveness import free_values, live_nodes
from graphc.autodiff.closure import Binding, Closure
from graphc.autodiff.fit import starred, summed_over_steps, zeros
from graphc.autodiff.rewrite import renamed
from graphc.autodiff.walk import Export, Part, Walk, cotangent_name
from graphc.ir.builder import Builder
from graphc.ir.graph import Loop, LoopNode, Value, body_graph
from graphc.ops.elementwise import ADD
from graphc.ops.indexing import PICK, RENAME
from graphc.ops.leaf import STEP
from graphc.ops.masking import within


@dataclass
class _Carry:
    """A carry of the reverse loop: where it starts, its body input, what it is after a step and behind."""

    start: Value
    input: Value
    primal: Value
    next: Value
    final: Callable[[Value], None]


def reverse_loop(walk: Walk, node: LoopNode) -> None:
    """Append the reverse of a loop to a walk; note the forward loop's new form if it has to stack more."""
    if any(walk.total(result) is not None for result in node.results):
        _Reversal(walk, node).emit()


class _Reversal:
    """One loop on its way to its reverse."""

    def __init__(self, outer: Walk, node: LoopNode) -> None:
        self.outer = outer
        self.node = node
        self.loop = node.loop
        self.inner = outer.inside(node.loop.index)
        self.carries: list[_Carry] = []
        self.sequences: list[Binding] = []
        self.stacks: list[tuple[Value, Callable[[Value], None]]] = []
        """Values of the reverse body to stack, and what is done with the stack."""

    def emit(self) -> None:
        self._seed_carries()
        self._seed_stacks()
        self._seed_histories()
        self.inner.run(self.loop.body.nodes)
        views = history_inputs(self.node)
        for carry in self.carries:
            found = self.inner.total(carry.primal)
            if carry.primal in views:
                carry.next = self._accumulated(carry, found)
            else:
                carry.next = found or zeros(self.inner.builder, carry.primal.type)
        self._collect_constants()
        self._collect_slices()
        for export in self.inner.exports:
            self._collect_export(export)
        self._build()

    def _seed_carries(self) -> None:
        _, _, initials = self.loop.split(self.node.operands)
        _, _, inputs = self.loop.split(self.loop.body.inputs)
        ends = zip(initials, inputs, self.loop.body_outputs, self.node.results, strict=False)
        for initial, primal, after, final in ends:
            if primal in self.outer.context.active:
                start = self.outer.total(final) or zeros(self.outer.builder, primal.type)
                cotangent = Value(primal.type, cotangent_name(primal))
                self.inner.add(after, cotangent, "next step")

                def receive(value: Value, initial: Value = initial) -> None:
                    self.outer.add(initial, value, "first step")

                self.carries.append(_Carry(start, cotangent, primal, cotangent, receive))

    def _seed_stacks(self) -> None:
        count = self.loop.carries
        for output, result in zip(self.loop.body_outputs[count:], self.node.results[count:], strict=True):
            for part in self.outer.crossing(result, output):
                # Without what comes back from later steps, which the loop adds.
                said = cotangent_name(output, " from outside the loop")
                part.value.name = said if part.value.name == cotangent_name(result) else part.value.name
                slice_ = Value(output.type, said)
                self.sequences.append((part.value, slice_))
                self.inner.add(output, slice_, part.origin)

    def _seed_histories(self) -> None:
        index = self.loop.index
        for view, number in zip(history_inputs(self.node), self.loop.histories, strict=True):
            if view not in self.outer.context.active:
                continue
            output = self.loop.body_outputs[self.loop.carries + number]
            spanning = output.type.with_axes({*output.type.axes, starred(index)})
            whole = Value(spanning, cotangent_name(view))
            builder = self.inner.builder
            own = builder(PICK, whole, builder(STEP, index=index), index=starred(index))
            self.inner.add(output, own, "later steps")
            start = zeros(self.outer.builder, spanning)
            self.carries.append(_Carry(start, whole, view, whole, lambda value: None))

    def _accumulated(self, carry: _Carry, found: Value | None) -> Value:
        """A history's cotangent with what this step reads added to it."""
        if found is None:
            return carry.input
        builder, star = self.inner.builder, starred(self.loop.index)
        (bound,) = (axis for axis in found.type.axes if axis not in carry.input.type.axes)
        read = builder(RENAME, within(builder, found, bound), old=bound, new=star)
        return builder(ADD, carry.input, read)

    def _collect_constants(self) -> None:
        index = self.loop.index
        for operand, primal in zip(
            self.node.operands, self.loop.body.inputs[: self.loop.constants], strict=False
        ):
            for part in self.inner.crossing(primal, operand):

                def receive(stack: Value, operand: Value = operand, origin: str = part.origin) -> None:
                    self.outer.add(operand, summed_over_steps(self.outer.builder, stack, index), origin)

                self.stacks.append((part.value, receive))

    def _collect_slices(self) -> None:
        _, operands, _ = self.loop.split(self.node.operands)
        _, slices, _ = self.loop.split(self.loop.body.inputs)
        for operand, primal in zip(operands, slices, strict=True):
            for part in self.inner.crossing(primal, operand):

                def receive(stack: Value, operand: Value = operand, origin: str = part.origin) -> None:
                    self.outer.add(operand, stack, origin)

                self.stacks.append((part.value, receive))

    def _collect_export(self, export: Export) -> None:
        """Bring a cotangent that was asked for one loop further out."""
        arrived: list[Value] = []

        def receive(stack: Value) -> None:
            arrived.append(stack)
            if len(arrived) == 1 + len(export.parts):
                origins = (part.origin for part in export.parts)
                parts = tuple(Part(v, o) for v, o in zip(arrived[1:], origins, strict=True))
                self.outer.exports.append(Export(export.name, arrived[0], parts))

        for value in (export.total, *(part.value for part in export.parts)):
            self.stacks.append((value, receive))

    def _build(self) -> None:
        outputs = [*(carry.next for carry in self.carries), *(value for value, _ in self.stacks)]
        own = [*(carry.input for carry in self.carries), *(slice_ for _, slice_ in self.sequences)]
        nodes = live_nodes(self.inner.builder.nodes, outputs)
        closure = Closure(self.node, self.outer.builder, Builder(self.inner.builder.loops))
        closure.capture(free_values(nodes, outputs, own))
        sequences = [*self.sequences, *closure.sequences]
        bindings = [*closure.constants, *sequences, *((c.start, c.input) for c in self.carries)]
        body = body_graph(
            tuple(inside for _, inside in bindings),
            (*closure.preamble.nodes, *renamed(nodes, closure.names)),
            tuple(closure.names.get(value, value) for value in outputs),
        )
        loop = Loop(
            self.loop.index,
            not self.loop.reverse,
            body,
            len(closure.constants),
            len(sequences),
            len(self.carries),
        )
        results = self.outer.builder.loop(loop, *(operand for operand, _ in bindings))
        forward = closure.forward(self.inner.rebuilt)
        if forward is not self.node:
            self.outer.rebuilt[self.node] = forward
        receivers = [*(carry.final for carry in self.carries), *(receive for _, receive in self.stacks)]
        for receive, result in zip(receivers, results, strict=True):
            receive(result)
