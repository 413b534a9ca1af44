"""One element of a tensor: `(y - z)_i` as `y_i - z_i`."""

from __future__ import annotations

from dataclasses import replace

from graphc.ops import TABLE
from graphc.view.latex.terms import CONSTANT, Term

ELEMENT = "element"
"""An operation of terms alone: the element of its operand that the `letters` say."""


def element(term: Term, letters: tuple[str, ...]) -> Term:
    """The element of a term whose place is said by a letter for each dim.

    Inside of what works element by element the letters stand at its operands.
    """
    if not term.rank:
        return term
    if term.op == CONSTANT and term.number() is not None:
        return replace(term, shape=())
    if term.op == "expand":
        source = term.attr("source")
        inner = {dim: letter for dim, letter in zip(source, letters, strict=True) if dim is not None}
        return element(term.operands[0], tuple(inner[dim] for dim in sorted(inner)))
    if term.op == "transpose":
        places = dict(zip(term.attr("perm"), letters, strict=True))
        return element(term.operands[0], tuple(places[dim] for dim in sorted(places)))
    is_elementwise = term.op in TABLE and TABLE[term.op].scalar is not None
    if is_elementwise or (term.op == "reduce_sum" and not term.attr("dims")):
        return replace(term, operands=tuple(element(o, letters) for o in term.operands), shape=())
    return Term(ELEMENT, (term,), (("letters", letters),), term.dtype, (), term.has_batch)
