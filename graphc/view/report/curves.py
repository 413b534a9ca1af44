"""What was measured after each epoch: curves of figures, of the rate, and of gradients by parameter."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from graphc.view.numbers import number
from graphc.view.panels import is_wide
from graphc.view.report import plotting
from graphc.view.report.page import Figure, Item, Section, Table, Text, thinned

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas

Values = Sequence[float]

FEW = 7
"""So many parameters are told apart as lines; more of them are rows of a picture."""
USUAL_RATIO = 1e-3
"""How far a step moves weights, relative to their norm, where a network learns well.
Source: Stanford CS231n, the notes on training."""


@dataclass(frozen=True)
class History:
    """By epoch: its number, and lists of values as long as `epochs`, NaN where there is none.

    `figures` are by name and part (`loss`, `train`). `gradients` and `updates` are by parameter.
    """

    epochs: Sequence[int]
    figures: Mapping[str, Mapping[str, Values]]
    rate: Values
    gradient: Values
    gradients: Mapping[str, Values] = field(default_factory=dict)
    updates: Mapping[str, Values] = field(default_factory=dict)
    best: int = 0
    """The epoch whose weights were the best by validation; 0 where nothing chose."""
    steps: Values = ()
    seconds: Values = ()
    """Steps taken and seconds of training until the end of each epoch."""


def section(history: History) -> Section:
    """Curves of everything."""
    items = [
        *(_figure(history, name, parts) for name, parts in history.figures.items()),
        *_rates(history),
        *_by_parameter(
            history,
            history.gradients,
            "Norm of each parameter's gradient at the last step of each epoch, before clipping.",
        ),
        *_by_parameter(
            history,
            history.updates,
            "Update-to-weight ratio: the norm of the last step of each epoch by that of the parameter. "
            f"The dotted line is {USUAL_RATIO:g}, about where a network learns well.",
            USUAL_RATIO,
        ),
    ]
    about = "Figures over whole parts of the data after each epoch."
    if history.best:
        about += f" The best epoch by validation is {history.best}."
    return Section("Training", items, about)


def _figure(history: History, name: str, parts: Mapping[str, Values]) -> Figure:
    chosen = history.best and "validation" in parts and name == "loss"
    return _lines(history, parts, name, f"{name} by epoch.", is_marked=bool(history.best), said=bool(chosen))


def _rates(history: History) -> Iterator[Figure]:
    if np.isfinite(history.rate).any():
        yield _lines(
            history,
            {"learning rate": history.rate},
            "rate",
            "Learning rate, at the last step of each epoch.",
            from_zero=True,
        )
    if np.isfinite(history.gradient).any():
        yield _lines(
            history,
            {"gradient": history.gradient},
            "norm",
            "Norm of the whole gradient, the mean over each epoch's steps, before clipping.",
        )


def _lines(
    history: History,
    curves: Mapping[str, Values],
    axis: str,
    caption: str,
    *,
    is_marked: bool = False,
    said: bool = False,
    level: float | None = None,
    from_zero: bool = False,
    with_zeros: bool = False,
) -> Figure:
    def draw(canvas: Canvas) -> None:
        axes = plotting.one(canvas)
        marker = "o" if len(history.epochs) < 3 else ""
        for place, (name, values) in enumerate(curves.items()):
            colour = plotting.SERIES[place % len(plotting.SERIES)]
            axes.plot(
                history.epochs, values, color=colour, label=plotting.label(name), marker=marker, markersize=4
            )
        if is_marked:
            _mark(axes, history.best)
        if level is not None:
            axes.axhline(level, color=plotting.SOFT, linestyle=":", linewidth=1)
        if not _scale(axes, curves, with_zeros=with_zeros) and from_zero:
            axes.set_ylim(bottom=0)
        axes.set_xlabel("epoch")
        axes.set_ylabel(plotting.label(axis))
        _epochs(axes, history)
        if len(curves) > 1:
            axes.legend(ncols=1 if len(curves) <= 4 else 2)

    best = f" The vertical line is epoch {history.best}, the best." if said else ""
    return Figure(
        plotting.svg(draw), caption + best, _described(caption, history, curves), _data(history, curves)
    )


def _epochs(axes: Axes, history: History) -> None:
    """Ticks at whole epochs; around a single one there is no other to see."""
    if len(set(history.epochs)) == 1:
        axes.set_xticks([history.epochs[0]])
    else:
        plotting.whole(axes.xaxis)


def _mark(axes: Axes, epoch: int) -> None:
    axes.axvline(epoch, color=plotting.SOFT, linestyle="--", linewidth=1)


def _scale(axes: Axes, curves: Mapping[str, Values], *, with_zeros: bool) -> bool:
    """Whether the scale is logarithmic; `with_zeros` also if some values are zero, which fall off it then."""
    values = [value for own in curves.values() for value in own if math.isfinite(value)]
    if not is_wide(values, with_zeros=with_zeros):
        return False
    plotting.logarithmic(axes.yaxis)
    return True


def _data(history: History, curves: Mapping[str, Values]) -> Table:
    rows = [
        [str(epoch), *(number(values[place]) for values in curves.values())]
        for place, epoch in enumerate(history.epochs)
    ]
    return Table(["epoch", *curves], thinned(rows))


def _described(caption: str, history: History, curves: Mapping[str, Values]) -> str:
    parts = [
        f"{name} goes from {number(values[0])} to {number(values[-1])}"
        for name, values in curves.items()
        if len(values)
    ]
    return f"{caption} Over {len(history.epochs)} epochs {', '.join(parts)}."


def _by_parameter(
    history: History, found: Mapping[str, Values], caption: str, level: float | None = None
) -> Iterator[Item]:
    found = {name: values for name, values in found.items() if np.isfinite(values).any()}
    if not found:
        return
    if not any(value > 0 for values in found.values() for value in values):
        yield Text(f"{caption.split(' The dotted')[0]} All are zero.")
    elif len(found) <= FEW:
        axis = "norm" if level is None else "ratio"
        yield _lines(history, found, axis, caption, level=level, with_zeros=True)
    else:
        yield _rows(history, found, caption)


def _rows(history: History, found: Mapping[str, Values], caption: str) -> Figure:
    """A row for each parameter, a column for each epoch."""
    with np.errstate(divide="ignore", invalid="ignore"):
        powers = np.log10(np.array(list(found.values())))
    powers[~np.isfinite(powers)] = np.nan

    def draw(canvas: Canvas) -> None:
        axes = plotting.one(canvas)
        low, high = np.nanmin(powers), np.nanmax(powers)
        image = axes.imshow(
            powers,
            aspect="auto",
            cmap=plotting.POSITIVE,
            vmin=low,
            vmax=max(high, low + 1e-6),
            interpolation="nearest",
            extent=(history.epochs[0] - 0.5, history.epochs[-1] + 0.5, len(found) - 0.5, -0.5),
        )
        axes.grid(False)
        axes.set_yticks(range(len(found)), [plotting.label(name) for name in found], fontsize=7)
        axes.set_xlabel("epoch")
        _epochs(axes, history)
        bar = canvas.colorbar(image, ax=axes, pad=0.02)
        bar.set_label("log10")
        bar.outline.set_visible(False)

    caption = (
        caption.split(" The dotted")[0] + " A row for each parameter, as a power of ten; empty: zero or none."
    )
    drawn = plotting.svg(draw, height=max(2.4, 0.17 * len(found) + 0.8))
    return Figure(drawn, caption, _described(caption, history, found), _data(history, found))
