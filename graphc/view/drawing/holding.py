"""What a picture says of the buffers of a schedule: how large, where, how long, and with whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from graphc.kernel.expr import Expr
from graphc.kernel.printer import text
from graphc.schedule.program import Buffer, Program
from graphc.schedule.rooms import Room, letters
from graphc.schedule.titles import titles
from graphc.view.drawing.insides import lengths_named
from graphc.view.drawing.picture import Piece

SAID = 4
"""So many buffers are named in a note."""


@dataclass(frozen=True)
class Scheduled:
    """A program with what is known of its run: bytes and rooms of buffers where sizes are known."""

    program: Program
    bytes: Mapping[Buffer, int] = field(default_factory=dict)
    rooms: Mapping[str, Room] = field(default_factory=dict)
    """By the buffer's name."""


class Holding:
    """The buffers of a program by their titles."""

    def __init__(self, known: Scheduled) -> None:
        self.known = known
        self.titles = titles(known.program)
        self.letters = letters(known.rooms)
        self._lives = {buffer: (first, last) for buffer, first, last in known.program.lives}
        self._sharing: dict[str, list[str]] = {}
        """The names of the buffers that have a letter, by letter."""
        for name, own in self.letters.items():
            for letter in own:
                self._sharing.setdefault(letter, []).append(name)
        self._by_name = {buffer.name: title for buffer, title in self.titles.items()}

    def size(self, buffer: Buffer) -> str:
        """How many elements along each axis and dim, or in all, and how many bytes."""
        known = self.known.bytes.get(buffer)
        return _extent(buffer) + ("" if known is None else f" · {known} bytes")

    def about(self, buffer: Buffer) -> Iterator[str]:
        """Where a buffer lies and how long, and with whom."""
        yield f"`{buffer.name}` in the text of the schedule"
        if buffer.role != "work":
            return
        life = "phases {} to {}".format(*self._lives[buffer]) if buffer in self._lives else "all phases"
        room = self.known.rooms.get(buffer.name)
        where = "" if room is None else f", bytes {room.start} to {room.end - 1} of the memory"
        yield f"lives in {life}{where}"
        if others := self._meeting(buffer.name):
            yield f"shares memory with {listed(others)}"

    def _meeting(self, name: str) -> list[str]:
        found = dict.fromkeys(
            other for letter in self.letters.get(name, ()) for other in self._sharing[letter]
        )
        return [self._by_name[other] for other in found if other != name]

    def memory(self) -> Iterator[Piece]:
        """The arena: each buffer with its place and its time, in the order in which they begin to live."""
        for buffer, (first, last) in self._lives.items() if self.known.rooms else ():
            room, marks = self.known.rooms[buffer.name], self.letters[buffer.name]
            yield Piece(self.titles[buffer], marks, room.start, room.bytes, first, last)


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many more there are."""
    more = [f"{len(names) - SAID} more"] if len(names) > SAID else []
    return ", ".join([*names[:SAID], *more])


def elements(size: Expr) -> str:
    """A number of elements, by the lengths that it is made of."""
    return lengths_named(text(size)).replace(" * ", " × ")


def _extent(buffer: Buffer) -> str:
    if buffer.type is None:
        return elements(buffer.size)
    lengths = [index.length for index in buffer.type.axes]
    sizes = [length.name if length.size is None else str(length.size.value) for length in lengths]
    return " × ".join([*sizes, *map(str, buffer.type.sizes)]) or "1"
