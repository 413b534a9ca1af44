"""What a model of two numbers says everywhere in their plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graphc.view.report import plotting
from graphc.view.report.page import Figure, Section, Table
from graphc.view.report.plotting import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Canvas


@dataclass(frozen=True)
class Plane:
    """A grid over two inputs, in the units of the data: `across` `[N]`, `up` `[M]`; and examples on it.

    `values` are chances `[M, N, K]`, or one number at each place, `[M, N]`. `points` are `[examples, 2]`,
    `truth` their classes, or numbers. `labels` are those of the classes.
    """

    name: str
    axes: tuple[str, str]
    across: Array
    up: Array
    values: Array
    points: Array
    truth: Array
    labels: Sequence[str]
    sample: str


def boundary(found: Plane) -> Section:
    """The classes as regions, or a number as colour."""
    if found.values.ndim == 3:
        about = f"What `{found.name}` says of each place; it is fainter where it is less sure. "
        about += f"Points are {found.sample}."
        return Section("Decision boundaries", [_regions(found)], about)
    about = f"The value of `{found.name}` at each place. Points in the same colours are true values of "
    about += f"{found.sample}."
    return Section("The function", [_surface(found)], about)


def _regions(found: Plane) -> Figure:
    winner = found.values.argmax(axis=-1)

    def draw(canvas: Canvas) -> None:
        axes = plotting.one(canvas)
        axes.grid(False)
        for kind, label in enumerate(found.labels):
            colour = plotting.SERIES[kind % len(plotting.SERIES)]
            share = found.values[:, :, kind]
            for level in (0.0, 0.6, 0.9, 0.99):
                where = np.where(winner == kind, share, -1.0)
                if np.any(where > level):
                    axes.contourf(found.across, found.up, where, [level, 1.01], colors=[colour], alpha=0.1)
            here = found.points[found.truth == kind]
            axes.scatter(
                here[:, 0],
                here[:, 1],
                s=13,
                color=colour,
                edgecolors=plotting.COVER,
                linewidths=0.5,
                label=plotting.label(label),
            )
        for kind in range(len(found.labels)):
            others = np.delete(found.values, kind, axis=-1).max(axis=-1)
            axes.contour(
                found.across,
                found.up,
                found.values[:, :, kind] - others,
                [0.0],
                colors=[plotting.INK],
                linewidths=1,
            )
        _name(axes, found)
        axes.legend(loc="upper right")

    count = ", ".join(f"{label}: {np.mean(winner == kind):.0%}" for kind, label in enumerate(found.labels))
    caption = f"Regions of `{found.name}`; on the line two classes are as likely as each other, and steps of "
    caption += "colour are chances of 0.6, 0.9 and 0.99."
    sure = found.values.max(axis=-1).mean()
    description = f"{caption} Shares of the plane: {count}. The likeliest class has {sure:.2f} on average."
    table = _table(found, lambda row, column: found.labels[winner[row, column]])
    return Figure(plotting.svg(draw, 6.4, 4.8), caption, description, table)


def _surface(found: Plane) -> Figure:
    def draw(canvas: Canvas) -> None:
        axes = plotting.one(canvas)
        axes.grid(False)
        low = float(min(found.values.min(), found.truth.min()))
        high = float(max(found.values.max(), found.truth.max(), low + 1e-9))
        image = axes.pcolormesh(
            found.across,
            found.up,
            found.values,
            cmap="viridis",
            vmin=low,
            vmax=high,
            rasterized=True,
            shading="nearest",
        )
        axes.scatter(
            found.points[:, 0],
            found.points[:, 1],
            s=16,
            c=found.truth,
            cmap="viridis",
            vmin=low,
            vmax=high,
            edgecolors=plotting.COVER,
            linewidths=0.6,
        )
        _name(axes, found)
        canvas.colorbar(image, ax=axes).outline.set_visible(False)

    caption = f"{found.name} from {found.values.min():.3g} to {found.values.max():.3g}."
    table = _table(found, lambda row, column: f"{found.values[row, column]:.4g}")
    return Figure(plotting.svg(draw, 6.4, 4.8), caption, caption, table)


def _name(axes: Axes, found: Plane) -> None:
    axes.set_xlabel(plotting.label(found.axes[0]))
    axes.set_ylabel(plotting.label(found.axes[1]))


def _table(found: Plane, cells: Callable[[int, int], str]) -> Table:
    """What is said at some places: a word for each of a coarse grid, the largest second number on top."""
    rows, columns = (np.linspace(0, len(own) - 1, 9).round().astype(int) for own in (found.up, found.across))
    body = [
        [f"{found.up[row]:.3g}", *(cells(int(row), int(column)) for column in columns)] for row in rows[::-1]
    ]
    return Table([f"{found.axes[1]} \\ {found.axes[0]}", *(f"{found.across[c]:.3g}" for c in columns)], body)
