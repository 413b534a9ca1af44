"""What generated kernels need beside Python's own operators, so that no loop in them branches."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, register_jitable


@intrinsic
def select(typing: Any, condition: Any, a: Any, b: Any) -> Any:
    """`a` where the condition holds, else `b`; Python's conditional expression would be a branch."""
    if condition != types.boolean or a != b:
        return None

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(*arguments)

    return a(condition, a, b), emit


def _unsigned(operation: str) -> Any:
    @intrinsic
    def divide(typing: Any, a: Any, b: Any) -> Any:
        if not (isinstance(a, types.Integer) and isinstance(b, types.Integer)):
            return None

        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return getattr(builder, operation)(*arguments)

        return types.int64(types.int64, types.int64), emit

    return divide


quotient = _unsigned("udiv")
"""a // b of coordinates, which are never negative: rounding down and the check for 0 would be branches."""
remainder = _unsigned("urem")
"""a % b of coordinates."""


@register_jitable
def share(me: Any, workers: Any, extent: Any) -> Any:
    """The part (lo, hi) of a range that is one worker's."""
    return quotient(me * extent, workers), quotient((me + 1) * extent, workers)


@intrinsic
def opaque(typing: Any, extent: Any) -> Any:
    """The same number, of which LLVM knows nothing.

    It unrolls a short loop whose extent it knows, and may then vectorize the loop around it. A sum that may
    be reordered would come out differently in the elements that are left over behind the last vector; and
    which ones these are depends on how the loop is shared out.
    """
    if not isinstance(extent, types.Integer):
        return None

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        return builder.asm(ir.FunctionType(word, [word]), "", "=r,0", arguments, side_effect=False)

    return types.int64(types.int64), emit
