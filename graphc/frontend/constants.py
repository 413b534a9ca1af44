"""Expressions whose value is known when the program is compiled: dims, literals, option values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphc.diagnostics import GraphcError, fault, nearest
from graphc.frontend import ast
from graphc.ir.op import Array
from graphc.types import Dim

LARGEST_DIM = 2**31 - 1
MOST_ELEMENTS = 2**31


def dim_of(expr: ast.Expr, dims: Mapping[str, Dim]) -> Dim:
    """The size that an expression over dims and whole numbers stands for.

    Raises E220 for an unknown name, E231 for what is not a size.
    """
    found = _dim(expr, dims)
    if not 0 <= found.value <= LARGEST_DIM:
        raise fault(
            "E231",
            f"`{expr.span.text}` is {found.value}; a size is a whole number from 0 to {LARGEST_DIM}",
            expr.span,
        )
    return found


def _dim(expr: ast.Expr, dims: Mapping[str, Dim]) -> Dim:
    match expr:
        case ast.Number() if expr.is_integer:
            if len(expr.text) > 18:
                raise fault("E231", f"`{expr.text[:20]}...` is too large for a size", expr.span)
            return Dim.literal(int(expr.text))
        case ast.Name(id=name):
            if name not in dims:
                raise fault(
                    "E220", f"`{name}` is not a known dim", expr.span, help=nearest(name, dims)
                )
            return dims[name]
        case ast.Unary(op="-"):
            return Dim.literal(0) - _dim(expr.operand, dims)
        case ast.Binary(op=("+" | "-" | "*" | "/")):
            left, right = _dim(expr.left, dims), _dim(expr.right, dims)
            if expr.op == "+":
                return left + right
            if expr.op == "-":
                return left - right
            if expr.op == "*":
                return left * right
            if right.value == 0 or left.value % right.value:
                raise fault(
                    "E231",
                    f"`{expr.span.text}`: {left.value} cannot be divided evenly by {right.value}",
                    expr.span,
                )
            return left // right
    raise fault(
        "E231", f"`{expr.span.text}` is not a size: whole numbers, dims, `+ - * /` are", expr.span
    )


def constant_of(expr: ast.Expr, dims: Mapping[str, Dim]) -> Array:
    """The float64 array that a literal stands for: numbers, dims, arithmetic, nested lists, `linspace`.

    Raises E235 if it is not constant, E234 for a ragged list.
    """
    match expr:
        case ast.Number():
            return np.asarray(expr.value)
        case ast.Name(id=name) if name in dims:
            return np.asarray(float(dims[name].value))
        case ast.Unary(op="-"):
            return np.asarray(-constant_of(expr.operand, dims))
        case ast.Binary(op=("+" | "-" | "*" | "/" | "^")):
            return _arithmetic(expr, dims)
        case ast.ListLiteral():
            items = [constant_of(item, dims) for item in expr.items]
            if len({item.shape for item in items}) > 1:
                raise fault(
                    "E234", f"the parts of `{_short(expr)}` do not have one length", expr.span
                )
            return np.array(items)
        case ast.Call(function=ast.Name(id="linspace"), args=(lo, hi, shape)) if not expr.options:
            sizes = _sizes(shape, dims)
            ends = float(constant_of(lo, dims)), float(constant_of(hi, dims))
            return np.linspace(*ends, int(np.prod(sizes))).reshape(sizes)
    raise fault("E235", f"`{_short(expr)}` is not a constant", expr.span)


def _arithmetic(expr: ast.Binary, dims: Mapping[str, Dim]) -> Array:
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
    if int(np.prod([float(s) for s in sizes])) > MOST_ELEMENTS:
        raise too_large(expr, sizes)
    return sizes


def too_large(expr: ast.Syntax, sizes: tuple[int, ...]) -> GraphcError:
    shape = " x ".join(map(str, sizes))
    return fault(
        "E253",
        f"`{expr.span.text[:40]}` would have {shape} elements; at most {MOST_ELEMENTS} are allowed",
        expr.span,
    )


def _short(expr: ast.Syntax) -> str:
    text = " ".join(expr.span.text.split())
    return text if len(text) <= 40 else text[:37] + "..."
