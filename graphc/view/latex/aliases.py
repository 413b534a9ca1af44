"""Arguments of layers that only pass on another name or a number: formulas say at once what is meant."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.ir.system import System, Unit
from graphc.view.latex.adjoint import derived
from graphc.view.latex.cleaning import Aliases
from graphc.view.latex.terms import REF, Term


def aliases(system: System, units: Sequence[Unit], seed: str | None) -> Aliases:
    """What such names stand for: `x_t` of a layer for a name of the spec at `t-1`, `h_0` for zero.

    Names of the spec itself stay, as does `seed`.
    """
    found: dict[str, Term] = {}
    for unit in units:
        if "." in unit.name and unit.place is None and unit.name != seed and not _is_held(system, unit):
            value = derived(system, unit, lambda name: False, aliases=found).value
            inner = value.operands[0] if value.op == "expand" else value
            value = inner if inner.number() is not None else value
            if value.op == REF or value.number() is not None:
                found[unit.name] = value
    return found


def _is_held(system: System, unit: Unit) -> bool:
    """Whether another equation needs the name: it has a boundary, or read at computed positions."""
    others = system.units.values()
    reads = (node for other in others for node in other.reads() if node.attrs["unit"] == unit.name)
    return any(other.place is not None and other.place.of == unit.name for other in others) or any(
        isinstance(place, int) for node in reads for place in node.attrs["subscripts"]
    )
