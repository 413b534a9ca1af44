"""Figures by matplotlib, as SVG that takes its colours from the page.

No state of the library is changed for anybody else: figures are objects of their own, without `pyplot`, and
settings hold while one is made.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from graphc.diagnostics import fault

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure as Canvas

Array = npt.NDArray[Any]
Draw = Callable[["Canvas"], None]
Ticks = Callable[..., Any]
"""What puts ticks with labels at an axis."""

# Colours that nobody uses stand for those of the page, which are others in the dark.
INK, SOFT, GRID, COVER = "#01fe01", "#01fe02", "#01fe03", "#01fe04"
SERIES = tuple(f"#01fd{number:02x}" for number in range(8))
_PAGE = {INK: "--ink", SOFT: "--soft", GRID: "--grid", COVER: "--cover"}
_PAGE |= {colour: f"--s{number}" for number, colour in enumerate(SERIES)}

SIGNED, POSITIVE = "RdBu_r", "viridis"
"""Colours of numbers of both signs, with white for 0, and of numbers from 0 on."""

_SETTINGS: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "graphc",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"],
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.titlesize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.formatter.useoffset": False,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 1.5,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
}


def check_installed() -> None:
    """Raises E740 without matplotlib."""
    if find_spec("matplotlib") is None:
        raise fault("E740", "figures need the library `matplotlib`", help="pip install 'graphc[report]'")


_FEW_DECADES = 300.0
"""A logarithmic axis has ticks between the powers of ten unless its ends are so many times apart."""
_LARGEST = 114
"""An inch takes at most so many pixels of the page, so that letters are of one size in all figures."""


def svg(draw: Draw, width: float = 5.2, height: float = 2.9) -> str:
    """What `draw` puts on an empty figure, `width` by `height` inches at 72 dots each. Raises E740."""
    check_installed()
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Canvas

    with matplotlib.rc_context(_SETTINGS):
        canvas = Canvas(figsize=(width, height), layout="constrained")
        draw(canvas)
        held = io.StringIO()
        # `savefig` draws twice, the first time for a layout that is made again: it takes twice the time.
        metadata = {"Date": None, "Creator": None}
        FigureCanvasSVG(canvas).print_svg(held, metadata=metadata)  # type: ignore[no-untyped-call]
    return _of_page(held.getvalue()).replace("<svg ", f'<svg style="max-width: {width * _LARGEST:.0f}px" ', 1)


def _of_page(text: str) -> str:
    """The SVG element alone, in the colours of the page, with names where something refers to them."""
    text = text[text.index("<svg") :].rstrip()
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->\s*", "", text, flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*">', "<g>", text)
    for colour, name in _PAGE.items():
        text = text.replace(colour, f"var({name})")
    # Links to parts of the page itself need no namespace in HTML, and a name of one looks like an address.
    text = re.sub(r'\s+xmlns(:\w+)?="[^"]*"', "", text)
    return text.replace("xlink:href", "href")


def spread(count: int, most: int) -> Array:
    """The numbers of at most `most` of `count` things, evenly spaced."""
    found: Array = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(np.int64))
    return found


def one(canvas: Canvas) -> Axes:
    """The only plot of a figure."""
    return canvas.subplots()


def logarithmic(axis: Axis) -> None:
    """Powers of ten as plain numbers: the library writes them in a notation that is off here, since names may
    have its signs in them."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    if axis is axis.axes.xaxis:
        axis.axes.set_xscale("log")
    else:
        axis.axes.set_yscale("log")
    low, high = axis.get_view_interval()
    if high < _FEW_DECADES * low:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def whole(axis: Axis) -> None:
    """Ticks at whole numbers only."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(integer=True))


def empty(axes: Axes) -> None:
    """A plot without ticks and frame, for a picture."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def picture(axes: Axes, values: Array, *, signed: bool = False, largest: float | None = None) -> Any:
    """A matrix as cells of colour; what is no number stays empty. `[N, M]`, or `[3, N, M]` for colours."""
    if values.ndim == 3:
        low, high = float(values.min()), float(values.max())
        shown = np.moveaxis((values - low) / max(high - low, 1e-12), 0, -1)
        return axes.imshow(shown, interpolation="nearest", aspect="equal")
    finite = values[np.isfinite(values)]
    top = largest if largest is not None else float(np.max(np.abs(finite), initial=0.0)) or 1.0
    limits = (-top, top) if signed else (min(float(np.min(finite, initial=0.0)), 0.0), top)
    return axes.imshow(
        values,
        cmap=SIGNED if signed else POSITIVE,
        vmin=limits[0],
        vmax=limits[1],
        interpolation="nearest",
        aspect="equal",
    )


_SPACES = {"\n": "↵", "\t": "⇥"}


def label(text: str, most: int = 24) -> str:
    """A text as short as a plot needs it; white space alone is made visible."""
    shown = " ".join(text.split()) or "".join(_SPACES.get(character, "␣") for character in text)
    shown = "".join(character if character.isprintable() else "�" for character in shown)
    return shown if len(shown) <= most else shown[: most - 1] + "…"
