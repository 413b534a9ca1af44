"""The functions of scalars that kernels call, by the names that the ops give them.

Each is a Numba intrinsic that emits LLVM IR: numbers of one dtype in, one number of that dtype out. LLVM
vectorizes loops over all of them except sin, cos and the float64 `pow`, which call the platform's library.
NaN goes through every one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from graphc.backend.cpu import exponential, logarithmic
from graphc.backend.cpu.scalars import Scalar, where

Emit = Callable[..., Scalar]
IntegerEmit = Callable[..., ir.Value]
"""From a builder and integers to an integer."""
Body = Callable[[ir.IRBuilder, Sequence[ir.Value]], ir.Value]


def _intrinsic(name: str, reals: Emit | None, integers: IntegerEmit | None, operands: tuple[Any, ...]) -> Any:
    """(signature, emission) for operands of these types, or None where the function has no such form."""
    kind = operands[0]
    real = isinstance(kind, types.Float) and reals is not None
    integer = kind in types.signed_domain and integers is not None
    if not (real or integer) or any(other != kind for other in operands):
        return None

    def body(builder: ir.IRBuilder, arguments: Sequence[ir.Value]) -> ir.Value:
        if integers is not None and integer:
            return integers(builder, *arguments)
        assert reals is not None
        return reals(*(Scalar(builder, argument) for argument in arguments)).value

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        result = arguments[0].type
        return builder.call(defined(builder.module, name, result, arguments, body), arguments)

    return kind(*operands), emit


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


def _unary(name: str, reals: Emit | None, integers: IntegerEmit | None = None) -> Any:
    @intrinsic
    def function(typing: Any, a: Any) -> Any:
        return _intrinsic(name, reals, integers, (a,))

    return function


def _binary(name: str, reals: Emit | None, integers: IntegerEmit | None = None) -> Any:
    @intrinsic
    def function(typing: Any, a: Any, b: Any) -> Any:
        return _intrinsic(name, reals, integers, (a, b))

    return function


def _ternary(name: str, reals: Emit) -> Any:
    @intrinsic
    def function(typing: Any, a: Any, b: Any, c: Any) -> Any:
        return _intrinsic(name, reals, None, (a, b, c))

    return function


@intrinsic
def _isnan(typing: Any, a: Any) -> Any:
    """Whether a real number is NaN."""
    if not isinstance(a, types.Float):
        return None

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (number,) = arguments
        return Scalar(builder, number).compare("!=", Scalar(builder, number))

    return types.boolean(a), emit


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


FUNCTIONS: Mapping[str, Any] = {
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
    "isnan": _isnan,
    "fma": _ternary("fma", lambda a, b, c: a.times_plus(b, c)),
    "add_reassociating": _binary("add_reassociating", _add_reassociating),
}
"""`maximum` and `minimum` give NaN if either operand is one; `relu` keeps it. `fma(a, b, c)` is a b + c,
rounded once where the host can; `add_reassociating(total, term)` is for sums in loops."""
