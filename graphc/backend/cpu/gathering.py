"""Reductions as source: how an accumulator begins, and how it takes one more element."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.kernel.expr import Const, DType, Expr, Kind

_LEAST = -(2**63)
_LONG = 9
"""Elements from which vectors pay."""


def begin(kind: Kind, name: str, best: str, dtype: DType) -> list[str]:
    """Lines that make an accumulator neutral.

    `dtype` is that of the elements. `argmax` and `argmin` keep the element itself in `best`, the number of it
    in `name`.
    """
    if kind in ("argmax", "argmin"):
        return [f"{name} = 0", f"{best} = {_neutral(kind, dtype)}"]
    return [f"{name} = {_neutral(kind, dtype)}"]


def is_short(extents: Sequence[Expr]) -> bool:
    """Whether a sum over loops of these extents is added in order, and its loops may be unrolled.

    Longer ones are reordered, so that they can be vectorized, and their outermost extent is `opaque`.
    """
    total = 1
    for extent in extents:
        total *= int(extent.value) if isinstance(extent, Const) else _LONG
    return total < _LONG


def gather(
    kind: Kind, name: str, best: str, value: str, dtype: DType, number: str, in_order: bool
) -> list[str]:
    """Lines that take one more element.

    For `argmax` and `argmin`, `value` and `number` are names or constants: they are used twice.
    """
    if kind == "sum":
        if dtype == "real" and not in_order:
            return [f"{name} = add_reassociating({name}, {value})"]
        return [f"{name} = {name} + {value}"]
    if kind == "prod":
        return [f"{name} = {name} * {value}"]
    if kind in ("max", "min"):
        return [f"{name} = {kind}imum({name}, {value})"]
    # A NaN wins over every number and over later NaNs, as NumPy has it.
    loses = "<=" if kind == "argmax" else ">="
    wins = f"({best} == {best}) & (not {value} {loses} {best})"
    return [f"{name} = select({wins}, {number}, {name})", f"{best} = select({wins}, {value}, {best})"]


def _neutral(kind: Kind, dtype: DType) -> str:
    real = dtype == "real"
    if kind == "sum":
        return "real(0.0)" if real else "0"
    if kind == "prod":
        return "real(1.0)" if real else "1"
    if kind in ("max", "argmax"):
        return "real(-inf)" if real else f"int64({_LEAST})"
    return "real(inf)" if real else f"int64({-_LEAST - 1})"
