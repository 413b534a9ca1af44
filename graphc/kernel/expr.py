"""Scalar expressions: what one element of a result is, in terms of numbers, names and elements of memory.

Integers are 64 bits wide; `real` is the program's float32 or float64. Expressions are compared by value, so
that an equal one is computed once. Building one folds constants and drops neutral elements of integer
arithmetic; of reals it folds nothing, because the sign of a zero and a NaN have to survive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

DType = Literal["real", "int", "bool"]

Kind = Literal["sum", "prod", "max", "min", "argmax", "argmin"]
"""What a reduction makes of many elements. `argmax` and `argmin` give the first winner's number, from 0."""

COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


class Expr:
    """An expression; `dtype` says what it evaluates to. Operators build expressions of coordinates."""

    dtype: DType

    def __add__(self, other: Expr | int) -> Expr:
        return add(self, as_expr(other))

    def __radd__(self, other: int) -> Expr:
        return add(as_expr(other), self)

    def __sub__(self, other: Expr | int) -> Expr:
        return subtract(self, as_expr(other))

    def __rsub__(self, other: int) -> Expr:
        return subtract(as_expr(other), self)

    def __mul__(self, other: Expr | int) -> Expr:
        return multiply(self, as_expr(other))

    def __rmul__(self, other: int) -> Expr:
        return multiply(as_expr(other), self)

    def __floordiv__(self, other: Expr | int) -> Expr:
        return floor_divide(self, as_expr(other))

    def __mod__(self, other: Expr | int) -> Expr:
        return remainder(self, as_expr(other))

    @property
    def parts(self) -> tuple[Expr, ...]:
        """The expressions that this one is made of."""
        return ()

    def walk(self) -> Iterator[Expr]:
        """This expression and all it is made of."""
        yield self
        for part in self.parts:
            yield from part.walk()

    @cached_property
    def _hash(self) -> int:
        return hash((type(self).__name__, *self.__dict__.values()))

    def __hash__(self) -> int:
        return self._hash


@dataclass(frozen=True, eq=True)
class Const(Expr):
    """A number or a truth value."""

    value: float | int | bool
    dtype: DType = "int"

    def __hash__(self) -> int:
        return hash((repr(self.value), self.dtype))

    def __eq__(self, other: object) -> bool:
        # By text: 0.0 and -0.0 differ, and a NaN equals itself.
        return isinstance(other, Const) and (repr(self.value), self.dtype) == (repr(other.value), other.dtype)


@dataclass(frozen=True, eq=True)
class Name(Expr):
    """A loop's variable, a size that is known when the program runs, or a local value."""

    name: str
    dtype: DType = "int"

    __hash__ = Expr.__hash__


@dataclass(frozen=True, eq=True)
class Load(Expr):
    """The element of a buffer at an offset, counted in elements from its start."""

    buffer: str
    offset: Expr
    dtype: DType = "real"

    __hash__ = Expr.__hash__

    @property
    def parts(self) -> tuple[Expr, ...]:
        return (self.offset,)


@dataclass(frozen=True, eq=True)
class Apply(Expr):
    """An operator or a function of scalars.

    Operators: `+ - * / // %`, the comparisons, `and`, `or`, `not`, `select` (condition, x, y; both sides are
    evaluated), `cast` (to `dtype`; a real to an int drops the fraction). Everything else is a function of
    the table that each backend has (`exp`, `tanh`, `maximum`, ...).
    """

    operator: str
    args: tuple[Expr, ...]
    dtype: DType = "real"

    __hash__ = Expr.__hash__

    @property
    def parts(self) -> tuple[Expr, ...]:
        return self.args


@dataclass(frozen=True, eq=True)
class Reduce(Expr):
    """All the elements of `body` while each variable of `over` runs from 0 to its extent, made into one."""

    kind: Kind
    over: tuple[tuple[Name, Expr], ...]
    body: Expr
    dtype: DType = "real"

    __hash__ = Expr.__hash__

    @property
    def parts(self) -> tuple[Expr, ...]:
        return (*(extent for _, extent in self.over), self.body)


TRUE, FALSE = Const(True, "bool"), Const(False, "bool")
ZERO, ONE = Const(0), Const(1)


def as_expr(value: Expr | int) -> Expr:
    return value if isinstance(value, Expr) else Const(value)


def real(value: float) -> Const:
    return Const(float(value), "real")


# Integer arithmetic of coordinates, folded as it is built.


def _known(*values: Expr) -> tuple[int, ...] | None:
    found = tuple(int(v.value) for v in values if isinstance(v, Const) and v.dtype == "int")
    return found if len(found) == len(values) else None


def add(a: Expr, b: Expr) -> Expr:
    if a.dtype == "int":
        if known := _known(a, b):
            return Const(known[0] + known[1])
        if a == ZERO:
            return b
        if b == ZERO:
            return a
        if (
            isinstance(b, Const)
            and isinstance(a, Apply)
            and a.operator == "+"
            and (k := _known(a.args[1], b))
        ):
            return add(a.args[0], Const(sum(k)))
    return Apply("+", (a, b), a.dtype)


