"""Loops written as a Python function of one step, for graphs built by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graphc.ir.builder import Builder
from graphc.ir.graph import Loop, Value, body_graph
from graphc.types import Index


@dataclass(frozen=True)
class Step:
    """What a step sees. `histories` are in the order asked for."""

    constants: tuple[Value, ...]
    slices: tuple[Value, ...]
    carries: tuple[Value, ...]
    histories: tuple[Value, ...]


Outcome = tuple[Sequence[Value], Sequence[Value]]
"""The next carries, and what to stack."""


def loop(
    builder: Builder,
    index: Index,
    step: Callable[[Builder, Step], Outcome],
    *,
    constants: Sequence[Value] = (),
    sequences: Sequence[Value] = (),
    carries: Sequence[Value] = (),
    histories: Sequence[tuple[int, Value]] = (),
    reverse: bool = False,
) -> tuple[Value, ...]:
    """Append a loop; a history is the number of a stack and the body's view of it."""
    inside = Builder((*builder.loops, index))
    view = Step(
        tuple(Value(v.type, v.name) for v in constants),
        tuple(Value(v.type.with_axes(set(v.type.axes) - {index}), v.name) for v in sequences),
        tuple(Value(v.type, v.name) for v in carries),
        tuple(v for _, v in histories),
    )
    after, stacked = step(inside, view)
    for before, value in zip(view.carries, after, strict=True):
        assert value.type == before.type, (value.type, before.type)
    inputs = (*view.constants, *view.slices, *view.carries, *view.histories)
    body = body_graph(inputs, tuple(inside.nodes), (*after, *stacked))
    counts = (len(constants), len(sequences), len(carries))
    form = Loop(index, reverse, body, *counts, tuple(number for number, _ in histories))
    return builder.loop(form, *constants, *sequences, *carries)
