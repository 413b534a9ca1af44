"""What generated kernels need beside Python's own operators, so that no loop in them branches."""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from graphc.backend.cpu.language import BOOL, INT, Function, same


def _chosen(condition: Any, a: Any, b: Any) -> Any:
    return a if condition == BOOL and a == b else None


def _opaque(builder: ir.IRBuilder, number: ir.Value) -> ir.Value:
    kind = ir.FunctionType(number.type, [number.type])
    return builder.asm(kind, "", "=r,0", [number], side_effect=False)


select = Function("select", 3, _chosen, ir.IRBuilder.select)
"""`a` where the condition holds, else `b`; Python's conditional expression would be a branch."""

quotient = Function("quotient", 2, same(INT), ir.IRBuilder.udiv)
"""a // b of coordinates, which are never negative: rounding down and the check for 0 would be branches."""
remainder = Function("remainder", 2, same(INT), ir.IRBuilder.urem)
"""a % b of coordinates."""

opaque = Function("opaque", 1, same(INT), _opaque)
"""The same number, of which LLVM knows nothing.

It unrolls a short loop whose extent it knows, and may then vectorize the loop around it. A sum that may be
reordered would come out differently in the elements that are left over behind the last vector; and which ones
these are depends on how the loop is shared out.
"""
