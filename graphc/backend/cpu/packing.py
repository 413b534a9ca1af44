"""Operands laid out for the tiles of matrix products, so that these read them from first to last."""

from __future__ import annotations

from llvmlite import ir

from graphc.backend.cpu.instructions import Emitter, Value

VECTORS = 2
"""Vectors in a row of a panel: the packed right operand is cut into panels of this many vectors."""


def emit_pack(emit: Emitter) -> None:
    """`pack(me, workers, b, rs, cs, k, n, packed)`: write one worker's part of B[k, n] as panels.

    They are [n / w][k][w] for panels of w columns, the last one filled up with zeros.
    """
    _emit_columns(emit)
    width = VECTORS * emit.lanes
    with emit.function("pack", "iipiiiip") as (me, workers, b, rs, cs, k, n, packed):
        panels = (n + (width - 1)) // width
        with emit.loop(me * panels // workers, (me + 1) * panels // workers) as panel:
            first = panel * width
            source, target, columns = b + first * cs, packed + first * k, emit.smaller(width, n - first)
            with emit.either(cs.equals(1) & columns.equals(width)) as (rows_lie_in_runs, others):
                with rows_lie_in_runs, emit.loop(0, k) as i:
                    for v in range(0, width, emit.lanes):
                        emit.store(emit.load(source + (i * rs + v)), target + (i * width + v))
                with others:
                    whole = emit.select(rs.equals(1), columns // emit.lanes * emit.lanes, 0)
                    with emit.loop(0, whole, emit.lanes) as column:
                        _transpose_columns(emit, source + column * cs, cs, k, target + column, width)
                    emit.call("pack_columns", source, rs, cs, k, whole, columns, target)
                    with emit.loop(columns, width) as column, emit.loop(0, k) as i:
                        target[i * width + column] = emit.zero()


def _emit_columns(emit: Emitter) -> None:
    """`pack_columns(b, rs, cs, k, lo, hi, panel)`: columns lo..hi of a panel, one number at a time."""
    width = VECTORS * emit.lanes
    with (
        emit.function("pack_columns", "piiiiip") as (b, rs, cs, k, lo, hi, panel),
        emit.loop(0, k) as i,
        emit.loop(lo, hi) as column,
    ):
        panel[i * width + column] = b[i * rs + column * cs]


def _transpose_columns(emit: Emitter, b: Value, cs: Value, k: Value, target: Value, width: int) -> None:
    """As many columns as a vector has lanes, of a B whose columns lie in runs: its squares are transposed."""
    whole = k // emit.lanes * emit.lanes
    with emit.loop(0, whole, emit.lanes) as i:
        square = [emit.load(b + (i + lane * cs)) for lane in range(emit.lanes)]
        for lane, row in enumerate(_transposed(emit, square)):
            emit.store(row, target + (i + lane) * width)
    with emit.loop(whole, k) as i:
        for lane in range(emit.lanes):
            target[i * width + lane] = b[i + lane * cs]


def _transposed(emit: Emitter, square: list[ir.Value]) -> list[ir.Value]:
    """A square of vectors, transposed: log2(lanes) times its second half is dealt into the first."""
    lanes, half = emit.lanes, emit.lanes // 2
    dealt = [lane // 2 + lanes * (lane % 2) for lane in range(2 * lanes)]
    for _ in range(lanes.bit_length() - 1):
        square = [
            emit.shuffle(square[pair], square[pair + half], part)
            for pair in range(half)
            for part in (dealt[:lanes], dealt[lanes:])
        ]
    return square


def emit_pack_left(emit: Emitter) -> None:
    """`pack_left(a, rs, cs, m, k, packed)`: move A[m, k] together, in the direction in which it lies.

    That is as [m, k] with cs = 1, else as [k, m].
    """
    lanes = emit.lanes
    with emit.function("pack_left", "piiiip") as (a, rs, cs, m, k, packed):
        by_rows = cs.equals(1)
        outer, inner = emit.select(by_rows, m, k), emit.select(by_rows, k, m)
        jump, step = emit.select(by_rows, rs, cs), emit.select(by_rows, cs, rs)
        whole = emit.select(step.equals(1), inner // lanes * lanes, 0)
        with emit.loop(0, outer) as i:
            source, target = a + i * jump, packed + i * inner
            with emit.loop(0, whole, lanes) as at:
                emit.store(emit.load(source + at), target + at)
            with emit.loop(whole, inner) as at:
                target[at] = source[at * step]
