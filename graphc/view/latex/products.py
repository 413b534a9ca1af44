"""Contractions as products of matrices and vectors; others with their indices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.view.latex.terms import Term

if TYPE_CHECKING:
    from graphc.view.latex.writer import Piece, Writer

LETTERS = "ijklmnpq"


def product(writer: Writer, term: Term) -> Piece:
    """`W x`, `w^T h`, `a x^T`; with explicit indices what matrix notation does not have."""
    from graphc.view.latex.writer import PRODUCT, Piece

    left, right, result = term.attr("labels")
    x, y = term.operands
    text = _matrices(writer, x, left, y, right, result) or _indexed(writer, term)
    return Piece(text, PRODUCT)


def _matrices(
    writer: Writer, x: Term, left: tuple[str, ...], y: Term, right: tuple[str, ...], result: tuple[str, ...]
) -> str | None:
    if not left or not right:
        scalar, tensor = (x, y) if not left else (y, x)
        return (
            writer.juxtaposed([writer.tight(scalar, 1), writer.tight(tensor, 1)])
            if result in (left, right)
            else None
        )
    shared = [label for label in left if label in right]
    if max(len(left), len(right)) > 2 or len(shared) > 1 or any(label in result for label in shared):
        return None
    if len({*left, *right} - {*shared}) != len(result):
        return None  # something is summed on one side alone
    if result and result[0] in right:
        x, left, y, right = y, right, x, left
    inner = shared[0] if shared else None
    first = _turned(
        writer, x, is_turned=(left[-1] != inner if inner else False) or (len(left) == 1 and bool(inner))
    )
    second = _turned(writer, y, is_turned=right[0] != inner if inner else len(right) == 1)
    if inner is None and (len(left), len(right)) != (1, 1):
        return None
    return f"{first} {second}"


def _turned(writer: Writer, x: Term, *, is_turned: bool) -> str:
    from graphc.view.latex.writer import ATOM, POWER

    if x.op == "transpose":
        return _turned(writer, x.operands[0], is_turned=not is_turned)
    if not is_turned:
        return writer.tight(x, POWER)
    return writer.style.transposed(writer.tight(x, ATOM))


def _indexed(writer: Writer, term: Term) -> str:
    left, right, result = term.attr("labels")
    labels = list(dict.fromkeys((*result, *left, *right)))
    letter = dict(zip(labels, LETTERS, strict=False))
    sizes = {
        label: dim.expression
        for operand, names in zip(term.operands, (left, right), strict=True)
        for label, dim in zip(names, operand.shape, strict=True)
    }
    text = ""
    for label in labels:
        if label not in result:
            text += writer.style.total("sum", letter[label], "1", sizes[label]) + " "
    for operand, names in zip(term.operands, (left, right), strict=True):
        piece = writer.held(writer.piece(operand), 3)
        text += writer.style.below(f"[{piece}]", " ".join(letter[name] for name in names)) + " "
    return text.strip()
