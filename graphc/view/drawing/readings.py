"""Where a unit reads another one, along each axis of that: for wires to follow, and to say."""

from __future__ import annotations

from graphc.ir.system import Subscript, Unit
from graphc.types import Affine, Index
from graphc.view.drawing.picture import spoken


def place_read(subscript: Subscript, unit: Unit) -> Affine | None:
    """The position that a unit reads; None for a computed one, and where it goes over all of its own axis."""
    return None if isinstance(subscript, int) or _is_over_all(subscript, unit) else subscript


def _is_over_all(subscript: Affine, unit: Unit) -> bool:
    """Whether a unit goes over an axis that it runs along, as `softmax[t]` does: over t', not at t."""
    others = [symbol for symbol, _ in subscript.terms if isinstance(symbol, Index)]
    own = {spoken(index) for index in unit.indices}
    return any(index not in unit.indices and spoken(index) in own for index in others)


def position_said(index: Index, subscript: Subscript, unit: Unit) -> str:
    """What a wire says of an axis of its source: nothing where the reader reads it at its own position."""
    if not isinstance(subscript, Affine):
        return f"{spoken(index)} by number"
    if _is_over_all(subscript, unit):
        return f"all {spoken(index)}"
    text = str(subscript).replace("'", "")
    return "" if text == spoken(index) else text
