"""The table of a run: the forward pass in its order, then the backward pass in the reverse order."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from graphc.types import BATCH_NAME, TensorType
from graphc.view import numbers
from graphc.view.columns import columns
from graphc.view.trace import Array, Trace

if TYPE_CHECKING:
    from rich.table import Table

Line = tuple[str, ...]

_WIDEST = 100_000
"""Wider than any table: a table is as wide as it needs to be, whoever reads it can scroll or cut."""


def render(trace: Trace, *, colour: bool = False, boxed: bool = False) -> str:
    """The whole table as text, without a newline at its end."""
    values = ("bold", "", "green")
    parts = [table(("forward", "shape", "value"), _forward(trace), colour=colour, boxed=boxed, styles=values)]
    backward = list(_backward(trace))
    if backward:
        cotangents = ("bold", "red")
        parts.append(
            table(("backward", "cotangent"), backward, colour=colour, boxed=boxed, styles=cotangents)
        )
    if trace.loss is not None:
        parts.append(f"loss {numbers.number(trace.loss)}")
    return "\n\n".join(parts)


def _forward(trace: Trace) -> Iterable[Line]:
    for row in trace.rows:
        yield row.name, shape(row.type, batch=not trace.single), numbers.array(row.value)


def _backward(trace: Trace) -> Iterable[Line]:
    for row in reversed(trace.rows):
        if row.cotangent is None:
            continue
        yield row.name, numbers.array(row.cotangent)
        if len(row.summands) > 1:
            yield "", _sum(row.summands)


def _sum(summands: Sequence[tuple[str, Array]]) -> str:
    return "= " + " + ".join(f"{numbers.array(part)} from {source}" for source, part in summands)


def shape(type: TensorType, *, batch: bool) -> str:
    """`real`, `[H=64]`, `[t] [H=64]`: the indices, then the dims of one element."""
    indices = [str(index) for index in type.axes if batch or index.name != BATCH_NAME]
    dims = [str(dim) for dim in type.shape]
    parts = ["[" + ", ".join(part) + "]" for part in (indices, dims) if part]
    if type.dtype != "real" or not dims:
        parts.insert(0, type.dtype)
    return " ".join(parts)


def table(
    header: Line,
    lines: Iterable[Line],
    *,
    right: Collection[int] = (),
    colour: bool = False,
    boxed: bool = False,
    styles: Sequence[str] = ("cyan",),
) -> str:
    """Lines of cells under the names of their columns; those numbered in `right` are flush right.

    `styles` are those of the first columns, in the words of the library that draws tables.
    """
    if not (colour or boxed):
        return "\n".join(columns([header, *lines], right))
    # Only for terminals: importing it would take a good part of a run on a small spec.
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid: Table = Table(box=box.SIMPLE_HEAD if boxed else None, pad_edge=False, header_style="bold")
    for column, name in enumerate(header):
        style = styles[column] if column < len(styles) else ""
        grid.add_column(name, no_wrap=True, style=style, justify="right" if column in right else "left")
    for line in lines:
        grid.add_row(*(Text(cell) for cell in line))
    out = io.StringIO()
    Console(
        file=out,
        width=_WIDEST,
        force_terminal=colour,
        no_color=not colour,
        highlight=False,
        legacy_windows=False,
    ).print(grid)
    return "\n".join(text.rstrip() for text in out.getvalue().strip("\n").splitlines())
