"""Numba as units need it: fewer passes over the source, and each call of a function typed once.

Generated sources hold numbers, pointers and tuples; they have no closures, no arrays, nothing that counts
references and nothing that is inlined before there is LLVM code. What Numba does for those takes half of its
time.
"""

from __future__ import annotations

from typing import Any

from numba.core import compiler, typed_passes, untyped_passes
from numba.core.compiler_machinery import PassManager
from numba.core.typing.context import Context

_PASSES = (
    untyped_passes.TranslateByteCode,
    untyped_passes.FixupArgs,
    untyped_passes.IRProcessing,
    untyped_passes.GenericRewrites,
    typed_passes.NopythonTypeInference,
    typed_passes.NativeLowering,
    typed_passes.NoPythonBackend,
)


class Pipeline(compiler.CompilerBase):
    """From bytecode to types to LLVM code.

    Not among the passes is the one that gives each assignment a variable of its own: a name of a source has
    one type in the whole function, and LLVM finds registers for variables by itself.
    """

    def define_pipelines(self) -> list[PassManager]:
        manager = PassManager("unit")
        for each in _PASSES:
            manager.add_pass(each, each.name())
        manager.finalize()
        return [manager]


class Typing(Context):
    """The types of calls, each resolved once: Numba tries all rules that it has, those for arrays first."""

    def __init__(self) -> None:
        self._resolved: dict[tuple[Any, ...], Any] = {}
        super().__init__()

    def resolve_function_type(self, func: Any, args: Any, kws: Any) -> Any:
        """The signature of a call with arguments of these types, or None where there is none."""
        call = func, tuple(args), tuple(sorted(dict(kws).items()))
        if call not in self._resolved:
            self._resolved[call] = super().resolve_function_type(func, args, kws)
        return self._resolved[call]
