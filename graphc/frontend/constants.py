"""Expressions whose value is known when the program is compiled: dims, literals, option values."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.diagnostics import GraphcError, Span, fault, nearest
from graphc.frontend import ast
from graphc.ir.op import Array
from graphc.types import Dim

LARGEST_DIM = 2**31 - 1
MOST_ELEMENTS = 2**31
MOST_TERMS = 1000
"""Products of sums of dims multiply out."""
MOST_CONSTANTS = 10**7
"""Constants are computed while a spec is compiled, so that they must stay small."""


def dim_of(expr: ast.Expr, dims: Mapping[str, Dim]) -> Dim:
    """The size that an expression over dims and whole numbers stands for.

    Raises E220 for an unknown name, E231 for what is not a size.
    """
    found = _dim(expr, dims)
    if found.value > LARGEST_DIM:
        raise fault("E231", f"`{_short(expr)}` is too large for a size: at most {LARGEST_DIM}", expr.span)
    if found.value < 0:
        raise fault("E231", f"`{_short(expr)}` is {found.value}, and a size is not negative", expr.span)
    return found


def _dim(expr: ast.Expr, dims: Mapping[str, Dim]) -> Dim:
    match expr:
        case ast.Number() if expr.is_integer:
            if len(expr.text) > 18:
                raise fault(
                    "E231", f"`{_short(expr)}` is too large for a size: at most {LARGEST_DIM}", expr.span
                )
            return Dim.literal(int(expr.text))
        case ast.Name(id=name):
            if name not in dims:
                raise fault("E220", f"`{name}` is not a known dim", expr.span, help=nearest(name, dims))
            return dims[name]
        case ast.Unary(op="-"):
            return Dim.literal(0) - _dim(expr.operand, dims)
        case ast.Binary(op=("+" | "-" | "*" | "/")):
            left, right = _dim(expr.left, dims), _dim(expr.right, dims)
            if len(left.terms) * len(right.terms) > MOST_TERMS:
                raise fault("E231", f"`{_short(expr)}` has too many terms for a size", expr.span)
            if expr.op == "+":
                return left + right
            if expr.op == "-":
                return left - right
            if expr.op == "*":
                return left * right
            if right.value == 0 or left.value % right.value:
                raise fault(
                    "E231",
                    f"`{_short(expr)}`: {left.value} cannot be divided evenly by {right.value}",
                    expr.span,
                )
            return left // right
    raise fault(
        "E231",
        f"`{_short(expr)}` is not a size: a size is made of whole numbers and dims with `+ - * /`",
        expr.span,
    )


def constant_of(expr: ast.Expr, dims: Mapping[str, Dim | float]) -> Array:
    """The float64 array that a literal stands for: numbers, dims, arithmetic, nested lists, `linspace`.

    Raises E235 if it is not constant, E234 for a ragged list.
    """
    match expr:
        case ast.Number():
            return np.asarray(expr.value)
        case ast.Name(id=name) if name in dims:
            known = dims[name]
            return np.asarray(float(known.value if isinstance(known, Dim) else known))
        case ast.Unary(op="-"):
            return np.asarray(-constant_of(expr.operand, dims))
        case ast.Binary(op=("+" | "-" | "*" | "/" | "^")):
            return _arithmetic(expr, dims)
        case ast.ListLiteral():
            items = [constant_of(item, dims) for item in expr.items]
            if len({item.shape for item in items}) > 1:
                raise fault("E234", f"the parts of `{_short(expr)}` do not have one length", expr.span)
            return np.array(items)
        case ast.Call(function=ast.Name(id="linspace"), args=(lo, hi, shape)) if not expr.options:
            sizes = _sizes(shape, {n: d for n, d in dims.items() if isinstance(d, Dim)})
            ends = float(constant_of(lo, dims)), float(constant_of(hi, dims))
            return np.linspace(*ends, int(np.prod(sizes))).reshape(sizes)
    raise fault("E235", f"`{_short(expr)}` is not a constant", expr.span)


def number_of(expr: ast.Expr, numbers: Mapping[str, Dim | float]) -> float:
    """One constant number. Raises E251 if `expr` is something else."""
    try:
        found = constant_of(expr, numbers)
    except GraphcError as error:
        raise fault(
            "E251",
            f"`{_short(expr)}` must be a constant",
            error.diagnostics[0].span or expr.span,
        ) from None
    if found.ndim:
        raise fault("E251", f"`{_short(expr)}` must be one number, not a list", expr.span)
    return float(found)


def names_in(expr: ast.Expr) -> Iterator[ast.Name]:
    """The names of an arithmetic expression."""
    match expr:
        case ast.Name():
            yield expr
        case ast.Binary():
            yield from names_in(expr.left)
            yield from names_in(expr.right)
        case ast.Unary():
            yield from names_in(expr.operand)


def _arithmetic(expr: ast.Binary, dims: Mapping[str, Dim | float]) -> Array:
    left, right = constant_of(expr.left, dims), constant_of(expr.right, dims)
    operations: dict[str, Any] = {
        "+": np.add,
        "-": np.subtract,
        "*": np.multiply,
        "/": np.divide,
        "^": np.power,
    }
    try:
        with np.errstate(all="ignore"):
            return np.asarray(operations[expr.op](left, right))
    except ValueError:
        raise fault("E234", f"the parts of `{_short(expr)}` do not fit together", expr.span) from None


def _sizes(expr: ast.Expr, dims: Mapping[str, Dim]) -> tuple[int, ...]:
    items = expr.items if isinstance(expr, ast.ListLiteral) else (expr,)
    sizes = tuple(dim_of(item, dims).value for item in items)
    if math.prod(sizes) > MOST_CONSTANTS:
        raise too_large(expr.span, sizes, MOST_CONSTANTS)
    return sizes


def too_large(span: Span, sizes: Sequence[int], most: int = MOST_ELEMENTS) -> GraphcError:
    """E253 for a tensor of `sizes`."""
    shape = " x ".join(map(str, sizes))
    text = " ".join(span.text.split())
    text = text if len(text) <= 40 else text[:37] + "..."
    return fault("E253", f"`{text}` would have {shape} elements; at most {most:,} are allowed", span)


def _short(expr: ast.Syntax) -> str:
    text = " ".join(expr.span.text.split())
    return text if len(text) <= 40 else text[:37] + "..."
