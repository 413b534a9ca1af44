"""The table of a run: the forward pass in its order, then the backward pass in the reverse order."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from graphc.types import BATCH_NAME, TensorType
from graphc.view import numbers
from graphc.view.columns import columns
from graphc.view.trace import Trace

if TYPE_CHECKING:
    from rich.table import Table

Line = tuple[str, ...]

_WIDEST = 100_000
"""Wider than any table: in a file it is as wide as it needs to be, whoever reads it can scroll or cut."""
_LEAST = 24
"""Columns of the last cells, however wide those before them are."""


@dataclass(frozen=True)
class Look:
    """How tables are written: `boxed` with rules, and with `width` the last cells folded to fit so many
    columns; a plain table has neither, nor colours."""

    colour: bool = False
    boxed: bool = False
    width: int | None = None


PLAIN = Look()


def render(trace: Trace, look: Look = PLAIN) -> str:
    """The whole table as text, without a newline at its end."""
    header = ("forward", "shape", "value")
    parts = [table(header, _forward(trace), look, styles=("bold", "", "green"))]
    backward = list(_backward(trace))
    if backward:
        parts.append(table(("backward", "cotangent"), backward, look, styles=("bold", "red")))
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
            for place, (source, part) in enumerate(row.summands):
                yield "", f"{'+' if place else '='} {numbers.array(part)} from {source}"


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
    look: Look = PLAIN,
    *,
    right: Collection[int] = (),
    styles: Sequence[str] = ("cyan",),
    names: Mapping[str, str] | None = None,
) -> str:
    """Lines of cells under the names of their columns; those numbered in `right` are flush right.

    `styles` are those of the first columns, `names` those of single texts in the header or the first column,
    in the words of the library that draws tables.
    """
    if not (look.colour or look.boxed):
        return "\n".join(columns([header, *lines], right))
    # Only for terminals: importing it would take a good part of a run on a small spec.
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    names, lines, last = names or {}, list(lines), len(header) - 1
    grid: Table = Table(box=box.SIMPLE_HEAD if look.boxed else None, pad_edge=False, header_style="bold")
    for place, name in enumerate(header):
        style = styles[place] if place < len(styles) else ""
        justify: Literal["left", "right"] = "right" if place in right else "left"
        head = Text(name, names.get(name, ""))
        grid.add_column(head, no_wrap=place < last, overflow="fold", style=style, justify=justify)
    for line in lines:
        first, *rest = line
        grid.add_row(Text(first, names.get(first, "")), *map(Text, rest))
    out = io.StringIO()
    Console(
        file=out,
        width=_console_width([header, *lines], look),
        force_terminal=look.colour,
        color_system="256" if look.colour else None,
        no_color=not look.colour,
        highlight=False,
        legacy_windows=False,
    ).print(grid)
    return "\n".join(text.rstrip() for text in out.getvalue().splitlines()).strip("\n")


def _console_width(lines: Sequence[Line], look: Look) -> int:
    """What there is, but all of the columns before the last and some of that."""
    if look.width is None:
        return _WIDEST
    widths = [max(map(len, cells)) + (3 if look.boxed else 1) for cells in zip(*lines, strict=True)]
    return max(look.width, sum(widths[:-1]) + _LEAST)
