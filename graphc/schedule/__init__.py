"""From a graph to kernels, loops and buffers: fusion, layout, order, memory."""

from __future__ import annotations

from graphc.ir.graph import Graph
from graphc.schedule.level import Context, Level
from graphc.schedule.phases import lives, with_barriers
from graphc.schedule.places import Memory
from graphc.schedule.prepare import expanded, joined
from graphc.schedule.program import Program

__all__ = ["Program", "schedule"]


def schedule(graph: Graph, *, dense: bool = False) -> Program:
    """A graph as a program. `dense` promises that no run has ragged lengths."""
    graph = joined(expanded(graph))
    memory = Memory.of(graph)
    places = {
        value: memory.laid_out(value.name, value.type, role="input", source=value.name)
        for value in graph.inputs
    }
    level = Level(graph, memory, places, Context(dense=dense))
    for name, value in graph.outputs.items():
        level.store(value, memory.laid_out(f"out_{name}", value.type, role="output", source=name))
    level.schedule()
    steps = with_barriers([*level.steps(sliced=False)])
    return Program(tuple(memory.sizes.values()), tuple(memory.buffers), steps, lives(steps))
