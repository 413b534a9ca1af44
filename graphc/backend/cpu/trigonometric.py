"""Sine and cosine of angles up to a few turns, in float64, without branches.

x = q pi/2 + r with |r| <= pi/4: sin r and cos r are polynomials, and the quadrant q says which of them is
wanted, and its sign (Cody and Waite, chapter 8). Angles of any size need pi to a thousand bits: those of
`sin` and `cos` in `functions.py` are left to the platform's library.
"""

from __future__ import annotations

import math

from llvmlite import ir

from graphc.backend.cpu.scalars import Scalar, where

_SINE = (
    *(-0.16666666666666632, 0.008333333333322418, -0.0001984126982981243),
    *(2.7557313693583435e-06, -2.5050758385250178e-08, 1.5896811811246263e-10),
)
"""(sin r - r)/r^3 in powers of r^2, within 3.5e-18 relative to sin r."""
_COSINE = (
    *(0.0416666666666666, -0.0013888888888874136, 2.4801587289488032e-05),
    *(-2.7557314353854857e-07, 2.0875723465497593e-09, -1.1359657295538074e-11),
)
"""(cos r - 1 + r^2/2)/r^4 in powers of r^2, within 4.7e-20."""

_QUARTER_HIGH = math.floor(math.pi * 2.0**30) * 2.0**-31
_QUARTER_LOW = (math.pi / 2 - _QUARTER_HIGH) + 6.123233995736766e-17
"""pi/2 in two parts, the first so short that its product with q is exact; 6e-17 is beyond a float64."""


def circle_point(x: Scalar) -> tuple[Scalar, Scalar]:
    """(cos x, sin x) of a float64 with |x| < 1000: the error is at most 2.3e-16, and NaN stays."""
    rounded = x.times_plus(2 / math.pi, x.format.rounder)
    q = rounded - x.format.rounder
    r = q.times_plus(-_QUARTER_LOW, q.times_plus(-_QUARTER_HIGH, x))
    square = r * r
    sine = (square * r).times_plus(square.polynomial(_SINE), r)
    cosine = (square * square).times_plus(square.polynomial(_COSINE), square.times_plus(-0.5, 1.0))
    quadrant, build = rounded.bits(), x.builder
    odd = build.trunc(quadrant, ir.IntType(1))
    ahead = build.add(quadrant, x.word(1))
    return (
        _negated(where(odd, sine, cosine), ahead),
        _negated(where(odd, cosine, sine), quadrant),
    )


def _negated(x: Scalar, quadrant: ir.Value) -> Scalar:
    """-x where the quadrant, modulo 4, is 2 or 3."""
    build, sign = x.builder, x.format.exponent + x.format.fraction
    flip = build.shl(build.lshr(quadrant, x.word(1)), x.word(sign))
    return x.from_bits(build.xor(x.bits(), flip))
