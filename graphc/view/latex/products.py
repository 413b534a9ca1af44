"""Contractions as products of matrices and vectors; others with their indices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphc.view.latex.elements import element
from graphc.view.latex.pieces import ATOM, POWER, PRODUCT, Piece
from graphc.view.latex.terms import Term

if TYPE_CHECKING:
    from graphc.view.latex.writer import Writer

Labels = Sequence[str]
Turned = tuple[Term, bool]
"""A factor, and whether it stands there transposed."""


def _product(writer: Writer, term: Term) -> Piece:
    """`W x`, `w^T h`, `a x^T`; with explicit indices what matrix notation does not have."""
    if chain := _chain(term, is_turned=False):
        return Piece(" ".join(_factor(writer, *turned) for turned in chain), PRODUCT)
    return Piece(_indexed(writer, term), PRODUCT)


def _chain(x: Term, *, is_turned: bool) -> list[Turned]:
    """The factors of a product of matrices and vectors, turned as a whole or not; [] if it is none.

    The transpose of a product is the product of the transposes the other way round: `x^T M y` for an inner
    product with `M^T x`.
    """
    left, right, result = x.attr("labels")
    first, second = x.operands
    shared = [label for label in left if label in right]
    if max(len(left), len(right)) > 2 or len(shared) > 1 or any(label in result for label in shared):
        return []
    if len({*left, *right} - {*shared}) != len(result) or x.bound:
        return []  # something is summed on one side alone
    if not shared and (len(left), len(right)) != (1, 1):
        return []
    if result and result[0] in right:
        first, left, second, right = second, right, first, left
    inner = shared[0] if shared else None
    is_first_turned = inner is not None and (left[-1] != inner or len(left) == 1)
    is_second_turned = right[0] != inner if inner else len(right) == 1
    both = [*_factors(first, is_first_turned), *_factors(second, is_second_turned)]
    return [(factor, not turned) for factor, turned in reversed(both)] if is_turned else both


def _factors(x: Term, is_turned: bool) -> list[Turned]:
    if x.op == "transpose" and x.rank == 2:
        return _factors(x.operands[0], not is_turned)
    if x.op == "contract" and all(x.attr("labels")[:2]):
        return _chain(x, is_turned=is_turned) or [(x, is_turned)]
    return [(x, is_turned)]


def turned(writer: Writer, x: Term) -> str:
    """The transpose of a product, factor by factor; "" for what is none."""
    chain = _chain(x, is_turned=True) if x.op == "contract" else []
    return " ".join(_factor(writer, *factor) for factor in chain)


def _factor(writer: Writer, x: Term, is_turned: bool) -> str:
    is_one = x.number() == 1 or (x.op == "expand" and x.operands[0].number() == 1)
    if is_one and x.rank == 2:
        return f"{writer.style.one} {writer.style.transposed(writer.style.one)}"
    text = writer.style.one if is_one else writer.tight(x, ATOM if is_turned else POWER)
    return writer.style.transposed(text) if is_turned else text


def _indexed(writer: Writer, term: Term) -> str:
    """`sum_j A_{ij k} x_j`, the element that the letters on the left say."""
    left, right, result = term.attr("labels")
    labels = list(dict.fromkeys((*result, *left, *right)))
    letter = dict(zip(labels, writer.letters(len(labels)), strict=True))
    bound = [letter[label] for label in labels if label not in result]
    sign = writer.style.over("sum", bound) + " " if bound else ""
    parts = [
        writer.tight(element(operand, tuple(letter[name] for name in names)), POWER)
        for operand, names in zip(term.operands, (left, right), strict=True)
    ]
    text = sign + writer.juxtaposed(parts)
    return writer.style.below(f"[{text}]", " ".join(letter[label] for label in result)) if result else text


RULES = {"contract": _product}
