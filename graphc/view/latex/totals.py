"""What goes through all elements or positions: sums, norms, maxima, softmax, argmax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphc.types import BATCH, Index
from graphc.view.latex.algebra import made
from graphc.view.latex.elements import element
from graphc.view.latex.pieces import ATOM, POWER, PRODUCT, Piece, factors
from graphc.view.latex.terms import AT, Term

if TYPE_CHECKING:
    from graphc.view.latex.writer import Writer

SIGNS = {"reduce_sum": "sum", "reduce_prod": "prod", "reduce_max": "max", "reduce_min": "min"}
_NAMED = {
    "softmax": "softmax",
    "log_softmax": "log softmax",
    "logsumexp": "logsumexp",
    "argmax": "argmax",
    "argmin": "argmin",
    "first_true": "first",
}
GOING_THROUGH = frozenset((*SIGNS, *_NAMED))
"""Those that say themselves which indices they go through; others have a sum in front of them."""


def summed(writer: Writer, term: Term) -> Piece:
    """An operation that goes through indices by itself, with a sum in front of it."""
    attrs = {**dict(term.attrs), "indices": ()}
    point = made(term.op, term.operands, attrs, term.dtype, term.shape, term.has_batch)
    total = {"dims": (), "indices": term.bound}
    return writer.piece(Term("reduce_sum", (point,), tuple(total.items()), term.dtype, term.shape, False))


def _total(writer: Writer, term: Term) -> Piece:
    sign, (x,) = SIGNS[term.op], term.operands
    indices = [index for index in term.attr("indices") if index != BATCH or writer.examples]
    before = dict(writer.shown)
    signs = "".join(_bound(writer, sign, index, term) + " " for index in indices)
    rest = _over_dims(writer, sign, term, x)
    writer.shown = before
    return Piece(signs + rest.text, PRODUCT) if signs else rest


def _bound(writer: Writer, sign: str, index: Index, term: Term) -> str:
    """The sign for an index, which gets primes where its name means something else."""
    if index == BATCH:
        return writer.style.total(sign, "b", "1", writer.batch)
    taken = writer.outside | {*writer.shown.values()}
    taken |= {writer.index(other) for other in term.operands[0].free if other != index}
    name = writer.variable(index.name.rstrip("'"))
    while name in taken:
        name += "'"
    writer.shown[index] = name
    return writer.style.total(sign, name, writer.position(index.lo), writer.position(index.hi))


def _over_dims(writer: Writer, sign: str, term: Term, x: Term) -> Piece:
    dims = term.attr("dims")
    if not dims:
        return Piece(writer.tight(x, PRODUCT), PRODUCT)
    if sign == "sum" and len(dims) == x.rank and (found := _inner(writer, x)):
        return found
    if sign in ("max", "min") and len(dims) == x.rank:
        return writer.call(sign, [x])
    letters = writer.letters(x.rank)
    bound = writer.style.over(sign, [letters[dim] for dim in dims])
    if len(dims) == x.rank:
        return Piece(f"{bound} {writer.tight(element(x, tuple(letters)), PRODUCT)}", PRODUCT)
    places = [letters[dim] if dim in dims else writer.style.any for dim in range(x.rank)]
    return Piece(f"{bound} {writer.style.below(writer.tight(x, ATOM), ' '.join(places))}", PRODUCT)


def _inner(writer: Writer, x: Term) -> Piece | None:
    """The sum of all elements of a square, or of a product of two vectors, without an index."""
    tensors = [f for f in factors(x) if f.rank]
    scalars = [writer.tight(f, POWER) for f in factors(x) if not f.rank]
    if len(tensors) == 1 and tensors[0].op == "pow" and tensors[0].operands[1].number() == 2:
        tensors = [tensors[0].operands[0]] * 2
    if len(tensors) != 2:
        return None
    left, right = tensors
    if left == right:
        norm = writer.style.power(writer.style.norm(writer.text(left), left.rank == 2), "2")
        return Piece(writer.juxtaposed([*scalars, norm]), PRODUCT if scalars else POWER)
    if x.rank != 1:
        return None
    product = f"{writer.style.transposed(writer.tight(left, ATOM))} {writer.tight(right, POWER)}"
    return Piece(writer.juxtaposed([*scalars, product]), PRODUCT)


def _at(writer: Writer, term: Term) -> Piece:
    """A value at a position: inside, the index means that position, and sums over it have primes."""
    name = writer.index(term.attr("index"))
    before, writer.outside = writer.outside, {*writer.outside, name}
    text = writer.text(term.operands[0])
    writer.outside = before
    return Piece(writer.style.at(text, f"{name}={writer.position(term.attr('place'))}"))


def _named(writer: Writer, term: Term) -> Piece:
    return writer.call(_NAMED[term.op], term.operands, ", ".join(_over(writer, term)))


def _over(writer: Writer, term: Term) -> Sequence[str]:
    (x,) = term.operands
    over = [writer.index(index) for index in term.attr("indices")]
    dims = term.attr("dims") if x.rank > 1 else ()
    return [*over, *(writer.style.size(x.shape[dim].expression) for dim in dims)]


RULES = {**dict.fromkeys(SIGNS, _total), **dict.fromkeys(_NAMED, _named), AT: _at}
