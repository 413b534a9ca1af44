"""Matrix products: C[m, n] = or += A[m, k] @ B[k, n].

Pointers are to float32 or float64; sizes and strides are int64 and count elements. Nothing is allocated and
no index is checked. A stride rs is that from row to row, cs from column to column: a transposed operand is
one with its strides exchanged. C must not overlap A, B and the workspace.

As in the work of Goto and van de Geijn that `tile` names, a product is cut into blocks for the caches: B into
blocks of `_DEPTH` rows, whose panels stay in the first cache while tiles go down the rows of A, and A into
blocks of `_HEIGHT` rows, which stay in the second cache while tiles go along the columns of B. Large products
go to a BLAS where there is one, small ones read B where it lies.

Bits: in a `product_rows` the numbers of a row do not depend on the other rows, so it may be cut into slices
of rows at will. A `product` is the same as its tasks, and what the tasks are depends on m, n and k alone.
"""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import binding
from numba.core.registry import cpu_target

from graphc.backend.cpu import blas
from graphc.backend.cpu.cache import Code
from graphc.backend.cpu.instructions import Emitter, Value
from graphc.backend.cpu.packing import VECTORS, emit_pack, emit_pack_left
from graphc.backend.cpu.tile import LOW, WIDE, emit_dot, emit_tile, tall

_DEPTH = 256
"""Steps of k in one block: a panel of B of this depth stays in the first cache."""
_HEIGHT = 96
"""Rows of A in one block, which stays in the second cache."""
_BREADTH = 1024
"""Columns of B that are packed at a time."""
_FEW_ROWS = 16
_SMALL = 1 << 13
"""B is read where it lies if few rows need it, or if it is small: packing would cost more than it saves."""
_LEAST_TASK = 1 << 21
"""Multiplications that make a task worth its start and the packing of its operands."""
_DOUBLINGS = 4
"""How often a product is cut in two at most."""


@dataclass
class Operands:
    """The parameters of a product `m, n, k, accumulate` with any strides."""

    a: Value
    rsa: Value
    csa: Value
    b: Value
    rsb: Value
    csb: Value
    c: Value
    rsc: Value
    csc: Value
    m: Value
    n: Value
    k: Value
    accumulate: Value

    def plain(self) -> tuple[Value, ...]:
        """Arguments as they are."""
        left, right = (self.a, self.rsa, self.csa), (self.b, self.rsb, self.csb)
        return *left, *right, self.c, self.rsc, self.csc, self.m, self.n, self.k, self.accumulate

    def transposed(self) -> tuple[Value, ...]:
        """Arguments for the transposed product, whose right operand is A."""
        left, right = (self.b, self.csb, self.rsb), (self.a, self.csa, self.rsa)
        return *left, *right, self.c, self.csc, self.rsc, self.n, self.m, self.k, self.accumulate


def assemble(emit: Emitter, library: blas.Library | None) -> Code:
    """`pack`, `product_rows` and `product` as object code. The library, if any, makes large products."""
    high = tall(emit.registers)
    for rows, panels in ((high, 1), (LOW, 1), (1, WIDE)):
        emit_tile(emit, rows, panels)
    emit_pack(emit)
    emit_pack_left(emit)
    emit_dot(emit)
    _emit_panel(emit, high)
    _emit_blocks(emit)
    _emit_rows(emit)
    _emit_packed(emit)
    _emit_dots(emit)
    _emit_by_rows(emit, library)
    _emit_task(emit)
    _emit_product(emit, high)
    return assembled(emit)


def assembled(emit: Emitter) -> Code:
    """A module that is written, as object code."""
    machine = cpu_target.target_context.codegen()._tm
    module = binding.parse_assembly(str(emit.module))
    module.verify()
    tuning = binding.create_pipeline_tuning_options(speed_level=2)
    # The kernels are vectors already, and the loops around them are to stay small.
    tuning.loop_vectorization = tuning.slp_vectorization = tuning.loop_unrolling = False
    passes = binding.create_pass_builder(machine, tuning)
    passes.getModulePassManager().run(module, passes)
    needs = tuple(f.name for f in module.functions if f.is_declaration and not f.name.startswith("llvm."))
    return Code(emit.module.name, needs, machine.emit_object(module))


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
    """`packed(a, rsa, csa, b, rsb, csb, c, rsc, m, n, k, accumulate, workspace)`: a product by own kernels.

    Blocks of both operands are packed, so that they lie in the caches while tiles are made of them. C's
    columns lie side by side.
    """
    width = VECTORS * emit.lanes
    with emit.function("packed", "piipiipiiiiip") as arguments:
        a, rsa, csa, b, rsb, csb, c, rsc, m, n, k, accumulate, workspace = arguments
        once = emit.select(k > 0, k, 1)
        with emit.loop(0, n, _BREADTH) as j, emit.loop(0, once, _DEPTH) as p:
            columns, depth = emit.smaller(_BREADTH, n - j), emit.smaller(_DEPTH, k - p)
            add = emit.select(p > 0, 1, accumulate)
            emit.call("pack", 0, 1, b + (p * rsb + j * csb), rsb, csb, depth, columns, workspace)
            left = workspace + depth * (columns + width)
            with emit.loop(0, m, _HEIGHT) as i:
                rows = emit.smaller(_HEIGHT, m - i)
                emit.call("pack_left", a + (i * rsa + p * csa), rsa, csa, rows, depth, left)
                by_rows = csa.equals(1)
                rs, cs = emit.select(by_rows, depth, 1), emit.select(by_rows, 1, rows)
                emit.call(
                    "blocks", left, rs, cs, workspace, width, depth * width, c + (i * rsc + j), rsc,
                    rows, columns, depth, add,
                )  # fmt: skip


