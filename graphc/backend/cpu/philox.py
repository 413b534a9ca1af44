"""Random numbers by counter in compiled code: the words of `graphc.ops.philox`, bit for bit.

One number at a time, as kernels call it: see `graphc.ops.philox.SCALARS`. Of a point with more words than a
counter has, the first four go through Philox: its results are the new key and two words to go on with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from llvmlite import ir

from graphc.backend.cpu import logarithmic
from graphc.backend.cpu.functions import Body, defined
from graphc.backend.cpu.language import INT, REALS, Function
from graphc.backend.cpu.scalars import BINARY32, BINARY64, Format, Scalar, where
from graphc.backend.cpu.trigonometric import circle_point

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10

_WORD = ir.IntType(32)
_WIDE = ir.IntType(64)


def _rounds(builder: ir.IRBuilder, words: list[ir.Value]) -> list[ir.Value]:
    """Four words from a counter of four and a key of two.

    Philox4x32-10 of Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
    """
    a, b, c, d, k, m = words
    for _ in range(_ROUNDS):
        left_high, left_low = _product(builder, a, _MULTIPLIERS[0])
        right_high, right_low = _product(builder, c, _MULTIPLIERS[1])
        a = builder.xor(builder.xor(right_high, b), k)
        c = builder.xor(builder.xor(left_high, d), m)
        b, d = right_low, left_low
        k, m = builder.add(k, _WORD(_WEYL[0])), builder.add(m, _WORD(_WEYL[1]))
    return [a, b, c, d]


def _product(builder: ir.IRBuilder, word: ir.Value, multiplier: int) -> tuple[ir.Value, ir.Value]:
    """The high and the low word of a product."""
    wide = builder.mul(builder.zext(word, _WIDE), _WIDE(multiplier))
    return builder.trunc(builder.lshr(wide, _WIDE(32)), _WORD), builder.trunc(wide, _WORD)


def _emit_word(builder: ir.IRBuilder, operands: Sequence[ir.Value]) -> ir.Value:
    number, *words = operands
    *others, chosen = _rounds(builder, [builder.trunc(word, _WORD) for word in words])
    for place, word in enumerate(others):
        chosen = builder.select(builder.icmp_signed("==", number, number.type(place)), word, chosen)
    return builder.zext(chosen, _WIDE)


def _normals(builder: ir.IRBuilder, first: ir.Value, second: ir.Value) -> tuple[Scalar, Scalar]:
    """Two standard normal numbers, float64, from two words (Box and Muller)."""
    u, v = ((_number(builder, word) + 0.5) * 2.0**-32 for word in (first, second))
    radius = (logarithmic.log(u) * -2.0).call("sqrt")
    cosine, sine = circle_point(v * (2.0 * math.pi))
    return radius * cosine, radius * sine


def _number(builder: ir.IRBuilder, word: ir.Value) -> Scalar:
    return Scalar(builder, builder.uitofp(builder.trunc(word, _WORD), ir.DoubleType()))


def _emit_normal(format: Format, builder: ir.IRBuilder, operands: Sequence[ir.Value]) -> ir.Value:
    first, second, odd = operands
    even, other = _normals(builder, first, second)
    number = where(builder.icmp_signed("==", odd, odd.type(0)), even, other)
    return (number if format is BINARY64 else number.to(format)).value


def _drawn(name: str, arity: int, result: Any, kind: ir.Type, body: Body) -> Function:
    def emit(builder: ir.IRBuilder, *operands: ir.Value) -> ir.Value:
        return builder.call(defined(builder.module, name, kind, operands, body), operands)

    return Function(name, arity, lambda *kinds: result if set(kinds) == {INT} else None, emit)


philox_word = _drawn("philox_word", 7, INT, _WIDE, _emit_word)
"""philox_word(word, a, b, c, d, k, m): word 0 to 3 of the counter (a, b, c, d) and the key (k, m)."""
box_muller_float32 = _drawn("box_muller32", 3, REALS[0], BINARY32.type, partial(_emit_normal, BINARY32))
box_muller_float64 = _drawn("box_muller64", 3, REALS[1], BINARY64.type, partial(_emit_normal, BINARY64))
"""box_muller(first, second, odd): one of the two standard normal numbers of two words."""
