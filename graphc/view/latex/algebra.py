"""Terms as a person would leave them: numbers worked out, nothing times one, no double minus."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from graphc.ops import TABLE
from graphc.types import BATCH, Dim, DType
from graphc.view.latex.pieces import factors
from graphc.view.latex.scaling import moved_out
from graphc.view.latex.terms import CONSTANT, COUNT, Term, constant

Operands = tuple[Term, ...]


def made(
    op: str, operands: Operands, attrs: dict[str, Any], dtype: DType, shape: tuple[Dim, ...], has_batch: bool
) -> Term:
    """The operation of the operands, simplified; it has the type that is given."""
    plain = Term(op, operands, tuple(sorted(attrs.items())), dtype, shape, has_batch)
    rule = _RULES.get(op)
    found = rule(plain, *operands) if rule else None
    found = found if found is not None else moved_out(plain, made)
    # A scalar in the place of a tensor would say less than what it replaces.
    return found if found is not None and found.rank == plain.rank else plain


def _like(term: Term, op: str, *operands: Term) -> Term:
    return made(op, operands, {}, term.dtype, term.shape, any(o.has_batch for o in operands))


def for_one(term: Term) -> Term:
    """The term with a single example in the place of a batch: nothing is summed over examples."""
    operands = tuple(map(for_one, term.operands))
    attrs = dict(term.attrs)
    if term.op == COUNT and attrs["index"] == BATCH:
        return constant(1)
    if BATCH in term.bound:
        attrs["indices"] = tuple(index for index in term.bound if index != BATCH)
        if term.op == "reduce_sum" and not attrs["indices"] and not attrs["dims"]:
            return operands[0]
    return made(term.op, operands, attrs, term.dtype, term.shape, term.has_batch)


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
    return _like(term, "mul", constant(2), x) if x == y and term.dtype == "real" else None


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
    for number, other in ((x, y), (y, x)):
        if (value := number.number()) is not None and value < 0:
            return negated(_like(term, "mul", constant(-value, number), other))
    if x.op == "neg":
        return negated(_like(term, "mul", x.operands[0], y))
    if y.op == "neg":
        return negated(_like(term, "mul", x, y.operands[0]))
    for root, other in ((x, y), (y, x)):
        if root.op == "sqrt" and root == other:
            return root.operands[0]
        if root.op == "sqrt" and other.op == "mul" and other.operands[1] == root:
            return _like(term, "mul", other.operands[0], root.operands[0])
    if x.op == "mul" and x.operands[1] == y and y.op == "sqrt":
        return _like(term, "mul", x.operands[0], y.operands[0])
    if cancelled := _cancelled(term, x, y):
        return cancelled
    for factor, power in ((x, y), (y, x)):
        if power.op == "pow" and (exponent := _unguarded(power.operands[1], factor)) is not None:
            return _like(term, "mul", factor, _like(power, "pow", power.operands[0], exponent))
    for factor, quotient in ((x, y), (y, x)):
        if quotient.op == "div" and (quotient.operands[0].number() == 1 or _is_number_over(factor, quotient)):
            return _like(term, "div", _like(term, "mul", factor, quotient.operands[0]), quotient.operands[1])
    return None


def _unguarded(exponent: Term, factor: Term) -> Term | None:
    """s - 1 for the exponent that is 0 where s is 0: the power's factor s is zero there anyway."""
    if exponent.op != "sub" or exponent.operands[0].op != "select":
        return None
    guard, one = exponent.operands
    return _like(exponent, "sub", guard.operands[2], one) if _is_guard(guard, factor) else None


def _is_number_over(factor: Term, quotient: Term) -> bool:
    """A number goes into what a quotient divides, `2 (x / T)` as `2 x / T`."""
    return factor.number() is not None and not quotient.rank


def _cancelled(term: Term, x: Term, y: Term) -> Term | None:
    """Twice a half."""
    (above, below, left), (more, further, right) = _apart(x), _apart(y)
    has_two = above != 1 and more != 1
    above, below = above * more, below * further
    if has_two and below == 1:
        return _like(term, "mul", constant(above), _like(term, "mul", left, right))
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
    above, below = x.number(), y.number()
    if below == 1:
        return x
    if above == 0:
        return constant(0, term)
    if above is not None and below is None and not above.is_integer() and (1 / above).is_integer():
        return _like(term, "div", constant(1, x), _like(y, "mul", constant(1 / above), y))
    if above is None and below and not below.is_integer() and (1 / below).is_integer():
        return _like(term, "mul", constant(1 / below), x)
    if above is not None and below and _is_short(above, below):
        return constant(above / below, term)
    if x.op == "neg":
        return negated(_like(term, "div", x.operands[0], y))
    if y.op == "neg":
        return negated(_like(term, "div", x, y.operands[0]))
    if x.op == "div":
        return _like(term, "div", x.operands[0], _like(term, "mul", x.operands[1], y))
    if y.op == "select" and _is_guard(y, x):
        return _like(term, "div", x, y.operands[2])
    return _reduced(term, x, below) if below else _without_common(term, x, y)


