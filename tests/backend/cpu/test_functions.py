"""Scalar functions of compiled kernels: in ULP over the whole range, at the extremes, and against the ops."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest

from graphc.backend.cpu.compile import build, listing
from graphc.backend.cpu.unit import Unit
from graphc.backend.reference import Run
from graphc.ops import TABLE
from tests.backend.cpu.elementwise import applied, loop
from tests.ops.calls import evaluate

Array = np.ndarray[Any, np.dtype[Any]]

REALS = [np.float32, np.float64]
UNARY = [
    *("exp", "expm1", "tanh", "sigmoid", "erf", "log", "log1p", "softplus"),
    *("sqrt", "sin", "cos", "abs", "floor", "sign", "relu"),
]
BINARY = ["maximum", "minimum", "xlogy", "pow"]
VECTORIZED = [*(name for name in UNARY if name not in ("sin", "cos")), "maximum", "minimum", "xlogy"]

EDGES = (
    *(np.nan, np.inf, 0.0, 1.0, 2.0, 3.0, 0.5, 2.5, 4.0, 41.0, 1e-3, 1e-20, 1e-37, 1e-39, 1e-45, 3e38),
    *(np.sqrt(0.5), np.sqrt(2.0), np.log(2) / 2, 88.5, 103.9, 709.5, 745.0, 8388609.0, 16777218.0),
)

PATH = "graphc.backend.cpu.functions:FUNCTIONS"


def call(name: str, *operands: Array) -> Array:
    return applied(f"{PATH}.{name}", *operands)


def ulps(found: Array, exact: Array) -> Array:
    """How far results lie from the exact ones, in units of the last place of their dtype."""
    rounded = exact.astype(found.dtype)
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(rounded))
    odd = ~np.isfinite(rounded)
    np.testing.assert_array_equal(found[odd], rounded[odd])
    error = np.abs(found[~odd].astype(exact.dtype) - exact[~odd])
    # The largest number has no next one.
    size = np.minimum(np.abs(rounded[~odd]), np.nextafter(np.finfo(found.dtype).max, 0, dtype=found.dtype))
    return np.asarray(error / np.spacing(size).astype(exact.dtype))


# Accuracy, against a wider format.


def _sigmoid(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    return np.asarray(np.where(x < 0, e, 1) / (1 + e))


def _softplus(x: Array) -> Array:
    return np.asarray(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))


def _erf(x: Array) -> Array:
    """2/sqrt(pi) e^(-x^2) times the sum of 2^n x^(2n+1) / (1 3 5 ... (2n+1)): no term is negative."""
    size = np.minimum(np.abs(x), 7)
    term, total = size, size
    for n in range(1, 150):
        term = term * (2 * size * size) / (2 * n + 1)
        total = total + term
    pi = 4 * np.arctan(np.ones((), x.dtype))
    inside = 2 / np.sqrt(pi) * np.exp(-size * size) * total
    return np.asarray(np.copysign(np.where(np.abs(x) > 6.5, 1, inside), x))


BOUNDS: dict[str, tuple[Callable[[Array], Array], float]] = {
    "exp": (np.exp, 1.2),
    "expm1": (np.expm1, 2.3),
    "tanh": (np.tanh, 3.0),
    "sigmoid": (_sigmoid, 2.3),
    "erf": (_erf, 3.3),
    "log": (np.log, 1.0),
    "log1p": (np.log1p, 1.5),
    "softplus": (_softplus, 2.0),
    "sqrt": (np.sqrt, 0.5),
}


def every_binade(dtype: type[np.floating]) -> Array:
    """Numbers of all exponents and signs, infinite ones and NaN, and more where functions are not flat."""
    if dtype == np.float32:
        patterns = np.arange(0, 2**32, 65519, dtype=np.uint64).astype(np.uint32).view(np.float32)
    else:
        patterns = np.arange(0, 2**64 - 2**50, 2**50 + 12345678901, dtype=np.uint64).view(np.float64)
    generator = np.random.default_rng(4)
    spans = [generator.uniform(-span, span, 4000) for span in (0.1, 1.0, 2.0, 8.0, 40.0, 104.0, 745.0)]
    return np.concatenate([patterns, *(span.astype(dtype) for span in spans)])


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("name", BOUNDS)
def test_accuracy_over_the_whole_range(name: str, dtype: type[np.floating]) -> None:
    wide = np.float64 if dtype == np.float32 else np.longdouble
    if np.finfo(wide).eps >= np.finfo(dtype).eps:
        pytest.skip("this platform has no format wider than float64")
    exact, bound = BOUNDS[name]
    x = every_binade(dtype)
    with np.errstate(all="ignore"):
        assert ulps(call(name, x), exact(x.astype(wide))).max() <= bound


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("name", ["tanh", "expm1", "log1p", "erf"])
def test_nothing_cancels_near_zero(name: str, dtype: type[np.floating]) -> None:
    x = np.geomspace(np.finfo(dtype).tiny, np.finfo(dtype).eps / 16, 1000).astype(dtype)
    slope = 2 / np.sqrt(np.pi) if name == "erf" else 1.0
    np.testing.assert_allclose(call(name, x), slope * x, rtol=2 * np.finfo(dtype).eps)
    assert np.signbit(call(name, np.array([-0.0, -1e-30], dtype))).all()


# Against the ops.


def edges(dtype: type[np.floating]) -> Array:
    with np.errstate(over="ignore"):
        positive = np.array([*EDGES, np.finfo(dtype).max, np.finfo(dtype).tiny], dtype)
    return np.concatenate([positive, -positive])


def agree(found: Array, oracle: Array, bound: float) -> None:
    """Equal where not finite; else within a bound in ULP, the oracle's own rounding included."""
    assert found.dtype == oracle.dtype
    error = ulps(found, oracle)
    assert error.max() <= bound


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("name", UNARY)
def test_agrees_with_the_op_at_the_edges(name: str, dtype: type[np.floating]) -> None:
    x = edges(dtype)
    with np.errstate(all="ignore"):
        oracle = evaluate(TABLE[name], x, run=Run(np.dtype(dtype)))
    agree(call(name, x), oracle, 4.0)


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("name", BINARY)
def test_agrees_with_the_op_at_pairs_of_edges(name: str, dtype: type[np.floating]) -> None:
    a, b = (grid.ravel() for grid in np.meshgrid(edges(dtype), edges(dtype)))
    with np.errstate(all="ignore"):
        oracle = evaluate(TABLE[name], a, b, run=Run(np.dtype(dtype)))
    agree(call(name, a, b), oracle, 2.0)


