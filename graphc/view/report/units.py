"""Activations: where the values before them lie, where they are flat, and which units never answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from graphc.view.report import plotting
from graphc.view.report.page import Figure, Section, Table
from graphc.view.report.plotting import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

FLAT = 0.05
"""An activation is saturated where its derivative is below this share of its largest one."""
MOST_ROWS = 8192
_BINS = 60
_FAR = 8.0
"""Between this far below 0 and above it activations have their largest derivative."""


@dataclass(frozen=True)
class Curve:
    """A function of one number and its derivative, both for arrays of any shape."""

    value: Callable[[Array], Array]
    derivative: Callable[[Array], Array]

    @cached_property
    def steepest(self) -> float:
        """The largest size of the derivative."""
        return float(np.max(np.abs(self.derivative(np.linspace(-_FAR, _FAR, 1601)))))

    def is_flat(self, places: Array) -> Array:
        """Where the derivative is small."""
        found: Array = np.abs(self.derivative(places)) < FLAT * self.steepest
        return found


@dataclass(frozen=True)
class Activation:
    """One activation of a spec. `place` is what the reader finds it by.

    `before` are values that it was given, `[rows, units]`. `active` is the share of all examples and steps in
    which a unit was given more than zero, `[units]`.
    """

    place: str
    function: str
    curve: Curve
    before: Array
    active: Array

    @staticmethod
    def of(place: str, function: str, curve: Curve, rows: Array) -> Activation:
        """From all values, a row for each example and step: `[rows, units]`.

        Of very many rows evenly spaced ones are kept; but whether a unit is ever active, all of them say.
        """
        kept = rows[plotting.spread(len(rows), MOST_ROWS)].astype(np.float64)
        return Activation(place, function, curve, kept, np.mean(rows > 0, axis=0))

    @property
    def saturated(self) -> float:
        """The share of values at which the function is flat."""
        return float(np.mean(self.curve.is_flat(self.before)))


def activations(found: Sequence[Activation], sample: str) -> Section:
    """A histogram for each, and a table of saturation."""
    rows = [
        [one.place, one.function, str(one.before.shape[1]), f"{one.saturated:.1%}"]
        + [f"{value:.3g}" for value in (one.before.mean(), one.before.std())]
        for one in found
    ]
    table = Table(["activation", "function", "units", "saturated", "mean before", "deviation before"], rows)
    about = (
        f"What goes into each activation, over {sample}. Little gradient is passed on where the derivative "
        f"is small: a value counts as saturated where it is below {FLAT:.0%} of the largest one."
    )
    return Section("Activations", [*map(_histogram, found), table], about)


def _histogram(one: Activation) -> Figure:
    curve = one.curve
    values = one.before.ravel()
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, [0.1, 99.9]) if len(values) else (-1.0, 1.0)
    reach = max(abs(low), abs(high), 1.0) * 1.05
    line = np.linspace(-reach, reach, 241)
    counts, edges = np.histogram(values, _BINS, (-reach, reach))
    shares = counts / max(1, len(values))

    def draw(canvas: Canvas) -> None:
        axes = plotting.one(canvas)
        axes.fill_between(
            line,
            0,
            1,
            where=list(curve.is_flat(line)),
            transform=axes.get_xaxis_transform(),
            color=plotting.GRID,
            alpha=0.8,
        )
        axes.stairs(shares, edges, fill=True, color=plotting.SERIES[0], alpha=0.45)
        axes.set_xlabel("value before")
        axes.set_ylabel("share of values")
        axes.grid(False)
        other = axes.twinx()
        other.plot(line, curve.value(line), color=plotting.SERIES[1], label=one.function)
        other.plot(line, curve.derivative(line), color=plotting.SERIES[2], linestyle="--", label="derivative")
        other.grid(False)
        # Above: inside it would lie on the bars.
        other.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)

    caption = f"{one.place}: {one.saturated:.1%} saturated (grey)."
    description = (
        f"Histogram of the values before {one.place}, with the function and its derivative: 99.8% of them "
        f"are between {low:.3g} and {high:.3g}, {one.saturated:.1%} where the function is flat."
    )
    rows = [[f"{left:.3g}", f"{share:.2%}"] for left, share in zip(edges, shares, strict=False) if share]
    return Figure(plotting.svg(draw, height=2.5), caption, description, Table(["from", "share"], rows))


def dead(found: Sequence[Activation], sample: str) -> Section:
    """For each relu, how often each unit is active; those that never are."""
    rows = []
    for one in found:
        silent = np.flatnonzero(one.active == 0)
        names = ", ".join(map(str, silent[:20])) + (", …" if len(silent) > 20 else "")
        rows.append(
            [
                one.place,
                str(one.before.shape[1]),
                str(len(silent)),
                f"{np.median(one.active):.1%}",
                names or "none",
            ]
        )
    about = (
        f"A relu that gives zero for every example gets no gradient and stays as it is. Over {sample}: units "
        "in the order of how often they are active; numbers of dead ones count from 0."
    )
    table = Table(["activation", "units", "dead", "median active", "which are dead"], rows)
    return Section("Dead units", [*map(_active, found), table], about)


def _active(one: Activation) -> Figure:
    shares = np.sort(one.active)[::-1]

    def draw(canvas: Canvas) -> None:
        axes = plotting.one(canvas)
        axes.bar(range(len(shares)), shares, width=1.0, color=plotting.SERIES[0], alpha=0.6)
        axes.set_ylim(0, 1)
        axes.set_xlabel("units, the most active first")
        axes.set_ylabel("share of examples")

    count = int(np.sum(shares == 0))
    caption = f"{one.place}: {count} of {len(shares)} units dead."
    description = (
        f"How often each unit of {one.place} is active, from {shares[0]:.0%} down to {shares[-1]:.0%}."
    )
    return Figure(plotting.svg(draw, height=2.2), caption, description)
