"""The functions of scalars that kernels call, by the names that the ops give them.

Each emits LLVM IR: numbers of one dtype in, one number of that dtype out. LLVM vectorizes loops over all of
them except sin, cos and the float64 `pow`, which call the platform's library. NaN goes through every one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from llvmlite import ir

from graphc.backend.cpu import exponential, logarithmic
from graphc.backend.cpu.language import BOOL, INT, REALS, Function, same
from graphc.backend.cpu.scalars import Scalar, where

Emit = Callable[..., Scalar]
IntegerEmit = Callable[..., ir.Value]
"""From a builder and integers to an integer."""
Body = Callable[[ir.IRBuilder, Sequence[ir.Value]], ir.Value]


def defined(
    module: ir.Module, name: str, result: ir.Type, arguments: Sequence[ir.Value], body: Body
) -> ir.Function:
    """The module's function of this name: emitted once however often it is called, and inlined by LLVM."""
    full = f"graphc.{name}.{arguments[0].type}"
    if full in module.globals:
        return module.globals[full]
    kinds = [argument.type for argument in arguments]
    function = ir.Function(module, ir.FunctionType(result, kinds), full)
    function.linkage = "linkonce_odr"
    function.attributes.add("alwaysinline")
    builder = ir.IRBuilder(function.append_basic_block())
    builder.ret(body(builder, function.args))
    return function


def _function(name: str, arity: int, reals: Emit | None, integers: IntegerEmit | None = None) -> Function:
    """What takes reals of one format, or integers, as many as `arity` says."""

    def body(builder: ir.IRBuilder, operands: Sequence[ir.Value]) -> ir.Value:
        if isinstance(operands[0].type, ir.IntType):
            assert integers is not None
            return integers(builder, *operands)
        assert reals is not None
        return reals(*(Scalar(builder, operand) for operand in operands)).value

    def emit(builder: ir.IRBuilder, *operands: ir.Value) -> ir.Value:
        return builder.call(defined(builder.module, name, operands[0].type, operands, body), operands)

    kinds = (*(REALS if reals else ()), *((INT,) if integers else ()))
    return Function(name, arity, same(*kinds), emit)


def _unary(name: str, reals: Emit | None, integers: IntegerEmit | None = None) -> Function:
    return _function(name, 1, reals, integers)


def _binary(name: str, reals: Emit | None, integers: IntegerEmit | None = None) -> Function:
    return _function(name, 2, reals, integers)


def _emit_isnan(builder: ir.IRBuilder, number: ir.Value) -> ir.Value:
    return Scalar(builder, number).compare("!=", Scalar(builder, number))


# Kinks and order.


def _sign(x: Scalar) -> Scalar:
    """What is neither above nor below 0 is 0 or NaN, and stays."""
    below = where(x < 0.0, x.constant(-1.0), x)
    return where(x > 0.0, x.constant(1.0), below)


def _maximum(a: Scalar, b: Scalar) -> Scalar:
    return a.call("maximum", b)


def _minimum(a: Scalar, b: Scalar) -> Scalar:
    return a.call("minimum", b)


def _add_reassociating(a: Scalar, b: Scalar) -> Scalar:
    """A sum whose terms LLVM may take in another order, which it must to vectorize a reduction."""
    return Scalar(a.builder, a.builder.fadd(a.value, b.value, flags=("reassoc",)))


# Integers.


def _integer_abs(builder: ir.IRBuilder, a: ir.Value) -> ir.Value:
    return builder.select(builder.icmp_signed("<", a, a.type(0)), builder.neg(a), a)


def _integer_sign(builder: ir.IRBuilder, a: ir.Value) -> ir.Value:
    above = builder.zext(builder.icmp_signed(">", a, a.type(0)), a.type)
    below = builder.zext(builder.icmp_signed("<", a, a.type(0)), a.type)
    return builder.sub(above, below)


def _integer_maximum(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    return builder.select(builder.icmp_signed(">", a, b), a, b)


def _integer_minimum(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    return builder.select(builder.icmp_signed("<", a, b), a, b)


def _integer_mod(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
    """The remainder with the divisor's sign, and 0 where that is 0."""
    zero, one = a.type(0), a.type(1)
    # The hardware traps on x / 0 and on the least integer / -1; by 1 the remainder is 0, as it should be.
    trap = builder.or_(builder.icmp_signed("==", b, zero), builder.icmp_signed("==", b, a.type(-1)))
    remainder = builder.srem(a, builder.select(trap, one, b))
    opposite = builder.icmp_signed("<", builder.xor(remainder, b), zero)
    turn = builder.and_(opposite, builder.icmp_signed("!=", remainder, zero))
    return builder.add(remainder, builder.select(turn, b, zero))


FUNCTIONS: Mapping[str, Function] = {
    "exp": _unary("exp", exponential.exp),
    "expm1": _unary("expm1", exponential.expm1),
    "tanh": _unary("tanh", exponential.tanh),
    "sigmoid": _unary("sigmoid", exponential.sigmoid),
    "erf": _unary("erf", exponential.erf),
    "log": _unary("log", logarithmic.log),
    "log1p": _unary("log1p", logarithmic.log1p),
    "softplus": _unary("softplus", logarithmic.softplus),
    "xlogy": _binary("xlogy", logarithmic.xlogy),
    "pow": _binary("pow", logarithmic.power),
    "sqrt": _unary("sqrt", lambda x: x.call("sqrt")),
    "sin": _unary("sin", lambda x: x.call("sin")),
    "cos": _unary("cos", lambda x: x.call("cos")),
    "abs": _unary("abs", abs, _integer_abs),
    "floor": _unary("floor", lambda x: x.call("floor")),
    "sign": _unary("sign", _sign, _integer_sign),
    "relu": _unary("relu", lambda x: x.no_less_than(0.0)),
    "maximum": _binary("maximum", _maximum, _integer_maximum),
    "minimum": _binary("minimum", _minimum, _integer_minimum),
    "mod": _binary("mod", None, _integer_mod),
    "isnan": Function("isnan", 1, lambda a: BOOL if a in REALS else None, _emit_isnan),
    "fma": _function("fma", 3, lambda a, b, c: a.times_plus(b, c)),
    "add_reassociating": _binary("add_reassociating", _add_reassociating),
}
"""`maximum` and `minimum` give NaN if either operand is one; `relu` keeps it. `fma(a, b, c)` is a b + c,
rounded once where the host can; `add_reassociating(total, term)` is for sums in loops."""
