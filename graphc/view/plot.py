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
_PAGE_WIDTH = 5.2
"""Inches of a panel on a page."""
_LETTER, _MARK, _LINE = 0.075, 0.55, 0.19
"""Inches of the legend: a letter, the piece of line before a name, and a row."""
_GREY = "#808890"
"""Of what holds for all colours; it can be seen on white and on black."""
_ROUNDS: Sequence[tuple[Any, Any]] = (
    ("-", ":"),
    ("--", (0, (1, 3))),
    ("-.", (0, (1, 5))),
)
"""Lines of validation and of training, for runs that have a colour first, a second and a third time."""


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
    return _image(comparison, suffix.removeprefix("."))


def _image(comparison: Comparison, format: str) -> bytes:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Canvas

    panels = comparison.panels
    columns = min(_ACROSS, len(panels))
    rows = -(-len(panels) // columns)
    with matplotlib.rc_context(_SETTINGS):
        legend = _Legend(comparison, columns * _WIDTH, _PAPER)
        size = columns * _WIDTH, rows * _HEIGHT + legend.height
        canvas = Canvas(figsize=size, layout="constrained", dpi=_DPI)
        for place, panel in enumerate(panels, 1):
            axes = canvas.add_subplot(rows, columns, place)
            _draw(axes, panel, _PAPER)
            axes.set_title(plotting.label(panel.title, 60))
            notes = [plotting.label(note, 80) for note in panel.notes]
            axes.set_xlabel("\n".join([panel.across, *notes]))
        legend.draw(canvas)
        # `savefig` would draw twice.
        if format == "png":
            held = io.BytesIO()
            FigureCanvasAgg(canvas).print_png(held)  # type: ignore[no-untyped-call]
            return held.getvalue()
        # Without the date the same curves give the same file.
        text = io.StringIO()
        FigureCanvasSVG(canvas).print_svg(text, metadata={"Date": None})  # type: ignore[no-untyped-call]
        return text.getvalue().encode()


def _draw(axes: Axes, panel: Panel, colours: Sequence[str]) -> None:
    """The curves of a run have one colour; a star stands at its best epoch."""
    for curve in panel.curves:
        colour = colours[curve.series % len(colours)]
        marker = "o" if len(curve.x) < 3 else ""
        style = _style(curve.series, colours, is_solid=curve.is_solid)
        axes.plot(curve.x, curve.y, linestyle=style, color=colour, marker=marker, markersize=4)
        if (point := curve.best_point) is not None:
            axes.plot(*point, "*", color=colour, markersize=10)
    if panel.is_logarithmic:
        plotting.logarithmic(axes.yaxis)
    axes.set_xlabel(panel.across)
    axes.set_ylabel(plotting.label(panel.title))
    if panel.is_counted:
        plotting.whole(axes.xaxis)


def _style(series: int, colours: Sequence[str], *, is_solid: bool) -> Any:
    """Runs that share a colour differ in their dashes."""
    solid, dotted = _ROUNDS[series // len(colours) % len(_ROUNDS)]
    return solid if is_solid else dotted


class _Legend:
    """What the curves of all panels are, in lines below them: the runs, then what their parts look like."""

    def __init__(self, comparison: Comparison, width: float, colours: Sequence[str]) -> None:
        """`width` in inches."""
        from matplotlib.lines import Line2D

        runs = comparison.runs() if len(comparison.runs()) > 1 or not comparison.parts() else {}
        self._handles = [
            Line2D(
                [],
                [],
                color=colours[series % len(colours)],
                linestyle=_style(series, colours, is_solid=True),
                label=plotting.label(name, 48),
            )
            for series, name in runs.items()
        ]
        # The parts look alike in all colours; of one run alone they are in its own.
        grey = _GREY if runs else colours[0]
        self._handles += [
            Line2D([], [], color=grey, linestyle=_style(0, colours, is_solid=is_solid), label=part)
            for part, is_solid in comparison.parts().items()
        ]
        if comparison.has_best:
            self._handles.append(Line2D([], [], color=grey, linestyle="", marker="*", label="best epoch"))
        longest = max((len(str(handle.get_label())) for handle in self._handles), default=0)
        self._columns = max(1, int(width / (_LETTER * longest + _MARK)))

    @property
    def height(self) -> float:
        """Inches."""
        return -(-len(self._handles) // self._columns) * _LINE

    def draw(self, canvas: Canvas) -> None:
        if self._handles:
            canvas.legend(handles=self._handles, loc="outside lower center", ncols=self._columns)


def _page(comparison: Comparison, title: str) -> Report:
    items = [_figure(comparison, panel) for panel in comparison.panels]
    sections = [Section("Curves", items, _READ if comparison.lines else "")]
    if comparison.lines:
        tables = [Table(comparison.header, comparison.lines, _TABLE)]
        if comparison.choices:
            tables.append(Table(comparison.choices[0], comparison.choices[1:], _CHOICES))
        sections.append(Section("Runs", tables))
    return Report(title, (), sections)


_READ = "Solid: the validation part. Dotted: the training part. A star is the best epoch by validation."
_TABLE = "Figures are those of the best epoch by validation, or of the last one where nothing chose."
_CHOICES = "What was chosen differently."


def _figure(comparison: Comparison, panel: Panel) -> Figure:
    legend = _Legend(comparison, _PAGE_WIDTH, plotting.SERIES)

    def draw(canvas: Canvas) -> None:
        _draw(plotting.one(canvas), panel, plotting.SERIES)
        legend.draw(canvas)

    described = [
        f"{curve.label} goes from {number(curve.y[0])} to {number(curve.y[-1])}" for curve in panel.curves
    ]
    caption = ". ".join([panel.heading, *panel.notes]) + "."
    picture = plotting.svg(draw, _PAGE_WIDTH, _HEIGHT + legend.height)
    return Figure(picture, caption, f"{caption} {', '.join(described)}.", _numbers(panel))


def _numbers(panel: Panel) -> Table:
    """A row for each place of any curve."""
    columns = [dict(zip(curve.x, curve.y, strict=True)) for curve in panel.curves]
    places = sorted({x for column in columns for x in column})
    rows = [[number(x), *(number(column[x]) if x in column else "-" for column in columns)] for x in places]
    return Table([panel.across, *(curve.label for curve in panel.curves)], thinned(rows))
