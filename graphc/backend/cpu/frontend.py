"""What Numba is given to compile kernels with, in place of its own: the language of kernels, and no LLVM.

Kernels hold numbers and pointers; they have no closures, no arrays, nothing that counts references and no
exceptions. What a program does with Numba besides neither sees these contexts nor changes them.
"""

from __future__ import annotations

import ctypes
import operator
from typing import Any

from llvmlite import ir
from numba.core import callconv, lowering, types
from numba.core.base import BaseContext
from numba.core.datamodel.registry import default_manager
from numba.core.target_extension import target_registry
from numba.core.typing.context import BaseContext as TypingContext

from graphc.backend.cpu.language import LANGUAGE, Function, FunctionType

_CONSTANTS = {type(None): types.none, bool: types.boolean, int: types.int64, float: types.float64}


class Typing(TypingContext):
    """The types of what stands in a kernel."""

    def _load_builtins(self) -> None:
        """None of Numba's."""

    def resolve_value_type(self, val: Any) -> Any:
        """The type of a constant or of what a global name stands for. ValueError: there is none."""
        if type(val) in _CONSTANTS:
            return _CONSTANTS[type(val)]
        function = val if isinstance(val, Function) else LANGUAGE.get(val)
        if function is None:
            raise ValueError(f"{val!r} is not in the language of kernels")
        return function.type

    def resolve_function_type(self, func: Any, args: Any, kws: Any) -> Any:
        """The signature of a call with operands of these types, or None where there is none."""
        function = func.function if isinstance(func, FunctionType) else LANGUAGE[func]
        return None if kws else function.signature(args)

    def resolve_setitem(self, target: Any, index: Any, value: Any) -> Any:
        """The signature of a store."""
        return LANGUAGE[operator.setitem].signature((target, index, value))


class Target(BaseContext):
    """Functions become text: this target has no code generator, and nothing runs on it."""

    def __init__(self, typing: Typing) -> None:
        # Instead of Numba's own beginning, which tells LLVM of hundreds of functions that arrays and Python
        # objects need: each is a call into LLVM, and each waits while LLVM compiles in another thread.
        self.typing_context = typing
        self.target = target_registry["cpu"]
        self.address_size = 8 * ctypes.sizeof(ctypes.c_void_p)
        self.data_model_manager = default_manager

    @property
    def call_conv(self) -> Any:
        return callconv.CPUCallConv(self)

    def codegen(self) -> None:
        return None

    def mangler(self, name: str, types: Any, *, abi_tags: Any = (), uid: Any = None) -> str:
        """The name alone: it holds a hash of what the function says, so no other function has it."""
        return name.rpartition(".")[2]

    def get_constant_generic(self, builder: ir.IRBuilder, ty: Any, val: Any) -> ir.Value:
        if isinstance(ty, types.Number | types.Boolean):
            return ir.Constant(self.get_value_type(ty), val)
        return self.get_dummy_value()

    def post_lowering(self, mod: ir.Module, library: Any) -> None:
        """No counts of references, so no library for them."""

    def get_abi_sizeof(self, ty: ir.Type) -> int:
        """Only debug information says how large a variable is, and there is none. LLVM would be asked."""
        return 0


class Library:
    """What Numba takes for a library: it holds one module."""

    module: ir.Module

    def create_ir_module(self, name: str) -> ir.Module:
        self.module = ir.Module()
        return self.module

    def add_ir_module(self, module: ir.Module) -> None:
        """It is there already."""


class Lower(lowering.Lower):
    """From Numba's IR with types to that of LLVM."""

    def emit_environment_object(self) -> None:
        """None: kernels reach no Python object."""

    def pre_block(self, block: Any) -> None:
        """No exceptions to prepare for."""

    def storevar(self, value: ir.Value, name: str, argidx: int | None = None) -> None:
        """A parameter is never assigned anew, and stays in its register; nothing is released."""
        if argidx is not None or name in self._singly_assigned_vars:
            self._blk_local_varmap[name] = value
        else:
            self.builder.store(value, self.getvar(name))

    def lower_expr(self, resty: Any, expr: Any) -> ir.Value:
        """An operation whose operands have the types that it takes: nothing is cast."""
        match expr.op:
            case "call":
                return self._emitted(self.typeof(expr.func.name).function, *expr.args)
            case "binop":
                return self._emitted(LANGUAGE[expr.fn], expr.lhs, expr.rhs)
            case "unary":
                return self._emitted(LANGUAGE[expr.fn], expr.value)
            case "getitem":
                return self._emitted(LANGUAGE[expr.fn], expr.value, expr.index)
        raise NotImplementedError(expr.op)

    def lower_setitem(self, target_var: Any, index_var: Any, value_var: Any, signature: Any) -> None:
        self._emitted(LANGUAGE[operator.setitem], target_var, index_var, value_var)

    def _emitted(self, function: Function, *operands: Any) -> ir.Value:
        return function.emit(self.builder, *(self.loadvar(operand.name) for operand in operands))
