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
from graphc.backend.cpu.operators import select
from graphc.backend.cpu.trigonometric import cosine_and_sine

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10

_WORD = ir.IntType(32)
_WIDE = ir.IntType(64)

_compiled = register_jitable(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
_inlined = register_jitable(
    error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True
)
"""LLVM would leave what is called twice outside of the loop, which then is not vectorized."""

_log, _sqrt = FUNCTIONS["log"], FUNCTIONS["sqrt"]
_select: Any = select  # compiled code calls with fewer arguments than are written down


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
        return cgutils.pack_array(builder, _rounds(builder, words[:4], words[4:]))

    return types.UniTuple(types.uint32, 4)(*operands), emit


philox: Any = intrinsic(_philox)


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


@_inlined
def uniform(word: Any) -> Any:
    """A float64 in the open interval (0, 1) from 23 bits of a word; exact in float32 too."""
    return (types.float64(word >> types.uint32(9)) + 0.5) * 2.0**-23


@_inlined
def normals(first: Any, second: Any) -> Any:
    """Two standard normal numbers, float64, from two words (Box and Muller)."""
    radius = _sqrt(-2.0 * _log((types.float64(first) + 0.5) * 2.0**-32))
    cosine, sine = cosine_and_sine(2.0 * math.pi * ((types.float64(second) + 0.5) * 2.0**-32))
    return radius * cosine, radius * sine


@_inlined
def _four_uniform(words: Any) -> Any:
    return uniform(words[0]), uniform(words[1]), uniform(words[2]), uniform(words[3])


@_inlined
def _four_normal(words: Any) -> Any:
    return (*normals(words[0], words[1]), *normals(words[2], words[3]))


def _filler(four: Any) -> Any:
    @_compiled
    def fill(out: Any, count: Any, a: Any, b: Any, c: Any, k: Any, m: Any) -> None:
        full = count // 4
        for block in range(full):
            numbers = four(philox(block, a, b, c, k, m))
            # One by one: an index that is not a literal would keep LLVM from vectorizing over the blocks.
            out[4 * block] = numbers[0]
            out[4 * block + 1] = numbers[1]
            out[4 * block + 2] = numbers[2]
            out[4 * block + 3] = numbers[3]
        numbers = four(philox(full, a, b, c, k, m))
        for lane in range(count - 4 * full):
            out[4 * full + lane] = numbers[lane]

    return fill


fill_uniform = _filler(_four_uniform)
"""Uniform numbers at out[0] to out[count - 1], for the point (a, b, c) and the key (k, m).

`out` is a pointer to reals or an array of them; the other operands are integers.
"""
fill_normal = _filler(_four_normal)
"""The same as `fill_uniform`, with standard normal numbers."""


# One number at a time, as kernels call it: see `graphc.ops.philox.SCALARS`.


@_inlined
def philox_word(word: Any, a: Any, b: Any, c: Any, d: Any, k: Any, m: Any) -> Any:
    words = philox(a, b, c, d, k, m)
    low = _select(word == 0, words[0], words[1])
    high = _select(word == 2, words[2], words[3])
    return types.int64(_select(word < 2, low, high))


def _box_muller(real: Any) -> Any:
    @_inlined
    def number(first: Any, second: Any, odd: Any) -> Any:
        even, other = normals(types.uint32(first), types.uint32(second))
        return real(_select(odd == 0, even, other))

    return number


box_muller_float32 = _box_muller(types.float32)
box_muller_float64 = _box_muller(types.float64)
