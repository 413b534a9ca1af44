"""What is written of a term, and how tightly it holds together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphc.view.latex.terms import Term

SUM, PRODUCT, POWER, ATOM = range(4)
"""A sum, a product or a sign, a power, a single thing."""


@dataclass(frozen=True)
class Piece:
    """A text of a rank; `closed` is how it is written where it has to be a single thing, `\\log(x)` for
    `\\log x`. Without it parentheses stand around the text there."""

    text: str
    rank: int = ATOM
    closed: str = ""


def factors(term: Term) -> Iterator[Term]:
    """What a product multiplies; a number spread over a shape counts as the number."""
    if term.op == "mul":
        for operand in term.operands:
            yield from factors(operand)
    elif term.op == "expand" and not term.operands[0].rank:
        yield from factors(term.operands[0])
    else:
        yield term
