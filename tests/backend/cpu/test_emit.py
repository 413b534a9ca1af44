"""Kernels as Numba source: what they compute, against NumPy, and how the text reads."""

from collections.abc import Callable

import numpy as np
import pytest

from graphc.backend.cpu import emit
from graphc.backend.cpu.compile import build
from graphc.diagnostics import Source, Span
from graphc.kernel.expr import (
    Apply,
    Const,
    Expr,
    Load,
    Name,
    Reduce,
    apply,
    call,
    cast,
    compare,
    real,
    select,
)
from graphc.kernel.nest import Accumulator, For, Gather, If, Kernel, Let, Parameter, Store

I, J, N, M = (Name(name) for name in "ijnm")  # noqa: E741
REALS = ["float32", "float64"]


def r(operator: str, *args: Expr) -> Expr:
    return apply(operator, *args, dtype="real")


def parameters(**dtypes: str) -> tuple[Parameter, ...]:
    """Buffers by name; those whose names begin with `o` are written."""
    return tuple(Parameter(name, dtype, name.startswith("o")) for name, dtype in dtypes.items())


def launch(kernel: Kernel, dtype: str, arrays: list[np.ndarray], *sizes: int) -> None:
    build(emit.unit(kernel, dtype))(*(a.ctypes.data for a in arrays), *sizes)


def over(value: Expr, dtype: str = "real", **dtypes: str) -> Kernel:
    """o[i] = value, for i in a range."""
    body = (For(I, N, (Store("o", I, value),), ranged=True),)
    return Kernel("over", parameters(**dtypes, o=dtype), ("n",), body)


A, B = Load("a", I), Load("b", I)


@pytest.mark.parametrize("dtype", REALS)
def test_reals_keep_their_width(dtype: str) -> None:
    """Literals and integers would make float64 of it: then the last bits differ."""
    k = over(r("+", r("*", A, real(0.1)), r("/", cast("real", I), real(3.0))), a="real")
    a, o = np.random.default_rng(0).standard_normal(37).astype(dtype), np.zeros(37, dtype)
    launch(k, dtype, [a, o], 37, 0, 37)
    kind = np.dtype(dtype).type
    expected = a * kind(0.1) + np.arange(37).astype(dtype) / kind(3)
    np.testing.assert_allclose(o, expected, rtol=2 * np.finfo(dtype).eps)
    text = emit.source(k)
    assert "real(0.1)" in text
    assert "real(i0)" in text


def test_ranges() -> None:
    a, o = np.arange(9.0), np.zeros(9)
    launch(over(A, a="real"), "float64", [a, o], 9, 3, 7)
    np.testing.assert_array_equal(o, [0, 0, 0, 3, 4, 5, 6, 0, 0])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (I // 4 * 10 + I % 4, [0, 1, 2, 3, 10, 11, 12, 13, 20]),
        (select(compare("<", I, Const(3)), I - 7, 2 * (I - 1)), [-7, -6, -5, 4, 6, 8, 10, 12, 14]),
        (cast("int", compare(">=", I, Const(7))), [0] * 7 + [1, 1]),
        (call("maximum", I - 4, Const(-2), dtype="int"), [-2, -2, -2, -1, 0, 1, 2, 3, 4]),
        (cast("int", r("/", cast("real", I - 4), real(3.0))), [-1, -1, 0, 0, 0, 0, 0, 1, 1]),
        (I - (I - 2 * (I - 1)), [-2, 0, 2, 4, 6, 8, 10, 12, 14]),
    ],
)
def test_integers(value: Expr, expected: list[int]) -> None:
    o = np.zeros(9, np.int64)
    launch(over(value, "int"), "float32", [o], 9, 0, 9)
    assert o.tolist() == expected


def test_truth_values_are_bytes() -> None:
    big = compare(">", A, real(0.0))
    value = Apply(
        "or", (Apply("not", (big,), "bool"), Apply("and", (big, Load("b", I, "bool")), "bool")), "bool"
    )
    k = over(value, "bool", a="real", b="bool")
    a, b, o = np.array([-1.0, 1, 1, np.nan]), np.array([True, True, False, False]), np.zeros(4, bool)
    launch(k, "float64", [a, b, o], 4, 0, 4)
    assert o.tolist() == [True, True, False, True]
    assert o.view(np.uint8).tolist() == [1, 1, 0, 1]


