"""Ops on one element at a time: operands have one shape or are scalars; int and real mix only by `cast`.

Conventions at kinks: relu'(0) = 0, abs'(0) = 0, floor' = sign' = 0; where `maximum` or `minimum` tie, the
first operand gets the whole cotangent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from graphc.ir.builder import Builder
from graphc.ir.form import pointwise
from graphc.ir.graph import Node, Value
from graphc.ir.op import Array, Attrs, Frame, Op, Oracle, Sample, TypeRule, non_differentiable
from graphc.ops.examples import B_T, B_T_U, C, D, H, K, S, T, U, Z, boolean, integer, real
from graphc.ops.leaf import constant, frame_dtype
from graphc.ops.rules import merged_shape, require_dtype, require_same_dtype, union_axes
from graphc.types import BATCH, Dim, DType, TensorType

Dtypes = tuple[DType, ...]
REALS: Dtypes = ("real",)
INTS: Dtypes = ("int",)
BOOLS: Dtypes = ("bool",)
NUMBERS: Dtypes = ("real", "int")
ANY: Dtypes = ("real", "int", "bool")

Interval = tuple[float, float]
Cotangents = Sequence[Value | None]


def elementwise_type(name: str, allowed: Dtypes, result: DType | None = None) -> TypeRule:
    """The rule of ops whose operands have one dtype, which is the result's unless `result` says another."""

    def infer(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
        for operand in types:
            require_dtype(name, operand, allowed)
        require_same_dtype(name, types)
        dtype = result or types[0].dtype
        return TensorType.of(dtype, union_axes(types), merged_shape(name, types))

    return infer


def elementwise_oracle(function: Callable[..., Array]) -> Oracle:
    """A NumPy function of arrays that broadcast, scalars having been given the result's rank."""

    def oracle(frame: Frame, attrs: Attrs, *arrays: Array) -> Array:
        return function(*_aligned(frame, arrays))

    return oracle


def _aligned(frame: Frame, arrays: Sequence[Array]) -> list[Array]:
    rank = frame.out.rank
    return [
        array.reshape(array.shape + (1,) * rank) if rank and not operand.rank else array
        for array, operand in zip(arrays, frame.types, strict=True)
    ]


# Samples.


def one_operand(dtype: DType = "real", domain: Interval = (-2.0, 2.0)) -> Callable[[], Iterable[Sample]]:
    def samples() -> Iterable[Sample]:
        shapes: list[tuple[Dim, ...]] = [(), (H,), (D, H), (Z,)]
        for axes, shape in zip([(), B_T, (BATCH,), (T,)], shapes, strict=True):
            yield Sample((TensorType.of(dtype, axes, shape),), {}, domain)

    return samples


def two_operands(dtype: DType = "real", domain: Interval = (-2.0, 2.0)) -> Callable[[], Iterable[Sample]]:
    def samples() -> Iterable[Sample]:
        literal = Dim.literal(H.value)
        for a, b in [
            (TensorType.of(dtype), TensorType.of(dtype)),
            (TensorType.of(dtype, B_T, (H,)), TensorType.of(dtype, (), (literal,))),
            (TensorType.of(dtype, (BATCH,), (D, H)), TensorType.of(dtype, (T,))),
            (TensorType.of(dtype, (K,)), TensorType.of(dtype, B_T_U, (C,))),
            (TensorType.of(dtype, (S,), (Z,)), TensorType.of(dtype, (T,), (Z,))),
        ]:
            yield Sample((a, b), {}, domain)

    return samples


# Arithmetic.


def _add_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    return [g, g]


def _sub_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    return [g, b(NEG, g)]


def _mul_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    x, y = node.operands
    return [b(MUL, g, y), b(MUL, g, x)]


def _div_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    over = b(DIV, g, node.operands[1])
    return [over, b(NEG, b(MUL, over, node.result))]


def _neg_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    return [b(NEG, g)]


def _pow_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    """d/dx = y x^(y-1), without the pole at x = 0 where y = 0; d/dy = x^y log x where x > 0, else 0."""
    x, y = node.operands
    zero, one = constant(b, 0.0), constant(b, 1.0)
    exponent = b(SUB, b(SELECT, b(EQUAL, y, zero), one, y), one)
    slope = b(MUL, y, b(POW, x, exponent))
    positive = b(SELECT, b(GREATER, x, zero), x, one)
    return [b(MUL, g, slope), b(MUL, g, b(MUL, node.result, b(LOG, positive)))]


ADD = Op(
    name="add",
    infer=elementwise_type("+", NUMBERS),
    vjp=_add_vjp,
    oracle=elementwise_oracle(np.add),
    samples=two_operands(),
    form=pointwise("a + b"),
)
SUB = Op(
    name="sub",
    infer=elementwise_type("-", NUMBERS),
    vjp=_sub_vjp,
    oracle=elementwise_oracle(np.subtract),
    samples=two_operands(),
    form=pointwise("a - b"),
)
MUL = Op(
    name="mul",
    infer=elementwise_type("*", NUMBERS),
    vjp=_mul_vjp,
    oracle=elementwise_oracle(np.multiply),
    samples=two_operands(),
    form=pointwise("a * b"),
)
DIV = Op(
    name="div",
    infer=elementwise_type("/", REALS),
    vjp=_div_vjp,
    oracle=elementwise_oracle(np.divide),
    samples=two_operands(domain=(0.5, 2.0)),
    form=pointwise("a / b"),
)
NEG = Op(
    name="neg",
    infer=elementwise_type("-", NUMBERS),
    vjp=_neg_vjp,
    oracle=elementwise_oracle(np.negative),
    samples=one_operand(),
    form=pointwise("-a"),
)


def _pow_samples() -> Iterable[Sample]:
    yield from two_operands(domain=(0.3, 2.0))()
    for exponent in (0.0, 1.0, 2.0, 3.0, -2.0):
        types = (real(BATCH, shape=(H,)), real())
        yield Sample(types, {}, (-2.0, -0.3), {1: exponent})


POW = Op(
    name="pow",
    infer=elementwise_type("^", REALS),
    vjp=_pow_vjp,
    oracle=elementwise_oracle(np.power),
    samples=_pow_samples,
    form=pointwise("pow(a, b)"),
)
MOD = Op(
    name="mod",
    infer=elementwise_type("mod", INTS),
    vjp=non_differentiable,
    oracle=elementwise_oracle(np.mod),
    samples=lambda: [
        Sample((integer(*B_T), integer()), {}, values={1: 3}),
        Sample((integer(BATCH, shape=(H,)), integer(T, shape=(H,))), {}, values={1: (2, -3, 5)}),
    ],
    form=pointwise("mod(a, b)"),
)
"""The remainder with the divisor's sign, as `%` in Python."""


# Functions of one number. A derivative is written with the result where that saves work.


def _function(
    name: str,
    function: Callable[..., Array],
    derivative: Callable[[Builder, Value, Value], Value],
    domain: Interval = (-2.0, 2.0),
    allowed: Dtypes = REALS,
) -> Op:
    """`derivative(b, x, y)` builds y' at x, where y is the result."""

    def vjp(b: Builder, node: Node, g: Value) -> Cotangents:
        return [b(MUL, g, derivative(b, node.operands[0], node.result))]

    return Op(
        name=name,
        infer=elementwise_type(name, allowed),
        vjp=vjp,
        oracle=elementwise_oracle(function),
        samples=one_operand(domain=domain),
        form=pointwise(f"{name}(a)"),
    )


def _abs_derivative(b: Builder, x: Value, y: Value) -> Value:
    return b(SIGN, x)


def _sin_derivative(b: Builder, x: Value, y: Value) -> Value:
    return b(COS, x)


def _sqrt_derivative(b: Builder, x: Value, y: Value) -> Value:
    return b(DIV, constant(b, 0.5), y)


def _tanh_derivative(b: Builder, x: Value, y: Value) -> Value:
    return b(SUB, constant(b, 1.0), b(MUL, y, y))


def _sigmoid_derivative(b: Builder, x: Value, y: Value) -> Value:
    return b(MUL, y, b(SUB, constant(b, 1.0), y))


def _erf_derivative(b: Builder, x: Value, y: Value) -> Value:
    """2/sqrt(pi) exp(-x^2)."""
    return b(MUL, constant(b, 2.0 / math.sqrt(math.pi)), b(EXP, b(NEG, b(MUL, x, x))))


def _log1p_derivative(b: Builder, x: Value, y: Value) -> Value:
    one = constant(b, 1.0)
    return b(DIV, one, b(ADD, one, x))


def _sigmoid(x: Array) -> Array:
    # The exponent is never positive, so nothing overflows on either side.
    e = np.exp(-np.abs(x))
    return np.asarray(np.where(x < 0, e, np.ones_like(e)) / (1 + e))


def _softplus(x: Array) -> Array:
    return np.asarray(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))


