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
MOST_LABELS = 120


@dataclass(frozen=True)
class Filters:
    """The weights of some units, each a picture: `[units, N, M]`. `about` says of which image."""

    name: str
    pictures: Array
    about: str


def filters(found: Sequence[Filters]) -> Section:
    """Contact sheets; units with the largest norms first, as those that were never used say nothing."""
    about = "What a unit answers to: red weights count for it, blue ones against it, white ones not at all."
    return Section("Learned filters", [_sheet(one) for one in found], about)


def _sheet(found: Filters) -> Figure:
    norms = np.sqrt(np.sum(found.pictures**2, axis=(1, 2)))
    order = np.argsort(-norms, kind="stable")[:MOST_FILTERS]
    across = 16 if len(order) > 32 else 8
    down = -(-len(order) // across)
    # Each picture has a scale of its own: small weights have a shape too.
    tiles = found.pictures[order] / np.maximum(
        np.abs(found.pictures[order]).max(axis=(1, 2), keepdims=True), 1e-12
    )

    def draw(canvas: Canvas) -> None:
        for axes, tile in zip(canvas.subplots(down, across, squeeze=False).flat, tiles, strict=False):
            plotting.picture(axes, tile, signed=True, largest=1.0)
        for axes in canvas.axes:
            plotting.empty(axes)

    kept = "" if len(order) == len(norms) else f"The {len(order)} largest of {len(norms)}. "
    caption = f"{found.name}: {found.about} {kept}Each has a scale of its own; the largest norm is first."
    rows = [[str(place), f"{norms[place]:.4g}"] for place in order]
    width = 10.6 if across == 16 else 5.2
    drawn = plotting.svg(draw, width, down * width / across)
    return Figure(drawn, caption, caption, Table(["unit", "norm"], rows), is_wide=across == 16)


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
        axes.scatter(places[:, 0], places[:, 1], s=7, color=plotting.SERIES[0], linewidths=0, alpha=0.5)
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
