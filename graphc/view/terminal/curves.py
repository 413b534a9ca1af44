"""Curves as text: lines of braille dots in colours, or without colours letters, which any file can hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graphc.view.columns import columns
from graphc.view.numbers import Array, brief
from graphc.view.panels import Comparison, Curve, Panel
from graphc.view.table import table
from graphc.view.terminal.axes import Axis

if TYPE_CHECKING:
    from plotille import Canvas

_COLOURS = ("cyan", "yellow", "magenta", "green", "blue", "red")
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
    """All panels one below the other, what their curves are, and the table; without a newline at its end."""
    legend = _legend(comparison.panels, style)
    below = _table(comparison, style)
    height = _TALLEST
    if style.rows is not None and comparison.panels:
        rest = style.rows - legend.count("\n") - below.count("\n") - len(comparison.panels) - 2
        height = max(_LOWEST, min(_TALLEST, rest // len(comparison.panels)))
    parts = [panel(each, style, height) for each in comparison.panels]
    if parts and legend:
        parts[-1] += f"\n{legend}"
    return "\n\n".join([*parts, below] if below else parts)


def _table(comparison: Comparison, style: Style) -> str:
    """A line for each run; where these are too long, a column for each."""
    if not comparison.lines:
        return ""
    lines, right = [comparison.header, *comparison.lines], range(2, len(comparison.header))
    if max(map(len, columns(lines))) > style.width:
        lines, right = list(zip(*lines, strict=True)), range(1, len(lines))
    return table(lines[0], lines[1:], right=right, colour=style.dots, boxed=style.boxed)


def panel(panel: Panel, style: Style, height: int) -> str:
    """One panel in `height` rows: title, curves, numbers at both axes, and what could not be drawn."""
    title, below = panel.heading, list(panel.notes)
    points = panel.points()
    if not points:
        return "\n".join([title, "nothing to draw", *below])
    across = Axis.over((x for x, _ in points), is_whole=True)
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
    canvas = Canvas(*size, 0, 0, right, top)
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
            canvas.point(x, y, color=_colour(curve) if style.dots else None, marker="*")
    lines: list[str] = canvas.plot(linesep="\n").replace(_BLANK, " ").split("\n")
    return lines[::-1]


def _segments(curve: Curve, xs: Array, ys: Array) -> list[tuple[Array, Array]]:
    """The finite points, cut where values that are not lie between them."""
    places = np.flatnonzero(np.isfinite(curve.y))
    cuts = np.flatnonzero(np.diff(places) > 1) + 1
    return list(zip(np.split(xs, cuts), np.split(ys, cuts), strict=True))


def _line(canvas: Canvas, curve: Curve, segments: Sequence[tuple[Array, Array]]) -> None:
    for xs, ys in segments:
        canvas.point(xs[0], ys[0], color=_colour(curve))
        for place in range(len(xs) - 1):
            canvas.line(xs[place], ys[place], xs[place + 1], ys[place + 1], color=_colour(curve))


def _sampled(canvas: Canvas, curve: Curve, segments: Sequence[tuple[Array, Array]], style: Style) -> None:
    """One dot or letter in each column; where a column has several points, the last one."""
    marker = None if style.dots else _letter(curve)
    for xs, ys in segments:
        first, last = int(xs[0]) // _ACROSS, int(xs[-1]) // _ACROSS
        for column in range(first, last + 1):
            x = np.clip(column * _ACROSS + 0.5, xs[0], xs[-1])
            colour = _colour(curve) if style.dots else None
            canvas.point(x, float(np.interp(x, xs, ys)), color=colour, marker=marker)


def _colour(curve: Curve) -> str:
    return _COLOURS[curve.series % len(_COLOURS)]


def _letter(curve: Curve) -> str:
    letter = _LETTERS[curve.series % len(_LETTERS)]
    return letter.upper() if curve.part == "validation" else letter


def _legend(panels: Sequence[Panel], style: Style) -> str:
    """What each curve is, in lines that fit the width."""
    from plotille import color

    shown: dict[str, str] = {}
    for curve in (curve for panel in panels for curve in panel.curves):
        if style.dots:
            line = "───" if curve.is_solid else "···"
            shown[f"{line} {curve.label}"] = color(line, fg=_colour(curve)) + f" {curve.label}"
        else:
            text = f"{_letter(curve)} {curve.label}"
            shown[text] = text
    if any(curve.best_point is not None for panel in panels for curve in panel.curves):
        shown["* best epoch"] = "* best epoch"
    lines: list[list[str]] = [[]]
    for text in shown:
        if len("  ".join([*lines[-1], text])) > style.width and lines[-1]:
            lines.append([])
        lines[-1].append(text)
    return "\n".join("  ".join(shown[text] for text in line) for line in lines)
