"""LLVM's instructions, written as arithmetic: for code in which each vector register is counted.

Numba takes some milliseconds for each operation of a function, to find out its type among other things. What
is emitted here has types already and takes less than a tenth of one, and it may use vectors, which Numba does
not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

INT = ir.IntType(64)
LANE = ir.IntType(32)


@dataclass(frozen=True)
class Registers:
    """The vector registers that code is made for.

    width: bytes of one; count: how many there are; fused: whether multiply-add is one instruction.
    """

    width: int
    count: int
    fused: bool

    def lanes(self, real: str) -> int:
        """How many numbers of this type, `float32` or `float64`, one register holds."""
        return self.width // (4 if real == "float32" else 8)


class Value:
    """An int64, a real, a truth value or a pointer to reals in the function that is being written.

    Ints have Python's operators, where `//` and `%` take what is not negative. A pointer plus an int is the
    pointer so many elements further on; `p[i]` reads an element, and an assignment to it writes one.
    """

    def __init__(self, emitter: Writer, raw: ir.Value) -> None:
        self.emitter = emitter
        self.raw = raw

    def _apply(self, operation: str, other: Value | int) -> Value:
        instruction = getattr(self.emitter.builder, operation)
        return Value(self.emitter, instruction(self.raw, self.emitter.raw(other)))

    def _compare(self, relation: str, other: Value | int) -> Value:
        compared = self.emitter.builder.icmp_signed(relation, self.raw, self.emitter.raw(other))
        return Value(self.emitter, compared)

    def __add__(self, other: Value | int) -> Value:
        if isinstance(self.raw.type, ir.PointerType):
            return Value(self.emitter, self.emitter.builder.gep(self.raw, [self.emitter.raw(other)]))
        return self._apply("add" if self.raw.type == INT else "fadd", other)

    def __mul__(self, other: Value | int) -> Value:
        return self._apply("mul" if self.raw.type == INT else "fmul", other)

    __rmul__ = __mul__

    def __sub__(self, other: Value | int) -> Value:
        return self._apply("sub", other)

    def __floordiv__(self, other: Value | int) -> Value:
        return self._apply("udiv", other)

    def __mod__(self, other: Value | int) -> Value:
        return self._apply("urem", other)

    def __lt__(self, other: Value | int) -> Value:
        return self._compare("<", other)

    def __le__(self, other: Value | int) -> Value:
        return self._compare("<=", other)

    def __gt__(self, other: Value | int) -> Value:
        return self._compare(">", other)

    def __ge__(self, other: Value | int) -> Value:
        return self._compare(">=", other)

    def equals(self, other: Value | int) -> Value:
        return self._compare("==", other)

    def __and__(self, other: Value) -> Value:
        return self._apply("and_", other)

    def __or__(self, other: Value) -> Value:
        return self._apply("or_", other)

    def __invert__(self) -> Value:
        return Value(self.emitter, self.emitter.builder.not_(self.raw))

    def __getitem__(self, place: Value | int) -> Value:
        return Value(self.emitter, self.emitter.builder.load((self + place).raw))

    def __setitem__(self, place: Value | int, value: Value) -> None:
        self.emitter.builder.store(value.raw, (self + place).raw)


class Writer:
    """A module, and the place in it where instructions are written now.

    `public` are the functions that other modules call, with the symbols under which they find them. `kinds`
    are the types of parameters: `i` is an int64.
    """

    def __init__(self, name: str, public: Mapping[str, str]) -> None:
        self.public = public
        self.module = ir.Module(name)
        self.kinds: dict[str, ir.Type] = {"i": INT}
        self.builder: Any = None
        self.functions: dict[str, ir.Function] = {}

    # ------------------------------------------------------------------------------ functions

    @contextmanager
    def function(self, name: str, kinds: str, result: ir.Type | None = None) -> Iterator[list[Value]]:
        """A function and its parameters, to be written inside of the `with`.

        `kinds`: a letter for each parameter, see `kinds`. What is written through one pointer must not be
        reached through another.
        """
        types = [self.kinds[kind] for kind in kinds]
        kind = ir.FunctionType(result or ir.VoidType(), types)
        function = ir.Function(self.module, kind, self.public.get(name, name))
        if name not in self.public:
            function.linkage = "internal"
        self.functions[name] = function
        # Small loops around kernels: unrolled they would take longer to compile and not be faster, and in
        # a kernel the sums would leave the registers.
        for attribute in ("nounwind", "noinline", "optsize"):
            function.attributes.add(attribute)
        for argument in function.args:
            if isinstance(argument.type, ir.PointerType):
                argument.add_attribute("noalias")
        outside, self.builder = self.builder, ir.IRBuilder(function.append_basic_block("entry"))
        yield [Value(self, argument) for argument in function.args]
        if not self.builder.block.is_terminated:
            self.builder.ret_void()
        self.builder = outside

    def call(self, name: str, *arguments: Value | int) -> Value:
        """Call a function of this module."""
        raw = self.builder.call(self.functions[name], [self.raw(argument) for argument in arguments])
        return Value(self, raw)

    def outside(self, name: str, result: ir.Type, *arguments: ir.Value) -> ir.Value:
        """Call a function of another module or of LLVM."""
        kind = ir.FunctionType(result, [argument.type for argument in arguments])
        function = self.module.globals.get(name) or ir.Function(self.module, kind, name)
        return self.builder.call(function, arguments)

    def returns(self, value: Value | None = None) -> None:
        if value is None:
            self.builder.ret_void()
        else:
            self.builder.ret(value.raw)

    # -------------------------------------------------------------------------------- control

    @contextmanager
    def loop(self, start: Value | int, stop: Value | int, step: Value | int = 1) -> Iterator[Value]:
        """`for i in range(start, stop, step)` with a step that is positive."""
        builder, before = self.builder, self.builder.block
        head, body, done = (builder.append_basic_block(name) for name in ("loop", "body", "done"))
        builder.branch(head)
        builder.position_at_end(head)
        counter = builder.phi(INT)
        counter.add_incoming(self.raw(start), before)
        builder.cbranch(builder.icmp_signed("<", counter, self.raw(stop)), body, done)
        builder.position_at_end(body)
        yield Value(self, counter)
        counter.add_incoming(builder.add(counter, self.raw(step)), builder.block)
        builder.branch(head)
        builder.position_at_end(done)

    @contextmanager
    def until(self, done: Callable[[Value], Value]) -> Iterator[Value]:
        """Again and again until `done(turns)` holds, of which `turns` says how many there were; the same."""
        builder, before = self.builder, self.builder.block
        head, body, after = (builder.append_basic_block(name) for name in ("until", "body", "done"))
        builder.branch(head)
        builder.position_at_end(head)
        counter = builder.phi(INT)
        counter.add_incoming(INT(0), before)
        builder.cbranch(done(Value(self, counter)).raw, after, body)
        builder.position_at_end(body)
        yield Value(self, counter)
        counter.add_incoming(builder.add(counter, INT(1)), builder.block)
        builder.branch(head)
        builder.position_at_end(after)

    @contextmanager
    def forever(self) -> Iterator[None]:
        """Again and again: what is inside returns from the function."""
        again = self.builder.append_basic_block("again")
        self.builder.branch(again)
        self.builder.position_at_end(again)
        yield
        self.builder.branch(again)
        self.builder.position_at_end(self.builder.append_basic_block("never"))
        self.builder.unreachable()

    def when(self, condition: Value) -> AbstractContextManager[Any]:
        """`if condition:`"""
        context: AbstractContextManager[Any] = self.builder.if_then(condition.raw)
        return context

    def either(self, condition: Value) -> AbstractContextManager[Any]:
        """`with either(condition) as (yes, no):` and then `with yes: ...` and `with no: ...`"""
        context: AbstractContextManager[Any] = self.builder.if_else(condition.raw)
        return context

    def select(self, condition: Value, yes: Value | int, no: Value | int) -> Value:
        return Value(self, self.builder.select(condition.raw, self.raw(yes), self.raw(no)))

    def smaller(self, a: Value | int, b: Value) -> Value:
        return self.select(b < a, b, a)

    # ---------------------------------------------------------------------------------- values

    def raw(self, value: Value | int) -> ir.Value:
        return value.raw if isinstance(value, Value) else INT(value)

    def integer(self, value: int) -> Value:
        return Value(self, INT(value))


class Emitter(Writer):
    """A module for one type of reals and the vectors of a machine. Of `kinds`, `p` is a pointer to reals."""

    def __init__(self, real: str, registers: Registers, public: Mapping[str, str]) -> None:
        super().__init__(f"graphc_{real}", public)
        self.real = real
        self.scalar = ir.FloatType() if real == "float32" else ir.DoubleType()
        self.pointer = self.kinds["p"] = self.scalar.as_pointer()
        self.alignment = 4 if real == "float32" else 8
        self.lanes = registers.lanes(real)
        self.vector = ir.VectorType(self.scalar, self.lanes)
        self.registers = registers

    def zero(self) -> Value:
        return Value(self, ir.Constant(self.scalar, 0.0))

    def stack(self, count: int) -> Value:
        """Room for so many reals until the function returns."""
        with self.builder.goto_entry_block():
            return Value(self, self.builder.alloca(self.scalar, count))

    def load(self, pointer: Value) -> ir.Value:
        """The vector that begins there."""
        return self.builder.load(self._vectors(pointer), align=self.alignment)

    def store(self, vector: ir.Value, pointer: Value) -> None:
        self.builder.store(vector, self._vectors(pointer), align=self.alignment)

    def _vectors(self, pointer: Value) -> ir.Value:
        return self.builder.bitcast(pointer.raw, self.vector.as_pointer())

    def zeros(self) -> ir.Value:
        return ir.Constant(self.vector, [0.0] * self.lanes)

    def broadcast(self, value: Value) -> ir.Value:
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, value.raw, LANE(0))
        return self.shuffle(first, undefined, [0] * self.lanes)

    def shuffle(self, a: ir.Value, b: ir.Value, lanes: Sequence[int]) -> ir.Value:
        """A vector of these lanes of a and b, where those of b come after those of a."""
        return self.builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(LANE, len(lanes)), list(lanes)))

    def multiply_add(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """a * b + c. Where the machine cannot round once, `llvm.fma` would call a library for each lane."""
        if not self.registers.fused:
            return self.builder.fadd(self.builder.fmul(a, b), c)
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fma.v{self.lanes}{self.scalar.intrinsic_name}"
        return self.builder.call(self.module.declare_intrinsic(name, (), kind), [a, b, c])

    def phi(self, kind: ir.Type, incoming: Sequence[tuple[ir.Value, ir.Block]]) -> ir.Value:
        found = self.builder.phi(kind)
        for value, block in incoming:
            found.add_incoming(value, block)
        return found
