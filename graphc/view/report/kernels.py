"""A measured step: kernels, products and equations by the time that they take, and what compiling took."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphc.view.profile import Profile, Row, Unit
from graphc.view.report import plotting
from graphc.view.report.page import Figure, Item, Section, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

MOST = 20
"""So many rows are shown, those that take the most time."""
_NAMELESS = {"waiting": "waiting for other workers", "outside": "between the calls, in Python"}


def section(found: Profile) -> Section:
    """Times of a step by row and by equation, and of compiling by unit."""
    rows = sorted((row for row in found.rows if row.counts), key=lambda row: -row.seconds)[:MOST]
    named = [row for row in rows if row.name]
    items: list[Item] = [_bars(found, named)] if named else []
    items.append(_equations(found))
    items.append(_rows(found, rows))
    if found.units:
        items.append(_compiling(found.units))
    about = (
        f"A training step takes {_micro(found.plain)} µs here in {found.dtype}, workers: {found.workers}. It "
        f"is the mean of the fastest quarter of {found.samples} steps, measured as this report was written."
    )
    return Section("Time by kernel", items, about)


def _micro(seconds: float) -> str:
    return f"{seconds * 1e6:.1f}"


def _bars(found: Profile, rows: Sequence[Row]) -> Figure:
    def draw(canvas: Canvas) -> None:
        axes = plotting.one(canvas)
        axes.barh(range(len(rows)), [row.seconds * 1e6 for row in rows], color=plotting.SERIES[0], alpha=0.7)
        axes.set_yticks(range(len(rows)), [plotting.label(_called(row), 80) for row in rows], fontsize=7)
        axes.invert_yaxis()
        axes.set_xlabel("µs in a step")

    largest = rows[0]
    share = largest.seconds / max(found.seconds, 1e-12)
    caption = f"What takes the most time of a step; `{_called(largest)}` has {share:.1%} of it."
    data = Table(["step", "µs"], [[_called(row), _micro(row.seconds)] for row in rows])
    drawn = plotting.svg(draw, 10.6, max(1.6, 0.17 * len(rows) + 0.7))
    return Figure(drawn, caption, caption, data, is_wide=True)


def _called(row: Row) -> str:
    """A row by what it computes. In captions backticks mean code; what they set apart in names has quotes."""
    return re.sub("`([^`]*)`", r"“\1”", row.name) or _NAMELESS.get(row.kind, row.kind)


def _equations(found: Profile) -> Table:
    rows = [
        [
            one.place or "no equation",
            one.text,
            _micro(one.seconds),
            f"{one.seconds / max(found.seconds, 1e-12):.0%}",
        ]
        for one in sorted(found.equations, key=lambda one: -one.seconds)[:MOST]
    ]
    return Table(["line", "equation", "µs", "share"], rows, "By equation")


def _rows(found: Profile, rows: Sequence[Row]) -> Table:
    body = [
        [
            _called(row),
            ", ".join(row.places),
            row.part,
            f"{row.calls:g}",
            _micro(row.seconds),
            "" if row.bytes is None else f"{row.bytes:,}",
            "" if row.operations is None else f"{row.operations:,}",
            row.bound,
            "" if row.reached is None else f"{row.reached:.0%}",
        ]
        for row in rows
    ]
    header = [
        "step",
        "lines",
        "of",
        "calls",
        "µs",
        "bytes of a call",
        "operations",
        "bound by",
        "of that limit",
    ]
    return Table(header, body, "By kernel and product")


def _compiling(units: Sequence[Unit]) -> Table:
    ordered = sorted(units, key=lambda unit: -(unit.translation + unit.llvm))[:MOST]
    rows = [[unit.name, f"{unit.translation * 1e3:.1f}", f"{unit.llvm * 1e3:.1f}"] for unit in ordered]
    return Table(["unit", "translated, ms", "by LLVM, ms"], rows, "Compiling, the longest first")
