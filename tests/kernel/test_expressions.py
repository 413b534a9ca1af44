"""What expressions mean: text to expression, expression to number, coordinates there and back."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from graphc.kernel.coordinates import flat, regrouped, unflat
from graphc.kernel.evaluate import Evaluator
from graphc.kernel.expr import Apply, Const, Expr, Kind, Load, Name, Reduce, cast, clamp, real
from graphc.kernel.parse import parse

X, Y = Name("x", "real"), Name("y", "real")
P, Q = Name("p"), Name("q")


def value(expr: Expr, **names: float) -> float:
    found: float = Evaluator(
        {name: np.float64(v) if isinstance(v, float) else v for name, v in names.items()}
    )(expr)
    return found


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("a - b - 1.0", -2.5),
        ("-a / (b + 2.0)", -0.5 / 4.0),
        ("select(a < b and not a == b, exp(a), 0.0)", math.exp(0.5)),
        ("maximum(a, b) * minimum(a, b)", 1.0),
        ("pow(b, 3.0) + xlogy(0.0, a)", 8.0),
        ("sigmoid(a) + softplus(a) + relu(-a)", 1 / (1 + math.exp(-0.5)) + math.log1p(math.exp(0.5))),
        ("cast(a < b)", 1.0),
    ],
)
def test_text_means_what_python_means(written: str, expected: float) -> None:
    expr = parse(written, [X, Y], "real")
    assert expr.dtype == "real"
    assert value(expr, x=0.5, y=2.0) == pytest.approx(expected, rel=1e-15)


def test_results_have_the_dtype_of_their_operands() -> None:
    assert parse("a + b", [P, Q], "int") == P + Q
    assert parse("a < b", [P, Q], "bool").dtype == "bool"
    assert parse("abs(a)", [P], "int").dtype == "int"
    assert parse("a or b", [Name("u", "bool"), Name("v", "bool")], "bool").dtype == "bool"


@pytest.mark.parametrize(
    "written",
    ["a + b", "a + 1", "a.real", "c", "a < a < a", "b // b", "a ** a", "a and b", "tanh()", "'a'", "b / b"],
)
def test_what_the_language_does_not_have(written: str) -> None:
    with pytest.raises(ValueError, match="`"):
        parse(written, [X, P], "real")


@pytest.mark.parametrize(("divisor", "expected"), [(3, 2), (-3, -1), (0, 0)])
def test_the_remainder_has_the_divisors_sign(divisor: int, expected: int) -> None:
    assert value(parse("mod(a, b)", [P, Q], "int"), p=-7, q=divisor) == expected


def test_a_cast_drops_the_fraction() -> None:
    assert [value(cast("int", X), x=x) for x in (-1.7, 1.7)] == [-1, 1]
    assert value(Apply("/", (cast("real", P), Y), "real"), p=1, y=2.0) == 0.5


def test_precision_is_the_programs() -> None:
    third = Apply("/", (real(1), real(3)), "real")
    assert type(Evaluator(real=np.float32)(third)) is np.float32
    assert Evaluator(real=np.float32)(third) == np.float32(1) / np.float32(3)


def test_loads_stay_in_their_buffer() -> None:
    evaluate = Evaluator({}, {"x": np.arange(6.0).reshape(2, 3)})
    assert evaluate(Load("x", Const(4))) == 4.0
    for outside in (-1, 6):
        with pytest.raises(IndexError, match=f"element {outside} of `x`, which has 6"):
            evaluate(Load("x", Const(outside)))
    assert [evaluate(clamp(Const(i), 6)) for i in (-1, 3, 6)] == [0, 3, 5]


@pytest.mark.parametrize(
    ("kind", "nothing", "some", "with_nan"),
    [
        ("sum", 0.0, 6.0, math.nan),
        ("prod", 1.0, 5.0, math.nan),
        ("max", -math.inf, 5.0, math.nan),
        ("min", math.inf, 1.0, math.nan),
        ("argmax", 0, 1, 2),
        ("argmin", 0, 0, 2),
    ],
)
def test_reductions(kind: Kind, nothing: float, some: float, with_nan: float) -> None:
    evaluate = Evaluator({}, {"x": np.array([1.0, 5.0, math.nan, math.nan])})
    dtype = "int" if kind.startswith("arg") else "real"

    def over(count: int) -> float:
        found: float = evaluate(Reduce(kind, ((P, Const(count)),), Load("x", P), dtype))
        return found

    assert (over(0), over(4)) == pytest.approx((nothing, with_nan), nan_ok=True)
    assert over(2) == some


def test_integers_are_counted_through_nested_loops() -> None:
    table = np.array([[3, 1], [4, 4]])
    nest = Reduce("argmax", ((P, Const(2)), (Q, Const(2))), Load("x", P * 2 + Q, "int"), "int")
    assert Evaluator({}, {"x": table})(nest) == 2
    least = Reduce("max", ((P, Const(0)),), Load("x", P, "int"), "int")
    assert Evaluator({}, {"x": table})(least) == -(2**63)


SHAPES = [
    ((2, 3), (6,)),
    ((6,), (3, 2)),
    ((2, 3, 4), (2, 12)),
    ((4, 1, 3), (1, 4, 3, 1)),
    ((2, 3), (3, 2)),
    ((4, 6, 5), (8, 3, 5)),
    ((1,), ()),
    ((), (1, 1)),
]


@pytest.mark.parametrize(("old", "new"), SHAPES)
def test_regrouped_coordinates_are_those_of_the_same_element(
    old: tuple[int, ...], new: tuple[int, ...]
) -> None:
    names = [Name(f"d{i}") for i in range(len(old))]
    found = regrouped(names, old, new)
    for number, point in enumerate(itertools.product(*map(range, old))):
        at = {f"d{i}": place for i, place in enumerate(point)}
        assert value(flat(names, old), **at) == number
        assert [value(e, **at) for e in found] == [value(e) for e in unflat(Const(number), new)]


def test_regrouping_divides_only_where_it_has_to() -> None:
    def divisions(old: tuple[int, ...], new: tuple[int, ...]) -> int:
        names = [Name(f"d{i}") for i in range(len(old))]
        parts = [part for e in regrouped(names, old, new) for part in e.walk()]
        return sum(isinstance(part, Apply) and part.operator in ("//", "%") for part in parts)

    assert divisions((2, 3), (6,)) == 0
    assert divisions((4, 1, 3), (1, 4, 3, 1)) == 0
    assert divisions((5, 6, 7), (5, 2, 3, 7)) == 2
    assert regrouped([P, Q], (0, 3), (3, 0)) == [Const(0), Const(0)]