def _emit_dots(emit: Emitter) -> None:
    """`dots(a, ..., accumulate)`: each element of C by itself, for a vector on one side, or a C without a
    unit stride."""
    with emit.function("dots", "piipiipiiiiii") as arguments:
        of = Operands(*arguments)
        with emit.loop(0, of.m) as i, emit.loop(0, of.n) as j:
            value = emit.call("dot", of.a + i * of.rsa, of.csa, of.b + j * of.csb, of.rsb, of.k)
            place = of.c + (i * of.rsc + j * of.csc)
            with emit.either(of.accumulate.equals(0)) as (new, more):
                with new:
                    place[0] = value
                with more:
                    place[0] = place[0] + value


def _emit_by_rows(emit: Emitter, library: blas.Library | None) -> None:
    """`by_rows(a, ..., accumulate, workspace)`: a product where C's columns lie side by side."""
    width = VECTORS * emit.lanes
    with emit.function("by_rows", "piipiipiiiiiip") as arguments:
        of, workspace = Operands(*arguments[:-1]), arguments[-1]
        plain_a, plain_b = of.csa.equals(1) & (of.rsa >= of.k), of.csb.equals(1) & (of.rsb >= of.n)
        in_place = of.csb.equals(1) & ((of.m <= _FEW_ROWS) | (of.k * of.n <= _SMALL))
        done = emit.select(in_place, of.n // width * width, 0)
        with emit.when(done > 0):
            emit.call("blocks", of.a, of.rsa, of.csa, of.b, of.rsb, width, of.c, of.rsc, of.m, done, of.k,
                      of.accumulate)  # fmt: skip
        rest = (
            of.b + done * of.csb,
            of.rsb,
            of.csb,
            of.c + done,
            of.rsc,
            of.m,
            of.n - done,
            of.k,
            of.accumulate,
        )
        if library is None:
            emit.call("packed", of.a, of.rsa, of.csa, *rest, workspace)
            return
        # What its leading dimensions can say.
        said_a, said_b = (
            plain_a | (of.rsa.equals(1) & (of.csa >= of.m)),
            plain_b | (of.rsb.equals(1) & (of.csb >= of.k)),
        )
        with emit.either(~in_place & said_a & said_b & (of.rsc >= of.n) & (of.k > 0)) as (large, other):
            with large:
                lda, ldb = emit.select(plain_a, of.rsa, of.csa), emit.select(plain_b, of.rsb, of.csb)
                across, extents = (~plain_a, ~plain_b), (of.m, of.n, of.k)
                more = ~of.accumulate.equals(0)
                blas.emit_call(emit, library, across, extents, (of.a, lda), (of.b, ldb), (of.c, of.rsc), more)
            with other:
                emit.call("packed", of.a, of.rsa, of.csa, *rest, workspace)


def _grid(emit: Emitter, m: Value, n: Value, k: Value) -> tuple[Value, Value]:
    """Into how many blocks of rows and of columns a product is cut: powers of two, which threads share."""
    down, across = emit.integer(1), emit.integer(1)
    for _ in range(_DOUBLINGS):
        large = m * n * k >= down * across * (2 * _LEAST_TASK)
        taller = m * across >= n * down
        down, across = (
            emit.select(large & taller, down * 2, down),
            emit.select(large & ~taller, across * 2, across),
        )
    return down, across


def _emit_task(emit: Emitter) -> None:
    """`task(top, left, height, breadth, a, ..., accumulate, workspace)`: one block of C, which C may cut off."""
    with emit.function("task", "iiii" + "piipiipiiiiiip") as arguments:
        top, left, height, breadth, *whole, workspace = arguments
        of = Operands(*whole)
        of.a, of.b = of.a + top * of.rsa, of.b + left * of.csb
        of.c = of.c + (top * of.rsc + left * of.csc)
        of.m, of.n = emit.smaller(height, of.m - top), emit.smaller(breadth, of.n - left)
        vector = (of.n.equals(1) & of.csa.equals(1)) | (of.m.equals(1) & of.rsb.equals(1))
        by_columns = ~of.csc.equals(1) | (of.n.equals(1) & of.rsc.equals(1))
        by_cells = vector | (~of.csc.equals(1) & ~of.rsc.equals(1))
        with emit.when((of.m > 0) & (of.n > 0)), emit.either(by_cells) as (alone, together):
            with alone:
                emit.call("dots", *of.plain())
            with together, emit.either(by_columns) as (across, along):
                with across:
                    emit.call("by_rows", *of.transposed(), workspace)
                with along:
                    emit.call("by_rows", *of.plain(), workspace)


def _emit_product(emit: Emitter, high: int) -> None:
    """`product(me, workers, a, rsa, csa, b, rsb, csb, c, rsc, csc, m, n, k, accumulate, workspace)`: one
    worker's tasks of C[m, n] = or += A[m, k] @ B[k, n].

    For k = 0 the product is zero. The workspace, of which each worker has its own, has room for
    `graphc.schedule.products.workspace_size` elements. A C without a unit stride is made element by element,
    which is slow.
    """
    width = VECTORS * emit.lanes
    with emit.function("product", "ii" + "piipiipiiiiiip") as (me, workers, *rest):
        m, n, k = rest[9:12]
        down, across = _grid(emit, m, n, k)
        height = _whole((m + (down - 1)) // down, high)
        breadth = _whole((n + (across - 1)) // across, width)
        tasks = down * across
        with emit.loop(me * tasks // workers, (me + 1) * tasks // workers) as number:
            emit.call("task", number // across * height, number % across * breadth, height, breadth, *rest)


def _whole(extent: Value, unit: int) -> Value:
    return (extent + (unit - 1)) // unit * unit
