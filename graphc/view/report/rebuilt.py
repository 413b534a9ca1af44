"""Images beside what a model rebuilds them as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graphc.view.numbers import number
from graphc.view.report import plotting
from graphc.view.report.page import Figure, Section, Table
from graphc.view.report.plotting import Array
from graphc.view.report.weights import COLOURS, sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas


@dataclass(frozen=True)
class Rebuilt:
    """What `name` makes of the images `of`: `[examples, channels, N, M]` each, with one channel or three."""

    name: str
    of: str
    images: Array
    made: Array
    examples: Sequence[str]

    @property
    def errors(self) -> Array:
        """The root of the mean squared error of each image, `[examples]`."""
        found: Array = np.sqrt(np.mean((self.made - self.images) ** 2, axis=(1, 2, 3)))
        return found


def rebuilt(found: Rebuilt, sample: str) -> Section:
    """A picture of them, the rebuilt ones below, and the errors."""
    about = f"Images `{found.of}` above, and below them what `{found.name}` says of each; {sample}."
    return Section(f"Rebuilt images: {found.name}", [_pairs(found)], about)


def _pairs(found: Rebuilt) -> Figure:
    both = np.concatenate([found.images, found.made])
    count, channels, high, wide = found.images.shape
    low, top = float(np.nanmin(both)), float(np.nanmax(both))

    def draw(canvas: Canvas) -> None:
        axes = plotting.one(canvas)
        if channels == COLOURS:
            scaled = 2 * (both - low) / max(top - low, 1e-12) - 1
            axes.imshow(np.moveaxis(sheet(scaled, count), 0, -1), interpolation="nearest")
        else:
            # One scale for both rows: what is fainter than its image looks so.
            axes.imshow(sheet(both, count)[0], cmap="gray_r", vmin=low, vmax=top, interpolation="nearest")
        plotting.empty(axes)

    caption = f"{found.of} and {found.name} of {count} examples; the root of the mean squared error is "
    caption += f"{number(found.errors.mean(), 4)} on average."
    rows = [[name, number(error, 4)] for name, error in zip(found.examples, found.errors, strict=True)]
    width = min(10.6, 1.1 * count)
    drawn = plotting.svg(draw, width, width * 2 * high / (count * wide))
    data = Table(["example", "root of the mean squared error"], rows)
    return Figure(drawn, caption, caption, data, is_wide=width > 6)