ROW = Load("a", I * M + J)


def rows(value: Expr, dtype: str = "real") -> Kernel:
    body = (For(I, N, (Store("o", I, value),), ranged=True),)
    return Kernel("rows", parameters(a="real", o=dtype), ("n", "m"), body)


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("kind", ["sum", "prod", "max", "min"])
@pytest.mark.parametrize("width", [1, 5, 40])
def test_reductions(kind: str, width: int, dtype: str) -> None:
    a, o = np.random.default_rng(1).standard_normal((7, width)).astype(dtype), np.zeros(7, dtype)
    launch(rows(Reduce(kind, ((J, M),), ROW)), dtype, [a, o], 7, width, 0, 7)
    expected = getattr(np, kind)(a.astype(np.float64), axis=1)
    np.testing.assert_allclose(o, expected, rtol=100 * np.finfo(dtype).eps, atol=10 * np.finfo(dtype).eps)


@pytest.mark.parametrize("kind", ["argmax", "argmin"])
def test_the_first_winner(kind: str) -> None:
    inf, nan = np.inf, np.nan
    a = np.array([[1.0, 3, 3, 1], [inf, -inf, inf, -inf], [-inf] * 4, [inf] * 4, [0, nan, 5, nan]])
    o = np.zeros(5, np.int64)
    launch(rows(Reduce(kind, ((J, M),), ROW, "int"), "int"), "float64", [a, o], 5, 4, 0, 5)
    assert o.tolist() == getattr(np, kind)(a, axis=1).tolist()


@pytest.mark.parametrize("kind", ["max", "min", "sum"])
def test_nan_goes_through_reductions(kind: str) -> None:
    a, o = np.ones((3, 40)), np.zeros(3)
    a[1, 17] = np.nan
    launch(rows(Reduce(kind, ((J, M),), ROW)), "float64", [a, o], 3, 40, 0, 3)
    assert np.isnan(o).tolist() == [False, True, False]


def softmax() -> Kernel:
    """Rows of a softmax, its greatest, and how many of its elements are above the mean."""
    x, e, s, m, best = ROW, Name("e", "real"), Name("s", "real"), Name("top", "real"), Name("best")
    mean = r("/", Reduce("sum", ((J, M),), x), cast("real", M))
    above = Reduce("sum", ((J, M),), cast("int", compare(">", x, mean)), "int")
    fill = (
        Let(e, call("exp", r("-", x, m))),
        Store("o", I * M + J, e),
        Gather(s, "sum", e),
        Gather(best, "argmax", x, J),
    )
    body = (
        Let(m, Reduce("max", ((J, M),), x)),
        Accumulator(s, "sum"),
        Accumulator(best, "argmax"),
        For(J, M, fill),
        For(J, M, (Store("o", I * M + J, r("/", Load("o", I * M + J), s)),)),
        If(compare("<", best, Const(4)), (Store("o_best", I, best),)),
        Store("o_above", I, above, accumulate=True),
    )
    buffers = parameters(a="real", o="real", o_best="int", o_above="int")
    return Kernel("softmax", buffers, ("n", "m"), (For(I, N, body, ranged=True),))


def test_statements_together() -> None:
    a = np.random.default_rng(2).standard_normal((6, 10))
    o, best, above = np.zeros((6, 10)), np.full(6, -1), np.full(6, 100)
    launch(softmax(), "float64", [a, o, best, above], 6, 10, 0, 6)
    e = np.exp(a - a.max(1, keepdims=True))
    np.testing.assert_allclose(o, e / e.sum(1, keepdims=True), rtol=1e-12)
    winner = a.argmax(1)
    assert best.tolist() == np.where(winner < 4, winner, -1).tolist()
    assert above.tolist() == (100 + (a > a.mean(1, keepdims=True)).sum(1)).tolist()


def mirrored(width: int, extent: Expr) -> Expr:
    """Row i's sum of products of each element with that as far from the other end."""
    product = r("*", Load("a", I * width + J), Load("a", I * width + (width - 1) - J))
    return Reduce("sum", ((J, extent),), product)


def mixed(width: int) -> Expr:
    e = call("exp", Load("a", I * width + J))
    return r("/", mirrored(width, Const(width)), Reduce("sum", ((J, Const(width)),), e))


