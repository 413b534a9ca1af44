"""From a graph to kernels, loops and buffers: fusion, layout, order, memory."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.ir.graph import Graph
from graphc.schedule.level import Context, Level
from graphc.schedule.phases import Access, lives, with_barriers
from graphc.schedule.places import Memory
from graphc.schedule.prepare import expanded, joined
from graphc.schedule.program import Barrier, Keeping, Pack, Program, Repeat, Step, walk
from graphc.schedule.segments import segmented

__all__ = ["Keeping", "Program", "schedule"]


def schedule(graph: Graph, *, dense: bool = False, memory: Keeping = "normal") -> Program:
    """A graph as a program.

    `dense` promises that no run has ragged lengths. With `memory` "low" what a reverse loop needs is computed
    again, segment by segment, instead of being kept for all steps: see `segments`.
    """
    graph = joined(expanded(graph))
    if memory == "low":
        graph = segmented(graph)
    room = Memory.of(graph)
    places = {
        value: room.laid_out(value.name, value.type, role="input", source=value.name)
        for value in graph.inputs
    }
    level = Level(graph, room, places, Context(dense=dense))
    for name, value in graph.outputs.items():
        level.store(value, room.laid_out(f"out_{name}", value.type, role="output", source=name))
    level.schedule()
    steps = with_barriers([*level.steps(sliced=False)])
    _verify(steps)
    return Program(tuple(room.sizes.values()), tuple(room.buffers.values()), steps, lives(steps))


def _verify(steps: Sequence[Step]) -> None:
    """What is given is only read, and in a sliced loop no worker needs what another one makes."""
    written = Access.all(steps).writes
    assert all(buffer.role in ("work", "output") for buffer in written)
    for step in walk(steps):
        if isinstance(step, Repeat) and step.sliced:
            assert not any(isinstance(inner, Pack | Barrier) for inner in walk(step.body))
