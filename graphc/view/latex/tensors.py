"""Elements and parts of tensors, and tensors that are put together from parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.view.latex.pieces import ATOM, POWER, PRODUCT, SUM, Piece
from graphc.view.latex.products import turned
from graphc.view.latex.terms import Term

if TYPE_CHECKING:
    from graphc.view.latex.writer import Writer

MANY = 6
"""Vectors of more parts are not written out."""


def _element(writer: Writer, term: Term) -> Piece:
    (x,) = term.operands
    return Piece(writer.style.below(writer.tight(x, ATOM), " ".join(term.attr("letters"))))


def _expand(writer: Writer, term: Term) -> Piece:
    (x,), source, style = term.operands, term.attr("source"), writer.style
    if x.number() is not None:
        return writer.piece(x)
    if not x.rank:
        closing = POWER if x.op in ("contract", "reduce_sum") else PRODUCT
        return Piece(writer.juxtaposed([writer.tight(x, closing), style.one]), PRODUCT)
    if source == (0, None):
        return Piece(f"{writer.tight(x, POWER)} {style.transposed(style.one)}", PRODUCT)
    if source == (None, 0):
        return Piece(f"{style.one} {style.transposed(writer.tight(x, ATOM))}", PRODUCT)
    return _transpose(writer, term) if source == (1, 0) else writer.piece(x)


def _transpose(writer: Writer, term: Term) -> Piece:
    if term.rank == 2 and (text := turned(writer, term.operands[0])):
        return Piece(text, PRODUCT)
    return Piece(writer.style.transposed(writer.tight(term.operands[0], ATOM)), POWER)


def _gather(writer: Writer, term: Term) -> Piece:
    table, number = term.operands
    return Piece(writer.style.below(writer.tight(table, ATOM), writer.text(number)))


def _scatter_add(writer: Writer, term: Term) -> Piece:
    """A scalar at one place of a vector of zeros, or a vector as one row of a matrix of zeros."""
    x, number = term.operands
    unit = writer.style.unit(writer.text(number))
    if x.number() == 1:
        text = f"{unit} {writer.style.transposed(writer.style.one)}" if x.rank else unit
        return Piece(text, PRODUCT if x.rank else ATOM)
    if not x.rank:
        return Piece(writer.juxtaposed([writer.tight(x, PRODUCT), unit]), PRODUCT)
    return Piece(f"{unit} {writer.style.transposed(writer.tight(x, ATOM))}", PRODUCT)


def _one_hot(writer: Writer, term: Term) -> Piece:
    return Piece(writer.style.unit(writer.text(term.operands[0])))


def _reshape(writer: Writer, term: Term) -> Piece:
    (x,) = term.operands
    if _is_element(term):
        inner, places = _places(term)
        last = max(number for number, place in enumerate(places) if place != ":")
        return Piece(writer.style.below(writer.tight(inner, ATOM), ", ".join(places[: last + 1])))
    if not term.rank or not x.rank:
        return writer.piece(x)
    name = "vec" if term.rank == 1 else "reshape"
    return Piece(writer.style.function(name, [writer.text(x)]))


def _is_element(term: Term) -> bool:
    """Whether a reshape takes a dim of one element away, which a slice has left."""
    (x,) = term.operands
    return x.op == "slice" and x.shape[x.attr("dim")].value == 1 and term.rank == x.rank - 1


def _places(term: Term) -> tuple[Term, list[str]]:
    """The tensor that elements are taken of, one dim after the other, and the place in each of its dims."""
    if term.op != "reshape" or not _is_element(term):
        return term, [":"] * term.rank
    (x,) = term.operands
    inner, places = _places(x.operands[0])
    free = [number for number, place in enumerate(places) if place == ":"]
    places[free[x.attr("dim")]] = str(x.attr("start"))
    return inner, places


def _slice(writer: Writer, term: Term) -> Piece:
    before = ":, " * term.attr("dim")
    place = f"{before}{term.attr('start')}:{term.attr('stop')}"
    return Piece(writer.style.below(writer.tight(term.operands[0], ATOM), place))


def _pad(writer: Writer, term: Term) -> Piece:
    """Zeros around a part: a multiple of a unit vector, a row or column of a matrix, else `pad_{a:b}`."""
    (x,), dim, start = term.operands, term.attr("dim"), term.attr("before")
    unit = writer.style.unit(str(start))
    if x.number() == 1 and x.rank == 1 and x.shape[0].value == 1:
        return Piece(unit)
    if x.op == "reshape" and x.shape[dim].value == 1 and x.operands[0].rank == term.rank - 1 < 2:
        part = x.operands[0]
        if dim == 0:
            return Piece(f"{unit} {writer.style.transposed(writer.tight(part, ATOM))}", PRODUCT)
        return Piece(f"{writer.tight(part, POWER)} {writer.style.transposed(unit)}", PRODUCT)
    place = f"{':, ' * dim}{start}:{start + x.shape[dim].value}"
    return Piece(writer.style.function("pad", [writer.text(x)], place))


def _stack(writer: Writer, term: Term) -> Piece:
    """Numbers as a column, vectors as rows."""
    parts = term.operands
    if term.rank > 2 or len(parts) > MANY:
        return writer.call("stack", parts)
    if term.rank == 1:
        return Piece(writer.style.matrix([[writer.text(part)] for part in parts]))
    return Piece(writer.style.matrix([[writer.style.transposed(writer.tight(p, ATOM))] for p in parts]))


def _concat(writer: Writer, term: Term) -> Piece:
    """Vectors below each other; matrices below or beside each other."""
    parts = term.operands
    if term.rank > 2 or len(parts) > MANY:
        return writer.call("concat", parts)
    texts = [writer.tight(part, SUM) for part in parts]
    return Piece(writer.style.matrix([texts] if term.attr("dim") else [[text] for text in texts]))


RULES = {
    "element": _element,
    "expand": _expand,
    "transpose": _transpose,
    "gather": _gather,
    "scatter_add": _scatter_add,
    "one_hot": _one_hot,
    "reshape": _reshape,
    "slice": _slice,
    "pad": _pad,
    "stack": _stack,
    "concat": _concat,
}
