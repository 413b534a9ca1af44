"""What a softmax and the logarithm of one of its elements come to together: `p - e_y`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from graphc.view.latex.adjoint import Derived, Named
from graphc.view.latex.algebra import made, negated
from graphc.view.latex.pieces import factors
from graphc.view.latex.summands import Sum, Summand
from graphc.view.latex.terms import REF, Term, constant


def softmax_shortcuts(found: Sequence[Derived], steps: Iterable[Sum | Named]) -> dict[str, Summand]:
    """For each vector that a softmax p is made of, if the loss takes c log p_y of it: -c (e_y - p).

    p is the value of an equation and read once. Its own cotangent is c e_y / p_y.
    """
    sums: dict[str, list[Sum]] = {}
    for step in steps:
        if isinstance(step, Sum):
            sums.setdefault(step.name, []).append(step)
    short = {}
    for each in found:
        p, logits = each.unit.name, [named for named in each.named if _are_logits(each, named)]
        if logits and len(sums.get(p, ())) == 1 and len(sums[p][0].summands) == 1:
            (summand,) = sums[p][0].summands
            if not summand.fixed and not summand.matches and (term := _short(summand.term, p)) is not None:
                short[logits[0].name] = replace(summand, term=term)
    return short


def _are_logits(each: Derived, named: Named) -> bool:
    """Whether an equation p is the softmax of a value on the way to it, all of whose elements are one dim.

    What comes back through a softmax is p times a difference from the cotangent of p.
    """
    value, back = each.value, named.cotangent
    if value.op != "softmax" or value.rank != 1 or value.attr("indices") or back is None or back.op != "mul":
        return False
    p, difference = back.operands
    is_own = p.op == REF and p.attr("name") == each.unit.name and not p.attr("bar")
    return (
        is_own
        and difference.op == "sub"
        and difference.operands[0] == replace(p, attrs=tuple(sorted({**dict(p.attrs), "bar": True}.items())))
    )


def _short(cotangent: Term, p: str) -> Term | None:
    """c (e_y - p) for c e_y / p_y."""
    inner, is_negative = (cotangent.operands[0], True) if cotangent.op == "neg" else (cotangent, False)
    above: list[Term] = []
    below: list[Term] = []
    for factor in factors(inner):
        above += factors(factor.operands[0] if factor.op == "div" else factor)
        below += factors(factor.operands[1]) if factor.op == "div" else ()
    units = [f for f in above if f.op == "scatter_add" and not f.operands[0].rank]
    if len(units) != 1:
        return None
    (scaled,) = units
    unit = replace(scaled, operands=(constant(1), scaled.operands[1]))
    above.append(scaled.operands[0])
    likelihoods = [
        f for f in below if f.op == "gather" and _is_of(f, p) and f.operands[1] == unit.operands[1]
    ]
    if len(likelihoods) != 1:
        return None
    vector = likelihoods[0].operands[0]
    found = made("sub", (unit, vector), {}, "real", vector.shape, vector.has_batch)
    found = negated(found) if is_negative else found
    for scalar in _without(above, scaled):
        found = made("mul", (scalar, found), {}, "real", vector.shape, vector.has_batch)
    for scalar in _without(below, likelihoods[0]):
        found = made("div", (found, scalar), {}, "real", vector.shape, vector.has_batch)
    return found


def _is_of(gather: Term, p: str) -> bool:
    vector = gather.operands[0]
    return vector.op == REF and vector.attr("name") == p and not vector.attr("bar")


def _without(found: Sequence[Term], one: Term) -> Iterator[Term]:
    return (each for each in found if each is not one and each.number() != 1)
