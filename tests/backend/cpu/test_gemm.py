"""Products of compiled code against NumPy's: shapes, strides, memory around the result, and bits."""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from llvmlite import binding

from graphc.backend.cpu import assembler, blas, gemm, machine, products
from graphc.backend.cpu import compile as compiling
from graphc.backend.cpu.instructions import Emitter, Registers
from graphc.backend.cpu.sizing import evaluate
from graphc.kernel.expr import Const
from graphc.schedule.products import packed_size, workspace_size
from graphc.schedule.program import Buffer, Matrix, Product

DTYPES = [np.float32, np.float64]
GUARD = 8
ANY = Matrix(Buffer("any", "real", Const(0)), Const(0), Const(0), Const(0))
Functions = dict[str, Callable[..., None]]


def functions(symbols: dict[str, str]) -> Functions:
    """Functions that take addresses for pointers."""
    kinds = {"p": ctypes.c_void_p, "i": ctypes.c_int64}
    made = {}
    for name, symbol in symbols.items():
        prototype = ctypes.CFUNCTYPE(None, *(kinds[kind] for kind in products.PARAMETERS[name]))
        made[name] = prototype(binding.address_of_symbol(symbol))
    return made


@cache
def library(dtype: Any) -> Functions:
    """What programs of this dtype call."""
    real = np.dtype(dtype).name
    compiling.load([products.LIBRARIES[real]])
    return functions({name: products.symbol(name, real) for name in products.PARAMETERS})


@cache
def foreign(dtype: Any, registers: Registers) -> Functions:
    """What they would call on another machine, on which there is no BLAS; the compiler splits vectors."""
    real = np.dtype(dtype).name
    symbols = {name: f"{name}_{real}_{registers}" for name in products.PARAMETERS}
    emit = Emitter(real, registers, symbols)
    gemm.write(emit, None)
    code = assembler.assemble(str(emit.module), effort="written")
    assert code.needs == ()
    machine.load([code])
    return functions(symbols)


OTHERS = [
    Registers(16, 16, fused=False),
    Registers(16, 32, fused=True),
    Registers(64, 32, fused=True),
]


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


