"""Matrix products: C[m, n] = or += A[m, k] @ B[k, n].

Pointers are to float32 or float64; sizes and strides are int64 and count elements. Nothing is allocated and
no index is checked. A stride rs is that from row to row, cs from column to column: a transposed operand is
one with its strides exchanged. C must not overlap A, B and the workspace.

- `product_rows` with a right operand that `pack` laid out before: for weights that many products share. The
  numbers of a row do not depend on the other rows, so it may be cut into slices of rows at will.
- `product` for everything else, shared by workers. The bits do not depend on how many there are.
"""

from __future__ import annotations

from graphc.backend.cpu import blas
from graphc.backend.cpu.blocking import emit_own
from graphc.backend.cpu.instructions import Emitter
from graphc.backend.cpu.large import emit_large, plain
from graphc.backend.cpu.operands import OPERANDS, Product
from graphc.backend.cpu.packing import VECTORS
from graphc.backend.cpu.tile import emit_dot, tall

_PART = 1 << 18
"""Multiplications that are worth another worker: some microseconds."""
_LARGE = 1 << 28
"""Multiplications from which on a BLAS makes a product. Our kernels make smaller ones as fast, and share them
better, because they may cut anywhere."""


def write(emit: Emitter, library: blas.Library | None) -> None:
    """Write `pack`, `product_rows` and `product`. The library, if any, makes large products."""
    emit_own(emit)
    emit_dot(emit)
    _emit_cells(emit)
    _emit_shared(emit)
    if library:
        emit_large(emit, library)
    _emit_along(emit, library)
    _emit_product(emit)


def _emit_cells(emit: Emitter) -> None:
    """`cells(me, workers, a, ..., accumulate)`: each element of C by itself, for a vector on one side, or a C
    without a unit stride."""
    with emit.function("cells", "ii" + OPERANDS) as (me, workers, *arguments):
        of = Product.of(arguments)
        count = of.m * of.n
        with emit.loop(me * count // workers, (me + 1) * count // workers) as number:
            one = of.part(number // of.n, number % of.n, of.m, of.n)
            value = emit.call("dot", one.a.start, of.a.cs, one.b.start, of.b.rs, of.k)
            with emit.either(of.accumulate.equals(0)) as (new, more):
                with new:
                    one.c.start[0] = value
                with more:
                    one.c.start[0] = one.c.start[0] + value


def _emit_shared(emit: Emitter) -> None:
    """`shared(me, workers, a, ..., accumulate, workspace)`: one worker's rows or columns of a product.

    The longer side is cut, because each worker packs all of the other operand. Where it is cut does not
    matter for the bits, so it depends on the number of workers.
    """
    with emit.function("shared", "ii" + OPERANDS + "p") as (me, workers, *arguments, workspace):
        of, zero = Product.of(arguments), emit.integer(0)
        parts = emit.smaller(of.m * of.n * of.k // _PART + 1, workers)
        by_rows = of.m > of.n
        unit = emit.select(by_rows, tall(emit.registers), VECTORS * emit.lanes)
        extent = emit.select(by_rows, of.m, of.n)
        units = (extent + unit - 1) // unit
        first = me * units // parts * unit
        count = emit.smaller((me + 1) * units // parts * unit, extent) - first
        with emit.when((me < parts) & (count > 0)):
            down = emit.select(by_rows, first, zero), emit.select(by_rows, zero, first)
            size = emit.select(by_rows, count, of.m), emit.select(by_rows, of.n, count)
            emit.call("own", *of.part(*down, *size).arguments(), workspace)


def _emit_along(emit: Emitter, library: blas.Library | None) -> None:
    """`along(me, workers, a, ..., accumulate, workspace)`: one worker's part of a product.

    C's columns lie side by side.
    """
    with emit.function("along", "ii" + OPERANDS + "p") as (me, workers, *arguments, workspace):
        if library is None:
            emit.call("shared", me, workers, *arguments, workspace)
            return
        of = Product.of(arguments)
        # A BLAS knows nothing but leading dimensions.
        left = plain(of.a, of.k) | plain(of.a.transposed(), of.m)
        right = plain(of.b, of.n) | plain(of.b.transposed(), of.k)
        large = (of.m * of.n * of.k >= _LARGE) & left & right & plain(of.c, of.n)
        with emit.either(large) as (theirs, ours):
            with theirs:
                emit.call("large", me, workers, *arguments)
            with ours:
                emit.call("shared", me, workers, *arguments, workspace)


def _emit_product(emit: Emitter) -> None:
    """`product(me, workers, a, rsa, csa, b, rsb, csb, c, rsc, csc, m, n, k, accumulate, workspace)`: one
    worker's part of C[m, n] = or += A[m, k] @ B[k, n].

    For k = 0 the product is zero. The workspace, of which each worker has its own, has room for
    `graphc.schedule.products.workspace_size` elements. A C without a unit stride is made element by element,
    which is slow.
    """
    with emit.function("product", "ii" + OPERANDS + "p") as (me, workers, *arguments, workspace):
        of = Product.of(arguments)
        vector = (of.n.equals(1) & of.a.cs.equals(1)) | (of.m.equals(1) & of.b.rs.equals(1))
        by_cells = vector | (~of.c.cs.equals(1) & ~of.c.rs.equals(1))
        by_columns = ~of.c.cs.equals(1) | (of.n.equals(1) & of.c.rs.equals(1))
        with emit.when((of.m > 0) & (of.n > 0)), emit.either(by_cells) as (cells, others):
            with cells:
                emit.call("cells", me, workers, *arguments)
            with others, emit.either(by_columns) as (across, along):
                with across:
                    emit.call("along", me, workers, *of.transposed().arguments(), workspace)
                with along:
                    emit.call("along", me, workers, *arguments, workspace)
