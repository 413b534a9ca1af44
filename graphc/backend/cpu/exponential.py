"""exp and what is made of it: expm1, tanh, sigmoid, erf, without branches and without tables.

x = k ln 2 + r with |r| <= ln(2)/2 leaves e^x = 2^k e^r, and e^r - 1 = r + r^2 q(r) with a polynomial q
(Cody and Waite, Software manual for the elementary functions, 1980, chapter 6). The coefficients are minimax
fits (exchange algorithm of Remez in 50 digits) whose error is named beside them. The two formats differ in
them and in where results overflow or saturate.
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir

from graphc.backend.cpu.scalars import BINARY32, BINARY64, Scalar, where

_EXPONENTIAL = {
    BINARY32: (0.49999997, 0.16666543, 0.041667204, 0.00836652, 0.0013882293),
    BINARY64: (
        *(0.5000000000000006, 0.16666666666666588, 0.04166666666657676, 0.00833333333338958),
        *(0.0013888888931563924, 0.00019841269718942365, 2.4801505274711602e-05, 2.7557407604717975e-06),
        *(2.7626037591142804e-07, 2.5053754291433463e-08),
    ),
}
"""q(r) = (e^r - 1 - r)/r^2 on |r| <= ln(2)/2; relative to e^r - 1 within 1.4e-8 and 1.8e-17."""

_LIMITS = {BINARY32: (-104.0, 89.0), BINARY64: (-746.0, 710.0)}
"""Outside, e^x is 0 or infinite."""
_MARGIN = {BINARY32: 64, BINARY64: 128}
"""2^k itself may be no normal number; with its exponent nearer to 0 by this it always is."""
_SATURATED = {BINARY32: 20.0, BINARY64: 40.0}
"""Where e^-x is nothing beside 1."""


def _reduced(x: Scalar) -> tuple[ir.Value, Scalar]:
    """(bits with k at the lower end, e^r - 1) of a number that has been clamped."""
    high, low = x.format.ln2
    rounded = x.times_plus(1 / math.log(2), x.format.rounder)
    k = rounded - x.format.rounder
    r = k.times_plus(-low, k.times_plus(-high, x))
    return rounded.bits(), (r * r).times_plus(r.polynomial(_EXPONENTIAL[x.format]), r)


def _power_of_two(x: Scalar, k: ir.Value, offset: Any) -> Scalar:
    """2^(k + offset), where what stands above the exponent in `k` is shifted out."""
    build, form = x.builder, x.format
    return x.from_bits(build.add(build.shl(k, x.word(form.fraction)), offset))


def _field(x: Scalar, exponent: int) -> ir.Constant:
    """The bits of 2^exponent."""
    return x.word((x.format.bias + exponent) << x.format.fraction)


def exp(x: Scalar) -> Scalar:
    lowest, highest = _LIMITS[x.format]
    margin = _MARGIN[x.format]
    k, rest = _reduced(x.no_less_than(lowest).no_more_than(highest))
    # In two steps, so that results below the least normal number are rounded once and none overflows early.
    small = x < 0.0
    offset = x.builder.select(small, _field(x, margin), _field(x, -margin))
    scale = where(small, x.constant(2.0**-margin), x.constant(2.0**margin))
    return (rest + 1.0) * _power_of_two(x, k, offset) * scale


def exp_of_minus(size: Scalar) -> Scalar:
    """e^-x for x >= 0, where one half of the scaling of `exp` is enough."""
    margin = _MARGIN[size.format]
    k, rest = _reduced((-size).no_less_than(_LIMITS[size.format][0]))
    return (rest + 1.0) * _power_of_two(size, k, _field(size, margin)) * 2.0**-margin


def expm1(x: Scalar) -> Scalar:
    """2^k (e^r - 1) + (2^k - 1): where k = 0 nothing cancels, and for other k the result is not small."""
    highest = _LIMITS[x.format][1]
    k, rest = _reduced(x.no_less_than(-_SATURATED[x.format]).no_more_than(highest))
    half = _power_of_two(x, k, _field(x, -1))  # 2^k may be too large for the format
    return (half.times_plus(rest, half - 0.5) * 2.0).with_sign_of(x)


def tanh(x: Scalar) -> Scalar:
    """(e^2x - 1)/(e^2x + 1), for |x|."""
    twice = (abs(x) * 2.0).no_more_than(_SATURATED[x.format])
    k, rest = _reduced(twice)
    power = _power_of_two(x, k, _field(x, 0))
    return (power.times_plus(rest, power - 1.0) / power.times_plus(rest, power + 1.0)).with_sign_of(x)


def sigmoid(x: Scalar) -> Scalar:
    """1/(1 + e^-x) on the right, e^x/(1 + e^x) on the left: nothing overflows."""
    e = exp_of_minus(abs(x))
    return where(x < 0.0, e, x.constant(1.0)) / (e + 1.0)


_ERF = {
    BINARY32: (
        *(1.1283792, 0.6366194, 0.102777824, -0.019153053, -0.000160414, 0.001667041, -0.0006328412),
        *(0.00011764149, -9.256163e-06),
    ),
    BINARY64: (
        *(1.1283791670955126, 0.6366197723676116, 0.10277260330005898, -0.019128446963041588),
        *(-0.0002091952305420567, 0.0016962105314536759, -0.0005901468194113317, 2.5955226411945102e-05),
        *(6.428996546695114e-05, -2.9323455308722294e-05, 2.79574386685273e-06, 3.5648190847157745e-06),
        *(-2.4299132364750465e-06, 8.537925618767839e-07, -1.741336661161118e-07, 8.387076811794251e-09),
        *(7.777663168537096e-09, -3.1520124637176726e-09, 6.809002900852349e-10, -9.545734368184818e-11),
        *(8.718846965993464e-12, -4.753657596396275e-13, 1.179698736886204e-14),
    ),
}
"""g(x) = -log(1 - erf x)/x on [0, 4] and [0, 6]; the erf that it gives is within 4e-9 and 7.1e-17."""
_ERF_LIMIT = {BINARY32: 4.0, BINARY64: 6.0}
"""Beyond, erf x is 1."""


def erf(x: Scalar) -> Scalar:
    """1 - e^(-x g(x)) for |x|, as an expm1: relative accuracy at 0, and one polynomial for all x."""
    size = abs(x).no_more_than(_ERF_LIMIT[x.format])
    k, rest = _reduced(-(size * size.polynomial(_ERF[x.format])))
    power = _power_of_two(x, k, _field(x, 0))
    return power.times_plus(rest, power - 1.0).with_sign_of(x)
