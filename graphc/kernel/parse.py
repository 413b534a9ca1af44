"""Scalar expressions from text, such as `a / (1.0 + abs(a))`: how elementwise ops say what they do."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import lru_cache
from string import ascii_lowercase

from graphc.kernel.expr import COMPARISONS, Apply, Const, DType, Expr, apply, call, cast, select

_OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.And: "and",
    ast.Or: "or",
}

_OPERANDS: dict[str, DType] = {"/": "real", "and": "bool", "or": "bool"}

_DTYPES: dict[type, DType] = {float: "real", int: "int", bool: "bool"}


def parse(text: str, operands: Sequence[Expr], dtype: DType) -> Expr:
    """The expression that `text` is in the operands, which it calls `a`, `b`, `c`, ...

    The syntax is Python's: numbers, the operators `+ - * /`, one comparison at a time, `and`, `or`, `not`,
    and calls (`mod(a, b)` among them: `%` is for coordinates, which are never negative). A call has the dtype
    of its operands, except `select(condition, x, y)` and `cast(x)`, which gives `dtype`. Raises ValueError
    for anything else, and where ints meet reals.
    """
    return _Reader(text, dict(zip(ascii_lowercase, operands, strict=False)), dtype).read(_tree(text))


# The text of an op is the same for every node.
@lru_cache(maxsize=1024)
def _tree(text: str) -> ast.expr:
    return ast.parse(text, mode="eval").body


class _Reader:
    def __init__(self, text: str, names: dict[str, Expr], dtype: DType) -> None:
        self.text = text
        self.names = names
        self.dtype = dtype

    def read(self, tree: ast.expr) -> Expr:
        match tree:
            case ast.Name(id=name) if name in self.names:
                return self.names[name]
            case ast.Constant(value=bool() | int() | float() as value):
                return Const(value, _DTYPES[type(value)])
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                return Apply("not", (self.read(inner),), "bool")
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                return self.negative(self.read(inner))
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _OPERATORS:
                return self.binary(_OPERATORS[type(operator)], self.read(left), self.read(right))
            case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in _OPERATORS:
                return self.binary(_OPERATORS[type(operator)], self.read(left), self.read(right))
            case ast.BoolOp(op=operator, values=[first, *others]):
                found = self.read(first)
                for other in others:
                    found = self.binary(_OPERATORS[type(operator)], found, self.read(other))
                return found
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if args:
                return self.called(name, [self.read(arg) for arg in args])
        raise ValueError(f"`{self.text}`: the kernel language has no `{ast.unparse(tree)}`")

    def negative(self, inner: Expr) -> Expr:
        if isinstance(inner, Const) and inner.dtype != "bool":
            return Const(-inner.value, inner.dtype)
        return Apply("-", (inner,), inner.dtype)

    def binary(self, operator: str, left: Expr, right: Expr) -> Expr:
        dtype = self.common([left, right])
        if dtype != _OPERANDS.get(operator, dtype):
            raise ValueError(f"`{self.text}`: `{operator}` takes {_OPERANDS[operator]} values, not {dtype}")
        return apply(operator, left, right, dtype="bool" if operator in COMPARISONS else dtype)

    def called(self, name: str, args: list[Expr]) -> Expr:
        match name, args:
            case "select", [condition, x, y]:
                self.common([x, y])
                return select(condition, x, y)
            case "cast", [x]:
                return cast(self.dtype, x)
        return call(name, *args, dtype=self.common(args))

    def common(self, args: list[Expr]) -> DType:
        """The dtype that all of them have."""
        first, *others = (arg.dtype for arg in args)
        if any(other != first for other in others):
            raise ValueError(f"`{self.text}` mixes {first} with {', '.join(others)}; only `cast` does that")
        return first
