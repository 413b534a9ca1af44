"""log and what is made of it: log1p, softplus, xlogy, pow, without branches and without tables.

x = 2^k (1 + f) with 1 + f between sqrt(1/2) and sqrt(2) leaves log x = k ln 2 + log(1 + f). With
s = f/(2 + f), log(1 + f) = log((1 + s)/(1 - s)) = 2 s + s^3 p(s^2), and 2 s = f - s f, which keeps the exact
f as the leading term. The coefficients are minimax fits, as in `exponential.py`.
"""

from __future__ import annotations

import math

from llvmlite import ir

from graphc.backend.cpu.exponential import exp, exp_of_minus
from graphc.backend.cpu.scalars import BINARY32, BINARY64, Scalar, all_of, where

_LOGARITHM = {
    BINARY32: (0.66666776, 0.39977497, 0.2987309),
    BINARY64: (
        *(0.6666666666666735, 0.39999999999411096, 0.2857142874326234, 0.22222198475996036),
        *(0.18183569740128205, 0.15313903220538813, 0.14797508137485182),
    ),
}
"""p(s^2) = (log((1 + s)/(1 - s)) - 2 s)/s^3, |s| <= 0.1716; relative to log within 8.2e-10 and 1.3e-18."""


def _log_of(k: Scalar, f: Scalar) -> Scalar:
    """k ln 2 + log(1 + f)."""
    high, low = f.format.ln2
    s = f / (f + 2.0)
    square = s * s
    half = f * f * 0.5
    # log(1 + f) = f - (f^2/2 - s (f^2/2 + s^2 p)): the same as above, with a smaller second term.
    second = s.times_plus(square.times_plus(square.polynomial(_LOGARITHM[f.format]), half), k * low)
    return k.times_plus(high, f - (half - second))


def _exponent(x: Scalar) -> ir.Value:
    """k in the place of an exponent, biased, of a positive normal number."""
    form = x.format
    root = ((form.bias - 1) << form.fraction) + int((math.sqrt(2) - 1) * 2**form.fraction)
    one = form.bias << form.fraction
    shifted = x.builder.add(x.bits(), x.word(one - root))
    return x.builder.and_(shifted, x.word(((1 << form.exponent) - 1) << form.fraction))


def _number(x: Scalar, exponent: ir.Value) -> Scalar:
    """k as a real, by way of 2^fraction + k: not every host can convert long integers in vectors."""
    form = x.format
    low = x.builder.lshr(exponent, x.word(form.fraction))
    shifted = x.builder.or_(low, x.word((form.bias + form.fraction) << form.fraction))
    return x.from_bits(shifted) - (2.0**form.fraction + form.bias)


def _with_ends(x: Scalar, result: Scalar, pole: float) -> Scalar:
    """Infinity and NaN as they come, minus infinity at the pole, NaN below it."""
    result = where(x < math.inf, result, x)
    result = where(x < pole, x.constant(math.nan), result)
    return where(x.compare("==", pole), x.constant(-math.inf), result)


def log(x: Scalar) -> Scalar:
    form = x.format
    small = x < form.tiny
    normal = where(small, x * 2.0**form.fraction, x)
    exponent = _exponent(normal)
    k = _number(x, exponent) - where(small, x.constant(form.fraction), x.constant(0.0))
    one = x.word(form.bias << form.fraction)
    f = x.from_bits(x.builder.sub(x.builder.add(normal.bits(), one), exponent)) - 1.0
    return _with_ends(x, _log_of(k, f), 0.0)


def log1p(x: Scalar) -> Scalar:
    """With k taken from 1 + x as it is rounded; f = 2^-k x + (2^-k - 1) does not see that rounding."""
    exponent = _exponent(x + 1.0)
    # 4 * 2^-k, since 2^-k itself may lie below the normal numbers.
    top = x.word((2 * x.format.bias + 2) << x.format.fraction)
    scale = x.from_bits(x.builder.sub(top, exponent))
    f = (x * scale).times_plus(0.25, scale.times_plus(0.25, -1.0))
    return _with_ends(x, _log_of(_number(x, exponent), f).with_sign_of(x), -1.0)


def softplus(x: Scalar) -> Scalar:
    """max(x, 0) + log(1 + e) with e = e^-|x|, where k is 0 or 1."""
    e = exp_of_minus(abs(x))
    upper = e > math.sqrt(2) - 1
    f = where(upper, e.times_plus(0.5, -0.5), e)
    k = where(upper, x.constant(1.0), x.constant(0.0))
    return x.no_less_than(0.0) + _log_of(k, f)


def xlogy(x: Scalar, y: Scalar) -> Scalar:
    return where(x.compare("==", 0.0), x.constant(0.0), x * log(y))


def power(x: Scalar, y: Scalar) -> Scalar:
    """x^y, in float32 as e^(y log|x|) in float64, in float64 by the platform's `pow`."""
    if x.format is BINARY64:
        return x.call("pow", y)
    build, size = x.builder, abs(x)
    result = exp(y.to(BINARY64) * log(size.to(BINARY64))).to(BINARY32)
    one, half = x.constant(1.0), y * 0.5
    # What y log|x| leaves open: 1^y for an infinite y, and x^0 for any x.
    result = where(size.compare("==", 1.0), one, result)
    whole = y.compare("==", y.call("floor"))
    odd = all_of(build, whole, half.compare("!=", half.call("floor")))
    result = where(odd, result.with_sign_of(x), result)
    nowhere = all_of(build, x < 0.0, x > -math.inf, build.not_(whole))
    result = where(nowhere, x.constant(math.nan), result)
    return where(build.or_(y.compare("==", 0.0), x.compare("==", 1.0)), one, result)
