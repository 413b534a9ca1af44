"""Which buffers of the arena share memory: a letter for each set of them that has a byte in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_lowercase


@dataclass(frozen=True)
class Room:
    """Where a buffer lies in the arena, in bytes."""

    start: int
    bytes: int

    @property
    def end(self) -> int:
        return self.start + self.bytes

    def meets(self, other: Room) -> bool:
        """Whether a byte belongs to both."""
        return self.start < other.end and other.start < self.end


def letters(rooms: Mapping[str, Room]) -> dict[str, tuple[str, ...]]:
    """The pieces of memory that each buffer shares, by letter, in the order of their bytes.

    Two buffers have a letter in common if and only if they have a byte in common: the letters are the
    largest sets of buffers that all meet, which for intervals all meet at the first byte of one of them.
    """
    meeting = [
        frozenset(name for name, room in rooms.items() if room.start <= byte < room.end)
        for byte in sorted({room.start for room in rooms.values() if room.bytes})
    ]
    pieces = [
        piece for piece in dict.fromkeys(meeting) if len(piece) > 1 and not any(piece < p for p in meeting)
    ]
    return {
        name: tuple(_letter(number) for number, piece in enumerate(pieces) if name in piece) for name in rooms
    }


def _letter(number: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    before, last = divmod(number, len(ascii_lowercase))
    return (_letter(before - 1) if before else "") + ascii_lowercase[last]
