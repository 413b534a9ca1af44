"""The micro-kernel of matrix products: a tile of C stays in registers while k runs.

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
from typing import Any

from llvmlite import ir
from numba import extending, types
from numba.core.registry import cpu_target

intrinsic: Any = extending.intrinsic  # compiled code calls with fewer arguments than are written down
_INT = ir.IntType(64)
_LANE = ir.IntType(32)


@dataclass(frozen=True)
class Registers:
    """The vector registers that kernels are made for.

    width: bytes of one; count: how many there are; fused: whether multiply-add is one instruction.
    """

    width: int
    count: int
    fused: bool

    def lanes(self, real: types.Float) -> int:
        """How many numbers of this type one register holds."""
        return self.width * 8 // int(real.bitwidth)


def _host() -> Registers:
    """The registers of the machine that Numba compiles for; its settings may name an older one than this."""
    triple, _, features = cpu_target.target_context.codegen().magic_tuple()
    if triple.startswith(("aarch64", "arm64")):
        return Registers(16, 32, fused=True)
    has = set(features.split(","))
    if "+avx512f" in has:
        return Registers(64, 32, fused=True)
    return Registers(32 if "+avx2" in has else 16, 16, fused="+fma" in has)


HOST = _host()
VECTORS = 2
"""Vectors in a row of a panel: the packed right operand is cut into panels of this many vectors."""
TALL = 8 if HOST.count >= 32 else 6
"""Rows of the tile that most of a product is made of: as many as leave registers for B and the broadcast."""
LOW = 4
"""Rows of the tile for what is left: the least that still hides the latency of a multiply-add."""
WIDE = 4
"""Panels side by side in the tile for a single row."""


class _Emitter:
    """A function of the module under construction; operations on vectors of one type."""

    def __init__(self, builder: ir.IRBuilder, registers: Registers, real: types.Float) -> None:
        self.builder = builder
        self.scalar = ir.FloatType() if real is types.float32 else ir.DoubleType()
        self.lanes = registers.lanes(real)
        self.vector = ir.VectorType(self.scalar, self.lanes)
        self.zero = ir.Constant(self.vector, [0.0] * self.lanes)
        self.fused = registers.fused

    def function(self, name: str, result: ir.Type, arguments: list[ir.Type]) -> tuple[ir.Function, bool]:
        """The function of this name, and whether it is new and still to be given a body.

        Each compiled module has its own copy; `linkonce_odr` says that they are all the same.
        """
        name = f"graphc_{name}_{self.scalar.intrinsic_name}x{self.lanes}{'' if self.fused else '_unfused'}"
        module = self.builder.module
        known = module.globals.get(name)
        if known is not None:
            return known, False
        function = ir.Function(module, ir.FunctionType(result, arguments), name)
        function.linkage = "linkonce_odr"
        function.attributes.add("noinline")
        function.attributes.add(
            "optsize"
        )  # the loop would be unrolled, and its sums would leave the registers
        return function, True

    def load(self, pointer: ir.Value) -> ir.Value:
        return self.builder.load(self._vectors(pointer), align=self._alignment)

    def store(self, value: ir.Value, pointer: ir.Value) -> None:
        self.builder.store(value, self._vectors(pointer), align=self._alignment)

    def broadcast(self, value: ir.Value) -> ir.Value:
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, value, _LANE(0))
        return self.builder.shuffle_vector(
            first, undefined, ir.Constant(ir.VectorType(_LANE, self.lanes), None)
        )

    def multiply_add(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """a * b + c. Where the machine cannot round once, `llvm.fma` would call a library for each lane."""
        if not self.fused:
            return self.builder.fadd(self.builder.fmul(a, b), c)
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fma.v{self.lanes}{self.scalar.intrinsic_name}"
        fma = self.builder.module.declare_intrinsic(name, (), kind)
        return self.builder.call(fma, [a, b, c])

    def _vectors(self, pointer: ir.Value) -> ir.Value:
        return self.builder.bitcast(pointer, self.vector.as_pointer())

    @property
    def _alignment(self) -> int:
        return 4 if isinstance(self.scalar, ir.FloatType) else 8


def _tile_function(emit: _Emitter, rows: int, panels: int) -> ir.Function:
    """Emit `tile(a, rsa, csa, b, step, jump, c, rsc, rows, k, accumulate)`, see `micro_kernel`."""
    number = emit.scalar.as_pointer()
    parameters = [number, _INT, _INT, number, _INT, _INT, number, _INT, _INT, _INT, _INT]
    function, new = emit.function(f"tile_{rows}x{panels}", ir.VoidType(), parameters)
    if not new:
        return function
    a, rsa, csa, b, step, jump, c, rsc, used, k, accumulate = function.args
    for pointer in (a, b, c):
        pointer.add_attribute("noalias")
    entry, load, start, loop, done = (
        function.append_basic_block(name) for name in ("entry", "load", "start", "loop", "done")
    )
    build = emit.builder = ir.IRBuilder(entry)
    a_rows = _rows(build, a, rsa, used, rows)
    c_tile = [
        build.gep(row, [_INT(emit.lanes * v)])
        for row in _rows(build, c, rsc, used, rows)
        for v in range(panels * VECTORS)
    ]
    b_panels = [build.gep(b, [build.mul(jump, _INT(p))]) for p in range(panels)]
    build.cbranch(build.icmp_signed("!=", accumulate, _INT(0)), load, start)

    build.position_at_end(load)
    before = [emit.load(pointer) for pointer in c_tile]
    build.branch(start)

    build.position_at_end(start)
    first = [_phi(build, emit.vector, [(emit.zero, entry), (value, load)]) for value in before]
    build.cbranch(build.icmp_signed(">", k, _INT(0)), loop, done)

    build.position_at_end(loop)
    left, a_at, b_at = (_phi(build, _INT, [(value, start)]) for value in (k, _INT(0), _INT(0)))
    sums = [_phi(build, emit.vector, [(value, start)]) for value in first]
    row_of_b = [
        emit.load(build.gep(build.gep(panel, [b_at]), [_INT(emit.lanes * v)]))
        for panel in b_panels
        for v in range(VECTORS)
    ]
    column_of_a = [emit.broadcast(build.load(build.gep(row, [a_at]))) for row in a_rows]
    products = [(x, y) for x in column_of_a for y in row_of_b]
    after = [emit.multiply_add(x, y, total) for (x, y), total in zip(products, sums, strict=True)]
    turns = [(left, build.sub(left, _INT(1))), (a_at, build.add(a_at, csa)), (b_at, build.add(b_at, step))]
    for phi, value in [*turns, *zip(sums, after, strict=True)]:
        phi.add_incoming(value, loop)
    build.cbranch(build.icmp_signed(">", turns[0][1], _INT(0)), loop, done)

    build.position_at_end(done)
    last = [_phi(build, emit.vector, [(x, start), (y, loop)]) for x, y in zip(first, after, strict=True)]
    for value, pointer in zip(last, c_tile, strict=True):
        emit.store(value, pointer)
    build.ret_void()
    return function


def _rows(
    build: ir.IRBuilder, start: ir.Value, stride: ir.Value, used: ir.Value, rows: int
) -> list[ir.Value]:
    """Pointers to the rows of a tile. Rows that are not used repeat the last one.

    They compute and store the same numbers once more, which is cheaper than a tile for each number of rows.
    """
    pointers = [start]
    for row in range(1, rows):
        by = build.select(build.icmp_signed(">", used, _INT(row)), stride, _INT(0))
        pointers.append(build.gep(pointers[-1], [by]))
    return pointers


def _phi(build: ir.IRBuilder, kind: ir.Type, incoming: list[tuple[ir.Value, ir.Block]]) -> ir.Value:
    phi = build.phi(kind)
    for value, block in incoming:
        phi.add_incoming(value, block)
    return phi


def micro_kernel(rows: int, panels: int, registers: Registers = HOST) -> Any:
    """The product of a tile, as a function for compiled code:

    `tile(a, rsa, csa, b, step, jump, c, rsc, used, k, accumulate)`: C[used, w] = or += A[used, k] @ B[k, w]
    where w is `panels` times the width of a panel. `rsa` and `csa` are the strides of A, `step` is the stride
    of B's rows and `jump` that of its panels, `rsc` the stride of C's rows; columns of B and C lie side by
    side. 1 <= used <= rows; all w columns are read and written. C must not overlap A and B.
    """

    @intrinsic
    def tile(
        typing: Any, a: Any, rsa: Any, csa: Any, b: Any, step: Any, jump: Any,
        c: Any, rsc: Any, used: Any, k: Any, accumulate: Any,
    ) -> Any:  # fmt: skip
        integer = types.int64
        signature = types.void(
            a, integer, integer, a, integer, integer, a, integer, integer, integer, integer
        )

        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            emitter = _Emitter(builder, registers, signature.args[0].dtype)
            builder.call(_tile_function(emitter, rows, panels), arguments)
            return context.get_dummy_value()

        return signature, emit

    return tile


tall = micro_kernel(TALL, 1)
low = micro_kernel(LOW, 1)
wide = micro_kernel(1, WIDE)


DOT_VECTORS = 4
"""Vectors of partial sums in a dot product, which hide the latency of a multiply-add."""


def _dot_function(emit: _Emitter) -> ir.Function:
    """Emit `dot(a, b, blocks)`: the sum over `blocks` times `DOT_VECTORS` vectors, in a fixed order."""
    number = emit.scalar.as_pointer()
    function, new = emit.function("dot", emit.scalar, [number, number, _INT])
    if not new:
        return function
    a, b, blocks = function.args
    entry, loop, done = (function.append_basic_block(name) for name in ("entry", "loop", "done"))
    build = emit.builder = ir.IRBuilder(entry)
    build.cbranch(build.icmp_signed(">", blocks, _INT(0)), loop, done)

    build.position_at_end(loop)
    left, offset = (_phi(build, _INT, [(value, entry)]) for value in (blocks, _INT(0)))
    sums = [_phi(build, emit.vector, [(emit.zero, entry)]) for _ in range(DOT_VECTORS)]
    places = [build.add(offset, _INT(emit.lanes * chain)) for chain in range(DOT_VECTORS)]
    pairs = [(emit.load(build.gep(a, [place])), emit.load(build.gep(b, [place]))) for place in places]
    after = [emit.multiply_add(x, y, total) for (x, y), total in zip(pairs, sums, strict=True)]
    turns = [(left, build.sub(left, _INT(1))), (offset, build.add(offset, _INT(emit.lanes * DOT_VECTORS)))]
    for phi, value in [*turns, *zip(sums, after, strict=True)]:
        phi.add_incoming(value, loop)
    build.cbranch(build.icmp_signed(">", turns[0][1], _INT(0)), loop, done)

    build.position_at_end(done)
    parts = [_phi(build, emit.vector, [(emit.zero, entry), (value, loop)]) for value in after]
    while len(parts) > 1:
        parts = [build.fadd(x, y) for x, y in zip(parts[::2], parts[1::2], strict=True)]
    elements = [build.extract_element(parts[0], _LANE(lane)) for lane in range(emit.lanes)]
    while len(elements) > 1:
        elements = [build.fadd(x, y) for x, y in zip(elements[::2], elements[1::2], strict=True)]
    build.ret(elements[0])
    return function


@intrinsic
def lanes(typing: Any, pointer: Any) -> Any:
    """How many of the numbers that a pointer points to fit into one vector register."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.get_constant(types.int64, HOST.lanes(signature.args[0].dtype))

    return types.int64(pointer), emit


@intrinsic
def dot_blocks(typing: Any, a: Any, b: Any, blocks: Any) -> Any:
    """The sum of a[i] * b[i] over `blocks` blocks of `DOT_VECTORS` vectors each, in a fixed order."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        emitter = _Emitter(builder, HOST, signature.args[0].dtype)
        return builder.call(_dot_function(emitter), arguments)

    return a.dtype(a, a, types.int64), emit


@intrinsic
def move(typing: Any, source: Any, target: Any) -> Any:
    """Copy one vector."""

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        emitter = _Emitter(builder, HOST, signature.args[0].dtype)
        emitter.store(emitter.load(arguments[0]), arguments[1])
        return context.get_dummy_value()

    return types.void(source, source), emit


@intrinsic
def outlined(typing: Any) -> Any:
    """Keep the function in which this stands out of its callers, and small.

    It is for functions whose work is in kernels: unrolled copies of their loops at every call would take
    seconds to compile, and no product would be faster.
    """

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        for attribute in ("noinline", "optsize"):
            builder.function.attributes.add(attribute)
        return context.get_dummy_value()

    return types.void(), emit
