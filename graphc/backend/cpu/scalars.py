"""Arithmetic on LLVM IR that reads like arithmetic: what the scalar functions are written in.

Nothing branches here, so a loop over elements in which these functions stand can be vectorized by LLVM for
the width of the host, whatever that is.

No operation has a fast-math flag: what LLVM may round in one of several ways, it rounds in one way in the
vectors of a loop and in another in the elements left over behind them. So each multiply-add is stated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llvmlite import ir

from graphc.backend.cpu.tile import HOST

_LN2 = math.log(2)
_LN2_TAIL = 2.3190468138462996e-17
"""The part of ln 2 that a float64 has no room for."""


@dataclass(frozen=True)
class Format:
    """An IEEE 754 binary format: how many bits of fraction and of exponent."""

    type: ir.Type
    fraction: int
    exponent: int

    @property
    def integer(self) -> ir.IntType:
        """The integer with as many bits."""
        return ir.IntType(1 + self.exponent + self.fraction)

    @property
    def bias(self) -> int:
        return int(2 ** (self.exponent - 1) - 1)

    @property
    def tiny(self) -> float:
        """The least normal number."""
        return float(2.0 ** (1 - self.bias))

    @property
    def rounder(self) -> float:
        """Added to x it leaves round(x) in the lowest bits, with zeros above them."""
        return float(1.5 * 2**self.fraction)

    @property
    def ln2(self) -> tuple[float, float]:
        """ln 2 in two parts, the first so short that its product with k is exact (Cody and Waite)."""
        unit = 2.0 ** (self.exponent - self.fraction)
        high = round(_LN2 / unit) * unit
        return high, (_LN2 - high) + _LN2_TAIL


BINARY32 = Format(ir.FloatType(), 23, 8)
BINARY64 = Format(ir.DoubleType(), 52, 11)


@dataclass(frozen=True)
class Scalar:
    """A real number in a function that is being emitted, with the operators of Python."""

    builder: ir.IRBuilder
    value: ir.Value

    @property
    def format(self) -> Format:
        return BINARY32 if isinstance(self.value.type, ir.FloatType) else BINARY64

    def constant(self, number: float) -> Scalar:
        return Scalar(self.builder, ir.Constant(self.value.type, float(number)))

    def _of(self, other: Scalar | float) -> ir.Value:
        return (other if isinstance(other, Scalar) else self.constant(other)).value

    def __add__(self, other: Scalar | float) -> Scalar:
        return Scalar(self.builder, self.builder.fadd(self.value, self._of(other)))

    def __sub__(self, other: Scalar | float) -> Scalar:
        return Scalar(self.builder, self.builder.fsub(self.value, self._of(other)))

    def __mul__(self, other: Scalar | float) -> Scalar:
        return Scalar(self.builder, self.builder.fmul(self.value, self._of(other)))

    def __truediv__(self, other: Scalar | float) -> Scalar:
        return Scalar(self.builder, self.builder.fdiv(self.value, self._of(other)))

    def __neg__(self) -> Scalar:
        return Scalar(self.builder, self.builder.fneg(self.value))

    def __abs__(self) -> Scalar:
        return self.call("fabs")

    def __lt__(self, other: Scalar | float) -> ir.Value:
        return self.compare("<", other)

    def __gt__(self, other: Scalar | float) -> ir.Value:
        return self.compare(">", other)

    def compare(self, relation: str, other: Scalar | float) -> ir.Value:
        """A truth value; a NaN is in no relation but "!="."""
        compare = self.builder.fcmp_unordered if relation == "!=" else self.builder.fcmp_ordered
        return compare(relation, self.value, self._of(other))

    def call(self, name: str, *others: Scalar | float) -> Scalar:
        """An LLVM intrinsic of this number and others of its format."""
        arguments = [self.value, *(self._of(other) for other in others)]
        kind = ir.FunctionType(self.value.type, [self.value.type] * len(arguments))
        function = self.builder.module.declare_intrinsic(f"llvm.{name}", [self.value.type], kind)
        return Scalar(self.builder, self.builder.call(function, arguments))

    def times_plus(self, factor: Scalar | float, term: Scalar | float) -> Scalar:
        """self * factor + term, rounded once where the host has such an instruction, else twice."""
        return self.call("fma", factor, term) if HOST.fused else self * factor + term

    def with_sign_of(self, other: Scalar) -> Scalar:
        return self.call("copysign", other)

    def no_more_than(self, bound: float) -> Scalar:
        """The lesser of the two; a NaN stays one."""
        return where(self > bound, self.constant(bound), self)

    def no_less_than(self, bound: float) -> Scalar:
        return where(self < bound, self.constant(bound), self)

    def bits(self) -> ir.Value:
        return self.builder.bitcast(self.value, self.format.integer)

    def from_bits(self, bits: ir.Value) -> Scalar:
        """The number of this one's format with these bits."""
        return Scalar(self.builder, self.builder.bitcast(bits, self.value.type))

    def word(self, number: int) -> ir.Constant:
        """An integer of the width of `bits()`."""
        return ir.Constant(self.format.integer, number)

    def polynomial(self, coefficients: Sequence[float]) -> Scalar:
        """The sum of coefficients[i] * self^i, by Horner's rule."""
        *rest, last = coefficients
        total = self.constant(last)
        for coefficient in reversed(rest):
            total = total.times_plus(self, coefficient)
        return total

    def to(self, format: Format) -> Scalar:
        """This number in another format."""
        convert = self.builder.fpext if format.fraction > self.format.fraction else self.builder.fptrunc
        return Scalar(self.builder, convert(self.value, format.type))


def where(condition: ir.Value, then: Scalar, otherwise: Scalar) -> Scalar:
    """Without a branch: both have been computed."""
    return Scalar(then.builder, then.builder.select(condition, then.value, otherwise.value))


def all_of(builder: ir.IRBuilder, first: ir.Value, *conditions: Any) -> ir.Value:
    for condition in conditions:
        first = builder.and_(first, condition)
    return first
