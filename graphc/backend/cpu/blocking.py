"""Matrix products by our own kernels, cut into blocks for the caches.

As in the work of Goto and van de Geijn that `tile` names: B is cut into blocks of `_DEPTH` rows, whose panels
stay in the first cache while tiles go down the rows of A, and A into blocks of `_HEIGHT` rows, which stay in
the second cache while tiles go along the columns of B.

An element of C is one chain of multiply-adds over ascending k in all of this, so where a product is cut, and
which operands are packed, does not matter for the bits.
"""

from __future__ import annotations

from graphc.backend.cpu.instructions import Emitter, Value
from graphc.backend.cpu.operands import OPERANDS, Matrix, Product
from graphc.backend.cpu.packing import VECTORS, emit_pack, emit_pack_left
from graphc.backend.cpu.tile import LOW, WIDE, emit_tile, tall

_DEPTH = 256
"""Steps of k in one block: a panel of B of this depth stays in the first cache."""
_HEIGHT = 96
"""Rows of A in one block, which stays in the second cache."""
_BREADTH = 1024
"""Columns of B that are packed at a time."""
_FEW_ROWS = 16
_SMALL = 1 << 13
"""B is read where it lies if few rows need it, or if it is small: packing would cost more than it saves."""
_FEW_PANELS = 4
"""A is read where it lies if no more panels of B need it."""


def emit_own(emit: Emitter) -> None:
    """`pack`, `product_rows`, `own`, and what they call."""
    high = tall(emit.registers)
    for rows, panels in ((high, 1), (LOW, 1), (1, WIDE)):
        emit_tile(emit, rows, panels)
    emit_pack(emit)
    emit_pack_left(emit)
    _emit_panel(emit, high)
    _emit_blocks(emit)
    _emit_rows(emit)
    _emit_packed(emit)
    _emit_own(emit)


def _emit_panel(emit: Emitter, high: int) -> None:
    """`panel(a, rsa, csa, b, step, c, rsc, m, n, k, accumulate)`: C[m, n] for the n columns of one panel."""
    width = VECTORS * emit.lanes
    with emit.function("panel", "piipipiiiii") as (a, rsa, csa, b, step, c, rsc, m, n, k, accumulate):
        over, spare = m % high, emit.stack(high * width)
        # Two low tiles for the last rows compute less in vain than a tall and a low one.
        two = (over > 0) & (over <= 2 * LOW - high) & (m > high)
        low = m - emit.select(over <= LOW, over + emit.select(two, high, 0), 0)
        for height, start, stop in ((high, emit.integer(0), low), (LOW, low, m)):
            with emit.loop(start, stop, height) as i:
                rows, corner = emit.smaller(height, m - i), c + i * rsc
                kernel = f"tile_{height}x1"
                with emit.either(n.equals(width)) as (whole, part):
                    with whole:
                        emit.call(kernel, a + i * rsa, rsa, csa, b, step, 0, corner, rsc, rows, k, accumulate)
                    with part:  # tiles are whole: this one is made beside C
                        kept = emit.select(accumulate.equals(0), 0, rows)
                        _move(emit, corner, rsc, kept, n, spare, emit.integer(width))
                        emit.call(
                            kernel, a + i * rsa, rsa, csa, b, step, 0, spare, width, rows, k, accumulate
                        )
                        _move(emit, spare, emit.integer(width), rows, n, corner, rsc)


def _move(
    emit: Emitter, source: Value, step: Value, rows: Value, columns: Value, target: Value, to: Value
) -> None:
    with emit.loop(0, rows) as i, emit.loop(0, columns) as j:
        target[i * to + j] = source[i * step + j]