_erf_of_double = np.vectorize(math.erf, otypes=[np.float64])


def _erf(x: Array) -> Array:
    return np.asarray(_erf_of_double(x)).astype(x.dtype)


EXP = _function("exp", np.exp, lambda b, x, y: y)
LOG = _function("log", np.log, lambda b, x, y: b(DIV, constant(b, 1.0), x), (0.3, 3.0))
SQRT = _function("sqrt", np.sqrt, _sqrt_derivative, (0.3, 3.0))
ABS = _function("abs", np.abs, _abs_derivative, (0.2, 2.0), NUMBERS)
TANH = _function("tanh", np.tanh, _tanh_derivative)
SIGMOID = _function("sigmoid", _sigmoid, _sigmoid_derivative)
SOFTPLUS = _function("softplus", _softplus, lambda b, x, y: b(SIGMOID, x))
ERF = _function("erf", _erf, _erf_derivative)
SIN = _function("sin", np.sin, _sin_derivative)
COS = _function("cos", np.cos, lambda b, x, y: b(NEG, b(SIN, x)))
LOG1P = _function("log1p", np.log1p, _log1p_derivative, (-0.6, 2.0))
EXPM1 = _function("expm1", np.expm1, lambda b, x, y: b(EXP, x))


def _relu_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    zero = constant(b, 0.0)
    return [b(SELECT, b(GREATER, node.operands[0], zero), g, zero)]