@pytest.mark.parametrize("dtype", REALS)
def test_pow_in_between(dtype: type[np.floating]) -> None:
    generator = np.random.default_rng(0)
    a, b = generator.uniform(0, 30, 20000).astype(dtype), generator.uniform(-20, 20, 20000).astype(dtype)
    with np.errstate(over="ignore"):
        agree(call("pow", a, b), np.power(a, b), 1.0)


INTEGERS = np.array([0, 1, -1, 2, -2, 3, -3, 7, -8, 1000003, 2**62, 2**63 - 1, -(2**63)], np.int64)


@pytest.mark.parametrize("name", ["abs", "sign"])
def test_integers(name: str) -> None:
    np.testing.assert_array_equal(call(name, INTEGERS), evaluate(TABLE[name], INTEGERS))


@pytest.mark.parametrize("name", ["maximum", "minimum", "mod"])
def test_pairs_of_integers(name: str) -> None:
    a, b = (grid.ravel() for grid in np.meshgrid(INTEGERS, INTEGERS))
    with np.errstate(all="ignore"):
        oracle = evaluate(TABLE[name], a, b)
    np.testing.assert_array_equal(call(name, a, b), oracle)


# What kernels rely on.


@pytest.mark.parametrize("dtype", REALS)
def test_isnan(dtype: type[np.floating]) -> None:
    x = edges(dtype)
    np.testing.assert_array_equal(applied(f"{PATH}.isnan", x, result=np.bool_), np.isnan(x))


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("name", VECTORIZED)
def test_loops_are_vectorized(name: str, dtype: type[np.floating]) -> None:
    operands = [dtype] * (1 if name in UNARY else 2)
    vector = "float" if dtype == np.float32 else "double"
    assert re.search(rf"load <\d+ x {vector}>", listing(loop(f"{PATH}.{name}", operands, dtype)))


EXTREMES = """def extremes(x, out, n):
    largest = x[0]
    smallest = x[0]
    for i in range(n):
        largest = maximum(largest, x[i])
        smallest = minimum(smallest, x[i])
    out[0] = largest
    out[1] = smallest
"""
TOTAL = """def total(x, out, n):
    sum = real(0.0)
    for i in range(n):
        sum = add_reassociating(sum, x[i])
    out[0] = sum
"""


def reduction(name: str, source: str, dtype: type[np.floating]) -> Unit:
    kind = np.dtype(dtype).name
    names = ("maximum", "minimum", "add_reassociating")
    uses = {"real": f"numba:{kind}", **{each: f"{PATH}.{each}" for each in names}}
    return Unit(name, source, (f"{kind}*", f"{kind}*", "int64"), uses)


def reduced(name: str, source: str, x: Array) -> Array:
    out = np.zeros(2, x.dtype)
    build(reduction(name, source, x.dtype.type))(x.ctypes.data, out.ctypes.data, len(x))
    return out


@pytest.mark.parametrize("dtype", REALS)
def test_reductions_keep_nan(dtype: type[np.floating]) -> None:
    x = np.random.default_rng(1).normal(size=203).astype(dtype)
    assert reduced("extremes", EXTREMES, x).tolist() == [x.max(), x.min()]
    total = reduced("total", TOTAL, x)[0]
    np.testing.assert_allclose(total, x.sum(dtype=np.float64), rtol=100 * np.finfo(dtype).eps)
    for place in (0, 1, 64, 202):
        broken = x.copy()
        broken[place] = np.nan
        assert np.isnan([*reduced("extremes", EXTREMES, broken), reduced("total", TOTAL, broken)[0]]).all()


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize(("name", "source"), [("extremes", EXTREMES), ("total", TOTAL)])
def test_sums_and_extremes_are_vectorized(name: str, source: str, dtype: type[np.floating]) -> None:
    assert re.search(r"load <\d+ x (float|double)>", listing(reduction(name, source, dtype)))


def test_fma() -> None:
    a, b, c = np.array([3.0, np.inf]), np.array([4.0, 0.0]), np.array([0.5, 1.0])
    np.testing.assert_array_equal(call("fma", a, b, c), [12.5, np.nan])


def test_operands_of_two_dtypes_are_refused() -> None:
    with pytest.raises(numba.TypingError, match="maximum with parameters \\(float32, float64\\)"):
        call("maximum", np.ones(1, np.float32), np.ones(1))
