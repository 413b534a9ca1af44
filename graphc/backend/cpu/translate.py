"""From a unit to LLVM's code, through Numba.

Numba as it is used by decorators compiles each function to machine code, with wrappers that Python calls, and
again as a part of every caller. Here it only translates: a unit becomes LLVM bitcode, bitcode of callees is
linked into that of the caller, and what is called from Python is optimized and assembled once, in one piece.
"""

from __future__ import annotations

import importlib
import linecache
from collections.abc import Mapping
from functools import cache, reduce
from types import FunctionType
from typing import Any

from llvmlite import binding
from numba.core import compiler, funcdesc, sigutils
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.typing.templates import make_concrete_template, signature

from graphc.backend.cpu import frontend
from graphc.backend.cpu.cache import Code
from graphc.backend.cpu.pipeline import Pipeline, Typing
from graphc.backend.cpu.unit import Unit


def lowered(unit: Unit) -> str:
    """A kernel as LLVM's IR, its function named `unit.symbol`. LLVM itself has no part in it.

    The function has Numba's calling convention: it returns an i32, and the first two parameters are where a
    result and an exception would go. Raises what Numba raises where the source is none that it can compile:
    a mistake of the generator.
    """
    assert not any(isinstance(use, Unit) for use in unit.uses.values()), f"`{unit.name}` calls other units"
    names = dict(_imported(unit.names)) if unit.names else {}
    names |= {name: _imported(use) for name, use in unit.uses.items() if isinstance(use, str)}
    return str(frontend.lowered(unit, names))


class _Library(JITCodeLibrary):
    """Linked, neither optimized nor loaded: a callee is optimized as a part of what calls it."""

    def finalize(self) -> None:
        for library in dict.fromkeys(self._linking_libraries):
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._final_module.verify()
        self._finalized = True

    def _optimize_functions(self, module: Any) -> None:
        module.data_layout = self._codegen._data_layout

    def holding(self, bitcode: bytes) -> _Library:
        """This library with a module that was translated before."""
        self._final_module = self._shared_module = binding.parse_bitcode(bitcode)
        self._finalized = True
        return self

    @property
    def module(self) -> Any:
        """All that is linked, in LLVM's form."""
        self._ensure_finalized()
        return self._final_module

    def optimized(self) -> Any:
        """The module, for this machine."""
        self._ensure_finalized()
        # Once: Numba does it twice, to find reference counts that cancel.
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)
        return self._final_module


class _Callee:
    """What the name of a unit stands for in the source of another one."""


_CALLEES: dict[str, _Callee] = {}
"""By the key of the unit; Numba does not forget them either."""


@global_compiler_lock
def translate(unit: Unit, callees: Mapping[str, Code]) -> Code:
    """The unit and all that it calls as bitcode, to be linked. `callees` are the units that it uses, by key.

    Raises what Numba raises where the source is none that it can compile: a mistake of the generator.
    """
    library = _lowered(unit, callees)
    return Code(unit.symbol, (), library._get_module_for_linking().as_bitcode())


@global_compiler_lock
def assemble(unit: Unit, callees: Mapping[str, Code]) -> Code:
    """The unit and all that it calls as object code, optimized for this machine."""
    library = _lowered(unit, callees)
    module = library.optimized()
    library._finalize_dynamic_globals()
    if library.has_dynamic_globals:
        raise RuntimeError(f"`{unit.name}` holds an address of this process: {library._dynamic_globals}")
    needs = (item.name for item in (*module.functions, *module.global_variables) if item.is_declaration)
    outside = tuple(name for name in needs if not name.startswith("llvm."))
    return Code(unit.symbol, outside, library.codegen._tm.emit_object(module))


@global_compiler_lock
def listing(unit: Unit, callees: Mapping[str, Code]) -> str:
    """LLVM's text of the unit and all that it calls, as optimized."""
    return str(_lowered(unit, callees).optimized())


def _lowered(unit: Unit, callees: Mapping[str, Code]) -> Any:
    types = _typing()
    context = cpu_target.target_context.subtarget(typing_context=types)
    context.refresh()
    types.refresh()
    library = _Library(context.codegen(), unit.symbol)
    if not any(isinstance(use, Unit) or "atomics" in use or "calls" in use for use in unit.uses.values()):
        library.add_llvm_module(binding.parse_assembly(lowered(unit)))
        return library
    names = dict(_imported(unit.names)) if unit.names else {}
    for name, use in unit.uses.items():
        names[name] = _callee(use, callees[use.key]) if isinstance(use, Unit) else _imported(use)
    arguments, result = _signature(unit)
    compiled = compiler.compile_extra(
        types, context, _function(unit, names), arguments, result, _flags(), {}, library, Pipeline
    )
    # Numba's own name counts the functions of this process, and would make no two objects equal.
    library.get_function(compiled.fndesc.mangled_name).name = unit.symbol
    for variable in library.module.global_variables:
        # Variables for Python objects are named in the same way: unused and unseen, they go away.
        if variable.name.startswith("_ZN08NumbaEnv") and not variable.is_declaration:
            variable.linkage = "internal"
    return library


@cache
def _typing() -> Typing:
    return Typing()


def _flags() -> Any:
    flags: Any = compiler.Flags()
    flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    flags.enable_looplift = False
    flags.enable_ssa = False
    flags.noalias = True
    # And no `fastmath`: LLVM would use what it allows in the vectors of a loop, and not in the elements left
    # over behind them. Which elements these are depends on how the loop is shared out, so the bits would too.
    flags.release_gil = True
    flags.error_model = "numpy"
    return flags


def _function(unit: Unit, names: Mapping[str, Any]) -> FunctionType:
    file = f"<generated {unit.symbol}>"
    source = unit.named_source
    # So that Numba's messages and tracebacks show the line. None: there is no file to look for.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    # Numba looks a function's module up by its name; this one can be imported wherever bitcode is linked.
    namespace: dict[str, Any] = {"__name__": __name__, **names}
    exec(compile(source, file, "exec"), namespace)
    function: FunctionType = namespace[unit.symbol]
    return function


def _signature(unit: Unit) -> tuple[Any, Any]:
    kinds = [f"CPointer({kind[:-1]})" if kind.endswith("*") else kind for kind in unit.parameters]
    arguments, result = sigutils.normalize_signature(f"{unit.result}({', '.join(kinds)})")
    return arguments, result


def _callee(unit: Unit, code: Code) -> _Callee:
    """A global that a source can call: its type is made known to Numba, and where its bitcode is."""
    if unit.key in _CALLEES:
        return _CALLEES[unit.key]
    arguments, result = _signature(unit)
    described = funcdesc.FunctionDescriptor(
        native=True,
        modname=__name__,
        qualname=unit.symbol,
        unique_name=unit.symbol,
        doc="",
        typemap={},
        restype=result,
        calltypes={},
        args=[f"a{position}" for position in range(len(arguments))],
        kws=(),
        argtypes=arguments,
        noalias=True,
    )
    described.mangled_name = code.symbol
    callee = _Callee()
    context = cpu_target.target_context
    library = _Library(context.codegen(), unit.symbol).holding(code.body)
    template = make_concrete_template(unit.symbol, key=callee, signatures=[signature(result, *arguments)])
    _typing().insert_user_function(callee, template)
    context.insert_user_function(callee, described, [library])
    _CALLEES[unit.key] = callee
    return callee


def _imported(path: str) -> Any:
    module, _, name = path.partition(":")

    def step(value: Any, part: str) -> Any:
        return value[part] if isinstance(value, Mapping) else getattr(value, part)

    return reduce(step, name.split("."), importlib.import_module(module))
