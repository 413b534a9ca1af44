"""Positions such as `t-1`, `T` and `u = 1..t`, where axes are at certain steps."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

from graphc.types import Affine, Index
from graphc.view.drawing.picture import Equality, spoken

Steps = Mapping[str, int]
"""Where axes are, by name, and how long they are, by the names of their ends."""

LONG = 1_000_000
"""A sequence of unknown length has no corner in which its end meets its beginning."""


def position(place: Affine, steps: Steps) -> int | None:
    """Unless an axis is nowhere in particular."""
    total = place.constant
    for symbol, factor in place.terms:
        if isinstance(symbol, Index):
            known = steps.get(spoken(symbol))
        else:
            known = symbol.size.value if symbol.size is not None else steps.get(symbol.name, LONG)
        if known is None:
            return None
        total += factor * known
    return total


def holds(equality: Equality, steps: Steps) -> bool | None:
    """Whether two positions are one; None where that depends on an axis that is nowhere in particular."""
    found = position(equality[0] - equality[1], steps)
    return None if found is None else found == 0


def bounds(place: Affine, steps: Steps) -> tuple[int, int] | None:
    """The first and the last position that a place with a bound index takes, such as the u of a `sum[u =
    1..t-1]`; a last one before the first where there are none. None where that is not known."""
    free = [symbol for symbol, _ in place.terms if isinstance(symbol, Index) and spoken(symbol) not in steps]
    if len(free) != 1:
        return None
    first, last = (position(place.substitute(free[0], end), steps) for end in (free[0].lo, free[0].hi))
    if first is None or last is None:
        return None
    return (first, last) if dict(place.terms)[free[0]] > 0 else (last, first)


def examples(ends: Mapping[str, tuple[int, ...]]) -> Iterator[dict[str, int]]:
    """The lengths of axes in each example, as far as these differ."""
    names = sorted(ends)
    for combined in itertools.product(*(ends[name] for name in names)):
        yield dict(zip(names, combined, strict=True))
