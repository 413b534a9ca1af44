"""Curves as text: lines of braille dots in colours, or without colours letters, which any file can hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from graphc.view.columns import columns
from graphc.view.numbers import Array, brief
from graphc.view.panels import Comparison, Curve, Panel
from graphc.view.table import Line, Look, table
from graphc.view.terminal.axes import Axis

if TYPE_CHECKING:
    from plotille import Canvas

_COLOURS = (6, 3, 5, 2, 4, 1, 166, 97, 64, 161, 67, 94)
"""Of 256: cyan, yellow, magenta, green, blue and red as the reader's terminal has them, then six that can be
seen on black and on white."""
_MODE: Literal["byte"] = "byte"
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ACROSS, _DOWN = 2, 4
"""Dots of a character."""
_TALLEST, _LOWEST = 20, 8
"""Rows of a panel with all that is written around it, where there is room and where there is not."""
_FEWEST, _NARROWEST = 4, 16
"""Rows and columns of the curves themselves, below which nothing could be seen."""
_BLANK = "\N{BRAILLE PATTERN BLANK}"
_BETWEEN = 14
"""Columns from one number to the next below a panel."""


@dataclass(frozen=True)
class Style:
    """How much room there is: `width` columns, and `rows` for all panels, legend and table, if it is limited.

    With `dots` curves are lines in colours; otherwise letters, a small one for training, a capital one for
    validation.
    """

    width: int = 80
    rows: int | None = None
    dots: bool = False
    boxed: bool = False
    """Whether the table has rules."""


def render(comparison: Comparison, style: Style) -> str:
    """All panels one below the other, what their curves are, and tables; without a newline at its end.

    Where rows are limited, tables for which there is no room are left out: curves would be off the screen.
    """
    legend = _legend(comparison, style)
    runs = {name: f"color({_colour(series)})" for series, name in comparison.runs().items()}
    given = [[comparison.header, *comparison.lines], comparison.choices]
    tables = [_table(lines, runs, style) for lines in given if len(lines) > 1]
    count, height = len(comparison.panels), _TALLEST
    if style.rows is not None and count:
        rest = style.rows - _lines(legend) - (count - 1)
        while tables and rest - sum(_lines(each) + 1 for each in tables) < count * _LOWEST:
            tables.pop()
        rest -= sum(_lines(each) + 1 for each in tables)
        height = max(_LOWEST, min(_TALLEST, rest // count))
    parts = [panel(each, style, height) for each in comparison.panels]
    if parts and legend:
        parts[-1] += f"\n{legend}"
    return "\n\n".join([*parts, *tables])


def _lines(text: str) -> int:
    return text.count("\n") + 1 if text else 0


def panel(panel: Panel, style: Style, height: int) -> str:
    """One panel in `height` rows: title, curves, numbers at both axes, and what could not be drawn."""
    title, below = panel.heading, list(panel.notes)
    points = panel.points()
    if not points:
        return "\n".join([title, "nothing to draw", *below])
    across = Axis.over((x for x, _ in points), is_whole=panel.is_counted)
    up = Axis.over((y for _, y in points), is_logarithmic=panel.is_logarithmic)
    rows = max(_FEWEST, height - 3 - len(below))
    numbers = {_cell(up.place(value), rows): brief(value) for value in up.ticks(max(2, rows // 2))}
    margin = max(map(len, numbers.values()), default=0)
    count = max(_NARROWEST, style.width - margin - 2)
    drawn = _drawn(panel.curves, across, up, (count, rows), style)
    sides = ("┤", "│", "└", "─", "┬") if style.dots else ("+", "|", "+", "-", "+")
    lines = [
        f"{numbers.get(row, ''):>{margin}} {sides[0] if row in numbers else sides[1]}{drawn[row]}".rstrip()
        for row in reversed(range(rows))
    ]
    return "\n".join([title, *lines, *_foot(across, count, margin, sides[2:]), *below])


def _cell(place: float, cells: int) -> int:
    """The row or column of a place between 0 and 1."""
    return min(cells - 1, int(place * cells))


def _foot(across: Axis, count: int, margin: int, sides: Sequence[str]) -> list[str]:
    """The lower axis with its numbers."""
    corner, line, tick = sides
    rule, numbers = [line] * count, [" "] * count
    for value in across.ticks(max(2, count // _BETWEEN)):
        column, text = _cell(across.place(value), count), brief(value)
        rule[column] = tick
        begin = max(0, min(count - len(text), column - len(text) // 2))
        numbers[begin : begin + len(text)] = text
    pad = " " * margin
    return [f"{pad} {corner}{''.join(rule)}", f"{pad}  {''.join(numbers)}".rstrip()]


# ------------------------------------------------------------------------------------- the curves


def _drawn(curves: Sequence[Curve], across: Axis, up: Axis, size: tuple[int, int], style: Style) -> list[str]:
    """The rows of characters between the axes, the lowest first."""
    from plotille import Canvas

    right, top = size[0] * _ACROSS, size[1] * _DOWN
    canvas = Canvas(*size, 0, 0, right, top, mode=_MODE)
    right, top = right - 1, top - 1
    for curve in curves:
        xs = np.array([across.place(x) * right for x, _ in curve.finite()])
        ys = np.array([up.place(y) * top for _, y in curve.finite()])
        if not len(xs):
            continue
        if style.dots and curve.is_solid:
            _line(canvas, curve, _segments(curve, xs, ys))
        else:
            _sampled(canvas, curve, _segments(curve, xs, ys), style)
    for curve in curves:
        if (point := curve.best_point) is not None:
            x, y = across.place(point[0]) * right, up.place(point[1]) * top
            canvas.point(x, y, color=_colour(curve.series) if style.dots else None, marker="*")
    lines: list[str] = canvas.plot(linesep="\n").replace(_BLANK, " ").split("\n")
    return lines[::-1]


def _segments(curve: Curve, xs: Array, ys: Array) -> list[tuple[Array, Array]]:
    """The finite points, cut where values that are not lie between them."""
    places = np.flatnonzero(np.isfinite(curve.x) & np.isfinite(curve.y))
    cuts = np.flatnonzero(np.diff(places) > 1) + 1
    return list(zip(np.split(xs, cuts), np.split(ys, cuts), strict=True))


def _line(canvas: Canvas, curve: Curve, segments: Sequence[tuple[Array, Array]]) -> None:
    for xs, ys in segments:
        canvas.point(xs[0], ys[0], color=_colour(curve.series))
        for place in range(len(xs) - 1):
            canvas.line(xs[place], ys[place], xs[place + 1], ys[place + 1], color=_colour(curve.series))


def _sampled(canvas: Canvas, curve: Curve, segments: Sequence[tuple[Array, Array]], style: Style) -> None:
    """One dot or letter in each column; where a column has several points, the last one."""
    marker = None if style.dots else _letter(curve)
    for xs, ys in segments:
        first, last = int(xs[0]) // _ACROSS, int(xs[-1]) // _ACROSS
        for column in range(first, last + 1):
            x = np.clip(column * _ACROSS + 0.5, xs[0], xs[-1])
            colour = _colour(curve.series) if style.dots else None
            canvas.point(x, float(np.interp(x, xs, ys)), color=colour, marker=marker)


def _colour(series: int) -> int:
    return _COLOURS[series % len(_COLOURS)]


def _letter(curve: Curve) -> str:
    letter = _LETTERS[curve.series % len(_LETTERS)]
    return letter.upper() if curve.part == "validation" else letter


# --------------------------------------------------------------------------- what stands below them


def _legend(comparison: Comparison, style: Style) -> str:
    """The runs, then how their parts differ, in lines that fit the width."""
    from plotille import color

    runs, parts = comparison.runs(), comparison.parts()
    found: list[tuple[str, str]] = []
    for series, name in runs.items():
        mark = "───" if style.dots else _LETTERS[series % len(_LETTERS)]
        found.append(
            (
                f"{mark} {name}",
                f"{color(mark, fg=_colour(series), mode=_MODE) if style.dots else mark} {name}",
            )
        )
    lines = _wrapped(found, style.width)
    said = [f"{_part_mark(part, is_solid, style)} {part}" for part, is_solid in parts.items()]
    said += ["* best epoch"] if comparison.has_best else []
    return "\n".join([*lines, *_wrapped([(text, text) for text in said], style.width)])


def _part_mark(part: str, is_solid: bool, style: Style) -> str:
    if style.dots:
        return "───" if is_solid else "···"
    return "A" if part == "validation" else "a"


def _wrapped(texts: Sequence[tuple[str, str]], width: int) -> list[str]:
    """Texts beside each other, as they are measured and as they are written."""
    lines: list[list[tuple[str, str]]] = []
    for text in texts:
        if lines and len("  ".join(plain for plain, _ in [*lines[-1], text])) <= width:
            lines[-1].append(text)
        else:
            lines.append([text])
    return ["  ".join(written for _, written in line) for line in lines]


def _table(lines: Sequence[Line], runs: Mapping[str, str], style: Style) -> str:
    """A line for each run; a column for each where only that fits; else the columns in several tables."""
    turned = list(zip(*lines, strict=True))
    for way in (lines, turned):
        if _width(way, style) <= style.width:
            return _written(way, runs, style)
    return "\n\n".join(_written(part, runs, style) for part in _cut(lines, style))


def _cut(lines: Sequence[Line], style: Style) -> list[list[Line]]:
    """Tables of as many columns as fit, the first one in all of them; of one more at least."""
    tables: list[list[Line]] = []
    for column in list(zip(*lines, strict=True))[1:]:
        grown = [(*row, cell) for row, cell in zip(tables[-1] if tables else [], column, strict=False)]
        if grown and _width(grown, style) <= style.width:
            tables[-1] = grown
        else:
            tables.append([(row[0], cell) for row, cell in zip(lines, column, strict=True)])
    return tables


def _width(lines: Sequence[Line], style: Style) -> int:
    # Rules have a space at either side of each column, not two between them.
    more = len(lines[0]) + 1 if style.boxed else 0
    return max(map(len, columns(lines))) + more


def _written(lines: Sequence[Line], runs: Mapping[str, str], style: Style) -> str:
    cells = list(zip(*lines, strict=True))
    right = [place for place, column in enumerate(cells) if place and all(map(_is_number, column[1:]))]
    look = Look(colour=style.dots, boxed=style.boxed)
    return table(lines[0], lines[1:], look, right=right, styles=(), names=runs)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell == "-"
    return True
