"""One long sequence instead of many examples: its steps as rows, its parts one behind the other in time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from graphc.diagnostics import fault
from graphc.train.data.examples import Stream, Table
from graphc.train.data.origins import Origin
from graphc.train.data.settings import DataSettings
from graphc.train.data.splits import split_in_time
from graphc.train.protocol import InputSpec


def as_steps(specs: Mapping[str, InputSpec], table: Table, origin: Origin) -> Table:
    """A table of one example along one axis as a table of its steps. Raises E436 for any other."""
    axes = {spec.running_lengths for spec in specs.values()}
    lone = next(iter(axes)) if len(axes) == 1 else ()
    if table.count != 1 or len(lone) != 1 or not lone[0]:
        raise fault(
            "E436",
            f"`bptt` cuts one long sequence into chunks; {origin} has {table.count} examples "
            f"of {', '.join(f'`{name}`' for name in specs)}",
            origin.span,
            help="leave `bptt` out, or give one example whose inputs all run along the same axis",
        )
    steps = int(table.lengths[lone[0]][0]) if lone[0] in table.lengths else None
    arrays = {name: array[0][:steps] for name, array in table.arrays.items()}
    return replace(table, arrays=arrays, axes=dict.fromkeys(arrays, ()), lengths={})


def parts_in_time(settings: DataSettings, steps: Table) -> dict[str, Stream]:
    """The parts of a sequence by name, those that there are. Raises E430, E435."""
    span = settings.spans.get("validation", settings.spans.get("test"))
    validation, test = split_in_time(steps.count, *settings.shares, span)
    ends = {"train": (0, validation), "validation": (validation, test), "test": (test, steps.count)}
    found = {name: Stream(steps, begin, end) for name, (begin, end) in ends.items() if end > begin}
    check_streams(settings, found)
    return found


def check_streams(settings: DataSettings, found: Mapping[str, Stream]) -> None:
    """Raises E435 for a part of one step, which has no target."""
    span = settings.spans.get("validation", settings.spans.get("test"))
    if any(part.count < 2 for part in found.values()):
        raise fault("E435", "a part of the sequence has one step, expected at least two", span)
