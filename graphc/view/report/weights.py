"""Weights as pictures: filters over images, kernels of convolutions, tables of embeddings in a plane."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graphc.view.report import plotting
from graphc.view.report.page import Figure, Section, Table, thinned
from graphc.view.report.plotting import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

MOST_FILTERS = 64
MOST_CHANNELS = 16
MOST_LABELS = 120
COLOURS = 3


@dataclass(frozen=True)
class Filters:
    """The weights of some units over an image, `[units, channels, N, M]`. `about` says of which image.

    With `is_colour` the channels are red, green and blue.
    """

    name: str
    pictures: Array
    about: str
    is_colour: bool = False


def filters(found: Sequence[Filters]) -> Section:
    """Contact sheets; units with the largest norms first, as those that were never used say nothing."""
    about = ["What a unit answers to."]
    if not all(one.is_colour for one in found):
        about.append("Red weights count for it, blue ones against it, white ones not at all.")
    if any(one.is_colour for one in found):
        about.append("Over red, green and blue, brighter than grey counts for a colour, darker against it.")
    return Section("Learned filters", [_sheet(one) for one in found], " ".join(about))


def _sheet(found: Filters) -> Figure:
    channels = found.pictures.shape[1]
    is_grid = channels > 1 and not found.is_colour
    norms = np.sqrt(np.sum(found.pictures**2, axis=(1, 2, 3)))
    order = np.argsort(-norms, kind="stable")[: MOST_CHANNELS if is_grid else MOST_FILTERS]
    # Each unit has a scale of its own: small weights have a shape too.
    largest = np.abs(found.pictures[order]).max(axis=(1, 2, 3), keepdims=True)
    tiles = found.pictures[order] / np.maximum(largest, 1e-12)
    across = min(channels, MOST_CHANNELS) if is_grid else (16 if len(order) > 32 else min(8, len(order)))
    if is_grid:
        tiles = tiles[:, :across].reshape(-1, 1, *tiles.shape[2:])
    image = sheet(tiles, across)

    def draw(canvas: Canvas) -> None:
        axes = plotting.one(canvas)
        if found.is_colour:
            axes.imshow(np.moveaxis(image, 0, -1), interpolation="nearest", aspect="equal")
        else:
            plotting.picture(axes, image[0], signed=True, largest=1.0)
        plotting.empty(axes)

    kept = "" if len(order) == len(norms) else f"The {len(order)} largest of {len(norms)}. "
    if is_grid:
        kept += f"A row for each kernel, a column for each of {'the first ' if across < channels else ''}"
        kept += f"{across} channels. "
    caption = f"{found.name}: {found.about} {kept}Each has a scale of its own; the largest norm is first."
    rows = [[str(place), f"{norms[place]:.4g}"] for place in order]
    width = min(10.6, max(1.2, 0.65 * across))
    drawn = plotting.svg(draw, width, width * image.shape[1] / image.shape[2])
    return Figure(drawn, caption, caption, Table(["unit", "norm"], rows), is_wide=width > 6)


def sheet(tiles: Array, across: int) -> Array:
    """Tiles `[n, channels, N, M]` of -1 to 1 as one picture, with gaps of a cell between them.

    One channel stays as it is, NaN in the gaps: `[1, height, width]`. Three become red, green, blue and
    opacity of 0 to 1: `[4, height, width]`.
    """
    count, channels, high, wide = tiles.shape
    down = -(-count // across)
    cells = np.full((channels, down * (high + 1) - 1, across * (wide + 1) - 1), np.nan)
    for place, tile in enumerate(tiles):
        top, left = place // across * (high + 1), place % across * (wide + 1)
        cells[:, top : top + high, left : left + wide] = tile
    if channels != COLOURS:
        return cells
    is_there = np.isfinite(cells[:1]).astype(np.float64)
    return np.concatenate([np.nan_to_num(0.5 + 0.5 * cells), is_there])


@dataclass(frozen=True)
class Embedding:
    """The rows of a table, `[rows, dims]`, and what each stands for."""

    name: str
    rows: Array
    labels: Sequence[str]


def plane(rows: Array) -> tuple[Array, Array]:
    """The two directions in which rows differ most: places `[rows, 2]`, and shares of the variance `[2]`.

    Principal components by singular values (Pearson 1901; Jolliffe, "Principal Component Analysis", 2002).
    """
    centred = rows - rows.mean(axis=0)
    left, values, _ = np.linalg.svd(centred, full_matrices=False)
    places = np.zeros((len(rows), 2))
    count = min(2, len(values))
    places[:, :count] = left[:, :count] * values[:count]
    shares = np.zeros(2)
    shares[:count] = values[:count] ** 2 / max(float(np.sum(values**2)), 1e-300)
    return places, shares


def embeddings(found: Sequence[Embedding]) -> Section:
    """A plane for each table."""
    about = "Rows of a table in the plane in which they differ most (two principal components)."
    return Section("Embeddings", [_plane(one) for one in found], about)


def _plane(found: Embedding) -> Figure:
    places, shares = plane(found.rows)

    def draw(canvas: Canvas) -> None:
        axes = plotting.one(canvas)
        axes.scatter(places[:, 0], places[:, 1], s=14, color=plotting.SERIES[0], linewidths=0, alpha=0.8)
        chosen = np.unique(np.linspace(0, len(places) - 1, min(len(places), MOST_LABELS)).round().astype(int))
        for place in chosen:
            text = plotting.label(found.labels[place], 14)
            axes.annotate(text, places[place], xytext=(2, 2), textcoords="offset points", fontsize=8)
        axes.set_xlabel(f"first component ({shares[0]:.0%} of the variance)")
        axes.set_ylabel(f"second component ({shares[1]:.0%})")

    caption = f"{found.name}: {len(places)} rows of {found.rows.shape[1]} numbers; "
    caption += f"the plane has {shares.sum():.0%} of their variance."
    rows = [[label, f"{x:.3g}", f"{y:.3g}"] for label, (x, y) in zip(found.labels, places, strict=True)]
    drawn = plotting.svg(draw, 10.6, 5.6)
    return Figure(drawn, caption, caption, Table(["row", "first", "second"], thinned(rows)), is_wide=True)