def _without_common(term: Term, x: Term, y: Term) -> Term | None:
    """`2 x / 2 N` as `x / N`."""
    (above, below, left), (more, further, right) = _apart(x), _apart(y)
    ratio = above * further / (below * more)
    if 1 in (above, more) or not ((1 / ratio).is_integer() or ratio.is_integer()):
        return None
    if ratio >= 1:
        return _like(term, "div", _like(x, "mul", constant(ratio), left), right)
    return _like(term, "div", left, _like(y, "mul", constant(1 / ratio), right))


def _is_short(above: float, below: float) -> bool:
    """Whether a quotient is better worked out: 6 / 2 and 0.003 / 2 are, 2 / 3 and 1 / 0.9 are not."""
    number = above / below
    are_whole = above.is_integer() and below.is_integer()
    return number.is_integer() or (not are_whole and number == float(f"{number:.4g}"))


def _is_guard(divisor: Term, above: Term) -> bool:
    """1 in the place of a divisor where what is divided is zero anyway."""
    condition, one, _ = divisor.operands
    is_zero = condition.op == "equal" and condition.operands[1].number() == 0
    return is_zero and one.number() == 1 and condition.operands[0] in factors(above)


def _reduced(term: Term, x: Term, divisor: float) -> Term | None:
    """A number in what is divided, against the divisor: `4 x / 2` as `2 x`."""
    above, below, rest = _apart(x)
    if above == 1 and below == 1:
        return None
    ratio = above / (below * divisor)
    if ratio.is_integer() or not above.is_integer():
        return _like(term, "mul", constant(ratio), rest)
    return None


def _pow(term: Term, x: Term, y: Term) -> Term | None:
    if y.number() == 1:
        return x
    return constant(1, term) if y.number() == 0 else None


def _of_shape(term: Term, found: Term) -> Term:
    """A number for all elements of what it stands for."""
    number = found.number()
    return found if number is None else constant(number, term, found.dtype)


def _xlogy(term: Term, x: Term, y: Term) -> Term | None:
    if x.number() == 0:
        return constant(0, term)
    return replace(term, op="log", operands=(y,)) if x.number() == 1 else None


def _not(term: Term, x: Term) -> Term | None:
    return _opposite(x)


def _opposite(condition: Term) -> Term | None:
    return replace(condition, op=_OPPOSITE[condition.op]) if condition.op in _OPPOSITE else None


def _equal(term: Term, x: Term, y: Term) -> Term | None:
    if x.number() is None or y.number() is None:
        return None
    return constant(x.number() == y.number(), term, "bool")


def _select(term: Term, condition: Term, x: Term, y: Term) -> Term | None:
    if condition.op == CONSTANT:
        return x if condition.number() else y
    if x.number() == 0 and (opposite := _opposite(condition)) is not None:
        return _like(term, "select", opposite, y, x)
    kept, other = _knowing(condition, x, True), _knowing(condition, y, False)
    if (kept, other) == (x, y):
        return None
    return replace(term, operands=(condition, kept, other))


def _knowing(condition: Term, term: Term, holds: bool) -> Term:
    """The term where a condition is known: what guards a branch against its own division by zero is gone.

    It is known of one element, so what goes through all of them stays as it is.
    """
    if term.op != "select" and (term.op not in TABLE or TABLE[term.op].scalar is None):
        return term
    if term.op == "select" and term.operands[0] == condition:
        return _of_shape(term, _knowing(condition, term.operands[1 if holds else 2], holds))
    if term.op == "select" and term.operands[0] == _opposite(condition):
        return _of_shape(term, _knowing(condition, term.operands[2 if holds else 1], holds))
    operands = tuple(_knowing(condition, operand, holds) for operand in term.operands)
    return term if operands == term.operands else replace(term, operands=operands)


def _reshape(term: Term, x: Term) -> Term | None:
    if x.shape == term.shape:
        return x
    is_scalar = not x.rank and x.number() is None
    return _like(term, "mul", x, constant(1, term)) if is_scalar else None


def _contract(term: Term, x: Term, y: Term) -> Term | None:
    """With a scalar it is a multiple."""
    left, right, result = term.attr("labels")
    is_multiple = (not left and right == result) or (not right and left == result)
    return _like(term, "mul", x, y) if is_multiple and not term.bound else None


_OPPOSITE = {
    "less": "greater_equal",
    "greater_equal": "less",
    "greater": "less_equal",
    "less_equal": "greater",
    "equal": "not_equal",
    "not_equal": "equal",
}

_RULES: dict[str, Any] = {
    "neg": _neg,
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "pow": _pow,
    "xlogy": _xlogy,
    "logical_not": _not,
    "equal": _equal,
    "select": _select,
    "reshape": _reshape,
    "contract": _contract,
}
