"""How many operations a function of scalars is: the instructions that it is made of, counted."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from llvmlite import ir

from graphc.backend.cpu import philox
from graphc.backend.cpu.functions import FUNCTIONS
from graphc.backend.cpu.language import Function

_REALS: Mapping[str, ir.Type] = {"float32": ir.FloatType(), "float64": ir.DoubleType()}
_NONE = frozenset(("br", "ret", "phi", "bitcast"))
"""Instructions that compute nothing."""


@cache
def operation_counts(real: str) -> Mapping[str, int]:
    """How many operations each function is, on reals that are `float32` or `float64`.

    A multiplication and addition in one instruction are two. A call of the platform's library (`sin`, `cos`)
    is one: what stands in it is not known here.
    """
    kind, word = _REALS[real], ir.IntType(64)
    counts = {name: _count(f, kind) for name, f in FUNCTIONS.items() if f.arity < 3 and name != "mod"}
    normal = {"float32": philox.box_muller_float32, "float64": philox.box_muller_float64}[real]
    return {**counts, "philox_word": _count(philox.philox_word, word), "box_muller": _count(normal, word)}


def _count(function: Function, kind: ir.Type) -> int:
    """The instructions of a function of operands of this type."""
    module = ir.Module()
    caller = ir.Function(module, ir.FunctionType(ir.VoidType(), [kind] * function.arity), "caller")
    builder = ir.IRBuilder(caller.append_basic_block())
    function.emit(builder, *caller.args)
    return max(1, _within(caller))


def _within(function: ir.Function) -> int:
    total = 0
    for block in function.blocks:
        for instruction in block.instructions:
            called = getattr(instruction, "callee", None)
            if called is not None and called.blocks:
                total += _within(called)
            elif called is not None and ".fma." in called.name:
                total += 2
            else:
                total += instruction.opname not in _NONE
    return total
