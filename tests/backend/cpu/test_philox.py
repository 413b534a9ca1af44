"""Compiled random numbers are the oracle's: the words bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.backend.cpu.language import REALS, Function, same
from graphc.backend.cpu.scalars import Scalar
from graphc.backend.cpu.trigonometric import circle_point
from graphc.ops import philox as oracle
from tests.backend.cpu.elementwise import Array, applied

PATH = "graphc.backend.cpu.philox"


def words(*counter_and_key: Array) -> list[Array]:
    """The four words at each counter."""
    given = [np.asarray(each).astype(np.int64) for each in counter_and_key]
    return [applied(f"{PATH}:philox_word", np.full_like(given[0], place), *given) for place in range(4)]


def test_the_vectors_of_the_paper() -> None:
    """The known answers that come with the authors' Random123."""
    found = np.transpose(words(*[np.array([0, 2**32 - 1])] * 6))
    assert found[0].tolist() == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert found[1].tolist() == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


def test_words_are_the_oracle_s() -> None:
    counters = np.random.default_rng(2).integers(0, 2**32, (6, 50), dtype=np.uint64)
    expected = oracle.philox(list(counters[:4]), (counters[4], counters[5]))
    np.testing.assert_array_equal(words(*counters), expected)


def test_only_the_low_half_of_a_long_integer_counts() -> None:
    long, short = [2**40 + 5, -1, 0, 0, 1, 2], [5, 2**32 - 1, 0, 0, 1, 2]
    ours, plain = (words(*(np.array([number]) for number in numbers)) for numbers in (long, short))
    np.testing.assert_array_equal(ours, plain)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normal_numbers(dtype: type[np.floating]) -> None:
    drawn = np.random.default_rng(3).integers(0, 2**32, 8198, dtype=np.uint64)
    expected = oracle.normals(drawn).astype(dtype)
    pairs = drawn.astype(np.int64).reshape(-1, 2)
    for odd in (0, 1):
        operands = [np.ascontiguousarray(each) for each in (*pairs.T, np.full(len(pairs), odd))]
        found = applied(f"{PATH}:box_muller_{np.dtype(dtype).name}", *operands, result=dtype)
        # Near zeros of the cosine the library's own rounding of the angle shows: hence the absolute part.
        np.testing.assert_allclose(found, expected[odd::2], rtol=4 * np.finfo(dtype).eps, atol=2e-15)


COSINE, SINE = (
    Function("part", 1, same(*REALS), lambda builder, x, at=at: circle_point(Scalar(builder, x))[at].value)
    for at in (0, 1)
)


@pytest.mark.parametrize(("name", "exact"), [("COSINE", np.cos), ("SINE", np.sin)])
def test_cosine_and_sine(name: str, exact: np.ufunc) -> None:
    generator = np.random.default_rng(5)
    quarters = np.arange(-600, 601) * (np.pi / 4)
    angles = np.concatenate([generator.uniform(-1000, 1000, 100000), quarters, [0.0, 1e-20, np.nan]])
    np.testing.assert_allclose(applied(f"{__name__}:{name}", angles), exact(angles), rtol=0, atol=2.3e-16)
