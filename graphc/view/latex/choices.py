"""Comparisons, values that depend on them, and draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.view.latex.pieces import POWER, PRODUCT, SUM, Piece
from graphc.view.latex.terms import Term

if TYPE_CHECKING:
    from graphc.view.latex.writer import Writer

_RELATIONS = {
    "equal": "==",
    "not_equal": "!=",
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "logical_and": "and",
    "logical_or": "or",
}


def _relation(writer: Writer, term: Term) -> Piece:
    rank = PRODUCT if term.op.startswith("logical") else SUM
    x, y = (writer.tight(_each(operand), rank) for operand in term.operands)
    return Piece(x + writer.style.relation(_RELATIONS[term.op]) + y, SUM)


def _each(operand: Term) -> Term:
    """What all elements are compared with."""
    return operand.operands[0] if operand.op == "expand" and not operand.operands[0].rank else operand


def _not(writer: Writer, term: Term) -> Piece:
    return Piece(writer.style.function("not", [writer.text(term.operands[0])]))


def _select(writer: Writer, term: Term) -> Piece:
    """`[c] x` where the other branch is zero, as Iverson writes it."""
    condition, x, y = term.operands
    when = writer.text(condition)
    if y.number() == 0:
        sign = writer.style.indicator(when)
        if _each(x).number() == 1:
            return Piece(sign)
        times = writer.style.times if term.rank else writer.style.space
        return Piece(sign + times + writer.tight(x, PRODUCT), PRODUCT)
    return Piece(writer.style.cases(writer.text(x), when, writer.text(y)), POWER)


def _drawn(writer: Writer, term: Term) -> Piece:
    """A distribution, without the coordinates by which a random stream finds the draw."""
    name = _DISTRIBUTIONS[term.op]
    parameters = [writer.text(term.operands[0])] if term.op in _WITH_PROBABILITIES else ["0", "1"]
    return Piece(writer.style.function(name, parameters))


_DISTRIBUTIONS = {
    "bernoulli": "Bernoulli",
    "categorical": "Categorical",
    "normal": "Normal",
    "uniform": "Uniform",
}
_WITH_PROBABILITIES = ("bernoulli", "categorical")

RULES = {
    **dict.fromkeys(_RELATIONS, _relation),
    **dict.fromkeys(_DISTRIBUTIONS, _drawn),
    "logical_not": _not,
    "select": _select,
}
