"""Names, numbers, sums, products, quotients and powers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from graphc.types import BATCH
from graphc.view.latex.algebra import made
from graphc.view.latex.pieces import ATOM, POWER, PRODUCT, SUM, Piece, factors
from graphc.view.latex.terms import Term, constant

if TYPE_CHECKING:
    from graphc.view.latex.writer import Writer

MANY = 6
"""A constant matrix of more rows is not written out."""
_REACHING = ("reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "contract")
"""What would take in a factor that follows it."""
_UNITS = ("scatter_add", "one_hot", "pad")


def _ref(writer: Writer, term: Term) -> Piece:
    subscripts = [writer.position(place) for place in term.attr("subscripts")]
    example = writer.examples and term.has_batch
    return Piece(writer.name(term.attr("name"), subscripts, bar=term.attr("bar"), example=example))


def _constant(writer: Writer, term: Term) -> Piece:
    value, style = term.attr("value"), writer.style
    if isinstance(value, tuple):
        rows = value if isinstance(value[0], tuple) else tuple((number,) for number in value)
        if term.rank <= 2 and len(rows) <= MANY:
            return Piece(style.matrix([[style.number(n) for n in row] for row in rows]))
        return Piece(style.function("constant", []))
    if isinstance(value, bool):
        return Piece(str(int(value)))
    return Piece(style.number(value), ATOM if value >= 0 else SUM)


def _position(writer: Writer, term: Term) -> Piece:
    place = term.attr("at")
    is_single = len(place.terms) == 1 and not place.constant
    return Piece(writer.position(place), ATOM if is_single else SUM)


def _length(writer: Writer, term: Term) -> Piece:
    return Piece(writer.length(term.attr("length")))


def _count(writer: Writer, term: Term) -> Piece:
    index = term.attr("index")
    if index == BATCH:
        return Piece(writer.batch)
    place = index.hi - index.lo + 1
    return Piece(writer.position(place), ATOM if len(place.terms) + bool(place.constant) == 1 else SUM)


def _add(writer: Writer, term: Term) -> Piece:
    x, y = term.operands
    second = writer.tight(y, SUM if y.op in ("add", "sub") else PRODUCT)
    return Piece(f"{writer.tight(x, SUM)} + {second}", SUM)


def _sub(writer: Writer, term: Term) -> Piece:
    x, y = term.operands
    return Piece(f"{writer.tight(x, SUM)} - {writer.tight(y, PRODUCT)}", SUM)


def _neg(writer: Writer, term: Term) -> Piece:
    return Piece(f"-{writer.tight(term.operands[0], PRODUCT)}", SUM)


def _div(writer: Writer, term: Term) -> Piece:
    x, y = term.operands
    is_total = any(f.op in _REACHING and f.op != "contract" for f in factors(x))
    if is_total or (term.rank and not y.rank and (x.op == "mul" or x.op in _UNITS)):
        return _product(writer, [_scalar("div", constant(1), y), *factors(x)])
    return Piece(writer.style.fraction(writer.text(x), writer.text(y)), POWER)


def _pow(writer: Writer, term: Term) -> Piece:
    x, y = term.operands
    return power(writer, x, writer.text(y))


def power(writer: Writer, x: Term, exponent: str) -> Piece:
    """A power; that of a function stands at its name, since `tanh(c)^2` could be read in two ways."""
    if (found := writer.style.function_power(writer.tight(x, ATOM), exponent)) is not None:
        return Piece(found, POWER)
    base = writer.tight(x, ATOM)
    has_power = x.op == "ref" and "^" in base
    base = writer.style.parentheses(base) if has_power else base
    return Piece(writer.style.power(base, exponent), POWER)


def _sqrt(writer: Writer, term: Term) -> Piece:
    return Piece(writer.style.root(writer.text(term.operands[0])))


def _abs(writer: Writer, term: Term) -> Piece:
    return Piece(writer.style.absolute(writer.text(term.operands[0])))


def _xlogy(writer: Writer, term: Term) -> Piece:
    x, y = term.operands
    sign = writer.style.times if term.rank else writer.style.space
    return Piece(writer.tight(x, POWER) + sign + writer.call("log", [y]).text, PRODUCT)


def _expm1(writer: Writer, term: Term) -> Piece:
    return Piece(f"{writer.call('exp', term.operands).text} - 1", SUM)


def _log1p(writer: Writer, term: Term) -> Piece:
    (x,) = term.operands
    return Piece(writer.style.function("log", [f"1 + {writer.tight(x, PRODUCT)}"]))


def _mul(writer: Writer, term: Term) -> Piece:
    found = list(factors(term))
    if len(found) == 2 and found[0] == found[1]:
        return power(writer, found[0], "2")
    numbers = [f for f in found if not f.rank and f.number() is not None]
    if len(numbers) == 1 and (number := numbers[0].number()) and number < 0:
        positive = replace(numbers[0], attrs=(("value", -number),))
        rest = [f for f in found if f is not numbers[0]]
        return Piece("-" + _product(writer, [positive, *rest]).text, SUM)
    return _product(writer, found)


def _product(writer: Writer, found: Sequence[Term]) -> Piece:
    found = [f for f in _in_one_fraction(found) if f.number() != 1 or f.rank] or found
    numbers = [f for f in found if not f.rank and f.number() is not None]
    scalars = [f for f in found if not f.rank and f.number() is None]
    tensors = [f for f in found if f.rank]
    # What reaches to the end of what follows stands last among the scalars.
    scalars.sort(key=lambda f: f.op in _REACHING)
    scalars = [*numbers, *scalars]
    few = [_factor(writer, f, i < len(scalars) - 1 or bool(tensors)) for i, f in enumerate(scalars)]
    many = [_factor(writer, f, len(tensors) > 1) for f in tensors]
    return Piece(writer.juxtaposed([*few, writer.style.times.join(many)] if many else few), PRODUCT)


def _in_one_fraction(found: Sequence[Term]) -> list[Term]:
    """`2 / T` rather than 2 times 1 / T: numbers and scalars above join the first scalar quotient."""
    quotients = [f for f in found if f.op == "div" and not f.rank]
    if not quotients:
        return [*found]
    whole, *others = quotients
    numerators = [f for f in found if not f.rank and (f.number() is not None or f.op == "ref")]
    rest = [f for f in found if f not in quotients and f not in numerators]
    above, below = whole.operands
    for scalar in (*numerators, *(quotient.operands[0] for quotient in others)):
        above = _scalar("mul", scalar, above)
    for quotient in others:
        below = _scalar("mul", below, quotient.operands[1])
    whole = _scalar("div", above, below)
    return rest if rest and whole.number() == 1 else [whole, *rest]


def _scalar(op: str, x: Term, y: Term) -> Term:
    return made(op, (x, y), {}, "real", (), x.has_batch or y.has_batch)


def _factor(writer: Writer, term: Term, is_followed: bool) -> str:
    piece = writer.piece(term)
    is_open = is_followed and (term.op in _REACHING or bool(piece.closed))
    return writer.held(piece, POWER if is_open else PRODUCT)


RULES = {
    "ref": _ref,
    "constant": _constant,
    "position": _position,
    "length": _length,
    "count": _count,
    "add": _add,
    "sub": _sub,
    "neg": _neg,
    "div": _div,
    "pow": _pow,
    "sqrt": _sqrt,
    "abs": _abs,
    "xlogy": _xlogy,
    "expm1": _expm1,
    "log1p": _log1p,
    "mul": _mul,
}
