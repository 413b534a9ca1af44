"""Random numbers by counter in compiled code: the words of `graphc.ops.philox`, bit for bit.

One number at a time, as kernels call it: see `graphc.ops.philox.SCALARS`. Of a point with more words than a
counter has, the first four go through `philox`: its results are the new key and two words to go on with.
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from graphc.backend.cpu import logarithmic
from graphc.backend.cpu.functions import defined
from graphc.backend.cpu.scalars import BINARY32, BINARY64, Format, Scalar, where
from graphc.backend.cpu.trigonometric import circle_point

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10

_WORD = ir.IntType(32)
_WIDE = ir.IntType(64)


def _philox(typing: Any, a: Any, b: Any, c: Any, d: Any, k: Any, m: Any) -> Any:
    """Four words (uint32) from a counter (a, b, c, d) and a key (k, m): integers, of which 32 bits count.

    Philox4x32-10 of Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
    """
    operands = (a, b, c, d, k, m)
    if not all(isinstance(operand, types.Integer) for operand in operands):
        return None

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        words = [
            context.cast(builder, argument, kind, types.uint32)
            for argument, kind in zip(arguments, signature.args, strict=True)
        ]
        return cgutils.pack_array(builder, _rounds(builder, words))

    return types.UniTuple(types.uint32, 4)(*operands), emit


philox: Any = intrinsic(_philox)


def _rounds(builder: ir.IRBuilder, words: list[ir.Value]) -> list[ir.Value]:
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


@intrinsic
def philox_word(typing: Any, word: Any, a: Any, b: Any, c: Any, d: Any, k: Any, m: Any) -> Any:
    """The word of this number (0 to 3) of those that `philox` gives, as an int64."""
    operands = (word, a, b, c, d, k, m)
    if any(operand != types.int64 for operand in operands):
        return None

    def body(builder: ir.IRBuilder, arguments: Any) -> ir.Value:
        number, *words = arguments
        made = _rounds(builder, [builder.trunc(word, _WORD) for word in words])
        chosen = made[-1]
        for place in (2, 1, 0):
            chosen = builder.select(
                builder.icmp_signed("==", number, number.type(place)), made[place], chosen
            )
        return builder.zext(chosen, _WIDE)

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
        return builder.call(defined(builder.module, "philox", _WIDE, arguments, body), arguments)

    return types.int64(*operands), emit


def _normals(builder: ir.IRBuilder, first: ir.Value, second: ir.Value) -> tuple[Scalar, Scalar]:
    """Two standard normal numbers, float64, from two words (Box and Muller)."""
    u, v = ((_number(builder, word) + 0.5) * 2.0**-32 for word in (first, second))
    radius = (logarithmic.log(u) * -2.0).call("sqrt")
    cosine, sine = circle_point(v * (2.0 * math.pi))
    return radius * cosine, radius * sine


def _number(builder: ir.IRBuilder, word: ir.Value) -> Scalar:
    return Scalar(builder, builder.uitofp(builder.trunc(word, _WORD), ir.DoubleType()))


def _box_muller(real: types.Float, format: Format) -> Any:
    def typed(typing: Any, first: Any, second: Any, odd: Any) -> Any:
        """A standard normal number of two words (int64): the first, or with odd = 1 the second."""
        operands = (first, second, odd)
        if any(operand != types.int64 for operand in operands):
            return None

        def body(builder: ir.IRBuilder, arguments: Any) -> ir.Value:
            even, other = _normals(builder, *arguments[:2])
            number = where(builder.icmp_signed("==", arguments[2], _WIDE(0)), even, other)
            return (number if format is BINARY64 else number.to(format)).value

        def emit(context: Any, builder: ir.IRBuilder, signature: Any, arguments: Any) -> ir.Value:
            name = f"box_muller.{format.type}"
            return builder.call(defined(builder.module, name, format.type, arguments, body), arguments)

        return real(*operands), emit

    return intrinsic(typed)


box_muller_float32 = _box_muller(types.float32, BINARY32)
box_muller_float64 = _box_muller(types.float64, BINARY64)
