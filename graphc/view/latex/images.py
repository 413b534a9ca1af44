"""Convolutions, pooling, and what goes back through them.

A convolution is linear in each of its operands, so what goes back is the transpose of a linear map:
`(x \\star \\cdot)^\\top \\bar y` for the filters, `(\\cdot \\star F)^\\top \\bar y` for the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.view.latex.pieces import POWER, PRODUCT, Piece
from graphc.view.latex.terms import Term

if TYPE_CHECKING:
    from graphc.view.latex.writer import Writer


def _conv(writer: Writer, term: Term) -> Piece:
    x, kernel = (writer.tight(operand, POWER) for operand in term.operands[:2])
    return Piece(f"{x}{_star(writer, term)}{kernel}", PRODUCT)


def _star(writer: Writer, term: Term) -> str:
    """The sign, with what differs from a stride of 1 and no padding below it."""
    stride, pad = (set(term.attr(name)) for name in ("stride", "pad"))
    said = [f"s={stride.pop()}"] if stride != {1} and len(stride) == 1 else []
    if len(pad) == 1 and (ends := pad.pop()) != (0, 0):
        said.append(f"p={ends[0]}")
    return writer.style.star(", ".join(said))


def _to_image(writer: Writer, term: Term) -> Piece:
    g, kernel = term.operands
    linear = f"{writer.style.any}{_star(writer, term)}{writer.tight(kernel, POWER)}"
    return _back(writer, writer.style.parentheses(linear), g)


def _to_filters(writer: Writer, term: Term) -> Piece:
    x, g = term.operands
    linear = f"{writer.tight(x, POWER)}{_star(writer, term)}{writer.style.any}"
    return _back(writer, writer.style.parentheses(linear), g)


def _back(writer: Writer, linear: str, g: Term) -> Piece:
    return Piece(f"{writer.style.transposed(linear)} {writer.tight(g, POWER)}", PRODUCT)


def _max_pool(writer: Writer, term: Term) -> Piece:
    return Piece(writer.style.function("maxpool", [writer.text(term.operands[0])], _window(term)))


def _average_pool(writer: Writer, term: Term) -> Piece:
    return Piece(writer.style.function("avgpool", [writer.text(term.operands[0])], _window(term)))


def _window(term: Term) -> str:
    """`2`; `3, s=2` where windows are apart by another number of pixels than they are wide."""
    window, stride = ([*term.attr(name)] for name in ("window", "stride"))
    size = str(window[0]) if len({*window}) == 1 else "x".join(map(str, window))
    return size if stride == window else f"{size}, s={stride[0]}"


def _through_max_pool(writer: Writer, term: Term) -> Piece:
    winner, g = term.operands
    if winner.op != "max_pool_winner":
        return writer.call("maxpool back", term.operands)
    return _back(
        writer, writer.style.derivative("maxpool", writer.text(winner.operands[0]), _window(term)), g
    )


def _through_average_pool(writer: Writer, term: Term) -> Piece:
    (g,) = term.operands
    return _back(writer, writer.style.function("avgpool", (), _window(term)), g)


RULES = {
    "conv": _conv,
    "conv_input_gradient": _to_image,
    "conv_filter_gradient": _to_filters,
    "max_pool": _max_pool,
    "average_pool": _average_pool,
    "max_pool_gradient": _through_max_pool,
    "average_pool_gradient": _through_average_pool,
}