def subtract(a: Expr, b: Expr) -> Expr:
    if a.dtype == "int":
        if known := _known(a, b):
            return Const(known[0] - known[1])
        if b == ZERO:
            return a
        if a == b:
            return ZERO
        if isinstance(b, Const):
            return add(a, Const(-int(b.value)))
    return Apply("-", (a, b), a.dtype)


def multiply(a: Expr, b: Expr) -> Expr:
    """Of ints: the names in order, then one constant, so that equal products are equal expressions."""
    if a.dtype != "int":
        return Apply("*", (a, b), a.dtype)
    constant, factors = 1, list[Expr]()
    for part in (*_factors(a), *_factors(b)):
        if isinstance(part, Const):
            constant *= int(part.value)
        else:
            factors.append(part)
    if not factors or not constant:
        return Const(constant)
    factors.sort(key=repr)
    total = factors[0]
    for factor in factors[1:]:
        total = Apply("*", (total, factor), "int")
    return total if constant == 1 else Apply("*", (total, Const(constant)), "int")


def _factors(a: Expr) -> tuple[Expr, ...]:
    if isinstance(a, Apply) and a.operator == "*":
        return (*_factors(a.args[0]), *_factors(a.args[1]))
    return (a,)


def floor_divide(a: Expr, b: Expr) -> Expr:
    if (known := _known(a, b)) and known[1]:
        return Const(known[0] // known[1])
    return a if b == ONE else Apply("//", (a, b), "int")


def remainder(a: Expr, b: Expr) -> Expr:
    if (known := _known(a, b)) and known[1]:
        return Const(known[0] % known[1])
    return ZERO if b == ONE else Apply("%", (a, b), "int")


def compare(symbol: str, a: Expr, b: Expr) -> Expr:
    """One of `COMPARISONS`."""
    if known := _known(a, b):
        x, y = known
        found = {"==": x == y, "!=": x != y, "<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y}[symbol]
        return Const(found, "bool")
    return Apply(symbol, (a, b), "bool")


def both(a: Expr, b: Expr) -> Expr:
    if FALSE in (a, b):
        return FALSE
    if a == TRUE:
        return b
    return a if b == TRUE else Apply("and", (a, b), "bool")


def select(condition: Expr, a: Expr, b: Expr) -> Expr:
    """`a` where the condition holds, else `b`. Both are evaluated, so each must be safe to evaluate."""
    if condition == TRUE or a == b:
        return a
    return b if condition == FALSE else Apply("select", (condition, a, b), a.dtype)


def cast(dtype: DType, a: Expr) -> Expr:
    return a if a.dtype == dtype else Apply("cast", (a,), dtype)


def call(function: str, *args: Expr, dtype: DType = "real") -> Expr:
    """A function of the backend's table; of known ints the smaller and the larger one are found here."""
    if function in ("minimum", "maximum") and (known := _known(*args)):
        return Const(min(known) if function == "minimum" else max(known))
    return Apply(function, args, dtype)


def clamp(a: Expr, size: Expr | int) -> Expr:
    """The nearest number in 0..size - 1: what makes a coordinate safe to read at. `size` is not 0."""
    last = as_expr(size) - 1
    if known := _known(a, last):
        return Const(max(0, min(known[0], known[1])))
    return call("maximum", call("minimum", a, last, dtype="int"), ZERO, dtype="int")


def within(a: Expr, size: Expr | int) -> Expr:
    """Whether 0 <= a < size."""
    return both(compare(">=", a, ZERO), compare("<", a, as_expr(size)))


def substitute(expr: Expr, by: Mapping[str, Expr]) -> Expr:
    """The expression with other expressions in the place of names, folded again."""
    return rewrite(expr, lambda e: by.get(e.name) if isinstance(e, Name) else None)


def rewrite(expr: Expr, replace: Callable[[Expr], Expr | None]) -> Expr:
    """The expression with parts replaced, from the outside in: what `replace` does not change is entered."""
    found = replace(expr)
    if found is not None:
        return found
    if isinstance(expr, Load):
        return Load(expr.buffer, rewrite(expr.offset, replace), expr.dtype)
    if isinstance(expr, Reduce):
        over = tuple((name, rewrite(extent, replace)) for name, extent in expr.over)
        return Reduce(expr.kind, over, rewrite(expr.body, replace), expr.dtype)
    if isinstance(expr, Apply):
        return apply(expr.operator, *(rewrite(arg, replace) for arg in expr.args), dtype=expr.dtype)
    return expr


_FOLDED: Mapping[str, Callable[[Expr, Expr], Expr]] = {
    "+": add,
    "-": subtract,
    "*": multiply,
    "//": floor_divide,
    "%": remainder,
    "and": both,
}


def apply(operator: str, *args: Expr, dtype: DType) -> Expr:
    """An operator or function, by name; folded where that is safe."""
    if operator in _FOLDED and len(args) == 2:
        return _FOLDED[operator](*args)
    if operator in COMPARISONS:
        return compare(operator, *args)
    if operator == "select":
        return select(*args)
    if operator == "cast":
        return cast(dtype, args[0])
    return Apply(operator, args, dtype)