RELU = Op(
    name="relu",
    infer=elementwise_type("relu", REALS),
    vjp=_relu_vjp,
    oracle=elementwise_oracle(lambda x: np.maximum(x, 0)),
    samples=lambda: [*one_operand(domain=(0.2, 2.0))(), *one_operand(domain=(-2.0, -0.2))()],
    form=pointwise("relu(a)"),
)
"""max(x, 0); a NaN stays one."""
FLOOR = Op(
    name="floor",
    infer=elementwise_type("floor", REALS),
    vjp=non_differentiable,
    oracle=elementwise_oracle(np.floor),
    samples=one_operand(),
    form=pointwise("floor(a)"),
)
SIGN = Op(
    name="sign",
    infer=elementwise_type("sign", NUMBERS),
    vjp=non_differentiable,
    oracle=elementwise_oracle(np.sign),
    samples=one_operand(),
    form=pointwise("sign(a)"),
)


# Functions of two numbers.


def _maximum_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    return _to_one(b, b(GREATER_EQUAL, *node.operands), g)


def _minimum_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    return _to_one(b, b(LESS_EQUAL, *node.operands), g)


def _to_one(b: Builder, first: Value, g: Value) -> Cotangents:
    """The cotangent for the first operand where `first` holds, for the second where it does not."""
    zero = constant(b, 0.0)
    return [b(SELECT, first, g, zero), b(SELECT, first, zero, g)]


def _apart_samples() -> Iterable[Sample]:
    """Operands that do not tie: one is drawn, the other lies above or below all of it."""
    for other in (-3.0, 3.0):
        yield Sample((real(*B_T, shape=(H,)), real(shape=(H,))), {}, values={1: other})
        yield Sample((real(), real(U, BATCH)), {}, values={0: other})
        yield Sample((real(T, shape=(Z,)), real()), {}, values={1: other})


MAXIMUM = Op(
    name="maximum",
    infer=elementwise_type("max", NUMBERS),
    vjp=_maximum_vjp,
    oracle=elementwise_oracle(np.maximum),
    samples=_apart_samples,
    form=pointwise("maximum(a, b)"),
)
MINIMUM = Op(
    name="minimum",
    infer=elementwise_type("min", NUMBERS),
    vjp=_minimum_vjp,
    oracle=elementwise_oracle(np.minimum),
    samples=_apart_samples,
    form=pointwise("minimum(a, b)"),
)


def _xlogy(a: Array, b: Array) -> Array:
    none = a == 0
    return np.asarray(np.where(none, np.zeros_like(a), a * np.log(np.where(none, np.ones_like(b), b))))


def _xlogy_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    """d/dx = log y; d/dy = x / y, which is 0 where x is, whatever y is."""
    x, y = node.operands
    safe = b(SELECT, b(EQUAL, x, constant(b, 0.0)), constant(b, 1.0), y)
    return [b(MUL, g, b(LOG, y)), b(MUL, g, b(DIV, x, safe))]


XLOGY = Op(
    name="xlogy",
    infer=elementwise_type("xlogy", REALS),
    vjp=_xlogy_vjp,
    oracle=elementwise_oracle(_xlogy),
    samples=two_operands(domain=(0.3, 2.0)),
    form=pointwise("xlogy(a, b)"),
)
"""x log y, and 0 where x = 0."""


