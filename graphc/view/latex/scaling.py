"""Numbers, signs and scalars in front of what is linear: `-(1 / p) e_y`, not a unit vector times all that."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from graphc.types import BATCH
from graphc.view.latex.terms import Term, constant

_LINEAR: dict[str, tuple[int, ...]] = {
    "contract": (0, 1),
    "reduce_sum": (0,),
    "scatter_add": (0,),
    "gather": (0,),
    "transpose": (0,),
    "reshape": (0,),
    "pad": (0,),
    "slice": (0,),
    "conv": (0, 1),
    "conv_input_gradient": (0, 1),
    "conv_filter_gradient": (0, 1),
    "max_pool_gradient": (1,),
    "average_pool": (0,),
    "average_pool_gradient": (0,),
}
"""In which of their operands operations are linear."""

Maker = Callable[..., Term]


@dataclass(frozen=True)
class _Scaled:
    """`above` times `rest`, divided by `below`, with a sign."""

    is_negative: bool
    above: tuple[Term, ...]
    below: tuple[Term, ...]
    rest: Term


def moved_out(term: Term, made: Maker) -> Term | None:
    """The term with what scales its operands in front of it; None if nothing does.

    What varies over an index that the operation goes through stays inside of it.
    """
    operands = list(term.operands)
    above: list[Term] = []
    below: list[Term] = []
    is_negative = False
    for place in _LINEAR.get(term.op, ()):
        scaled = _scaled(operands[place], term, made)
        if scaled.rest == operands[place] or (term.op == "reduce_sum" and scaled.rest.number() is not None):
            continue
        is_negative ^= scaled.is_negative
        above += scaled.above
        below += scaled.below
        operands[place] = scaled.rest
    if tuple(operands) == term.operands:
        return None
    found = made(term.op, tuple(operands), dict(term.attrs), term.dtype, term.shape, term.has_batch)
    for sign, scalars in (("mul", above), ("div", below)):
        for scalar in scalars:
            pair = (scalar, found) if sign == "mul" else (found, scalar)
            found = made(sign, pair, {}, term.dtype, term.shape, scalar.has_batch or found.has_batch)
    return made("neg", (found,), {}, term.dtype, term.shape, found.has_batch) if is_negative else found


def _scaled(x: Term, by: Term, made: Maker) -> _Scaled:
    if x.op == "neg":
        inner = _scaled(x.operands[0], by, made)
        return replace(inner, is_negative=not inner.is_negative)
    number = x.number()
    if number is not None and x.rank and number not in (0, 1):
        return _Scaled(number < 0, _but_one([constant(abs(number))]), (), constant(1, x))
    if x.op == "expand" and not x.operands[0].rank and _is_fixed(x.operands[0], by):
        inner = _scaled(x.operands[0], by, made)
        return _Scaled(inner.is_negative, _but_one([*inner.above, inner.rest]), inner.below, constant(1, x))
    if x.op == "div" and not x.operands[1].rank and _is_fixed(x.operands[1], by):
        inner = _scaled(x.operands[0], by, made)
        return replace(inner, below=(*inner.below, x.operands[1]))
    if x.op == "mul":
        return _product(x, by, made)
    return _Scaled(False, (), (), x)


def _product(x: Term, by: Term, made: Maker) -> _Scaled:
    left, right = (_scaled(operand, by, made) for operand in x.operands)
    above, below = [*left.above, *right.above], (*left.below, *right.below)
    rest = []
    for part in (left.rest, right.rest):
        is_scalar = part.number() is not None or (not part.rank and _is_fixed(part, by))
        if is_scalar and x.rank:
            above.append(constant(part.number() or 0) if part.number() is not None else part)
        elif is_scalar and part.number() is not None:
            above.append(part)
        else:
            rest.append(part)
    whole = rest[0] if rest else constant(1, x)
    if len(rest) == 2:
        whole = made("mul", (rest[0], rest[1]), {}, x.dtype, x.shape, rest[0].has_batch or rest[1].has_batch)
    if whole.rank != x.rank:
        return _Scaled(False, (), (), x)
    return _Scaled(left.is_negative ^ right.is_negative, _but_one(above), below, whole)


def _but_one(scalars: Iterable[Term]) -> tuple[Term, ...]:
    return tuple(scalar for scalar in scalars if scalar.number() != 1)


def _is_fixed(scalar: Term, by: Term) -> bool:
    """Whether a scalar is the same at all points that an operation goes through."""
    bound: tuple[Any, ...] = by.bound
    return not (scalar.free & {*bound}) and not (BATCH in bound and scalar.has_batch)
