"""Random numbers by counter in compiled code: the words of `graphc.ops.philox`, bit for bit.

A point is three words, and one draw fills the point's elements, which lie side by side. Of a point with more
words the first four go through `philox`: its results are the new key and two words to go on with.
"""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable

from graphc.backend.cpu.functions import FUNCTIONS

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10

_WORD = ir.IntType(32)
_WIDE = ir.IntType(64)

_log, _sqrt, _sin, _cos = (FUNCTIONS[name] for name in ("log", "sqrt", "sin", "cos"))


@intrinsic
def philox(typing: Any, a: Any, b: Any, c: Any, d: Any, k: Any, m: Any) -> Any:
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
        return cgutils.pack_array(builder, _rounds(builder, words[:4], words[4:]))

    return types.UniTuple(types.uint32, 4)(*operands), emit


def _rounds(builder: ir.IRBuilder, counter: list[ir.Value], key: list[ir.Value]) -> list[ir.Value]:
    a, b, c, d = counter
    k, m = key
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


@register_jitable
def uniform(word: Any) -> Any:
    """A float64 in the open interval (0, 1) from 23 bits of a word; exact in float32 too."""
    return (types.float64(word >> types.uint32(9)) + 0.5) * 2.0**-23


@register_jitable
def normals(first: Any, second: Any) -> Any:
    """Two standard normal numbers, float64, from two words (Box and Muller)."""
    radius = _sqrt(-2.0 * _log((types.float64(first) + 0.5) * 2.0**-32))
    angle = 2.0 * math.pi * ((types.float64(second) + 0.5) * 2.0**-32)
    return radius * _cos(angle), radius * _sin(angle)


@register_jitable
def fill_uniform(out: Any, count: Any, a: Any, b: Any, c: Any, k: Any, m: Any) -> Any:
    """Uniform numbers at out[0] to out[count - 1], for the point (a, b, c) and the key (k, m).

    `out` is a pointer to reals or an array of them.
    """
    for block in range((count + 3) // 4):
        words = philox(block, a, b, c, k, m)
        for lane in range(min(4, count - 4 * block)):
            out[4 * block + lane] = uniform(words[lane])


@register_jitable
def fill_normal(out: Any, count: Any, a: Any, b: Any, c: Any, k: Any, m: Any) -> Any:
    """The same as `fill_uniform`, with standard normal numbers."""
    for block in range((count + 3) // 4):
        words = philox(block, a, b, c, k, m)
        for pair in range(2):
            at = 4 * block + 2 * pair
            one, other = normals(words[2 * pair], words[2 * pair + 1])
            if at < count:
                out[at] = one
            if at + 1 < count:
                out[at + 1] = other
