"""What steps move and compute, against numbers that can be counted by hand."""

from __future__ import annotations

import pytest

from graphc.backend.cpu.amounts import Amount, amount
from graphc.backend.cpu.operations import operation_counts
from graphc.diagnostics import Source, Span
from graphc.kernel.expr import ONE, ZERO, Const, Expr, Load, Name, Reduce, apply, call, clamp, real
from graphc.kernel.nest import Accumulator, For, Gather, If, Kernel, Let, Parameter, Statement, Store
from graphc.schedule.program import Argument, Buffer, Launch, Matrix, Pack, Product

N, M, i, j = (Name(name) for name in ("n", "m", "i", "j"))
SIZES = {"n": 6, "m": 10, "t": 2}
WIDTHS = {"real": 4, "int": 8, "bool": 1}
SOURCE = Source("a.nn", "y = x * w\nz = x + 1\n")
FIRST, SECOND = Span(SOURCE, 0, 9), Span(SOURCE, 10, 19)
X, Y, W = (Buffer(name, "real", size) for name, size in (("x", N * M), ("y", N * M), ("w", M)))
K = Buffer("k", "int", N)


def launch(*body: Statement, costs: dict[str, int] | None = None) -> Amount:
    buffers = (X, Y, W, K)
    parameters = tuple(Parameter(buffer.name, buffer.dtype) for buffer in buffers)
    kernel = Kernel("kernel", parameters, ("n", "m"), body)
    step = Launch(kernel, tuple(map(Argument, buffers)), (N, M), N)
    return amount(step, SIZES, WIDTHS, costs or {})


def nest(*body: Statement) -> Statement:
    return For(i, N, (For(j, M, body),), ranged=True)


def product(x: Expr, y: Expr) -> Expr:
    return apply("*", x, y, dtype="real")


def test_elements_count_once_and_operations_each_time() -> None:
    row = product(Load("x", i * M + j), Load("w", j))
    found = launch(nest(Store("y", i * M + j, row, span=FIRST)))
    assert (found.read, found.written, found.operations) == (4 * (60 + 10), 4 * 60, 60)
    assert found.bytes == 4 * 130
    assert found.origins == {FIRST: 60 * (1 + 2 + 1)}
    assert found.loads == {(X, FIRST): 60, (W, FIRST): 60}
    assert found.stores == {(Y, FIRST): 60}


def test_equal_parts_of_an_expression_are_computed_once() -> None:
    x = Load("x", i * M + j)
    found = launch(nest(Store("y", i * M + j, apply("+", product(x, x), product(x, x), dtype="real"))))
    assert (found.read, found.operations) == (240, 120)


def test_functions_count_what_they_are_made_of() -> None:
    step = nest(Store("y", i * M + j, call("tanh", Load("x", i * M + j))))
    assert launch(step, costs={"tanh": 30}).operations == 60 * 30


def test_a_sum_adds_each_element_and_accumulating_reads_what_it_adds_to() -> None:
    total = Name("s", "real")
    inner = For(j, M, (Gather(total, "sum", Load("x", i * M + j), span=SECOND),))
    by_rows = launch(For(i, N, (Accumulator(total, "sum"), inner, Store("w", i, total)), ranged=True))
    assert (by_rows.read, by_rows.written, by_rows.operations) == (240, 24, 60)
    by_columns = launch(nest(Store("w", j, Load("x", i * M + j), accumulate=True)))
    assert (by_columns.read, by_columns.written, by_columns.operations) == (240 + 40, 40, 60)


def test_a_reduction_inside_of_an_expression_has_its_own_loop() -> None:
    inside = Reduce("sum", ((j, M),), product(Load("x", i * M + j), Load("w", j)))
    found = launch(For(i, N, (Store("y", i, inside),), ranged=True))
    assert (found.read, found.written, found.operations) == (280, 24, 120)


def test_what_is_looked_up_is_no_more_than_there_is() -> None:
    place = clamp(Load("k", i, "int"), M)
    found = launch(nest(Store("y", i * M + j, Load("w", place))))
    assert found.read == 6 * 8 + 6 * 4
    assert found.operations == 0


def test_a_place_computed_before_moves_with_the_loops_it_comes_from() -> None:
    place = Name("p")
    found = launch(nest(Let(place, i * M + j), Store("y", place, Load("w", j))))
    assert (found.read, found.written) == (40, 240)


def test_an_extent_that_grows_with_the_step_counts_by_its_middle() -> None:
    body = For(j, i + 1, (Store("y", i * M + j, real(0.0)),))
    assert launch(For(i, N, (body,), ranged=True)).written == 4 * 6 * 4


def test_a_condition_is_computed_for_each_point() -> None:
    positive = apply(">", Load("x", i * M + j), real(0.0), dtype="bool")
    assert launch(nest(If(positive, (Store("y", i * M + j, real(1.0)),)))).operations == 60


def test_products() -> None:
    a, b, c = Matrix(X, ZERO, M, ONE), Matrix(W, ZERO, ONE, ONE), Matrix(Y, ZERO, M, ONE)
    found = amount(Product(c, a, b, N, M, Const(8), span=FIRST), SIZES, WIDTHS, {})
    assert (found.read, found.written) == (4 * (6 * 8 + 8 * 10), 4 * 60)
    assert found.operations == 2 * 6 * 8 * 10
    assert found.origins == {FIRST: found.operations}
    more = amount(Product(c, a, b, N, M, Const(8), accumulate=True), SIZES, WIDTHS, {})
    assert (more.read - found.read, more.written) == (240, 240)


def test_an_operand_that_all_of_a_batch_of_products_share_is_read_once() -> None:
    part = Name("p")
    a, b, c = Matrix(X, part * 48, Const(8), ONE), Matrix(W, ZERO, ONE, ONE), Matrix(Y, part * 60, M, ONE)
    found = amount(Product(c, a, b, N, M, Const(8), over=((part, Const(5)),)), SIZES, WIDTHS, {})
    assert (found.read, found.written) == (4 * (5 * 48 + 80), 4 * 5 * 60)
    assert found.operations == 5 * 2 * 6 * 8 * 10


def test_packing_writes_whole_panels() -> None:
    found = amount(Pack(Matrix(X, ZERO, M, ONE), N, M, Y), SIZES, WIDTHS, {})
    assert (found.read, found.written, found.operations) == (240, 4 * 6 * 64, 0)


def test_a_size_that_is_not_known() -> None:
    with pytest.raises(KeyError, match="m"):
        amount(Pack(Matrix(X, ZERO, M, ONE), N, M, Y), {"n": 6}, WIDTHS, {})


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_functions_are_counted_by_their_instructions(precision: str) -> None:
    counts = operation_counts(precision)
    assert counts["sqrt"] == counts["maximum"] == 1
    assert counts["exp"] < counts["pow"] or precision == "float64"  # there `pow` is the platform's
    assert all(10 < counts[name] < 100 for name in ("exp", "tanh", "sigmoid", "log"))
    assert counts["sigmoid"] > counts["exp"]