def _emit_blocks(emit: Emitter) -> None:
    """`blocks(a, rsa, csa, b, step, jump, c, rsc, m, n, k, accumulate)`: C[m, n] = or += A[m, k] @ B.

    B's rows are `step` apart and its panels `jump`; C's columns lie side by side.
    """
    width = VECTORS * emit.lanes
    with emit.function("blocks", "piipiipiiiii") as arguments:
        a, rsa, csa, b, step, jump, c, rsc, m, n, k, accumulate = arguments
        once = emit.select(k > 0, k, 1)  # also without any k: C is then zero
        with emit.loop(0, once, _DEPTH) as p, emit.loop(0, m, _HEIGHT) as i:
            depth, rows = emit.smaller(_DEPTH, k - p), emit.smaller(_HEIGHT, m - i)
            add = emit.select(p > 0, 1, accumulate)
            first, corner = a + (i * rsa + p * csa), c + i * rsc
            wide = emit.select(m.equals(1), n // (WIDE * width) * (WIDE * width), 0)
            with emit.loop(0, wide, WIDE * width) as j:
                panels = b + (j // width * jump + p * step)
                emit.call(
                    f"tile_1x{WIDE}", first, rsa, csa, panels, step, jump, corner + j, rsc, 1, depth, add
                )
            with emit.loop(wide, n, width) as j:
                panel, columns = b + (j // width * jump + p * step), emit.smaller(width, n - j)
                emit.call("panel", first, rsa, csa, panel, step, corner + j, rsc, rows, columns, depth, add)


def _emit_rows(emit: Emitter) -> None:
    """`product_rows(a, rsa, csa, packed, c, rsc, lo, hi, n, k, accumulate)`: rows lo..hi of a product.

    B was laid out by `pack`; C's columns lie side by side.
    """
    width = VECTORS * emit.lanes
    with emit.function("product_rows", "piippiiiiii") as arguments:
        a, rsa, csa, packed, c, rsc, lo, hi, n, k, accumulate = arguments
        first, corner = a + lo * rsa, c + lo * rsc
        emit.call("blocks", first, rsa, csa, packed, width, k * width, corner, rsc, hi - lo, n, k, accumulate)


def _emit_packed(emit: Emitter) -> None:
    """`packed(a, ..., accumulate, workspace)`: a product of which C's columns lie side by side.

    Blocks of both operands are packed, so that they lie in the caches while tiles are made of them.
    """
    width = VECTORS * emit.lanes
    with emit.function("packed", OPERANDS + "p") as (*arguments, workspace):
        of = Product.of(arguments)
        once = emit.select(of.k > 0, of.k, 1)
        with emit.loop(0, of.n, _BREADTH) as j, emit.loop(0, once, _DEPTH) as p:
            columns, depth = emit.smaller(_BREADTH, of.n - j), emit.smaller(_DEPTH, of.k - p)
            add = emit.select(p > 0, 1, of.accumulate)
            b = of.b.part(p, j)
            emit.call("pack", 0, 1, b.start, b.rs, b.cs, depth, columns, workspace)
            room = workspace + depth * (columns + width)
            with emit.loop(0, of.m, _HEIGHT) as i:
                rows, a, c = emit.smaller(_HEIGHT, of.m - i), of.a.part(i, p), of.c.part(i, j)
                left = _left(emit, a, rows, depth, columns > _FEW_PANELS * width, room)
                emit.call(
                    "blocks", left.start, left.rs, left.cs, workspace, width, depth * width, c.start, c.rs,
                    rows, columns, depth, add,
                )  # fmt: skip


def _left(emit: Emitter, a: Matrix, rows: Value, depth: Value, worthwhile: Value, room: Value) -> Matrix:
    """A block of A, packed if that is worthwhile."""
    with emit.when(worthwhile):
        emit.call("pack_left", a.start, a.rs, a.cs, rows, depth, room)
    by_rows = a.cs.equals(1)
    packed = room, emit.select(by_rows, depth, 1), emit.select(by_rows, 1, rows)
    in_place = a.start, a.rs, a.cs
    return Matrix(*(emit.select(worthwhile, x, y) for x, y in zip(packed, in_place, strict=True)))


def _emit_own(emit: Emitter) -> None:
    """`own(a, ..., accumulate, workspace)`: a product by our kernels; C's columns lie side by side."""
    width = VECTORS * emit.lanes
    with emit.function("own", OPERANDS + "p") as (*arguments, workspace):
        of, zero = Product.of(arguments), emit.integer(0)
        in_place = of.b.cs.equals(1) & ((of.m <= _FEW_ROWS) | (of.k * of.n <= _SMALL))
        done = emit.select(in_place, of.n // width * width, 0)
        with emit.when(done > 0):
            emit.call(
                "blocks", of.a.start, of.a.rs, of.a.cs, of.b.start, of.b.rs, width, of.c.start, of.c.rs,
                of.m, done, of.k, of.accumulate,
            )  # fmt: skip
        with emit.when(done < of.n):
            emit.call("packed", *of.part(zero, done, of.m, of.n - done).arguments(), workspace)
