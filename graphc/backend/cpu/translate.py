"""From a kernel to LLVM's text, through Numba: its IR, its inference of types, its lowering."""

from __future__ import annotations

import ast
import importlib
import linecache
from collections.abc import Mapping
from functools import cache, reduce
from typing import Any

from numba.core import bytecode, compiler, funcdesc, types
from numba.core.compiler_lock import global_compiler_lock
from numba.core.targetconfig import ConfigStack
from numba.core.typed_passes import type_inference_stage

from graphc.backend.cpu import syntax
from graphc.backend.cpu.frontend import Library, Lower, Target, Typing
from graphc.backend.cpu.language import BYTE, INT, REALS
from graphc.backend.cpu.unit import Unit

_TYPES = {str(kind): kind for kind in (INT, BYTE, *REALS)}


@global_compiler_lock
def lowered(unit: Unit) -> str:
    """A kernel in LLVM's text: a module with the function `unit.symbol`, neither verified nor optimized.

    The function has Numba's calling convention: it returns an i32, and the first two parameters are where a
    result and an exception would go. LLVM itself has no part in the translation. Raises what Numba raises
    where the source is none that it can compile: a mistake of the generator.
    """
    assert not any(isinstance(use, Unit) for use in unit.uses.values()), f"`{unit.name}` calls other units"
    code = _read(unit)
    typing, target = _contexts()
    library = Library()
    with ConfigStack().enter(_flags()):
        typed = type_inference_stage(typing, target, code, _types(unit), types.none)
        described = funcdesc.PythonFunctionDescriptor.from_specialized_function(
            code, typed.typemap, typed.return_type, typed.calltypes, target.mangler, False, True, ()
        )
        Lower(target, library, described, code).lower()
    return str(library.module)


def _read(unit: Unit) -> Any:
    """The unit in Numba's IR."""
    file = f"<generated {unit.symbol}>"
    source = unit.named_source
    # So that Numba's messages show the line. None: there is no file to look for.
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    tree = ast.parse(source)
    (function,) = tree.body
    assert isinstance(function, ast.FunctionDef), source
    names = _names(unit)
    namespace: dict[str, Any] = {"__name__": __name__, **names}
    exec(compile(tree, file, "exec"), namespace)
    identity = bytecode.FunctionIdentity.from_function(namespace[unit.symbol])
    return syntax.read(function, identity, names)


def _names(unit: Unit) -> Mapping[str, Any]:
    """What the names in the source stand for."""
    return {name: _imported(use) for name, use in unit.uses.items() if isinstance(use, str)}


def _imported(path: str) -> Any:
    module, _, name = path.partition(":")

    def step(value: Any, part: str) -> Any:
        return value[part] if isinstance(value, Mapping) else getattr(value, part)

    return reduce(step, name.split("."), importlib.import_module(module))


def _types(unit: Unit) -> tuple[Any, ...]:
    """Those of the parameters."""
    names = ((kind.removesuffix("*"), kind) for kind in unit.parameters)
    kinds = (types.CPointer(_TYPES[base]) if kind != base else _TYPES[base] for base, kind in names)
    return tuple(kinds)


@cache
def _contexts() -> tuple[Typing, Target]:
    typing = Typing()
    return typing, Target(typing)


@cache
def _flags() -> Any:
    flags: Any = compiler.Flags()
    # And no `fastmath`: LLVM would use what it allows in the vectors of a loop, and not in the elements left
    # over behind them. Which elements these are depends on how the loop is shared out, so the bits would too.
    flags.noalias = True
    return flags
