"""What is drawn, before it has a place: boxes, wires between them, frames around them.

A picture knows nothing of pixels and nothing of files. It is made from a program (`rolled.py`, `stages.py`),
changed into other pictures (`unrolled.py` copies the boxes of an axis for each of its steps, `folding.py`
closes frames), laid out (`layout.py`) and written down (`svg.py`, `html.py`, `dot.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy.typing as npt

from graphc.types import Affine, Index

Array = npt.NDArray[Any]

Role = Literal["input", "param", "state", "operation", "loss", "output"]
FrameKind = Literal["layer", "equation", "loop", "kernel", "step", "phase"]


@dataclass(frozen=True)
class Axis:
    """An axis that a value runs along: the name that the spec gives it, and the number of its positions where
    that is known: the most of all examples."""

    name: str
    length: str
    """The name of its end: axes that end together have their positions side by side."""
    size: int | None = None
    ends: tuple[int, ...] = ()
    """The numbers of positions that examples have, where they differ."""


@dataclass(frozen=True)
class Line:
    """Where something stands in a source: for a reader to find, and to see without looking it up."""

    file: str
    number: int
    text: str


@dataclass(frozen=True)
class Reading:
    """Where a wire's target reads its source along one axis of the source: `t-1`, `T`, `u` of a sum over u.

    None is a position that is computed, which may be any.
    """

    place: Affine | None = None

    @property
    def axis(self) -> str | None:
        """The axis whose position counts, as `t` does in `h[t-1]`."""
        if self.place is None or len(self.place.terms) != 1:
            return None
        symbol, factor = self.place.terms[0]
        return spoken(symbol) if isinstance(symbol, Index) and factor == 1 else None

    @property
    def shift(self) -> int:
        """What is added to the position along `axis`: -1 in `h[t-1]`."""
        return self.place.constant if self.place else 0


def spoken(index: Index) -> str:
    """An index as the spec calls it: a bound one that would hide another of its name has a prime inside."""
    return index.name.rstrip("'")


Equality = tuple[Affine, Affine]
"""Two positions that are one: `t-1` and 0 where a step reads `h[0]`."""


@dataclass(frozen=True)
class Box:
    """A value: an input, a parameter or what an operation gives.

    `name` is the spec's (`h[t]`), "" for an operation in the midst of an equation; `operation` says what is
    computed (`sigmoid`, `1 / ·`), "" for a leaf. `shape` is the element's. `value` and `cotangent` have the
    axes first (after a batch, if `has_batch`), then the element's dims; None for what was not computed.
    `derivative` says what the operation gives back to each operand, a line each.
    `copies` says of which other box this is one more picture: a weight next to each of its users. `shares`
    are the summands of its cotangent by step, by the name of an axis' end: the steps first. `chips` are the
    copies of weights that a closed equation reads: they stand in its box.
    """

    id: str
    name: str
    operation: str
    role: Role
    shape: str
    axes: tuple[Axis, ...] = ()
    frame: str = ""
    line: Line | None = None
    value: Array | None = None
    cotangent: Array | None = None
    derivative: str = ""
    has_batch: bool = False
    copies: str = ""
    shares: Mapping[str, Array] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    chips: tuple[Box, ...] = ()
    marks: tuple[str, ...] = ()
    """The letters of the pieces of memory that it lies in."""

    @property
    def title(self) -> str:
        """What stands in the box."""
        return " = ".join(part for part in (self.name, self.operation) if part)


@dataclass(frozen=True)
class Wire:
    """A use of a value. `cotangent` is what comes back through it: one of the summands where a value is used
    several times.

    `said` says at which position it is read, where that is not the user's own (`t-1`, `T`, `all t`).
    `is_back` marks a wire of a recurrence, from one step to a later one: it is drawn backwards. `readings`
    are by axis of the source. `only` says where a boundary value is read: where all these equalities hold;
    `never` says where the target has a boundary value instead: where all of one group hold. Where all steps
    of the target read the same, `shares` are the cotangent's summands by step, by the name of the axis' end:
    the steps first.

    `value` is what the wire carries where that is not the value of its source, as out of a closed frame;
    `merged` says how many wires it stands for. `parts` are the numbers of the wires of the whole picture that
    it stands for, where frames have been closed.
    """

    source: str
    target: str
    said: str = ""
    is_back: bool = False
    cotangent: Array | None = None
    readings: Mapping[str, Reading] = field(default_factory=dict)
    only: tuple[Equality, ...] = ()
    never: tuple[tuple[Equality, ...], ...] = ()
    value: Array | None = None
    merged: int = 1
    parts: tuple[int, ...] = ()
    shares: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Frame:
    """A group of boxes and frames: what a layer, an equation or a step of time is made of."""

    id: str
    label: str
    kind: FrameKind
    parent: str = ""
    is_open: bool = True
    line: Line | None = None
    formula: str = ""
    """What an equation says on its right."""
    general: str = ""
    """The label for any step, of a frame that is one step's."""


@dataclass(frozen=True)
class Piece:
    """A buffer in the arena: `bytes` from `start` on, in the phases from `first` to `last`.

    `marks` are the letters of the pieces of memory that it shares with others.
    """

    title: str
    marks: tuple[str, ...]
    start: int
    bytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Picture:
    """Boxes in the order of computation, so that a forward pass goes through them as they stand."""

    title: str
    boxes: Sequence[Box]
    wires: Sequence[Wire]
    frames: Sequence[Frame] = ()
    notes: tuple[str, ...] = ()
    """What a reader should know, such as which frames were closed because there are so many boxes."""
    memory: tuple[tuple[Piece, ...], ...] = ()
    """Of each program of a schedule the buffers in its arena: none where sizes are not known."""

    def box(self, key: str) -> Box:
        return self._boxes[key]

    def frame(self, key: str) -> Frame:
        return self._frames[key]

    def around(self, frame: str) -> Iterator[Frame]:
        """A frame and those around it, from the inside."""
        while frame:
            found = self._frames[frame]
            yield found
            frame = found.parent

    def __post_init__(self) -> None:
        object.__setattr__(self, "_boxes", {box.id: box for box in self.boxes})
        object.__setattr__(self, "_frames", {frame.id: frame for frame in self.frames})

    _boxes: Mapping[str, Box] = field(init=False, repr=False, compare=False)
    _frames: Mapping[str, Frame] = field(init=False, repr=False, compare=False)
