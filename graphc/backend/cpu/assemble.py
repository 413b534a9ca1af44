"""A program as source: the step function, which all workers run at once, and the functions it is cut into.

`step(me, workers, sync, table, sizes)`: the number of this worker and how many there are, the memory of the
barrier, the addresses of the program's buffers and its sizes. The function ends with a barrier, so worker 0
comes back when all are done.

Code with clocks says behind each step, and behind each barrier, that it has been reached (see `clock`). The
address of each worker's words stands in `table`, behind those of the buffers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from graphc.backend.cpu import clock, emit, products
from graphc.backend.cpu.expressions import Expressions
from graphc.backend.cpu.naming import Positions, Words
from graphc.backend.cpu.sync import SYMBOLS
from graphc.backend.cpu.unit import Unit
from graphc.kernel.expr import Expr, Name
from graphc.schedule.program import (
    Barrier,
    Buffer,
    Launch,
    Matrix,
    Pack,
    Product,
    Program,
    Repeat,
    Step,
)

_LONGEST = 24
"""Steps in one function: LLVM's time grows faster than the length of a function."""

_COMMON = ("me", "workers", "sync", "table", "sizes")
_TYPES = ("int64", "int64", "int64", "int64*", "int64*")

_HELPERS = ("at", "share", "quotient", "remainder", "select", "maximum", "minimum", "reals", "ints", "bools")
_LIBRARIES = ("barrier", "mark", "pack", "product", "product_rows")
_RESERVED = (*_COMMON, *_HELPERS, *_LIBRARIES, "lo", "hi", "range", "int64", "real", "times")


def assemble(program: Program, real: str, *, clocks: bool = False, listing: bool = False) -> Unit:
    """The step function of a program whose reals are `float32` or `float64`.

    Everything in it is named by its place, so that a spec whose names change compiles nothing; in a
    `listing`, for people, it has the names of the spec. With `clocks` it is code with clocks: kernel,
    packing and product number i of `program.walk()`, from 0, has the slot `clock.FIRST` + i.
    """
    return _Assembler(program, real, clocks, listing).function("step", program.steps, _Scope(), whole=True)


@dataclass(frozen=True)
class _Scope:
    """What surrounds steps: the variables of loops, and whether lo..hi is a slice of the batch."""

    loops: tuple[Name, ...] = ()
    sliced: bool = False

    @property
    def parameters(self) -> int:
        return len(self.loops) + 2 * self.sliced


@dataclass
class _Assembler:
    program: Program
    real: str
    clocks: bool = False
    listing: bool = False
    timed: int = 0
    """How many steps are written so far that have a slot of their own."""
    parts: int = 0
    kernels: dict[str, Unit] = field(default_factory=dict)
    """By the key of the unit, so that equal kernels are one."""

    def function(self, name: str, steps: Sequence[Step], scope: _Scope, whole: bool = False) -> Unit:
        """A function of these steps, and of those that it is cut into. `whole`: they are all there are."""
        return _Function(self, name, scope).made(steps, whole)

    def part(self, steps: Sequence[Step], scope: _Scope) -> Unit:
        self.parts += 1
        return self.function(f"part_{self.parts}", steps, scope)


