"""Identities of what is cut apart and joined again: rules of `Simplify`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphc.ir.graph import Node, Value
from graphc.ops.movement import CONCAT, SLICE
from graphc.passes.scope import Scope
from graphc.types import Dim


@dataclass(frozen=True)
class _Piece:
    """Elements `start` to `stop` of a value along a dim: all of it if `size` is None."""

    source: Value
    start: int
    stop: int
    size: Dim | None = None


def simpler_slice(scope: Scope, node: Node) -> Value | None:
    """A slice of a slice is one slice; one of a join that lies in a single operand is one of that."""
    start, stop, dim = node.attrs["start"], node.attrs["stop"], node.attrs["dim"]
    made = scope.made_by(node.operands[0], SLICE, CONCAT)
    if made is None or made.attrs["dim"] != dim:
        return None
    if made.op is SLICE:
        before = made.attrs["start"]
        attrs = {**node.attrs, "start": before + start, "stop": before + stop}
        return scope(SLICE, made.operands[0], called=node.result.name, **attrs)
    for operand in made.operands:
        width = operand.type.shape[dim].value
        if 0 <= start < stop <= width:
            whole = (
                start == 0
                and stop == width
                and operand.type.with_axes(node.result.type.axes) == node.result.type
            )
            attrs = {**node.attrs, "start": start, "stop": stop}
            return operand if whole else scope(SLICE, operand, called=node.result.name, **attrs)
        start, stop = start - width, stop - width
    return None


def simpler_concat(scope: Scope, node: Node) -> Value | None:
    """Slices that follow one another are one slice of what they were cut from."""
    dim = node.attrs["dim"]
    pieces = [_piece(scope, operand, dim) for operand in node.operands]
    merged = _merged(pieces)
    if len(merged) == 1 and (found := _value(scope, merged[0], dim)).type == node.result.type:
        return found
    if len(merged) == len(pieces):
        return None
    return scope(CONCAT, *(_value(scope, piece, dim) for piece in merged), called=node.result.name, dim=dim)


def _piece(scope: Scope, value: Value, dim: int) -> _Piece:
    made = scope.made_by(value, SLICE)
    if made and made.attrs["dim"] == dim:
        return _Piece(made.operands[0], made.attrs["start"], made.attrs["stop"], made.attrs["size"])
    return _Piece(value, 0, value.type.shape[dim].value)


def _merged(pieces: Sequence[_Piece]) -> list[_Piece]:
    found: list[_Piece] = []
    for piece in pieces:
        last = found[-1] if found else None
        if last and last.size and piece.size and last.source is piece.source and last.stop == piece.start:
            found[-1] = _Piece(last.source, last.start, piece.stop, last.size + piece.size)
        else:
            found.append(piece)
    return found


def _value(scope: Scope, piece: _Piece, dim: int) -> Value:
    source = piece.source
    if piece.size is None or (piece.start == 0 and source.type.shape[dim] == piece.size):
        return source
    return scope(SLICE, source, dim=dim, start=piece.start, stop=piece.stop, size=piece.size)
