"""What an expression is worth: the meaning of the kernel language, in plain Python and NumPy.

It is the judge of code generators and far too slow to be one. Arithmetic of reals has the program's
precision; ints are Python's.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphc.kernel.expr import Apply, Const, DType, Expr, Kind, Load, Name, Reduce

Functions = Mapping[str, Callable[..., Any]]


def _sigmoid(x: Any) -> Any:
    # The exponent is never positive, so nothing overflows on either side.
    e = np.exp(-np.abs(x))
    return (e if x < 0 else 1) / (1 + e)


def _softplus(x: Any) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _xlogy(x: Any, y: Any) -> Any:
    return x * 0 if x == 0 else x * np.log(y)


_OPERATORS: Functions = {
    "+": operator.add,
    "-": lambda x, *y: x - y[0] if y else -x,
    "*": operator.mul,
    "/": operator.truediv,
    # Of coordinates and other numbers that are not negative, by one above 0.
    "//": operator.floordiv,
    "%": operator.mod,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "and": lambda x, y: x and y,
    "or": lambda x, y: x or y,
    "not": operator.not_,
    "select": lambda condition, x, y: x if condition else y,
    "cast": lambda x: x,
}

FUNCTIONS: Functions = {
    **_OPERATORS,
    **{name: getattr(np, name) for name in ("exp", "log", "sqrt", "abs", "tanh", "sin", "cos", "log1p")},
    **{name: getattr(np, name) for name in ("expm1", "floor", "sign", "maximum", "minimum")},
    "pow": np.power,
    "mod": lambda x, y: x % y if y else 0,
    "erf": math.erf,
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "xlogy": _xlogy,
}
"""Operators and functions on scalars. What random draws are made of stands in `ops/philox.py`."""


_COMBINE: Functions = {"sum": operator.add, "prod": operator.mul, "max": np.maximum, "min": np.minimum}


@dataclass
class Evaluator:
    """Evaluates expressions: `names` are what names stand for, `arrays` the buffers, in C order.

    Raises IndexError for a load outside of its buffer, KeyError for an unknown name, buffer or function.
    """

    names: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    real: type[np.floating[Any]] = np.float64
    functions: Functions = field(default_factory=lambda: FUNCTIONS)

    def __call__(self, expr: Expr) -> Any:
        """A Python int or bool, or a NumPy scalar of the program's precision."""
        with np.errstate(all="ignore"):
            return self._value(expr, self.names)

    def _value(self, expr: Expr, names: Mapping[str, Any]) -> Any:
        match expr:
            case Const(value=value):
                found: Any = value
            case Name(name=name):
                found = names[name]
            case Load(buffer=buffer, offset=offset):
                found = self._element(buffer, self._value(offset, names))
            case Apply(operator=name, args=args):
                found = self.functions[name](*(self._value(arg, names) for arg in args))
            case Reduce():
                found = self._reduced(expr, names)
        return self._as(expr.dtype, found)

    def _as(self, dtype: DType, value: Any) -> Any:
        return {"real": self.real, "int": int, "bool": bool}[dtype](value)

    def _element(self, buffer: str, offset: int) -> Any:
        array = self.arrays[buffer].ravel()
        if not 0 <= offset < array.size:
            raise IndexError(f"element {offset} of `{buffer}`, which has {array.size}")
        return array[offset]

    def _reduced(self, expr: Reduce, names: Mapping[str, Any]) -> Any:
        values = [self._value(expr.body, {**names, **at}) for at in self._points(expr, names)]
        if expr.kind in ("argmax", "argmin"):
            return _winner(expr.kind, values)
        total = self._as(expr.dtype, neutral(expr.kind, expr.dtype))
        for value in values:
            total = _COMBINE[expr.kind](total, value)
        return total

    def _points(self, expr: Reduce, names: Mapping[str, Any]) -> Iterator[Mapping[str, int]]:
        extents = [self._value(extent, names) for _, extent in expr.over]
        variables = [name.name for name, _ in expr.over]
        for point in itertools.product(*map(range, extents)):
            yield dict(zip(variables, point, strict=True))


def neutral(kind: Kind, dtype: DType) -> float | int:
    """What a reduction of nothing is. Raises KeyError for argmax and argmin, which begin with the first."""
    limits = np.iinfo(np.int64)
    least, most = (-math.inf, math.inf) if dtype == "real" else (int(limits.min), int(limits.max))
    return {"sum": 0, "prod": 1, "max": least, "min": most}[kind]


def _winner(kind: Kind, values: Sequence[Any]) -> int:
    """The first NaN wins over everything."""
    find = np.argmax if kind == "argmax" else np.argmin
    return int(find(values)) if values else 0
