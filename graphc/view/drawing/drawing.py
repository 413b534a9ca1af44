"""A drawing: a picture, how it is to be laid out, and the formats that it can be written in."""

from __future__ import annotations

import html as markup
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

from graphc.diagnostics import GraphcError, fault, nearest
from graphc.view.drawing.engines import Engine, chosen
from graphc.view.drawing.folding import fitting, folded
from graphc.view.drawing.geometry import Flow, Placed
from graphc.view.drawing.layout import lay_out
from graphc.view.drawing.picture import Picture
from graphc.view.files import write_bytes

FORMATS = ("svg", "html", "png", "dot", "tex")

ALL = "all"
"""Every frame, to open or to close."""
EXPLORED = 600
"""So many boxes a page holds to be opened and closed."""

_HEIGHT = 640
"""Of the HTML drawing in a notebook's cell, in px."""


@dataclass(frozen=True)
class Drawing:
    """What `Program.draw` gives: shown by notebooks, written by `save`.

    `picture` has everything that can be seen. Of its frames those in `opened` stay open and those in `closed`
    are closed; of the others so many are closed that what is shown can be read, none if `all` is in `opened`.
    `numbers` are the values and cotangents at the wires, `gradients` widths of wires by the norms of
    cotangents. `layout` finds the places, when the first format that needs them asks; E522 is raised at once
    for one that there is not, E721 for one that is not installed. `tabs` makes what the HTML drawing has
    beyond that: the picture, called `name`, with all that its panel lists, and others of the same program by
    name.
    """

    picture: Picture
    opened: frozenset[str] = frozenset()
    closed: frozenset[str] = frozenset()
    name: str = "drawing"
    numbers: bool = True
    gradients: bool = False
    layout: str = "auto"
    tabs: Callable[[], tuple[Picture, Mapping[str, Picture]]] | None = None

    def __post_init__(self) -> None:
        chosen(self.layout)  # what cannot find places is refused here, not by each format

    @cached_property
    def explorable(self) -> Picture:
        """Everything, with the frames marked that are closed, and notes of what had to be."""
        return self._marked(self.picture)

    def _marked(self, picture: Picture) -> Picture:
        fits = picture if ALL in self.opened else fitting(picture)
        # Around what is to be open there may be frames that only a large picture has.
        opened = {outer.id for f in fits.frames if f.id in self.opened for outer in fits.around(f.id)}
        frames = [
            replace(frame, is_open=frame.id not in self.closed and (frame.id in opened or frame.is_open))
            for frame in fits.frames
        ]
        return replace(fits, frames=frames)

    @cached_property
    def placed(self) -> Placed:
        """What is shown, with places: closed frames are boxes."""
        return self._placed(folded(self.explorable))

    def _placed(self, picture: Picture, flow: Flow | None = None, *, engine: Engine | None = None) -> Placed:
        labels = None if self.numbers else False
        return lay_out(picture, labels=labels, engine=engine or self.layout, flow=flow)

    def svg(self) -> str:
        """One SVG file, with its style inside."""
        from graphc.view.drawing.svg import svg

        return svg(self.placed, gradients=self.gradients)

    def html(self) -> str:
        """One offline HTML file: pan, zoom, search, open and close, step through both passes."""
        from graphc.view.drawing.arrangements import arranged
        from graphc.view.drawing.html import html

        own, others = self.tabs() if self.tabs else (self.picture, {})
        pictures = {self.name: self._marked(own), **{name: fitting(other) for name, other in others.items()}}
        with Engine(self.layout) as engine:
            place = partial(self._placed, engine=engine)
            views = {name: arranged(_held(picture), place) for name, picture in pictures.items()}
        return html(views, gradients=self.gradients)

    def dot(self) -> str:
        """The picture in the DOT language of Graphviz, which finds places of its own."""
        from graphc.view.drawing.dot import dot

        return dot(folded(self.explorable), numbers=self.numbers)

    def tex(self) -> str:
        """A LaTeX document of its own, in TikZ, with the places of the SVG."""
        from graphc.view.drawing.tikz import tikz

        return tikz(self.placed, gradients=self.gradients)

    def png(self, scale: float = 2.0) -> bytes:
        """The SVG as pixels, `scale` for each px. Raises E721 without the extra `draw`."""
        from graphc.view.drawing.png import png

        return png(self.svg(), scale)

    def encoded(self, format: str) -> bytes:
        """The content of a file. Raises E720 unless it is one of `FORMATS`, E721 for a missing extra."""
        texts: Mapping[str, Callable[[], str]] = {
            "svg": self.svg,
            "html": self.html,
            "dot": self.dot,
            "tex": self.tex,
        }
        check_format(format)
        return self.png() if format == "png" else texts[format]().encode()

    def save(self, path: str | Path, format: str | None = None) -> None:
        """Write a file, whole or not at all, in the format that its ending or `format` names.

        Raises E720 for an unknown format, E721 for a missing extra, E709 for a place that cannot be written.
        """
        write_bytes(os.fspath(path), self.encoded(format or format_of(path)))

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_html_(self) -> str:
        """In a frame of its own: neither its style nor its script may meet those of the notebook."""
        page = markup.escape(self.html())
        return f'<iframe srcdoc="{page}" width="100%" height="{_HEIGHT}" style="border: 0"></iframe>'


def _held(picture: Picture) -> Picture:
    """What a page can open and close, or of a picture that is too large for it what is shown at first."""
    return picture if len(picture.boxes) <= EXPLORED else folded(picture)


def format_of(path: str | Path) -> str:
    """The format that a file's ending names. Raises E720."""
    suffix = Path(path).suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise _unknown(f"`{path}`", suffix)
    return suffix


def check_format(format: str) -> None:
    """Raises E720 for what is none."""
    if format not in FORMATS:
        raise _unknown(f"format `{format}`", format)


def _unknown(what: str, format: str) -> GraphcError:
    known = ", ".join(f"`{name}`" for name in FORMATS)
    return fault("E720", f"{what}: drawings are written as {known}", help=nearest(format, FORMATS))
