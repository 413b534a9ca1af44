"""Boundaries that carries can start from."""

from __future__ import annotations

from dataclasses import dataclass

from graphc.ir.graph import AnyNode, Graph, LoopNode, Node, Value
from graphc.ops.elementwise import ADD, EQUAL, NEG, SELECT, SUB
from graphc.ops.leaf import CONSTANT, LENGTH, STEP
from graphc.ops.summing import BROADCAST, EXPAND
from graphc.passes.motion import outside
from graphc.passes.rebuild import Carry, Parts, Scope, renamed, rewrite, uses


class Initials:
    """Turns `select(step == 1, boundary, carry)` into a carry that starts from the boundary.

    A recurrence is lowered with carries that start from zeros and are never read at the first step: the
    boundary stands in front of each read. If every read of a carry's initial value is such a select with
    one boundary, and the boundary is the same at each step, then the carry starts from it and the selects
    go. Reverse loops compare with the length, and lags of several steps with several steps; an example's
    carry is held until its own first step, so this is right for ragged lengths. Nobody may read the final
    carry, which of an example without steps is the initial one."""

    name = "initials"

    def __call__(self, graph: Graph) -> Graph:
        return rewrite(graph, loop_rule=_rule)


@dataclass(frozen=True)
class _Guard:
    """`value` is read at the example's step number `number` (from 1) instead of a carry."""

    number: int
    value: Value


@dataclass
class _Read:
    """A value that is the guards' at their steps and else the carry's."""

    result: Value
    guards: list[_Guard]
    node: Node


def _rule(scope: Scope, node: LoopNode) -> tuple[Value, ...] | None:
    boundaries = _Boundaries(scope, node)
    return boundaries.run() if boundaries.find() else None


