"""The micro-kernels of matrix products: a tile of C stays in registers while k runs.

One step of k loads a few vectors of a row of B, broadcasts one element of each row of A, and multiplies and
adds all pairs: with 6 rows and 2 vectors, 12 operations for 8 loads, and 12 chains of sums, which hide the
latency of one.
A loop over scalars never gets there, because the compiler's vectorizer does not keep a tile in registers; so
the vector instructions are emitted here. The design is that of Goto and van de Geijn, "Anatomy of
High-Performance Matrix Multiplication", ACM TOMS 34 (2008), and of BLIS.

Whatever the tile, an element of C is one chain of multiply-adds over ascending k. So its bits do not depend
on the tile that it falls in, and a product may be cut anywhere, also along k.
"""

from __future__ import annotations

from dataclasses import dataclass

from llvmlite import ir

from graphc.backend.cpu import assembler, machine
from graphc.backend.cpu.instructions import INT, LANE, Emitter, Registers, Value
from graphc.backend.cpu.packing import VECTORS


def _host() -> Registers:
    """The registers of the machine that code is compiled for."""
    if machine.triple().startswith(("aarch64", "arm64")):
        return Registers(16, 32, fused=True)
    has = assembler.features()
    if "avx512f" in has:
        return Registers(64, 32, fused=True)
    return Registers(32 if "avx2" in has else 16, 16, fused="fma" in has)


HOST = _host()
WIDE = 4
"""Panels side by side in the tile for a single row."""
LOW = 4
"""Rows of the tile for what is left: the least that still hides the latency of a multiply-add."""


def tall(registers: Registers) -> int:
    """Rows of the tile that most of a product is made of: they leave registers for B and the broadcast."""
    return 8 if registers.count >= 32 else 6


@dataclass(frozen=True)
class _Tile:
    """The operands of a micro-kernel while it is written, see `emit_tile`."""

    emit: Emitter
    a_rows: list[Value]
    b_panels: list[Value]
    c: list[Value]
    """Where the vectors of the tile lie in memory, row after row."""

    def step(self, sums: list[ir.Value], a_at: Value, b_at: Value) -> list[ir.Value]:
        """All sums after one step of k: each row's element of A times each vector of the row of B."""
        emit = self.emit
        row = [emit.load(b + b_at + v * emit.lanes) for b in self.b_panels for v in range(VECTORS)]
        column = [emit.broadcast((a + a_at)[0]) for a in self.a_rows]
        pairs = [(x, y) for x in column for y in row]
        return [emit.multiply_add(x, y, total) for (x, y), total in zip(pairs, sums, strict=True)]


def emit_tile(emit: Emitter, rows: int, panels: int) -> None:
    """`tile_RxP(a, rsa, csa, b, step, jump, c, rsc, used, k, accumulate)`: the product of a tile.

    C[used, w] = or += A[used, k] @ B[k, w] where w is P times the width of a panel. `rsa` and `csa` are the
    strides of A, `step` is the stride of B's rows and `jump` that of its panels, `rsc` the stride of C's
    rows; columns of B and C lie side by side. 1 <= used <= R; all w columns are read and written.
    """
    with emit.function(f"tile_{rows}x{panels}", "piipiipiiii") as arguments:
        a, rsa, csa, b, step, jump, c, rsc, used, k, accumulate = arguments
        places = [
            row + v * emit.lanes for row in _rows(emit, c, rsc, used, rows) for v in range(panels * VECTORS)
        ]
        tile = _Tile(emit, _rows(emit, a, rsa, used, rows), [b + jump * p for p in range(panels)], places)
        first = _start(tile, accumulate)
        last = _over_k(tile, first, k, csa, step)
        for value, place in zip(last, places, strict=True):
            emit.store(value, place)


def _rows(emit: Emitter, start: Value, stride: Value, used: Value, rows: int) -> list[Value]:
    """Pointers to the rows of a tile. Rows that are not used repeat the last one.

    They compute and store the same numbers once more, which is cheaper than a tile for each number of rows.
    """
    pointers = [start]
    for row in range(1, rows):
        pointers.append(pointers[-1] + emit.select(used > row, stride, 0))
    return pointers


def _start(tile: _Tile, accumulate: Value) -> list[ir.Value]:
    """What is in C already, or zeros."""
    emit = tile.emit
    before = emit.builder.block
    with emit.when(~accumulate.equals(0)):
        found = [emit.load(place) for place in tile.c]
        loaded = emit.builder.block
    return [emit.phi(emit.vector, [(emit.zeros(), before), (value, loaded)]) for value in found]


def _over_k(tile: _Tile, first: list[ir.Value], k: Value, csa: Value, step: Value) -> list[ir.Value]:
    """The sums after all k. One branch in a step, and pointers that are added to, not multiplied out."""
    emit = tile.emit
    build, start = emit.builder, emit.builder.block
    loop, done = (build.append_basic_block(name) for name in ("loop", "done"))
    build.cbranch((k > 0).raw, loop, done)
    build.position_at_end(loop)
    left, a_at, b_at = (Value(emit, emit.phi(INT, [(x, start)])) for x in (k.raw, INT(0), INT(0)))
    sums = [emit.phi(emit.vector, [(value, start)]) for value in first]
    after = tile.step(sums, a_at, b_at)
    turns = [(left, left - 1), (a_at, a_at + csa), (b_at, b_at + step)]
    for phi, value in [*((x.raw, y.raw) for x, y in turns), *zip(sums, after, strict=True)]:
        phi.add_incoming(value, loop)
    build.cbranch((turns[0][1] > 0).raw, loop, done)
    build.position_at_end(done)
    pairs = zip(first, after, strict=True)
    return [emit.phi(emit.vector, [(x, start), (y, loop)]) for x, y in pairs]


_DOT_VECTORS = 4
"""Vectors of partial sums in a dot product, which hide the latency of a multiply-add."""


def emit_dot(emit: Emitter) -> None:
    """`dot(a, sa, b, sb, k)`: the sum of a[i * sa] * b[i * sb] in a fixed order. Unit strides are fast."""
    block = _DOT_VECTORS * emit.lanes
    with emit.function("dot", "pipii", result=emit.scalar) as (a, sa, b, sb, k):
        build = emit.builder
        whole = emit.select(sa.equals(1) & sb.equals(1), k // block * block, 0)
        partial = [build.alloca(emit.vector) for _ in range(_DOT_VECTORS)]
        for place in partial:
            build.store(emit.zeros(), place)
        with emit.loop(0, whole, block) as i:
            for number, place in enumerate(partial):
                at = i + number * emit.lanes
                build.store(emit.multiply_add(emit.load(a + at), emit.load(b + at), build.load(place)), place)
        total = emit.stack(1)
        total[0] = _sum(emit, [build.load(place) for place in partial])
        with emit.loop(whole, k) as i:
            total[0] = total[0] + a[i * sa] * b[i * sb]
        emit.returns(total[0])


def _sum(emit: Emitter, vectors: list[ir.Value]) -> Value:
    """All lanes of some vectors, added in pairs."""
    build = emit.builder
    while len(vectors) > 1:
        vectors = [build.fadd(x, y) for x, y in zip(vectors[::2], vectors[1::2], strict=True)]
    parts = [build.extract_element(vectors[0], LANE(lane)) for lane in range(emit.lanes)]
    while len(parts) > 1:
        parts = [build.fadd(x, y) for x, y in zip(parts[::2], parts[1::2], strict=True)]
    return Value(emit, parts[0])
