"""Where a value goes: names with several uses, whose cotangents are sums, and how long each is needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from graphc.analysis.intervals import Interval, distance
from graphc.analysis.recurrence import Recurrence, Single, Step
from graphc.analysis.usage import whole_graph
from graphc.ir.graph import Node
from graphc.ir.system import System
from graphc.types import Affine


@dataclass(frozen=True)
class Use:
    """One read of a name: by whom, and how far back along each of its axes."""

    reader: str
    distances: Mapping[str, Interval]

    def __str__(self) -> str:
        away = ", ".join(f"{axis} {gap}" for axis, gap in self.distances.items() if not gap.is_zero)
        return f"{self.reader} ({away} back)" if away else self.reader


def uses(system: System) -> dict[str, tuple[Use, ...]]:
    """Every use of every name, readers in the order of the file."""
    graph = whole_graph(system)
    order = {name: number for number, name in enumerate(system.units)}
    found: dict[str, tuple[Use, ...]] = {}
    for name in graph:
        edges = sorted(graph.out_edges(name, data="node"), key=lambda edge: order[edge[1]])
        found[name] = tuple(Use(reader, _distances(system, name, reader, node)) for _, reader, node in edges)
    return found


def forks(system: System) -> dict[str, tuple[Use, ...]]:
    """The names with two uses or more."""
    return {name: found for name, found in uses(system).items() if len(found) > 1}


def _distances(system: System, name: str, reader: str, node: Node) -> dict[str, Interval]:
    found: dict[str, Interval] = {}
    own = {index.name: index for index in system.indices(reader)}
    for index, subscript in zip(system.indices(name), node.attrs["subscripts"], strict=True):
        # An index that the reader lacks is read whole, or at one position of its own.
        if index.name in own:
            known = subscript if isinstance(subscript, Affine) else None
            found[index.name] = distance(own[index.name], known)
    return found


def last_uses(system: System, steps: Iterable[Step]) -> dict[str, str]:
    """For each name the last one, in the order of computation, that reads it: afterwards it is dead.

    What a recurrence reads is needed until its last member, since every step reads it again. A name that
    nothing reads is its own last use.
    """
    last: dict[str, str] = {}
    for step in steps:
        members = _members(step)
        for unit in members:
            last[unit] = members[-1]
            for node in system.units[unit].reads():
                last[node.attrs["unit"]] = members[-1]
    return last


def _members(step: Step) -> list[str]:
    if isinstance(step, Single):
        return [step.unit]
    assert isinstance(step, Recurrence)
    return [unit for inner in step.steps for unit in _members(inner)]
