"""Compiled random numbers are the oracle's: the words and uniform numbers bit for bit."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from graphc.backend.cpu.philox import fill_normal, fill_uniform, philox
from graphc.backend.cpu.trigonometric import cosine_and_sine
from graphc.ops import philox as oracle

COUNTS = [0, 1, 2, 3, 4, 5, 8, 1000, 4099]
POINT = (2**32 - 1, 7, 123456789)

compiled = numba.njit(fastmath={"nsz", "arcp", "contract", "afn"}, error_model="numpy")


@compiled
def words(a, b, c, d, k, m):
    return philox(a, b, c, d, k, m)


@compiled
def uniform(out, count, a, b, c, k, m):
    fill_uniform(out, count, a, b, c, k, m)


@compiled
def normal(out, count, a, b, c, k, m):
    fill_normal(out, count, a, b, c, k, m)


@compiled
def circle(angles, out):
    for i in range(angles.size):
        out[i, 0], out[i, 1] = cosine_and_sine(angles[i])


def drawn(count: int) -> tuple[tuple[int, int], oracle.Words]:
    """A key, and the words at the point, enough for whole pairs."""
    key = oracle.stream_key(3, 5, "layer.noise")
    point = [np.asarray(word, np.uint64) for word in POINT]
    return (int(key[0]), int(key[1])), oracle.draw_words(key, point, count + count % 2)


def test_the_vectors_of_the_paper() -> None:
    """The known answers that come with the authors' Random123."""
    most = 2**32 - 1
    assert words(0, 0, 0, 0, 0, 0) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)
    assert words(most, most, most, most, most, most) == (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)


def test_words_are_the_oracle_s() -> None:
    generator = np.random.default_rng(2)
    for counter in generator.integers(0, 2**32, (50, 6), dtype=np.uint64):
        expected = oracle.philox(list(counter[:4]), (counter[4], counter[5]))
        assert words(*(int(word) for word in counter)) == tuple(int(word) for word in expected)


def test_only_the_low_half_of_a_long_integer_counts() -> None:
    assert words(2**40 + 5, -1, 0, 0, 1, 2) == words(5, 2**32 - 1, 0, 0, 1, 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", COUNTS)
def test_uniform_numbers(count: int, dtype: type[np.floating]) -> None:
    key, expected = drawn(count)
    out = np.full(count + 1, -1, dtype)
    uniform(out, count, *POINT, *key)
    np.testing.assert_array_equal(out[:count], oracle.uniforms(expected)[:count].astype(dtype))
    assert out[count] == -1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("count", COUNTS)
def test_normal_numbers(count: int, dtype: type[np.floating]) -> None:
    key, expected = drawn(count)
    out = np.full(count + 1, 99, dtype)
    normal(out, count, *POINT, *key)
    # Near zeros of the cosine the library's own rounding of the angle shows: hence the absolute part.
    tolerance = {"rtol": 4 * np.finfo(dtype).eps, "atol": 2e-15}
    np.testing.assert_allclose(out[:count], oracle.normals(expected)[:count].astype(dtype), **tolerance)
    assert out[count] == 99


def test_cosine_and_sine() -> None:
    generator = np.random.default_rng(5)
    quarters = np.arange(-600, 601) * (np.pi / 4)
    angles = np.concatenate([generator.uniform(-1000, 1000, 100000), quarters, [0.0, 1e-20, np.nan]])
    out = np.empty((angles.size, 2))
    circle(angles, out)
    np.testing.assert_allclose(out[:, 0], np.cos(angles), rtol=0, atol=2.3e-16)
    np.testing.assert_allclose(out[:, 1], np.sin(angles), rtol=0, atol=2.3e-16)
