"""From object code to a function that Python calls.

LLVM's linker and `ctypes` are enough for it, so a program from the cache runs without Numba being imported.
"""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any

from llvmlite import binding

from graphc.backend.cpu.cache import Code

_SCALARS: dict[str, Any] = {
    "int64": ctypes.c_int64,
    "float32": ctypes.c_float,
    "float64": ctypes.c_double,
}

_ENGINES: list[Any] = []
"""Kept for good: an engine takes its code with it, and a function may be called at any time."""

_PLACES = (ctypes.c_void_p * 2)()
"""Where Numba's calling convention puts a result and an exception: a void function that raises nothing has
neither, so all threads may share one."""


def missing(symbols: Iterable[str]) -> list[str]:
    """Which of these names nobody defines. LLVM ends the process on the first one, hence the question."""
    _look_at_process()
    return [symbol for symbol in symbols if not binding.address_of_symbol(symbol)]


def load(codes: Iterable[Code]) -> None:
    """Load object code, of which one piece may need another. What it defines other code may need from now on.

    Every other symbol that it needs has to be there: see `missing`.
    """
    codes, engine = list(codes), _engine()
    for code in codes:
        engine.add_object_file(binding.ObjectFileRef.from_data(code.body))
    engine.finalize_object()
    for symbol in (symbol for code in codes for symbol in code.defines):
        binding.add_symbol(symbol, engine.get_function_address(symbol))
    _ENGINES.append(engine)


def function(symbol: str, parameters: tuple[str, ...]) -> Callable[..., None]:
    """A function that was loaded, of Numba's calling convention. It takes pointers as addresses, lets go of
    the interpreter's lock while it runs, and checks of its arguments their number and kinds, nothing more.
    The state that it returns says nothing: neither kernels nor steps raise exceptions.
    """
    kinds = [ctypes.c_void_p if kind.endswith("*") else _SCALARS[kind] for kind in parameters]
    prototype = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, *kinds)
    native: Any = prototype(binding.address_of_symbol(symbol))
    place = ctypes.addressof(_PLACES)
    return partial(native, place, place + ctypes.sizeof(ctypes.c_void_p))


def plain(symbol: str, parameters: tuple[str, ...]) -> Callable[..., None]:
    """A function that was loaded, of the C language's convention: it returns nothing."""
    prototype = ctypes.CFUNCTYPE(None, *(_SCALARS[kind] for kind in parameters))
    native: Any = prototype(binding.address_of_symbol(symbol))
    return partial(native)


def address(function: Callable[..., None]) -> int:
    """Where the code of a function from `function` begins, for compiled code to call it."""
    assert isinstance(function, partial)
    native: Any = function.func
    return int(ctypes.cast(native, ctypes.c_void_p).value or 0)


def _engine() -> Any:
    """An engine without code."""
    target = native().create_target_machine(jit=True)
    # As Numba does: LLVM's own memory manager can place code too far from its data on ARM.
    own_memory = platform.machine() in ("aarch64", "arm64")
    return binding.create_mcjit_compiler(binding.parse_assembly(""), target, use_lmm=own_memory)


@cache
def native() -> Any:
    """What LLVM knows of processors of this kind."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    return binding.Target.from_triple(triple())


@cache
def triple() -> str:
    """The processor and the system of this process, as LLVM names them: `x86_64-unknown-linux-gnu`."""
    name: str = binding.get_process_triple()
    return name


@cache
def _look_at_process() -> None:
    """LLVM knows what the process itself defines, such as the C library, when it has made an engine."""
    _ENGINES.append(_engine())
