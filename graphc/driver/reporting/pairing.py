"""Values beside what is true of them: at which steps the equations hold a name against an input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from graphc.driver.reporting.material import Material, Sample
from graphc.ir.graph import Node
from graphc.ir.op import Array
from graphc.ir.system import System, Unit
from graphc.types import BATCH, Affine, Index, Length


@dataclass(frozen=True)
class Rows:
    """A row for each example, and for each step of it that something is predicted of.

    `values` and `truth` are `[rows, dims...]`. `examples` counts those of the sample from 0; `steps` are
    positions of the input from 1, or None where it has no axis. `elements` are set where each element of a
    vector has a row.
    """

    values: Array
    truth: Array
    examples: Array
    steps: Array | None
    elements: Array | None = None


@dataclass(frozen=True)
class Meeting:
    """Where two names are read beside each other: their positions, as `index` runs over its range.

    A position is None for a name without an axis, and so is `index` where nothing runs.
    """

    index: Index | None
    name: Affine | None
    target: Affine | None


def rows(material: Material, sample: Sample, name: str, target: str) -> Rows | None:
    """A name and the input that it is held against; None if more than one axis runs there."""
    meeting = next(meetings(material.system, name, target), None)
    if meeting is None:
        return None
    places = np.array(list(_places(meeting, sample)), np.int64).reshape(-1, 3)
    examples, own, other = places.T
    values, truth = sample.values(name)[name], sample.batch.arrays[target]
    return Rows(
        values[examples] if meeting.name is None else values[examples, own - 1],
        truth[examples] if meeting.target is None else truth[examples, other - 1],
        examples,
        None if meeting.target is None else other,
    )


def meetings(system: System, name: str, target: str) -> Iterator[Meeting]:
    """The equations that read both at positions which can be told before anything runs, losses first."""
    for unit in sorted(system.units.values(), key=lambda unit: not unit.name.startswith("loss@")):
        reads = _reads(unit)
        if name in reads and target in reads and (found := _meeting(reads[name], reads[target])):
            yield found


def _reads(unit: Unit) -> Mapping[str, Node]:
    return {str(node.attrs["unit"]): node for node in reversed(unit.reads())}


def _meeting(name: Node, target: Node) -> Meeting | None:
    subscripts = [node.attrs["subscripts"] for node in (name, target)]
    if any(len(own) > 1 or not all(isinstance(one, Affine) for one in own) for own in subscripts):
        return None
    running = {axis for node in (name, target) for axis in node.result.type.axes if axis != BATCH}
    if len(running) > 1:
        return None
    index = next(iter(running), None)
    if index is not None and any(isinstance(s, Index) for s, _ in (*index.lo.terms, *index.hi.terms)):
        return None
    own, other = (one[0] if one else None for one in subscripts)
    return Meeting(index, own, other)


def _places(meeting: Meeting, sample: Sample) -> Iterator[tuple[int, int, int]]:
    """Example, position of the name, position of the input; 0 for what has none."""
    index = meeting.index
    for example in range(sample.batch.size):
        lengths = {name: int(own[example]) for name, own in sample.fed.lengths.items()}
        first, last = (_at(bound, lengths) for bound in (index.lo, index.hi)) if index else (0, 0)
        for position in range(first, last + 1):
            yield (
                example,
                _at(meeting.name, lengths, position) if meeting.name else 0,
                _at(meeting.target, lengths, position) if meeting.target else 0,
            )


def _at(place: Affine, lengths: Mapping[str, int], position: int = 0) -> int:
    """A position as a number: `position` is that of the only index."""
    return place.constant + sum(
        count * (lengths[symbol.name] if isinstance(symbol, Length) else position)
        for symbol, count in place.terms
    )
