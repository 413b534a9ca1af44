"""How much room text takes, without asking a font: widths of a common sans-serif, on the large side, so that
labels do not collide."""

from __future__ import annotations

from functools import lru_cache

FONT = 12.0
"""Size of the letters in boxes, in px; those on wires are smaller."""
SMALL = 10.0
LINE = 1.35
"""Distance of lines, in sizes of a letter."""

_NARROW = set("fijlrtI.,:;'|!()[]{} ·-")
_WIDE = set("mwMW@%")


@lru_cache(maxsize=10_000)  # a page has the same texts in each of its arrangements
def width(text: str, size: float = FONT) -> float:
    """Of one line, in px."""
    units = sum(0.38 if c in _NARROW else 0.95 if c in _WIDE else 0.64 for c in text)
    return units * size


def shortened(text: str, most: int) -> str:
    """The text, or its first letters and three dots: `most` in all."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
