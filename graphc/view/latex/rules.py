"""What each operation of a picture gives back to its operands, in one line each."""

from __future__ import annotations

from collections.abc import Iterable

from graphc.ir.system import System
from graphc.view.drawing.operations import SEPARATOR
from graphc.view.latex.adjoint import derived
from graphc.view.latex.oneline import Plain
from graphc.view.latex.writer import Writer


def derivative(system: System, operation: str) -> str:
    """What an operation of a spelled system gives back, in Unicode: `h̄[t] += ȳ · w`, a line an operand.

    `operation` is the name of its unit. "" if no operand has a gradient. Names are the spec's; operands
    in the midst of an equation are x, or x1 and x2, and a result there is y.
    """
    unit = system.units[operation]
    found = derived(system, unit, lambda name: True)
    operands = dict.fromkeys(node.attrs["unit"] for node in unit.reads())
    writer = Writer(Plain(), called=_called(operation, operands))
    lines = []
    for use in reversed(found.uses):
        target = writer.name(use.name, [writer.position(place) for place in use.subscripts], bar=True)
        lines.append(f"{target} += {writer.formula(use.cotangent)}")
    return "\n".join(lines)


def _called(operation: str, operands: Iterable[str]) -> dict[str, str]:
    """Letters for what has no name in the spec, such as the spec does not have itself."""
    names = [*operands, operation]
    x, y = (next(letter for letter in letters if letter not in names) for letters in ("xuapk", "yvbqm"))
    nameless = [name for name in names[:-1] if SEPARATOR in name]
    letters = [x] if len(nameless) == 1 else [f"{x}{number}" for number in range(1, len(nameless) + 1)]
    found = dict(zip(nameless, letters, strict=True))
    return {**found, operation: y} if SEPARATOR in operation or "@" in operation else found
