"""Terms as a person would leave them: numbers worked out, nothing times one, no double minus."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from graphc.types import Dim, DType
from graphc.view.latex.terms import CONSTANT, Term, constant

Operands = tuple[Term, ...]


def made(
    op: str, operands: Operands, attrs: dict[str, Any], dtype: DType, shape: tuple[Dim, ...], has_batch: bool
) -> Term:
    """The operation of the operands, simplified; it has the type that is given."""
    plain = Term(op, operands, tuple(sorted(attrs.items())), dtype, shape, has_batch)
    rule = _RULES.get(op)
    found = rule(plain, *operands) if rule else None
    # A scalar in the place of a tensor would say less than what it replaces.
    return found if found is not None and found.rank == plain.rank else plain


def _like(term: Term, op: str, *operands: Term) -> Term:
    return made(op, operands, {}, term.dtype, term.shape, any(o.has_batch for o in operands))


def negated(term: Term) -> Term:
    return _like(term, "neg", term)


def _neg(term: Term, x: Term) -> Term | None:
    if x.op == "neg":
        return x.operands[0]
    if x.op == "sub":
        return _like(term, "sub", x.operands[1], x.operands[0])
    number = x.number()
    return None if number is None else constant(-number, x, x.dtype)


def _add(term: Term, x: Term, y: Term) -> Term | None:
    if x.number() == 0:
        return y
    if y.number() == 0:
        return x
    if x.number() is not None and y.number() is not None:
        return constant(x.number() + y.number(), term, term.dtype)  # type: ignore[operator]
    if y.op == "neg":
        return _like(term, "sub", x, y.operands[0])
    if x.op == "neg":
        return _like(term, "sub", y, x.operands[0])
    return None


def _sub(term: Term, x: Term, y: Term) -> Term | None:
    if y.number() == 0:
        return x
    if x.number() == 0:
        return _like(term, "neg", y)
    if x.number() is not None and y.number() is not None:
        return constant(x.number() - y.number(), term, term.dtype)  # type: ignore[operator]
    return _like(term, "add", x, y.operands[0]) if y.op == "neg" else None


def _mul(term: Term, x: Term, y: Term) -> Term | None:
    if x.number() == 1:
        return y
    if y.number() == 1:
        return x
    if 0 in (x.number(), y.number()):
        return constant(0, term)
    if x.number() is not None and y.number() is not None:
        return constant(x.number() * y.number(), term)  # type: ignore[operator]
    if x.op == "neg":
        return negated(_like(term, "mul", x.operands[0], y))
    if y.op == "neg":
        return negated(_like(term, "mul", x, y.operands[0]))
    if cancelled := _cancelled(term, x, y):
        return cancelled
    if y.op == "div" and y.operands[0].number() == 1:
        return _like(term, "div", x, y.operands[1])
    if x.op == "div" and x.operands[0].number() == 1:
        return _like(term, "div", y, x.operands[1])
    return None


def _cancelled(term: Term, x: Term, y: Term) -> Term | None:
    """Twice a half."""
    (above, below, left), (more, further, right) = _apart(x), _apart(y)
    above, below = above * more, below * further
    if 1 in (above, below) or not ((above / below).is_integer() or (below / above).is_integer()):
        return None
    rest = _like(term, "mul", left, right)
    if above >= below:
        return _like(term, "mul", constant(above / below), rest)
    return _like(term, "div", rest, constant(below / above))


def _apart(term: Term) -> tuple[float, float, Term]:
    """A number, a number that is divided by, and what is left of a product or a quotient."""
    if term.op == "mul":
        (a, b, x), (c, d, y) = map(_apart, term.operands)
        return a * c, b * d, _like(term, "mul", x, y)
    if term.op == "div" and (divisor := term.operands[1].number()):
        above, below, rest = _apart(term.operands[0])
        return above, below * divisor, rest
    if term.op == "expand":
        above, below, rest = _apart(term.operands[0])
        return above, below, replace(term, operands=(rest,))
    number = term.number()
    return (number, 1.0, constant(1, term)) if number else (1.0, 1.0, term)


def _div(term: Term, x: Term, y: Term) -> Term | None:
    if y.number() == 1:
        return x
    return negated(_like(term, "div", x.operands[0], y)) if x.op == "neg" else None


def _pow(term: Term, x: Term, y: Term) -> Term | None:
    if y.number() == 1:
        return x
    return constant(1, term) if y.number() == 0 else None


def _equal(term: Term, x: Term, y: Term) -> Term | None:
    if x.number() is None or y.number() is None:
        return None
    return constant(x.number() == y.number(), term, "bool")


def _select(term: Term, condition: Term, x: Term, y: Term) -> Term | None:
    if condition.op == CONSTANT:
        return x if condition.number() else y
    kept, other = _knowing(condition, x, True), _knowing(condition, y, False)
    if (kept, other) == (x, y):
        return None
    return replace(term, operands=(condition, kept, other))


def _knowing(condition: Term, term: Term, holds: bool) -> Term:
    """The term where a condition is known: what guards a branch against its own division by zero is gone."""
    if term.op == "select" and term.operands[0] == condition:
        return _knowing(condition, term.operands[1 if holds else 2], holds)
    operands = tuple(_knowing(condition, operand, holds) for operand in term.operands)
    return term if operands == term.operands else replace(term, operands=operands)


def _reshape(term: Term, x: Term) -> Term | None:
    return x if x.shape == term.shape else None


_RULES: dict[str, Any] = {
    "neg": _neg,
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "pow": _pow,
    "equal": _equal,
    "select": _select,
    "reshape": _reshape,
}
