"""Products of compiled code against NumPy's: shapes, strides, memory around the result, and bits."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numba import njit

from graphc.backend.cpu import blas, gemm
from graphc.backend.cpu.pointers import real32, real64
from graphc.backend.cpu.tile import Registers, micro_kernel

DTYPES = [np.float32, np.float64]
POINTERS = {np.float32: real32, np.float64: real64}
GUARD = 8

blas.register()


def entries(dtype: Any) -> dict[str, Any]:
    """The functions under test, with addresses for pointers."""
    p = POINTERS[dtype]

    @njit
    def packed(a: Any, rsa: Any, csa: Any, b: Any, rsb: Any, csb: Any, c: Any, rsc: Any,
               m: Any, n: Any, k: Any, add: Any, work: Any) -> None:  # fmt: skip
        gemm.pack_right(p(b), rsb, csb, k, n, p(work))
        gemm.gemm_packed(p(a), rsa, csa, p(work), p(c), rsc, m, n, k, add)

    @njit
    def whole(a: Any, rsa: Any, csa: Any, b: Any, rsb: Any, csb: Any, c: Any, rsc: Any, csc: Any,
              m: Any, n: Any, k: Any, add: Any, work: Any, only: Any = -1) -> None:  # fmt: skip
        if only < 0:
            gemm.gemm(p(a), rsa, csa, p(b), rsb, csb, p(c), rsc, csc, m, n, k, add, p(work))
        else:
            gemm.gemm_task(only, p(a), rsa, csa, p(b), rsb, csb, p(c), rsc, csc, m, n, k, add, p(work))

    @njit
    def panels(a: Any, rsa: Any, csa: Any, b: Any, rsb: Any, csb: Any, c: Any, rsc: Any,
               m: Any, n: Any, k: Any, add: Any, work: Any) -> None:  # fmt: skip
        gemm._by_panels(p(a), rsa, csa, p(b), rsb, csb, p(c), rsc, m, n, k, add, p(work))

    @njit
    def dot(a: Any, sa: Any, b: Any, sb: Any, k: Any) -> Any:
        return gemm.dot(p(a), sa, p(b), sb, k)

    return {"packed": packed, "whole": whole, "panels": panels, "dot": dot}


ENTRIES = {dtype: entries(dtype) for dtype in DTYPES}


@njit
def sizes(m: int, n: int, k: int) -> tuple[int, int, int]:
    return gemm.packed_size(k, n), gemm.gemm_workspace(m, n, k), gemm.gemm_tasks(m, n, k)


def strided(rng: np.random.Generator, rows: int, columns: int, layout: str, dtype: Any) -> np.ndarray:
    """A matrix of random numbers between guards of NaN: `rows`, `columns` apart with a gap, `transposed`, or
    `scattered` without a unit stride."""
    held = np.full((2 * rows + 2 * GUARD, 2 * columns + 2 * GUARD), np.nan, dtype)
    if layout == "transposed":
        held = held.reshape(held.shape[1], held.shape[0]).T
    step = 2 if layout == "scattered" else 1
    view = held[GUARD : GUARD + step * rows : step, GUARD : GUARD + step * columns : step]
    view[...] = rng.standard_normal((rows, columns))
    return view


def strides(x: np.ndarray) -> tuple[int, int]:
    return x.strides[0] // x.itemsize, x.strides[1] // x.itemsize


def multiply(how: str, a: np.ndarray, b: np.ndarray, c: np.ndarray, add: int) -> None:
    """C = or += A @ B with a workspace of the stated size, behind which nothing may be written."""
    (m, k), n, dtype = a.shape, b.shape[1], c.dtype.type
    size = sizes(m, n, k)[0 if how == "packed" else 1]
    work = np.full(size + GUARD, 7, dtype)
    c_strides = strides(c) if how == "whole" else strides(c)[:1]
    ENTRIES[dtype][how](
        a.ctypes.data, *strides(a), b.ctypes.data, *strides(b), c.ctypes.data, *c_strides, m, n, k, add,
        work.ctypes.data,
    )  # fmt: skip
    assert (work[size:] == 7).all()


def check(how: str, shape: tuple[int, int, int], layouts: tuple[str, str, str], add: int, dtype: Any) -> None:
    m, n, k = shape
    rng = np.random.default_rng([m, n, k])
    a, b = strided(rng, m, k, layouts[0], dtype), strided(rng, k, n, layouts[1], dtype)
    c = strided(rng, m, n, layouts[2], dtype)
    held = c.base if c.base is not None else c
    expected = np.matmul(a.astype(np.float64), b.astype(np.float64)) + (c if add else 0)
    if not add:
        c[...] = np.nan  # what was there before must not count
    with blas.single_thread:
        multiply(how, a, b, c, add)
    scale = 1 + np.abs(a) @ np.abs(b)
    assert (np.abs(c - expected) <= 4 * (k + 1) * np.finfo(dtype).eps * scale).all(), (shape, layouts, add)
    c[...] = np.nan
    assert np.isnan(held).all(), "written outside of C"


SHAPES = [
    (1, 1, 1), (1, 16, 5), (1, 200, 33), (2, 8, 3), (3, 17, 4), (4, 15, 0), (5, 1, 7), (6, 16, 1), (7, 31, 9),
    (8, 70, 40), (13, 5, 300), (16, 48, 260), (17, 33, 20), (100, 3, 11), (99, 130, 270), (20, 1100, 12),
    (40, 260, 50), (0, 4, 3), (4, 0, 3), (0, 0, 0), (1, 10, 0), (9, 1, 0), (64, 10, 128),
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_packed(shape: tuple[int, int, int], dtype: Any) -> None:
    for left in ("rows", "transposed", "scattered"):
        for right in ("rows", "transposed", "scattered"):
            for add in (0, 1):
                check("packed", shape, (left, right, "rows"), add, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_any_strides(shape: tuple[int, int, int], dtype: Any) -> None:
    for number, layouts in enumerate(itertools.product(("rows", "transposed", "scattered"), repeat=3)):
        check("whole", shape, layouts, number % 2, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_without_a_library(shape: tuple[int, int, int], dtype: Any) -> None:
    """The way that products take where no BLAS is found."""
    for left in ("rows", "transposed", "scattered"):
        for right in ("rows", "transposed"):
            for add in (0, 1):
                check("panels", shape, (left, right, "rows"), add, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", [0, 1, 7, 31, 32, 33, 64, 1000])
def test_dot(dtype: Any, k: int) -> None:
    rng = np.random.default_rng(k)
    for sa, sb in ((1, 1), (2, 1), (3, 5)):
        a, b = rng.standard_normal(k * sa + 1).astype(dtype), rng.standard_normal(k * sb + 1).astype(dtype)
        x, y = a[: k * sa : sa], b[: k * sb : sb]
        value = ENTRIES[dtype]["dot"](a.ctypes.data, sa, b.ctypes.data, sb, k)
        bound = 4 * (k + 1) * np.finfo(dtype).eps * (1 + np.abs(x) @ np.abs(y))
        assert abs(value - x.astype(np.float64) @ y) <= bound


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", ["rows", "transposed"])
def test_rows_do_not_depend_on_the_others(dtype: Any, layout: str) -> None:
    """Any slice of the rows has the bits that it has in the whole product."""
    m, n, k = 23, 83, 300
    rng = np.random.default_rng(0)
    a, b = strided(rng, m, k, layout, dtype), strided(rng, k, n, "rows", dtype)
    whole = np.ones((m, n), dtype)
    multiply("packed", a, b, whole, 1)
    for height in range(1, m):
        sliced = np.ones((m, n), dtype)
        for top in range(0, m, height):
            multiply("packed", a[top : top + height], b, sliced[top : top + height], 1)
        np.testing.assert_array_equal(sliced, whole)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [16, 32, 64])
@pytest.mark.parametrize("fused", [False, True])
def test_tiles_of_other_machines(dtype: Any, width: int, fused: bool) -> None:
    """A tile for any width of vectors, with unused rows; the compiler splits what the host lacks."""
    registers, rows, k = Registers(width, 16, fused), 3, 5
    tile, p, n = micro_kernel(rows, 2, registers), POINTERS[dtype], 4 * width // np.dtype(dtype).itemsize

    @njit
    def multiply(a: Any, b: Any, c: Any, used: Any, k: Any, n: Any, add: Any) -> None:
        tile(p(a), k, 1, p(b), n, n // 2, p(c), n, used, k, add)

    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((rows, k)).astype(dtype), rng.standard_normal((k, n)).astype(dtype)
    for used, add in ((3, 0), (2, 1), (1, 1)):
        c = np.ones((rows, n), dtype)
        expected = c.copy()
        expected[:used] = a[:used] @ b + add
        multiply(a.ctypes.data, b.ctypes.data, c.ctypes.data, used, k, n, add)
        np.testing.assert_allclose(c, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_blocks_of_k_do_not_change_bits(dtype: Any) -> None:
    m, n, k = 11, 37, 90
    rng = np.random.default_rng(0)
    a, b = strided(rng, m, k, "rows", dtype), strided(rng, k, n, "rows", dtype)
    whole, cut = np.zeros((m, n), dtype), np.zeros((m, n), dtype)
    multiply("packed", a, b, whole, 0)
    for first, last in ((0, 1), (1, 40), (40, 90)):
        multiply("packed", a[:, first:last], b[first:last], cut, 1)
    np.testing.assert_array_equal(cut, whole)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(300, 70, 500), (64, 784, 256), (257, 259, 261), (3000, 9, 300)])
@pytest.mark.parametrize("target", ["rows", "transposed"])
def test_tasks_make_the_whole_in_any_order(shape: tuple[int, int, int], target: str, dtype: Any) -> None:
    m, n, k = shape
    _, size, tasks = sizes(m, n, k)
    assert tasks > 1
    rng = np.random.default_rng(0)
    a, b = strided(rng, m, k, "transposed", dtype), strided(rng, k, n, "rows", dtype)
    whole, parts = (strided(np.random.default_rng(1), m, n, target, dtype) for _ in range(2))
    with blas.single_thread:
        multiply("whole", a, b, whole, 1)
        for task in reversed(range(tasks)):
            work = np.full(size + GUARD, 7, dtype)
            addresses = a.ctypes.data, b.ctypes.data, parts.ctypes.data
            operands = [
                x for at, view in zip(addresses, (a, b, parts), strict=True) for x in (at, *strides(view))
            ]
            ENTRIES[dtype]["whole"](*operands, m, n, k, 1, work.ctypes.data, task)
            assert (work[size:] == 7).all()
    np.testing.assert_array_equal(parts, whole)
    np.testing.assert_array_equal(np.isnan(parts.base), np.isnan(whole.base))
