"""Very large products: cut into blocks, which a BLAS makes."""

from __future__ import annotations

from llvmlite import ir

from graphc.backend.cpu import blas
from graphc.backend.cpu.instructions import Emitter, Value
from graphc.backend.cpu.operands import OPERANDS, Matrix, Product

_BLOCKS = 16
"""Into how many blocks a product for the BLAS is cut, for workers to share: a power of two."""
_ROW_MAJOR, _PLAIN, _TRANSPOSED = 101, 111, 112


def emit_large(emit: Emitter, library: blas.Library) -> None:
    """`large(me, workers, a, ..., accumulate)`: one worker's blocks of a product, made by the library.

    The blocks depend on m, n and k alone, because the library's bits may depend on them.
    """
    with emit.function("large", "ii" + OPERANDS) as (me, workers, *arguments):
        of = Product.of(arguments)
        down, across = _grid(emit, of.m, of.n)
        height, breadth = (of.m + down - 1) // down, (of.n + across - 1) // across
        with emit.loop(me * _BLOCKS // workers, (me + 1) * _BLOCKS // workers) as number:
            top, left = number // across * height, number % across * breadth
            block = of.part(top, left, emit.smaller(height, of.m - top), emit.smaller(breadth, of.n - left))
            with emit.when((block.m > 0) & (block.n > 0)):
                emit_call(emit, library, block)


def _grid(emit: Emitter, m: Value, n: Value) -> tuple[Value, Value]:
    """Into how many blocks of rows and of columns C is cut: they are about as high as they are wide."""
    down, across = emit.integer(1), emit.integer(1)
    for _ in range(_BLOCKS.bit_length() - 1):
        high = m * across >= n * down
        down, across = emit.select(high, down * 2, down), emit.select(high, across, across * 2)
    return down, across


def plain(matrix: Matrix, columns: Value) -> Value:
    """Whether it lies in rows, of which each begins behind the one before."""
    return matrix.cs.equals(1) & (matrix.rs >= columns)


def emit_call(emit: Emitter, library: blas.Library, of: Product) -> None:
    """A product as a call of the library, which knows of a matrix where it begins, a leading dimension, and
    whether it lies transposed in memory."""
    build, number, pointer = emit.builder, emit.scalar, emit.pointer
    size, option = ir.IntType(library.bits), ir.IntType(32)
    parameters = [option] * 3 + [size] * 3 + [number, pointer, size, pointer, size, number, pointer, size]
    symbol = blas.symbol(library, "s" if emit.real == "float32" else "d")
    kind = ir.FunctionType(ir.VoidType(), parameters)
    function = emit.module.globals.get(symbol) or ir.Function(emit.module, kind, symbol)

    def whole(value: Value) -> ir.Value:
        return build.trunc(value.raw, size) if library.bits < 64 else value.raw

    def order(in_rows: Value) -> ir.Value:
        return build.select(in_rows.raw, option(_PLAIN), option(_TRANSPOSED))

    def operand(matrix: Matrix, in_rows: Value) -> tuple[ir.Value, ir.Value]:
        return matrix.start.raw, whole(emit.select(in_rows, matrix.rs, matrix.cs))

    a_in_rows, b_in_rows = plain(of.a, of.k), plain(of.b, of.n)
    layout = option(_ROW_MAJOR), order(a_in_rows), order(b_in_rows)
    extents = whole(of.m), whole(of.n), whole(of.k)
    left, right = operand(of.a, a_in_rows), operand(of.b, b_in_rows)
    beta = build.select(of.accumulate.equals(0).raw, number(0.0), number(1.0))
    target = of.c.start.raw, whole(of.c.rs)
    build.call(function, [*layout, *extents, number(1.0), *left, *right, beta, *target])