def passed(*arrays: np.ndarray) -> list[int]:
    """Each array's address and its strides in elements."""
    return [x for a in arrays for x in (a.ctypes.data, *(stride // a.itemsize for stride in a.strides))]


def workspace(size: int, dtype: Any) -> np.ndarray:
    """Room for `size` elements, behind which nothing may be written: `untouched` says whether."""
    return np.full(size + GUARD, 7, dtype)


def untouched(work: np.ndarray) -> bool:
    return bool((work[-GUARD:] == 7).all())


def whole(made: Functions, a: np.ndarray, b: np.ndarray, c: np.ndarray, add: int, workers: int = 1) -> None:
    """C = or += A @ B with `product`: the workers' parts one after another, the last one first."""
    (m, k), n = a.shape, b.shape[1]
    size = evaluate(workspace_size(Product(ANY, ANY, ANY, Const(m), Const(n), Const(k))), {})
    for me in reversed(range(workers)):
        work = workspace(size, c.dtype)
        with blas.single_thread:
            made["product"](me, workers, *passed(a, b, c), m, n, k, add, work.ctypes.data)
        assert untouched(work)


def pack(made: Functions, b: np.ndarray, workers: int = 1) -> np.ndarray:
    k, n = b.shape
    packed = workspace(evaluate(packed_size(Const(k), Const(n)), {}), b.dtype)
    for me in reversed(range(workers)):
        made["pack"](me, workers, *passed(b), k, n, packed.ctypes.data)
    assert untouched(packed)
    return packed


def by_rows(made: Functions, a: np.ndarray, b: np.ndarray, c: np.ndarray, add: int) -> None:
    """C = or += A @ B with a B that was packed."""
    (m, k), n, packed = a.shape, b.shape[1], pack(made, b)
    left, right = passed(a), passed(c)[:2]
    made["product_rows"](*left, packed.ctypes.data, *right, 0, m, n, k, add)


def check(
    multiply: Any,
    made: Functions,
    shape: tuple[int, int, int],
    layouts: tuple[str, ...],
    add: int,
    dtype: Any,
) -> None:
    m, n, k = shape
    rng = np.random.default_rng([m, n, k])
    a, b = strided(rng, m, k, layouts[0], dtype), strided(rng, k, n, layouts[1], dtype)
    c = strided(rng, m, n, layouts[2], dtype)
    held = c.base if c.base is not None else c
    expected = np.matmul(a.astype(np.float64), b.astype(np.float64)) + (c if add else 0)
    if not add:
        c[...] = np.nan  # what was there before must not count
    multiply(made, a, b, c, add)
    scale = 1 + np.abs(a) @ np.abs(b)
    assert (np.abs(c - expected) <= 4 * (k + 1) * np.finfo(dtype).eps * scale).all(), (shape, layouts, add)
    c[...] = np.nan
    assert np.isnan(held).all(), "written outside of C"


LAYOUTS = ("rows", "transposed", "scattered")
SHAPES = [
    (1, 1, 1), (1, 16, 5), (1, 200, 33), (2, 8, 3), (3, 17, 4), (4, 15, 0), (5, 1, 7), (6, 16, 1), (7, 31, 9),
    (8, 70, 40), (13, 5, 300), (16, 48, 260), (17, 33, 20), (100, 3, 11), (99, 40, 270), (20, 1100, 12),
    (40, 260, 50), (0, 4, 3), (4, 0, 3), (0, 0, 0), (1, 10, 0), (9, 1, 0), (64, 10, 128), (1, 1, 1000),
    (1, 7, 95),
]  # fmt: skip


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_packed(shape: tuple[int, int, int], dtype: Any) -> None:
    for number, (left, right) in enumerate(itertools.product(LAYOUTS, repeat=2)):
        check(by_rows, library(dtype), shape, (left, right, "rows"), number % 2, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", SHAPES)
def test_any_strides(shape: tuple[int, int, int], dtype: Any) -> None:
    for number, layouts in enumerate(itertools.product(LAYOUTS, repeat=3)):
        check(whole, library(dtype), shape, layouts, number % 2, dtype)


@pytest.mark.parametrize("registers", OTHERS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_other_machines(dtype: Any, registers: Registers) -> None:
    made = foreign(dtype, registers)
    for shape in [(1, 200, 33), (3, 17, 4), (4, 15, 0), (7, 31, 9), (8, 70, 40), (17, 33, 20), (13, 5, 300)]:
        for left, right in itertools.product(LAYOUTS, repeat=2):
            check(whole, made, shape, (left, right, "rows"), 0, dtype)
            check(by_rows, made, shape, (left, right, "rows"), 1, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_workers_pack_what_one_packs(layout: str, dtype: Any) -> None:
    b = strided(np.random.default_rng(0), 37, 103, layout, dtype)
    for workers in (2, 3, 20):
        np.testing.assert_array_equal(pack(library(dtype), b, workers), pack(library(dtype), b))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", ["rows", "transposed"])
def test_rows_do_not_depend_on_the_others(dtype: Any, layout: str) -> None:
    """Any slice of the rows has the bits that it has in the whole product."""
    m, n, k, made = 23, 83, 300, library(dtype)
    rng = np.random.default_rng(0)
    a, b = strided(rng, m, k, layout, dtype), strided(rng, k, n, "rows", dtype)
    together, packed = np.ones((m, n), dtype), pack(made, b)
    by_rows(made, a, b, together, 1)
    for height in range(1, m):
        sliced = np.ones((m, n), dtype)
        for lo in range(0, m, height):
            hi, left, right = min(lo + height, m), passed(a), passed(sliced)[:2]
            made["product_rows"](*left, packed.ctypes.data, *right, lo, hi, n, k, 1)
        np.testing.assert_array_equal(sliced, together)


@pytest.mark.parametrize("dtype", DTYPES)
def test_blocks_of_k_do_not_change_bits(dtype: Any) -> None:
    m, n, k = 11, 37, 90
    rng = np.random.default_rng(0)
    a, b = strided(rng, m, k, "rows", dtype), strided(rng, k, n, "rows", dtype)
    together, cut = np.zeros((m, n), dtype), np.zeros((m, n), dtype)
    by_rows(library(dtype), a, b, together, 0)
    for first, last in ((0, 1), (1, 40), (40, 90)):
        by_rows(library(dtype), a[:, first:last], b[first:last], cut, 1)
    np.testing.assert_array_equal(cut, together)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "shape", [(300, 70, 500), (64, 784, 256), (257, 259, 261), (3000, 9, 300), (1, 20, 70), (640, 650, 660)]
)
@pytest.mark.parametrize("target", ["rows", "transposed"])
def test_any_number_of_workers_makes_the_same(shape: tuple[int, int, int], target: str, dtype: Any) -> None:
    m, n, k = shape
    rng = np.random.default_rng(0)
    a, b = strided(rng, m, k, "transposed", dtype), strided(rng, k, n, "rows", dtype)
    expected = a.astype(np.float64) @ b
    one, many = (strided(np.random.default_rng(1), m, n, target, dtype) for _ in range(2))
    start = one.copy()
    whole(library(dtype), a, b, one, 1)
    np.testing.assert_allclose(one, expected + start, rtol=1e-4, atol=1e-3)
    for workers in (2, 3, 16, 40):
        many[...] = start
        whole(library(dtype), a, b, many, 1, workers)
        np.testing.assert_array_equal(many, one)
        np.testing.assert_array_equal(np.isnan(many.base), np.isnan(one.base))
