"""What sources of kernels may say: each operator and function with its types and its instructions.

Numba knows thousands of these, for types from arrays to strings, and needs most of a second to collect them.
Kernels get along with a page: numbers, truth values and pointers. Nothing here mixes types, so in which
format something is computed is said in the source.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.core.datamodel import models
from numba.core.datamodel.registry import register_default
from numba.core.typing.templates import signature

Emit = Callable[..., ir.Value]
"""From a builder and the operands to the result."""

INT, BOOL, BYTE = types.int64, types.boolean, types.uint8
REALS = (types.float32, types.float64)
_WORD = ir.IntType(64)


class Function:
    """Something that kernels call: a function or an operator.

    It takes `arity` operands. `result` is given their types, and returns that of the result, or None where
    the function has no such form. `emit` is given a builder and the operands, and returns the result.
    """

    def __init__(self, name: str, arity: int, result: Callable[..., Any], emit: Emit) -> None:
        self.name = name
        self.arity = arity
        self.result = result
        self.emit = emit
        self.type = FunctionType(self)

    def signature(self, operands: Sequence[Any]) -> Any:
        """Numba's description of a call with operands of these types, or None."""
        result = self.result(*operands) if len(operands) == self.arity else None
        return None if result is None else signature(result, *operands)


class FunctionType(types.Callable, types.Opaque):
    """The type of one function: in Numba every function has a type of its own."""

    def __init__(self, function: Function) -> None:
        self.function = function
        super().__init__(f"function {function.name}")

    @property
    def key(self) -> Function:
        return self.function

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        return None if kws else self.function.signature(args)

    def get_call_signatures(self) -> Any:
        return [], False

    def get_impl_key(self, sig: Any) -> Function:
        return self.function


register_default(FunctionType)(models.OpaqueModel)


def same(*kinds: Any) -> Callable[..., Any]:
    """Operands of one type, which is one of these and also that of the result."""
    return lambda first, *others: first if first in kinds and all(x == first for x in others) else None


# --------------------------------------------------------------------------------- arithmetic


def _arithmetic(symbol: str, reals: str, integers: str, arity: int = 2) -> Function:
    def emit(builder: ir.IRBuilder, *operands: ir.Value) -> ir.Value:
        whole = isinstance(operands[0].type, ir.IntType)
        return getattr(builder, integers if whole else reals)(*operands)

    return Function(symbol, arity, same(*REALS, *((INT,) if integers else ())), emit)


def _logic(symbol: str, operation: str, arity: int = 2) -> Function:
    return Function(symbol, arity, same(BOOL), getattr(ir.IRBuilder, operation))


def _comparison(symbol: str) -> Function:
    def result(a: Any, b: Any) -> Any:
        kinds = (INT, *REALS, BOOL) if symbol in ("==", "!=") else (INT, *REALS)
        comparable = (a == b and a in kinds) or (a, b) == (BYTE, INT)
        return BOOL if comparable else None

    def emit(builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
        if not isinstance(a.type, ir.IntType):
            # A NaN is in no relation but "!=".
            return (builder.fcmp_unordered if symbol == "!=" else builder.fcmp_ordered)(symbol, a, b)
        return builder.icmp_signed(symbol, _widened(builder, a, b.type), b)

    return Function(symbol, 2, result, emit)


def _widened(builder: ir.IRBuilder, a: ir.Value, kind: ir.IntType) -> ir.Value:
    """An integer or, from what has fewer bits, a number that has no sign."""
    return a if a.type == kind else builder.zext(a, kind)


def _cast(kind: Any) -> Function:
    """int64(x), float32(x), ...: from any number or truth value, toward zero where digits are lost."""
    width = {INT: _WORD, BYTE: ir.IntType(8), REALS[0]: ir.FloatType(), REALS[1]: ir.DoubleType()}[kind]

    def emit(builder: ir.IRBuilder, a: ir.Value) -> ir.Value:
        if a.type == width:
            return a
        if isinstance(a.type, ir.IntType):
            if isinstance(width, ir.IntType):
                return (builder.zext if a.type.width < width.width else builder.trunc)(a, width)
            return (builder.sitofp if a.type == _WORD else builder.uitofp)(a, width)
        if isinstance(width, ir.IntType):
            return (builder.fptosi if kind == INT else builder.fptoui)(a, width)
        return (builder.fptrunc if kind == REALS[0] else builder.fpext)(a, width)

    return Function(str(kind), 1, lambda a: kind if a in (INT, BOOL, BYTE, *REALS) else None, emit)


# ------------------------------------------------------------------------------------- memory


def _element(pointer: Any, index: Any) -> Any:
    return pointer.dtype if isinstance(pointer, types.CPointer) and index == INT else None


def _load(builder: ir.IRBuilder, pointer: ir.Value, index: ir.Value) -> ir.Value:
    return builder.load(builder.gep(pointer, [index]))


def _store(builder: ir.IRBuilder, pointer: ir.Value, index: ir.Value, value: ir.Value) -> None:
    builder.store(value, builder.gep(pointer, [index]))


_GET = Function("[]", 2, _element, _load)
_SET = Function("[]=", 3, lambda p, i, x: types.none if x == _element(p, i) else None, _store)


LANGUAGE: Mapping[Any, Function] = {
    operator.add: _arithmetic("+", "fadd", "add"),
    operator.sub: _arithmetic("-", "fsub", "sub"),
    operator.mul: _arithmetic("*", "fmul", "mul"),
    operator.truediv: _arithmetic("/", "fdiv", ""),
    operator.neg: _arithmetic("-", "fneg", "neg", 1),
    operator.and_: _logic("&", "and_"),
    operator.or_: _logic("|", "or_"),
    operator.not_: _logic("not", "not_", 1),
    operator.eq: _comparison("=="),
    operator.ne: _comparison("!="),
    operator.lt: _comparison("<"),
    operator.le: _comparison("<="),
    operator.gt: _comparison(">"),
    operator.ge: _comparison(">="),
    **{kind: _cast(kind) for kind in (INT, BYTE, *REALS)},
    operator.getitem: _GET,
    operator.setitem: _SET,
}
"""By what Numba calls it."""
