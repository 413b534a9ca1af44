"""Random numbers by counter: Philox4x32-10, the same on every machine and for any order of work.

Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3 (SC 2011). A draw is a function
of a key and a counter and nothing else: the key says which stream and which training step, the counter
says which example, which position and which element.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
"""32-bit words, in 64 bits so that a product has room."""

_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_ROUNDS = 10

Key = tuple[Words, Words]


def philox(counter: Sequence[Words], key: Key) -> tuple[Words, Words, Words, Words]:
    """Four words from a counter of four and a key of two; arrays broadcast."""
    a, b, c, d = counter
    k, m = key
    for _ in range(_ROUNDS):
        left, right = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a, b, c, d = (right >> _HALF) ^ b ^ k, right & _LOW, (left >> _HALF) ^ d ^ m, left & _LOW
        k, m = (k + _WEYL[0]) & _LOW, (m + _WEYL[1]) & _LOW
    return a, b, c, d


def stream_key(seed: int, step: int | None, name: str) -> Key:
    """The key of a named stream at a training step; None stands for what is drawn before training."""
    text = f"{seed} {'-' if step is None else step} {name}".encode()
    digest = hashlib.blake2b(text, digest_size=8).digest()
    low, high = np.frombuffer(digest, "<u4").astype(np.uint64)
    return np.asarray(low), np.asarray(high)


def split(number: NDArray[np.uint64]) -> tuple[Words, Words]:
    """A 64-bit number as two words, low and high."""
    return number & _LOW, number >> _HALF


def draw_words(key: Key, point: Sequence[Words], count: int) -> Words:
    """The first `count` words at each point: `point` broadcasts to [...], the result is [..., count].

    A point is any number of words. Three of them and the number of a block of four words make a counter;
    of more, the first four make a new key and two words to go on with.
    """
    words = [np.asarray(word, np.uint64) & _LOW for word in point]
    while len(words) > 3:
        low, high, *rest = philox(words[:4], key)
        key, words = (low, high), [*rest, *words[4:]]
    zero = np.zeros((), np.uint64)
    blocks = np.arange((count + 3) // 4, dtype=np.uint64)
    around = [word[..., np.newaxis] for word in (*words, *[zero] * (3 - len(words)))]
    drawn = philox((blocks, *around), (key[0][..., np.newaxis], key[1][..., np.newaxis]))
    joined = np.stack(np.broadcast_arrays(*drawn), axis=-1)
    return joined.reshape(*joined.shape[:-2], 4 * len(blocks))[..., :count]


def uniforms(words: Words) -> NDArray[np.float64]:
    """Numbers in the open interval (0, 1), 23 bits of each word: exact in float32 too."""
    return np.asarray(((words >> np.uint64(9)).astype(np.float64) + 0.5) * 2.0**-23)


def normals(words: Words) -> NDArray[np.float64]:
    """Standard normal numbers, two from each two words: [..., 2 n] to the same shape (Box and Muller)."""
    unit = (words.astype(np.float64) + 0.5) * 2.0**-32
    radius, angle = np.sqrt(-2.0 * np.log(unit[..., 0::2])), 2.0 * math.pi * unit[..., 1::2]
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    return pairs.reshape(words.shape)


# The same for one number, as kernels call it.


def _philox_word(word: int, *counter_and_key: int) -> int:
    a, b, c, d, k, m = (np.asarray(given & int(_LOW), np.uint64) for given in counter_and_key)
    return int(philox((a, b, c, d), (k, m))[word])


def _box_muller(first: int, second: int, odd: int) -> float:
    return float(normals(np.array([first, second], np.uint64))[odd])


SCALARS: Mapping[str, Callable[..., float]] = {"philox_word": _philox_word, "box_muller": _box_muller}
"""Functions of the kernel language.

`philox_word(word, a, b, c, d, k, m)` is word 0, 1, 2 or 3, an int, of the counter (a, b, c, d) and the key
(k, m); of what is given for these the lowest 32 bits count. `box_muller(first, second, odd)` is the first or,
if `odd` is 1, the second of the normal numbers that two words give, computed in double precision.
"""


def draw_uniform(seed: int, name: str, shape: Sequence[int]) -> NDArray[np.float64]:
    """Numbers in (0, 1) for what is drawn before training, from a stream of its own for each name."""
    words = draw_words(stream_key(seed, None, name), (), math.prod(shape))
    return np.asarray((words.astype(np.float64) + 0.5) * 2.0**-32).reshape(shape)


def draw_normal(seed: int, name: str, shape: Sequence[int]) -> NDArray[np.float64]:
    """Standard normal numbers for what is drawn before training, from a stream of its own for each name."""
    count = math.prod(shape)
    words = draw_words(stream_key(seed, None, name), (), count + count % 2)
    return normals(words)[:count].reshape(shape)
