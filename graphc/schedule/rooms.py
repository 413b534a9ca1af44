"""Which buffers of the arena share memory: a letter for each set of them that has a byte in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count, groupby
from string import ascii_lowercase


@dataclass(frozen=True)
class Room:
    """Where a buffer lies in the arena, in bytes."""

    start: int
    bytes: int

    @property
    def end(self) -> int:
        return self.start + self.bytes


def letters(rooms: Mapping[str, Room]) -> dict[str, tuple[str, ...]]:
    """The pieces of memory that each buffer shares, by letter, in the order of their bytes.

    Two buffers have a letter in common if and only if they have a byte in common: the letters are the
    largest sets of buffers that all meet, which for intervals all meet at the first byte of one of them.
    """
    alive: list[str] = []
    meeting: list[frozenset[str]] = [frozenset()]
    ordered = sorted((name for name in rooms if rooms[name].bytes), key=lambda name: rooms[name].start)
    for byte, begun in groupby(ordered, key=lambda name: rooms[name].start):
        alive = [name for name in alive if byte < rooms[name].end] + [*begun]
        meeting.append(frozenset(alive))
    found: dict[str, list[str]] = {name: [] for name in rooms}
    number = count()
    # An interval has no gaps, so a set that another one includes is included in its neighbour.
    for before, piece, behind in zip(meeting, meeting[1:], [*meeting[2:], frozenset()], strict=False):
        if len(piece) > 1 and not piece <= before and not piece < behind:
            letter = _letter(next(number))
            for name in piece:
                found[name].append(letter)
    return {name: tuple(own) for name, own in found.items()}


def _letter(number: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    before, last = divmod(number, len(ascii_lowercase))
    return (_letter(before - 1) if before else "") + ascii_lowercase[last]
