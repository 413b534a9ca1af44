"""Convolutions, pooling, and what goes back through them.

A convolution is linear in each of its operands, so what goes back is the transpose of a linear map:
`(x \\star \\cdot)^\\top \\bar y` for the filters, `(\\cdot \\star F)^\\top \\bar y` for the image.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from graphc.view.latex.pieces import POWER, PRODUCT, Piece
from graphc.view.latex.terms import Term

if TYPE_CHECKING:
    from graphc.view.latex.writer import Writer


def _conv(writer: Writer, term: Term) -> Piece:
    x, kernel = (writer.tight(operand, POWER) for operand in term.operands[:2])
    return Piece(f"{x}{_star(writer, term)}{kernel}", PRODUCT)


def _star(writer: Writer, term: Term) -> str:
    """The sign, with a stride, padding and dilation below it that are not those of a plain one."""
    return writer.style.star(", ".join(_settings(term, {"stride": 1, "pad": 0, "dilation": 1})))


def _settings(term: Term, plain: Mapping[str, int | Sequence[int]]) -> Iterator[str]:
    """`s=2`, `p=(1,0)`: each setting that is not the plain one, one number where all dims have the same."""
    for name, usual in plain.items():
        # Padding has two ends, which are the same in every spec.
        found = [each[0] if isinstance(each, tuple) else each for each in term.attr(name)]
        if found != (usual if isinstance(usual, Sequence) else [usual] * len(found)):
            yield f"{name[0]}={_one_for_all(found)}"


def _one_for_all(sizes: Sequence[int]) -> str:
    return str(sizes[0]) if len({*sizes}) == 1 else f"({','.join(map(str, sizes))})"


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
    window = [*term.attr("window")]
    return ", ".join([_one_for_all(window), *_settings(term, {"stride": window, "pad": 0})])


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
