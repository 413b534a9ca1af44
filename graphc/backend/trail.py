"""Where a number that is not finite comes from: a run of the reference backend that looks at every value.

A value that is not finite though all that it is made of is finite is an *origin*. What is made of it inherits
it, through loops as well. An infinity that does no harm (`exp(log(0))` is 0) is not the origin of what is
made of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from graphc.backend.reference import Executable
from graphc.backend.state import NodeFrame, Run, State
from graphc.ir.graph import AnyNode, Graph, LoopNode, Node, Value
from graphc.ir.op import Array
from graphc.ops.leaf import CONSTANT, INSIDE
from graphc.types import BATCH, Index, TensorType, sort_indices


@dataclass(frozen=True, eq=False)
class Origin:
    """The first element of a value that is not finite. `node` is None for an input of the graph."""

    order: int
    value: Value
    node: Node | None
    number: float
    place: Mapping[str, int]
    """Positions along indices by name, from 1; the example under `batch`, from 0."""
    element: tuple[int, ...]
    operands: tuple[float, ...]
    """What it was computed from: the numbers at that place, the largest ones where it reads several."""


class Trail:
    """The origins of a run's values."""

    def __init__(self, graph: Graph, inputs: Mapping[str, Array], run: Run) -> None:
        self._found: dict[Value, Origin] = {}
        self._same: dict[Value, tuple[Value, ...]] = {}
        """What a value at the border of a loop is on the other side."""
        self._loops: dict[str, Index] = {}
        self._enter(graph.nodes)
        state = State(run)
        for value in graph.inputs:
            self._look(state, value, None, (), np.asarray(inputs[value.name]))
        Executable(graph).run(inputs, run, watch=self._watch)

    def of(self, value: Value) -> Origin | None:
        """Where the numbers of a value that are not finite come from; None if it has none."""
        waiting, seen = [value], {value}
        while waiting:
            current = waiting.pop(0)
            if current in self._found:
                return self._found[current]
            others = [other for other in self._same.get(current, ()) if other not in seen]
            waiting += others
            seen.update(others)
        return None

    def _enter(self, nodes: Sequence[AnyNode]) -> None:
        for node in nodes:
            if isinstance(node, LoopNode):
                self._loops[node.loop.index.name] = node.loop.index
                self._same.update(_borders(node))
                self._enter(node.loop.body.nodes)

    def _watch(self, state: State, node: Node, operands: Sequence[Array], result: Array) -> None:
        if node.op is not CONSTANT:
            self._look(state, node.result, node, operands, result)

    def _look(
        self, state: State, value: Value, node: Node | None, operands: Sequence[Array], array: Array
    ) -> None:
        if value in self._found or value.type.dtype != "real" or np.isfinite(array).all():
            return
        counts = self._counting(state, value.type)
        bad = ~np.isfinite(array) & counts.reshape(counts.shape + (1,) * value.type.rank)
        if not bad.any():
            return
        if (earlier := self._inherited(node, operands)) is not None:
            self._found[value] = earlier
            return
        where = _first(bad, value.type)
        lead = len(value.type.axes)
        place = {i.name: at + (i != BATCH) for i, at in zip(value.type.axes, where, strict=False)}
        number = float(array[where])
        read = () if node is None else tuple(_read(node, operands, where))
        origin = Origin(len(self._found), value, node, number, {**state.steps, **place}, where[lead:], read)
        self._found[value] = origin

    def _inherited(self, node: Node | None, operands: Sequence[Array]) -> Origin | None:
        """The origin of the first operand that has one and is not finite now."""
        for operand, given in zip(node.operands if node else (), operands, strict=True):
            if operand.type.dtype == "real" and not np.isfinite(given).all():
                earlier = self.of(operand)
                if earlier is not None:
                    return earlier
        return None

    def _counting(self, state: State, type_: TensorType) -> Array:
        """Which positions of a type's indices lie in their ranges, of examples whose steps happen."""
        result: Array = np.ones((1,) * len(type_.axes), np.bool_)
        for index in type_.axes:
            if index != BATCH and not (index.is_full and index.length.is_fixed):
                steps = frozenset(i for i in index.dependencies if i.name in state.steps)
                attrs = {"index": index, "steps": steps}
                out = INSIDE.infer([], attrs)
                inside = INSIDE.oracle(NodeFrame(state, (), (), out), attrs)
                result = result & _aligned(inside, out.axes, type_.axes)
        for name, step in state.steps.items():
            own = state.lengths(self._loops[name])
            if own.ndim and BATCH in type_.axes:
                result = result & _aligned(own >= step, (BATCH,), type_.axes)
        return result


def _borders(node: LoopNode) -> Iterator[tuple[Value, tuple[Value, ...]]]:
    """Body inputs with what they hold at some step, results with what they were in the body."""
    loop = node.loop
    outputs = loop.body_outputs
    shared = loop.constants + loop.sequences
    carried = loop.body.inputs[shared : shared + loop.carries]
    for operand, inner in zip(node.operands[:shared], loop.body.inputs, strict=False):
        yield inner, (operand,)
    for initial, inner, after in zip(node.operands[shared:], carried, outputs, strict=False):
        yield inner, (initial, after)
    views = loop.body.inputs[shared + loop.carries :]
    for view, stack in zip(views, loop.histories, strict=True):
        yield view, (outputs[loop.carries + stack],)
    for result, output in zip(node.results, outputs, strict=True):
        yield result, (output,)


def _aligned(mask: Array, own: Sequence[Index], axes: Sequence[Index]) -> Array:
    """A mask over its own indices as one over `axes`: true where it is for any of the others."""
    mask = np.asarray(mask.any(axis=tuple(at for at, index in enumerate(own) if index not in axes)))
    return mask[tuple(slice(None) if index in own else None for index in axes)]


def _first(bad: Array, type_: TensorType) -> tuple[int, ...]:
    """The earliest position, then the first example, then the first element."""
    found = np.argwhere(bad)
    keys = sorted(range(bad.ndim), key=lambda at: (type_.axes[at : at + 1] == (BATCH,), at))
    best = np.lexsort([found[:, key] for key in reversed(keys)])[0] if keys else 0
    return tuple(int(at) for at in found[best])


def _read(node: Node, operands: Sequence[Array], where: tuple[int, ...]) -> Iterator[float]:
    """The operands at a place of the result; of one that is read at several places the largest number."""
    axes = sort_indices(index for operand in node.operands for index in operand.type.axes)
    lead = dict(zip(node.result.type.axes, where, strict=False))
    element = where[len(node.result.type.axes) :]
    for array in operands:
        chosen = [
            slice(None) if index not in lead else lead[index] if array.shape[dim] > 1 else 0
            for dim, index in enumerate(axes)
        ]
        part = array[tuple(chosen)]
        if node.op.scalar is not None and part.shape == node.result.type.sizes:
            part = part[element]
        numbers = np.ravel(part).astype(np.float64)
        yield float(numbers[np.argmax(np.abs(numbers))]) if numbers.size else 0.0
