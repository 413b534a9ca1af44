"""Curves as a file: SVG and PNG for documents, HTML with the table and the numbers behind the curves."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphc.diagnostics import fault, nearest
from graphc.view.numbers import number
from graphc.view.panels import Comparison, Panel
from graphc.view.report import plotting
from graphc.view.report.page import Figure, Report, Section, Table, thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

FORMATS = (".svg", ".png", ".html")

_PAPER = ("#1f6fb2", "#c8501e", "#2a8a45", "#8a4fb0", "#b8860b", "#c2397a", "#3b8f9c", "#7a6a5c")
"""Colours of curves on white."""
_SETTINGS: dict[Any, Any] = {
    "svg.hashsalt": "graphc",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "text.parse_math": False,
    "grid.color": "#e4e9ee",
    "legend.frameon": False,
    "legend.fontsize": 8,
}
_ACROSS = 2
"""Panels beside each other."""
_WIDTH, _HEIGHT, _DPI = 5.0, 3.1, 150
"""Inches of a panel, and dots of an inch in a PNG."""


def format_of(path: str) -> str:
    """The ending of a file, such as `.svg`. Raises E743 for one that is not known."""
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        known = ", ".join(f"`{suffix}`" for suffix in FORMATS)
        raise fault("E743", f"`{path}`: curves are written as {known}", help=nearest(suffix, FORMATS))
    return suffix


def encoded(comparison: Comparison, title: str, suffix: str) -> bytes:
    """The content of a file with that ending. Raises E740 without matplotlib."""
    plotting.check_installed()
    if suffix == ".html":
        return _page(comparison, title).html().encode()
    return _image(comparison.panels, suffix.removeprefix("."))


def _image(panels: Sequence[Panel], format: str) -> bytes:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Canvas

    columns = min(_ACROSS, len(panels))
    rows = -(-len(panels) // columns)
    with matplotlib.rc_context(_SETTINGS):
        canvas = Canvas(figsize=(columns * _WIDTH, rows * _HEIGHT), layout="constrained")
        FigureCanvasAgg(canvas)
        for place, panel in enumerate(panels, 1):
            axes = canvas.add_subplot(rows, columns, place)
            _draw(axes, panel, _PAPER)
            axes.set_title(plotting.label(panel.title, 60))
        held = io.BytesIO()
        # Without the date the same curves give the same file.
        metadata = {"Date": None} if format == "svg" else {}
        canvas.savefig(held, format=format, dpi=_DPI, metadata=metadata)
    return held.getvalue()


def _draw(axes: Axes, panel: Panel, colours: Sequence[str]) -> None:
    """The curves of a run have one colour; a star stands at its best epoch."""
    for curve in panel.curves:
        colour = colours[curve.series % len(colours)]
        marker = "o" if len(curve.x) < 3 else ""
        style = "-" if curve.is_solid else ":"
        name = plotting.label(curve.label, 48)
        axes.plot(curve.x, curve.y, style, color=colour, marker=marker, markersize=4, label=name)
        if (point := curve.best_point) is not None:
            axes.plot(*point, "*", color=colour, markersize=10)
    if panel.is_logarithmic:
        plotting.logarithmic(axes.yaxis)
    axes.set_xlabel(panel.across)
    axes.set_ylabel(plotting.label(panel.title))
    plotting.whole(axes.xaxis)
    if any(curve.label for curve in panel.curves):
        axes.legend()


def _page(comparison: Comparison, title: str) -> Report:
    items = [_figure(panel) for panel in comparison.panels]
    sections = [Section("Curves", items, _READ if comparison.lines else "")]
    if comparison.lines:
        table = Table(comparison.header, comparison.lines)
        sections.append(Section("Runs", [table], _TABLE))
    return Report(title, (), sections)


_READ = "Solid: the validation part. Dotted: the training part. A star is the best epoch by validation."
_TABLE = "Figures are those of the best epoch by validation, or of the last one where nothing chose."


def _figure(panel: Panel) -> Figure:
    def draw(canvas: Canvas) -> None:
        _draw(plotting.one(canvas), panel, plotting.SERIES)

    described = [
        f"{curve.label} goes from {number(curve.y[0])} to {number(curve.y[-1])}" for curve in panel.curves
    ]
    caption = ". ".join([panel.heading, *panel.notes]) + "."
    return Figure(plotting.svg(draw), caption, f"{caption} {', '.join(described)}.", _numbers(panel))


def _numbers(panel: Panel) -> Table:
    """A row for each place of any curve."""
    columns = [dict(zip(curve.x, curve.y, strict=True)) for curve in panel.curves]
    places = sorted({x for column in columns for x in column})
    rows = [[number(x), *(number(column[x]) if x in column else "-" for column in columns)] for x in places]
    return Table([panel.across, *(curve.label for curve in panel.curves)], thinned(rows))