def twofold(width: int) -> Expr:
    """A sum over two coordinates, of which the inner one is short."""
    product = r("*", r("*", Load("a", I * width + J), Load("a", I * width + J)), cast("real", Name("k")))
    return Reduce("sum", ((J, Const(width)), (Name("k"), Const(3))), product)


def elementwise(width: int) -> Expr:
    """Products and sums that could be one operation, in a loop that is shared out and vectorized itself."""
    a = Load("a", I * width)
    return r("-", r("*", call("tanh", a), a), r("*", r("+", r("*", a, a), real(1.0)), call("sigmoid", a)))


SHARED_OUT: dict[str, Callable[[int], Expr]] = {
    "plain": lambda width: mirrored(width, Const(width)),
    "run-time": lambda width: mirrored(width, M),
    "mixed": mixed,
    "twofold": twofold,
    "elementwise": elementwise,
}


@pytest.mark.parametrize("dtype", REALS)
@pytest.mark.parametrize("width", [1, 2, 3, 5, 8, 9, 16, 31, 128])
@pytest.mark.parametrize("value", SHARED_OUT)
def test_bits_do_not_depend_on_the_part(value: str, width: int, dtype: str) -> None:
    """What LLVM makes of the rows in vectors and of those left over must be rounded in the same way."""
    k = rows(SHARED_OUT[value](width))
    a, o = np.random.default_rng(3).standard_normal((67, width)).astype(dtype), np.zeros((2, 67), dtype)
    launch(k, dtype, [a, o[0]], 67, width, 0, 67)
    for cut in range(1, 67):
        o[1] = np.nan
        launch(k, dtype, [a, o[1]], 67, width, 0, cut)
        launch(k, dtype, [a, o[1]], 67, width, cut, 67)
        assert o[0].tobytes() == o[1].tobytes(), cut


def renamed(kernel: str, buffer: str, size: str, loop: str) -> Kernel:
    i, value = Name(loop), Name(f"{loop}_value", "real")
    store = Store("o", i, call("exp", value))
    body = (For(i, Name(size), (Let(value, Load(buffer, i)), store), ranged=True),)
    return Kernel(kernel, parameters(**{buffer: "real"}, o="real"), (size,), body)


def test_equal_kernels_are_one_text() -> None:
    a, b = renamed("f", "a", "n", "i"), renamed("g", "h.x", "T", "k")
    assert emit.source(a) == emit.source(b)
    assert emit.unit(a, "float32").key == emit.unit(b, "float32").key
    assert emit.unit(a, "float32").key != emit.unit(a, "float64").key


def test_a_listing_has_names_and_lines() -> None:
    text = Source("m.nn", "model\nh[t] = exp(U @\n  h[t-1])\n")
    span = Span(text, text.text.index("exp"), len(text.text) - 1)
    x = Name("exp", "real")
    body = (
        For(I, N, (Let(x, Load("h.x", I), span), Store("o'", I, call("exp", x), span=span)), ranged=True),
    )
    k = Kernel("step", parameters(**{"h.x": "real", "o'": "real"}), ("n",), body)
    assert emit.listing(k) == (
        "def step(h_x, o, n, lo, hi):\n"
        "    for i in range(lo, hi):\n"
        "        # line 2: exp(U @ h[t-1])\n"
        "        exp_2 = h_x[i]\n"
        "        # line 2: exp(U @ h[t-1])\n"
        "        o[i] = exp(exp_2)\n"
    )


def test_parentheses_only_where_they_count() -> None:
    c = Load("c", I)
    value = r("-", A, r("-", r("*", r("+", A, B), c), r("/", A, r("*", B, c))))
    line = emit.listing(over(value, a="real", b="real", c="real")).splitlines()
    assert line[-1].strip() == "o[i] = e - ((e + e_2) * e_3 - e / (e_2 * e_3))"
    both = Apply("and", (compare("<", I, N), compare(">=", I, Const(2))), "bool")
    assert "o[i] = uint8((i < n) & (i >= 2))" in emit.listing(over(both, "bool"))


def test_what_is_shared_is_computed_once() -> None:
    e = call("exp", A)
    for _ in range(40):  # 2^40 terms if each were written out
        e = call("tanh", r("*", e, e))
    text = emit.source(over(e, a="real"))
    assert text.count("exp(") == 1
    assert text.count("tanh(") == 40
