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

Array = npt.NDArray[Any]

Role = Literal["input", "param", "state", "operation", "loss", "output"]
FrameKind = Literal["layer", "equation", "loop", "kernel", "step", "phase"]


@dataclass(frozen=True)
class Axis:
    """An axis that a value runs along: the name that the spec gives it, and the number of its positions where
    that is known."""

    name: str
    length: str
    """The name of its end: axes that end together have their positions side by side."""
    size: int | None = None


@dataclass(frozen=True)
class Line:
    """Where something stands in a source: for a reader to find, and to see without looking it up."""

    file: str
    number: int
    text: str


@dataclass(frozen=True)
class Reading:
    """How a wire's target reads its source along one axis of the source.

    `axis` is the target's axis whose position counts, `shift` what is added to it: `h[t-1]` is ("t", -1).
    Without an axis, `position` is the only one that is read (`T` is -1, counted from the end), and None
    stands for all.
    """

    axis: str | None = None
    shift: int = 0
    position: int | None = None


@dataclass(frozen=True)
class Box:
    """A value: an input, a parameter or what an operation gives.

    `name` is the spec's (`h[t]`), "" for an operation in the midst of an equation; `operation` says what is
    computed (`sigmoid`, `1 / ·`), "" for a leaf. `shape` is the element's. `value` and `cotangent` have the
    axes first (after a batch, if `has_batch`), then the element's dims; None for what was not computed.
    `derivative` says what the operation gives back to each operand, a line each.
    `copies` says of which other box this is one more picture: a weight next to each of its users. `shares`
    are the summands of its cotangent by step, by the name of an axis' end: the steps first.
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
    are by axis of the source; `only` limits the wire to the steps of the target at which a boundary value is
    read, the last one as -1. `value` is what the wire carries where that is not the value of its source, as
    out of a closed frame; `merged` says how many wires it stands for. `parts` are the numbers of the wires of
    the whole picture that it stands for, where frames have been closed.
    """

    source: str
    target: str
    said: str = ""
    is_back: bool = False
    cotangent: Array | None = None
    readings: Mapping[str, Reading] = field(default_factory=dict)
    only: Mapping[str, int] = field(default_factory=dict)
    value: Array | None = None
    merged: int = 1
    parts: tuple[int, ...] = ()


@dataclass(frozen=True)
class Frame:
    """A group of boxes and frames: what a layer, an equation or a step of time is made of."""

    id: str
    label: str
    kind: FrameKind
    parent: str = ""
    is_open: bool = True
    line: Line | None = None


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
    """Of each program of a schedule the buffers in its arena."""

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
