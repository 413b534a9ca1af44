"""Numba as kernels need it: its compiler from its IR to that of LLVM, with the language of kernels.

Kernels hold numbers and pointers; they have no closures, no arrays, nothing that counts references and nothing
that is inlined before there is LLVM code. The contexts are this compiler's own: what a program does with
Numba besides neither sees them nor changes them.
"""

from __future__ import annotations

import ast
import linecache
import operator
from collections.abc import Mapping
from functools import cache
from typing import Any

from llvmlite import binding, ir
from numba.core import bytecode, callconv, compiler, funcdesc, lowering, types
from numba.core.base import BaseContext
from numba.core.compiler_lock import global_compiler_lock
from numba.core.extending import _Intrinsic
from numba.core.targetconfig import ConfigStack
from numba.core.typed_passes import type_inference_stage
from numba.core.typing.context import BaseContext as TypingContext

from graphc.backend.cpu import syntax
from graphc.backend.cpu.language import BYTE, INT, LANGUAGE, REALS, Function
from graphc.backend.cpu.language import FunctionType as Called
from graphc.backend.cpu.unit import Unit

_NUMBERS: dict[type, Any] = {bool: types.boolean, int: types.int64, float: types.float64}


class _Typing(TypingContext):  # type: ignore[misc]
    """The types of what stands in a kernel."""

    def _load_builtins(self) -> None:
        """None of Numba's."""

    def resolve_value_type(self, val: Any) -> Any:
        """The type of a constant or of what a global name stands for. ValueError: there is none."""
        if val is None:
            return types.none
        if type(val) in _NUMBERS:
            return _NUMBERS[type(val)]
        if isinstance(val, _Intrinsic):
            return _adapted(val).type
        function = val if isinstance(val, Function) else LANGUAGE.get(val)
        if function is None:
            raise ValueError(f"{val!r} is not in the language of kernels")
        return function.type

    resolve_value_type_prefer_literal = resolve_value_type

    def resolve_function_type(self, func: Any, args: Any, kws: Any) -> Any:
        """The signature of a call with operands of these types, or None where there is none."""
        function = func.function if isinstance(func, Called) else LANGUAGE[func]
        return None if kws else function.signature(args)

    def resolve_setitem(self, target: Any, index: Any, value: Any) -> Any:

        return LANGUAGE[operator.setitem].signature((target, index, value))


class _Target(BaseContext):  # type: ignore[misc]
    """Functions become text: this target has no code generator, and nothing runs on it."""

    def __init__(self, typing: _Typing) -> None:
        super().__init__(typing, "cpu")
        self.error_model = callconv.create_error_model("numpy", self)

    @property
    def call_conv(self) -> Any:
        return callconv.CPUCallConv(self)

    def codegen(self) -> None:
        return None

    def mangler(self, name: str, types: Any, *, abi_tags: Any = (), uid: Any = None) -> str:
        """The name alone: it holds a hash of what the function says, so no other function has it."""
        return name.rpartition(".")[2]

    def get_constant_generic(self, builder: ir.IRBuilder, ty: Any, val: Any) -> ir.Value:
        number = isinstance(ty, types.Number | types.Boolean)
        return ir.Constant(self.get_value_type(ty), val) if number else self.get_dummy_value()

    def post_lowering(self, mod: ir.Module, library: Any) -> None:
        """No counts of references, so no library for them."""

    def get_abi_sizeof(self, ty: ir.Type) -> int:
        """Only debug information says how large a variable is, and there is none."""
        return 0


class _Library:
    """What Numba takes for a library: it holds one module."""

    def create_ir_module(self, name: str) -> ir.Module:
        module = ir.Module(name)
        module.triple = _triple()
        return module

    def add_ir_module(self, module: ir.Module) -> None:
        self.module = module


class _Lower(lowering.Lower):  # type: ignore[misc]
    def emit_environment_object(self) -> None:
        """None: kernels reach no Python object."""

    def pre_block(self, block: Any) -> None:
        """No exceptions to prepare for."""

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


@cache
def _adapted(intrinsic: Any) -> Function:
    def result(*operands: Any) -> Any:
        found = intrinsic._defn(None, *operands)
        return None if found is None else found[0].return_type

    def emit(builder: ir.IRBuilder, *operands: ir.Value) -> ir.Value:
        kinds = {"i1": types.boolean, "i64": types.int64, "float": types.float32, "double": types.float64}
        sig, implementation = intrinsic._defn(None, *(kinds[str(o.type)] for o in operands))
        return implementation(_contexts()[1], builder, sig, operands)

    return Function(intrinsic._name, result, emit)


@cache
def _triple() -> str:
    triple: str = binding.get_process_triple()
    return triple


@cache
def _contexts() -> tuple[_Typing, _Target]:
    typing = _Typing()
    return typing, _Target(typing)


@cache
def _flags() -> Any:
    flags: Any = compiler.Flags()
    flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    flags.enable_looplift = False
    flags.noalias = True
    # And no `fastmath`: LLVM would use what it allows in the vectors of a loop, and not in the elements left
    # over behind them. Which elements these are depends on how the loop is shared out, so the bits would too.
    flags.release_gil = True
    flags.error_model = "numpy"
    return flags


@global_compiler_lock
def lowered(unit: Unit, names: Mapping[str, Any]) -> ir.Module:
    """A kernel in LLVM's IR, its function named `unit.symbol`. `names` are what its source calls.

    Raises what Numba raises where it cannot compile the function.
    """
    typing, target = _contexts()
    identity, code = _read(unit, names)
    arguments, result = _types(unit)
    with ConfigStack().enter(_flags()):
        typed = type_inference_stage(typing, target, code, arguments, result)
        described = funcdesc.PythonFunctionDescriptor.from_specialized_function(
            code, typed.typemap, typed.return_type, typed.calltypes, target.mangler, False, True, ()
        )
        library = _Library()
        _Lower(target, library, described, code).lower()
    return library.module


def _read(unit: Unit, names: Mapping[str, Any]) -> Any:
    file = f"<generated {unit.symbol}>"
    source = unit.named_source
    # So that Numba's messages show the line. None: there is no file to look for.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    tree = ast.parse(source)
    (function,) = tree.body
    assert isinstance(function, ast.FunctionDef), source
    namespace: dict[str, Any] = {"__name__": __name__}
    exec(compile(tree, file, "exec"), namespace)
    identity = bytecode.FunctionIdentity.from_function(namespace[unit.symbol])
    return identity, syntax.read(function, identity, names)


_TYPES = {str(kind): kind for kind in (INT, BYTE, *REALS)} | {"void": types.none}


def _types(unit: Unit) -> tuple[tuple[Any, ...], Any]:
    """Those of the parameters and of the result."""
    names = ((kind.removesuffix("*"), kind) for kind in unit.parameters)
    kinds = (types.CPointer(_TYPES[base]) if kind != base else _TYPES[base] for base, kind in names)
    return tuple(kinds), _TYPES[unit.result]