class _Boundaries:
    """One loop, its carries and the boundaries in front of them."""

    def __init__(self, scope: Scope, node: LoopNode) -> None:
        self.scope = scope
        self.node = node
        self.parts = Parts.of(node)
        self.inner = Scope(node.loop.body, scope, node)
        self.inner.nodes.extend(node.loop.body.nodes)
        self.count = uses(node.loop.body)
        self.found: dict[Carry, Value] = {}
        """The boundary that each carry can start from."""
        self.dropped: set[tuple[Value, int]] = set()
        """Reads (by their result) and the guards (by step number) that go."""
        self.reads = {carry: self._reads(carry) for carry in self.parts.carries}

    # Reading the body.

    def _reads(self, carry: Carry) -> list[_Read] | None:
        """All reads of a carry; None if one of them is not guarded."""
        reads: list[_Read] = []
        passed_on = sum(other.next is carry.input for other in self.parts.carries)
        for node in self.parts.nodes:
            if carry.input in node.operands:
                read = self._read(node, carry)
                if read is None:
                    return None
                reads.append(read)
        return reads if self.count[carry.input] == passed_on + len(reads) else None

    def _read(self, node: AnyNode, carry: Carry) -> _Read | None:
        """The outermost select around a carry, with the guards of all."""
        value, guards, last = carry.input, list[_Guard](), None
        while isinstance(node, Node) and node.op is SELECT and node.operands[2] is value:
            number = self._step_number(node.operands[0])
            if number is None or value in node.operands[:2]:
                break
            guards.insert(0, _Guard(number, node.operands[1]))
            value, last = node.result, node
            users = [other for other in self.parts.nodes if value in other.operands]
            if self.count[value] != 1 or len(users) != 1:
                break
            node = users[0]
        return _Read(value, guards, last) if last else None

    def _step_number(self, condition: Value) -> int | None:
        """k if a condition holds at an example's k-th step and only there."""
        node = self.inner.made_by(condition, EQUAL)
        if node is None:
            return None
        left, right = (self._affine(operand) for operand in node.operands)
        if left is None or right is None:
            return None
        step, length, number = (a - b for a, b in zip(left, right, strict=True))
        if step not in (1, -1):
            return None
        length, number = step * length, step * number
        loop, size = self.node.loop, self.node.loop.index.length.size
        if not loop.reverse:
            return -number if length == 0 else None
        if size is not None and length == 0:
            return size.value + number + 1
        return number + 1 if length == -1 else None

    def _affine(self, value: Value) -> tuple[int, int, int] | None:
        """Factors of the step and of the length, and a number, whose sum a value is."""
        node = self.inner.made_by(value, STEP, LENGTH, CONSTANT, ADD, SUB, NEG)
        index = self.node.loop.index
        if node is None:
            return None
        if node.op is STEP:
            return (1, 0, 0) if node.attrs["index"] == index else None
        if node.op is LENGTH:
            size = index.length.size
            own = (0, 1, 0) if size is None else (0, 0, size.value)
            return own if node.attrs["length"] == index.length else None
        if node.op is CONSTANT:
            number = node.attrs["value"]
            return (0, 0, number) if isinstance(number, int) else None
        parts = [self._affine(operand) for operand in node.operands]
        first = parts[0]
        if first is None or parts[-1] is None:
            return None
        if node.op is NEG:
            return (-first[0], -first[1], -first[2])
        sign, second = (1 if node.op is ADD else -1), parts[1]
        assert second is not None
        return (first[0] + sign * second[0], first[1] + sign * second[1], first[2] + sign * second[2])

    # Judging.

    def find(self) -> bool:
        """Note every carry that can start from a boundary."""
        for carry in self.parts.carries:
            views = self._views(carry)
            if views is None:
                continue
            values = [value for value, _ in views]
            if values and all(value is values[0] for value in values) and self._fits(values[0], carry):
                self.found[carry] = values[0]
                self.dropped.update(place for _, place in views)
        return bool(self.found)

    def _views(self, carry: Carry) -> list[tuple[Value, tuple[Value, int]]] | None:
        """The guard that hides the carry's initial value wherever it would be seen; None if it is seen."""
        views: list[tuple[Value, tuple[Value, int]]] = []
        level, number = [carry], 1
        while level:
            for holder in level:
                reads = self.reads[holder]
                if reads is None or self.scope.uses(holder.result) or number > len(self.parts.carries):
                    return None
                for read in reads:
                    guard = next((g for g in read.guards if g.number == number), None)
                    if guard is None:
                        return None
                    views.append((guard.value, (read.result, number)))
            level = [c for c in self.parts.carries if any(c.next is holder.input for holder in level)]
            number += 1
        return views

    def _fits(self, boundary: Value, carry: Carry) -> bool:
        if boundary.type.shape != carry.input.type.shape or boundary.type.dtype != carry.input.type.dtype:
            return False
        return set(boundary.type.axes) <= set(carry.input.type.axes) and self._is_still(boundary)

    def _is_still(self, value: Value) -> bool:
        """Whether a boundary is the same at each step, seen from outside of the loop."""
        if any(value is inside for _, inside in self.parts.constants):
            return True
        node = self.inner.made_by(value, CONSTANT, EXPAND, BROADCAST)
        return node is not None and all(self._is_still(operand) for operand in node.operands)

    # Rebuilding.

    def run(self) -> tuple[Value, ...]:
        for carry, boundary in self.found.items():
            start = self.scope.conformed(self._outside(boundary), carry.input.type)
            assert start is not None, (boundary.type, carry.input.type)
            carry.initial = start
        nodes: list[AnyNode] = []
        names: dict[Value, Value] = {}
        for node in self.parts.nodes:
            current = renamed(node, names)
            guarded = isinstance(current, Node) and self._is_dropped(node)
            if isinstance(current, Node) and guarded and current.operands[2].type == current.result.type:
                names[current.result] = current.operands[2]
            else:
                nodes.append(current)
        self.parts.nodes = nodes
        for carry in self.parts.carries:
            carry.next = names.get(carry.next, carry.next)
        for stack in self.parts.stacks:
            stack.value = names.get(stack.value, stack.value)
        self.scope.nodes.append(self.parts.joined())
        return self.node.results

    def _is_dropped(self, node: AnyNode) -> bool:
        """Whether a node is a select whose guard a carry's initial value now stands for."""
        if not isinstance(node, Node) or node.op is not SELECT:
            return False
        number = self._step_number(node.operands[0])
        value: Value = node.result
        while number is not None:
            if (value, number) in self.dropped:
                return True
            users = [other for other in self.parts.nodes if value in other.operands]
            if len(users) != 1 or not isinstance(users[0], Node) or users[0].op is not SELECT:
                return False
            value = users[0].result
        return False

    def _outside(self, value: Value) -> Value:
        for operand, inside in self.parts.constants:
            if value is inside:
                return operand
        node = self.inner.made_by(value, CONSTANT, EXPAND, BROADCAST)
        assert node is not None
        operands = tuple(self._outside(operand) for operand in node.operands)
        return outside(self.scope, node, operands, self.parts.index)