# Comparisons and logic.


def _comparison(name: str, function: Callable[..., Array], symbol: str, allowed: Dtypes = NUMBERS) -> Op:
    return Op(
        name=name,
        infer=elementwise_type(symbol, allowed, "bool"),
        vjp=non_differentiable,
        oracle=elementwise_oracle(function),
        samples=lambda: [*two_operands()(), *two_operands("int")()],
        form=pointwise(f"a {symbol} b"),
    )


EQUAL = _comparison("equal", np.equal, "==", ANY)
NOT_EQUAL = _comparison("not_equal", np.not_equal, "!=", ANY)
LESS = _comparison("less", np.less, "<")
LESS_EQUAL = _comparison("less_equal", np.less_equal, "<=")
GREATER = _comparison("greater", np.greater, ">")
GREATER_EQUAL = _comparison("greater_equal", np.greater_equal, ">=")

LOGICAL_AND = Op(
    name="logical_and",
    infer=elementwise_type("and", BOOLS),
    vjp=non_differentiable,
    oracle=elementwise_oracle(np.logical_and),
    samples=two_operands("bool"),
    form=pointwise("a and b"),
)
LOGICAL_OR = Op(
    name="logical_or",
    infer=elementwise_type("or", BOOLS),
    vjp=non_differentiable,
    oracle=elementwise_oracle(np.logical_or),
    samples=two_operands("bool"),
    form=pointwise("a or b"),
)
LOGICAL_NOT = Op(
    name="logical_not",
    infer=elementwise_type("not", BOOLS),
    vjp=non_differentiable,
    oracle=elementwise_oracle(np.logical_not),
    samples=one_operand("bool"),
    form=pointwise("not a"),
)


def _select_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    require_dtype("where", types[0], BOOLS)
    require_same_dtype("where", types[1:])
    return TensorType.of(types[1].dtype, union_axes(types), merged_shape("where", types))


def _select_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    return [None, *_to_one(b, node.operands[0], g)]


def _select_samples() -> Iterable[Sample]:
    yield Sample((boolean(), real(), real()), {})
    yield Sample((boolean(*B_T), real(BATCH, shape=(H,)), real()), {})
    yield Sample((boolean(U, shape=(H,)), real(), real(T, shape=(H,))), {})
    yield Sample((boolean(T, shape=(Z,)), real(shape=(Z,)), real()), {})
    yield Sample((boolean(T), integer(shape=(H,)), integer()), {})


SELECT = Op(
    name="select",
    infer=_select_type,
    vjp=_select_vjp,
    oracle=elementwise_oracle(np.where),
    samples=_select_samples,
    form=pointwise("select(a, b, c)"),
)
"""`select(condition, x, y)`: x where the condition holds, else y. The other one is not seen."""


# The identity on values.


def _cast(frame: Frame, attrs: Attrs, x: Array) -> Array:
    return x.astype(frame_dtype(frame, attrs["dtype"]))


def _cast_vjp(b: Builder, node: Node, g: Value) -> Cotangents:
    return [g if node.operands[0].type.dtype == node.result.type.dtype == "real" else None]


CAST = Op(
    name="cast",
    infer=lambda types, attrs: types[0].with_dtype(attrs["dtype"]),
    vjp=_cast_vjp,
    oracle=_cast,
    samples=lambda: [
        Sample((TensorType.of(source, B_T, (H,)),), {"dtype": target}) for source in ANY for target in ANY
    ],
    form=pointwise("cast(a)"),
)
"""`cast(x; dtype)`: real to int drops the fraction, towards zero."""

STOP_GRADIENT = Op(
    name="stop_gradient",
    infer=lambda types, attrs: types[0],
    vjp=non_differentiable,
    oracle=lambda frame, attrs, x: x,
    samples=lambda: [Sample((real(*B_T, shape=(H,)),), {}), Sample((integer(),), {})],
    form=pointwise("a"),
)


OPS = (
    *(ADD, SUB, MUL, DIV, NEG, POW, MOD, EXP, LOG, SQRT, ABS, TANH, SIGMOID, SOFTPLUS, ERF, SIN, COS),
    *(LOG1P, EXPM1, RELU, FLOOR, SIGN, MAXIMUM, MINIMUM, XLOGY),
    *(EQUAL, NOT_EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, LOGICAL_AND, LOGICAL_OR, LOGICAL_NOT),
    *(SELECT, CAST, STOP_GRADIENT),
)