class _Function:
    """One function while it is written."""

    def __init__(self, assembler: _Assembler, name: str, scope: _Scope) -> None:
        self.assembler = assembler
        self.name = name
        self.scope = scope
        self.naming = (Words() if assembler.listing else Positions()).with_reserved(_RESERVED)
        self.uses: dict[str, Unit | str] = {"reals": f"{assembler.real}*"}
        self.head: list[str] = []
        self.lines: list[str] = []
        self.buffers: dict[Buffer, str] = {}
        self.unread = {size.name for size in assembler.program.sizes}

    def made(self, steps: Sequence[Step], whole: bool) -> Unit:
        parameters = [*_COMMON]
        for size in self.assembler.program.sizes:
            self.naming, _ = self.naming.bind("size", size.name)
        for loop in self.scope.loops:
            self.naming, text = self.naming.bind("loop", loop.name)
            parameters.append(text)
        if self.scope.sliced:
            parameters += ["lo", "hi"]
        if self.assembler.clocks:
            place, room = (
                len(self.assembler.program.buffers),
                clock.words(clock.slots(self.assembler.program)),
            )
            self.uses["mark"] = clock.SYMBOL
            self.head.append(f"    times = table[{place}] + me * {8 * room}")
        if whole:
            self._mark(clock.BEGIN, 1)
        self._steps(steps, self.scope, 1)
        if whole:
            self._barrier(1)
        text = "\n".join([f"def {self.name}({', '.join(parameters)}):", *self.head, *self.lines, ""])
        types = _TYPES + ("int64",) * self.scope.parameters
        return Unit(self.name, text, types, self.uses, language="steps")

    def _steps(self, steps: Sequence[Step], scope: _Scope, depth: int) -> None:
        if not steps:
            self._line(depth, "pass")
        if sum(map(_weight, steps)) <= _LONGEST:
            for step in steps:
                self._step(step, scope, depth)
            return
        for piece in _pieces(steps):
            if len(piece) == 1:
                self._step(piece[0], scope, depth)
            else:
                self._call_part(piece, scope, depth)

    def _call_part(self, steps: Sequence[Step], scope: _Scope, depth: int) -> None:
        part = self.assembler.part(steps, scope)
        self.uses[part.name] = part
        arguments = [*_COMMON, *(self.naming.of(loop.name) for loop in scope.loops)]
        arguments += ["lo", "hi"] if scope.sliced else []
        self._line(depth, f"{part.name}({', '.join(arguments)})")

    def _step(self, step: Step, scope: _Scope, depth: int) -> None:
        if isinstance(step, Barrier):
            self._barrier(depth)
            return
        if isinstance(step, Repeat):
            self._repeat(step, scope, depth)
            return
        if isinstance(step, Launch):
            self._launch(step, scope, depth)
        elif isinstance(step, Pack):
            self._pack(step, depth)
        else:
            self._product(step, scope, depth)
        self._mark(clock.FIRST + self.assembler.timed, depth)
        self.assembler.timed += 1

    def _barrier(self, depth: int) -> None:
        self.uses["barrier"] = SYMBOLS["barrier"]
        self._line(depth, "barrier(sync, workers)")
        self._mark(clock.WAIT, depth)

    def _mark(self, slot: int, depth: int) -> None:
        if self.assembler.clocks:
            self._line(depth, f"mark(times, {slot})")

    def _launch(self, step: Launch, scope: _Scope, depth: int) -> None:
        arguments = [self._pointer(a.buffer, a.offset, depth) for a in step.arguments]
        arguments += [self._int(size, depth) for size in step.sizes]
        if step.kernel.ranged:
            if not scope.sliced:
                assert step.extent is not None, f"{step.kernel.name} is ranged: its launch needs an extent"
                self._line(depth, f"lo, hi = share(me, workers, {self._int(step.extent, depth)})")
            arguments += ["lo", "hi"]
        else:
            self._line(depth, "if me == 0:")
        unit = emit.unit(step.kernel, self.assembler.real)
        unit = self.assembler.kernels.setdefault(unit.key, unit)
        name = f"kernel_{list(self.assembler.kernels).index(unit.key)}"
        self.uses[name] = unit
        note = f"  # {step.kernel.name}" if self.assembler.listing else ""
        self._line(depth + (not step.kernel.ranged), f"{name}({', '.join(arguments)}){note}")

    def _pack(self, step: Pack, depth: int) -> None:
        source = ", ".join(self._matrix(step.source, depth))
        k, n = self._int(step.k, depth), self._int(step.n, depth)
        self.uses["pack"] = products.symbol("pack", self.assembler.real)
        self._line(depth, f"pack(me, workers, {source}, {k}, {n}, {self._buffer(step.packed)})")

    def _product(self, step: Product, scope: _Scope, depth: int) -> None:
        alone = bool(step.over) and {name.name for name, _ in step.over} <= _free(step.c.offset)
        if step.over and alone and not scope.sliced:
            depth = self._shared_out(step.over, depth)
        else:
            for variable, extent in step.over:
                depth = self._loop(variable, self._int(extent, depth), depth)
        c, rsc, csc = self._matrix(step.c, depth)
        a, rsa, csa = self._matrix(step.a, depth)
        m, n, k = (self._int(e, depth) for e in (step.m, step.n, step.k))
        who, add = ("0, 1" if alone else "me, workers"), int(step.accumulate)
        if step.packed is not None:
            assert csc == "1", f"{step.note}: the columns of a packed product's result lie side by side"
            if not scope.sliced:
                self._line(depth, f"lo, hi = share({who}, {m})")
            self.uses["product_rows"] = products.symbol("product_rows", self.assembler.real)
            packed = self._buffer(step.packed)
            self._line(
                depth, f"product_rows({a}, {rsa}, {csa}, {packed}, {c}, {rsc}, lo, hi, {n}, {k}, {add})"
            )
            return
        assert not scope.sliced, (
            f"{step.note}: in slices, where rows must not depend on each other, b is packed"
        )
        b = ", ".join(self._matrix(step.b, depth))
        self.uses["product"] = products.symbol("product", self.assembler.real)
        operands = f"{a}, {rsa}, {csa}, {b}, {c}, {rsc}, {csc}, {m}, {n}, {k}, {add}"
        self._line(depth, f"product({who}, {operands}, {self._workspace(step, depth)})")

    def _workspace(self, step: Product, depth: int) -> str:
        assert step.workspace is not None, f"{step.note}: a product that is not packed needs a workspace"
        size = self._int(products.room(step.workspace.size), depth)
        return f"at({self._buffer(step.workspace)}, me * ({size}))"

    def _shared_out(self, over: Sequence[tuple[Name, Expr]], depth: int) -> int:
        """Loops over combinations, of which each worker has its part."""
        extents = [self._int(extent, depth) for _, extent in over]
        self._line(depth, f"lo, hi = share(me, workers, {' * '.join(f'({e})' for e in extents)})")
        number = self.naming.fresh("local", "number")
        self._line(depth, f"for {number} in range(lo, hi):")
        rest = number
        for (variable, _), extent in reversed(list(zip(over, extents, strict=True))):
            self.naming, text = self.naming.bind("local", variable.name)
            self._line(depth + 1, f"{text} = remainder({rest}, {extent})")
            rest = f"quotient({rest}, {extent})"
        return depth + 1

    def _repeat(self, step: Repeat, scope: _Scope, depth: int) -> None:
        before = self.naming
        inner = _Scope((*scope.loops, step.step), step.sliced or scope.sliced)
        if step.sliced and not scope.sliced:
            assert step.batch is not None, "a sliced loop says what it is sliced along"
            self._line(depth, f"lo, hi = share(me, workers, {self._int(step.batch, depth)})")
        extent = self._int(step.extent, depth)
        depth = self._loop(step.step, f"{extent} - 1, -1, -1" if step.reverse else extent, depth)
        self._steps(step.body, inner, depth)
        self.naming = before

    def _loop(self, variable: Name, range: str, depth: int) -> int:
        self.naming, text = self.naming.bind("loop", variable.name)
        self._line(depth, f"for {text} in range({range}):")
        return depth + 1

    def _matrix(self, matrix: Matrix, depth: int) -> tuple[str, str, str]:
        start = self._pointer(matrix.buffer, matrix.offset, depth)
        return start, self._int(matrix.rows, depth), self._int(matrix.columns, depth)

    def _pointer(self, buffer: Buffer, offset: Expr, depth: int) -> str:
        text = self._int(offset, depth)
        return self._buffer(buffer) if text == "0" else f"at({self._buffer(buffer)}, {text})"

    def _buffer(self, buffer: Buffer) -> str:
        if buffer not in self.buffers:
            self.buffers[buffer] = name = self.naming.fresh("buffer", buffer.name)
            place = self.assembler.program.buffers.index(buffer)
            kind = {"real": "reals", "int": "ints", "bool": "bools"}[buffer.dtype]
            self.head.append(f"    {name} = {kind}(table[{place}])")
        return self.buffers[buffer]

    def _int(self, expr: Expr, depth: int) -> str:
        for name in sorted(_free(expr) & self.unread):
            place = [size.name for size in self.assembler.program.sizes].index(name)
            self.head.append(f"    {self.naming.of(name)} = sizes[{place}]")
            self.unread.remove(name)
        return Expressions(self.naming, depth, self.lines).whole(expr)[0]

    def _line(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)


def _free(expr: Expr) -> set[str]:
    return {part.name for part in expr.walk() if isinstance(part, Name)}


def _weight(step: Step) -> int:
    return 1 + sum(map(_weight, step.body)) if isinstance(step, Repeat) else 1


def _pieces(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """Runs of steps that are no longer than a function should be; a loop that is longer stands alone."""
    piece: list[Step] = []
    for step in steps:
        if piece and sum(map(_weight, piece)) + _weight(step) > _LONGEST:
            yield piece
            piece = []
        piece.append(step)
    if piece:
        yield piece
