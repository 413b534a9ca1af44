"""Expressions and kernels as text."""

from __future__ import annotations

import pytest

from graphc.diagnostics import Source, Span
from graphc.kernel.expr import Apply, Const, Expr, Load, Name, Reduce, cast, real, select
from graphc.kernel.nest import Accumulator, For, Gather, If, Kernel, Let, Parameter, Store
from graphc.kernel.parse import parse
from graphc.kernel.printer import kernel_text, text

A, B, C = (Name(name, "real") for name in "abc")
J, N = Name("i"), Name("n")


@pytest.mark.parametrize(
    "written",
    [
        "a + b + c",
        "a + (b + c)",
        "a - (b - c)",
        "a * b + c",
        "a * (b + c)",
        "a / (b / c)",
        "-a * b",
        "-(a + b)",
        "-(-a)",
        "a < b and b < c or not a == c",
        "not (a < b or b < c)",
        "(a < b) == (b < c)",
        "select(a < b, a + 1.0, tanh(-b))",
        "a - -2.0",
        "a + -1.5",
    ],
)
def test_what_is_printed_reads_back_as_the_same_expression(written: str) -> None:
    found = parse(written, [A, B, C], "real")
    assert text(found) == written
    assert parse(text(found), [A, B, C], "real") == found


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (Load("x", J * N + 2), "x[i * n + 2]"),
        (J - 3, "i - 3"),
        ((J + 1) % N // 2, "(i + 1) % n // 2"),
        (cast("real", J), "real(i)"),
        (Const(True, "bool"), "True"),
        (real(float("inf")), "inf"),
        (real(1e20), "1e+20"),
        (real(0.1), "0.1"),
        (select(Apply("<", (J, N), "bool"), A, B), "select(i < n, a, b)"),
        (Reduce("sum", ((J, N), (Name("k"), Const(3))), A * B), "sum[i < n, k < 3](a * b)"),
        (Reduce("argmax", ((J, N),), A, "int") + 1, "argmax[i < n](a) + 1"),
    ],
)
def test_every_kind_of_expression(expr: Expr, expected: str) -> None:
    assert text(expr) == expected


def test_a_kernel() -> None:
    source = Source("net.nn", "one\ny = x + 1\n")
    span = Span(source, 4, 9)
    total, x = Name("total", "real"), Name("x0", "real")
    inner = (Let(x, Load("x", J), span), Gather(total, "sum", x))
    body = (
        Accumulator(total, "sum"),
        For(J, N, inner),
        If(Apply("<", (A, B), "bool"), (Store("y", Const(0), total, True, span),)),
        For(Name("k"), N, (Gather(Name("best", "int"), "argmax", x, Name("k")),), ranged=True),
    )
    kernel = Kernel("sums", (Parameter("x", "real"), Parameter("y", "real", True)), ("n",), body)
    assert kernel_text(kernel).splitlines() == [
        "kernel sums(x: real, out y: real, n):",
        "    total = sum of nothing",
        "    for i < n:",
        "        x0 = x[i]   # line 2",
        "        total = sum of it and x0",
        "    if a < b:",
        "        y[0] += total   # line 2",
        "    for k < n, a range of it:",
        "        best = argmax of it and x0 at k",
    ]
