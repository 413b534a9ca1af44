"""Which pass a step belongs to: forward, up to the loss, or backward, from the loss to the gradients.

A graph and its schedule do not say it. But what the loss and the reports are computed from is the forward
pass, whatever else it is good for, and the rest is there for the gradients alone.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TypeVar

from graphc.ir.graph import Graph, LoopNode
from graphc.schedule.phases import Access
from graphc.schedule.program import Program, Repeat
from graphc.schedule.titles import GRADIENT
from graphc.view.profile import Direction

Place = TypeVar("Place", bound=Hashable)
Work = tuple[AbstractSet[Place], AbstractSet[Place], bool]
"""What a step reads, what it writes, and whether it is a loop."""


def of_program(program: Program) -> list[Direction]:
    """Of each step, that of a loop for all that is in it."""
    outputs = {buffer.source: buffer for buffer in program.buffers if buffer.role == "output"}
    accesses = [Access.of(step) for step in program.steps]
    works = [
        (access.reads, access.writes, isinstance(step, Repeat))
        for step, access in zip(program.steps, accesses, strict=True)
    ]
    return _directions(works, outputs)


def of_graph(graph: Graph) -> list[Direction]:
    """Of each node."""
    works = [
        (frozenset(node.operands), frozenset(node.results), isinstance(node, LoopNode))
        for node in graph.nodes
    ]
    return _directions(works, graph.outputs)


def _directions(works: Sequence[Work[Place]], outputs: Mapping[str, Place]) -> list[Direction]:
    """A kernel that also writes what the loss does not need is of both passes; a loop keeps such values for
    the backward pass, and is still one of the forward pass."""
    needed = {place for name, place in outputs.items() if not name.startswith(GRADIENT)}
    if not needed or len(needed) == len(outputs):
        return [""] * len(works)
    found: list[Direction] = []
    for reads, writes, is_loop in reversed(works):
        direction: Direction = "backward"
        if writes & needed:
            direction = "forward" if is_loop or writes <= needed else "both"
            needed |= reads
        found.append(direction)
    return found[::-1]
