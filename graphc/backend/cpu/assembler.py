"""From LLVM's text to object code for this machine, in a thread of its own.

LLVM works without the interpreter's lock. So it compiles one function while Python writes the next one, and
the time until all are there is hardly longer than the writing. llvmlite lets one thread at a time into LLVM:
there is one thread for it, and who writes text should call LLVM as seldom as possible.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import Any

from llvmlite import binding

from graphc.backend.cpu import machine
from graphc.backend.cpu.cache import Code

_NAME = r'@("[^"]+"|[^"\s(]+)'
_DEFINED = re.compile(rf"^define (?!internal |private |linkonce)[^@]*{_NAME}\(", re.MULTILINE)
_DECLARED = re.compile(rf"^(?:declare [^@]*(?!@llvm\.){_NAME}\(|{_NAME} = external )", re.MULTILINE)
_SWITCH = 0.0005
"""Seconds."""
_TARGET = re.compile(r"^target .*\n", re.MULTILINE)


def submit(text: str, *, optimize: bool = True) -> Future[Code]:
    """Begin to compile a module: verify it, optimize it for this machine, and emit object code.

    optimize: all that LLVM can, vectors for loops above all. False is for what was written as it is to run:
    instructions are merged and branches straightened, which takes a tenth of the time. Equal texts become
    equal code. The future raises RuntimeError if LLVM finds the text wrong.
    """
    return _thread().submit(_assemble, text, optimize)


def assemble(text: str, *, optimize: bool = True) -> Code:
    """What `submit` begins, waited for. Raises RuntimeError if LLVM finds the text wrong."""
    return submit(text, optimize=optimize).result()


def optimized(text: str, *, optimize: bool = True) -> str:
    """The text of the module as it is when object code is emitted. Raises as `assemble` does."""
    return _thread().submit(lambda: str(_optimized(text, optimize))).result()


def features() -> frozenset[str]:
    """What the processor that code is made for has, in LLVM's names: `avx2`, `fma`."""
    return frozenset(item[1:] for item in _features().split(",") if item.startswith("+"))


def _assemble(text: str, optimize: bool) -> Code:
    module = _optimized(text, optimize)
    # Read from the text: to ask LLVM for each name would be many more calls than all the others.
    return Code(*_symbols(str(module)), _target().emit_object(module))


def _symbols(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The functions that a module defines for others, and those that it needs, by name."""
    needs = (function or variable for function, variable in _DECLARED.findall(text))
    defines = _DEFINED.findall(text)
    return tuple(name.strip('"') for name in defines), tuple(name.strip('"') for name in needs)


def _optimized(text: str, optimize: bool) -> Any:
    # A context of its own: names of types, which a context keeps apart, are those of the text.
    module = binding.parse_assembly(_machine() + _TARGET.sub("", text), binding.create_context())
    module.verify()
    builder = _passes()
    if optimize:
        passes = builder.getModulePassManager()
    else:
        passes = binding.create_new_module_pass_manager()
        passes.add_instruction_combine_pass()
        passes.add_simplify_cfg_pass()
    passes.run(module, builder)
    return module


@cache
def _passes() -> Any:
    """As Numba has them. Vectors are made of loops and not of what stands side by side, which was found to be
    compiled wrongly (Numba issue 8705)."""
    tuning = binding.create_pipeline_tuning_options(speed_level=3)
    tuning.loop_vectorization, tuning.slp_vectorization = True, False
    return binding.create_pass_builder(_target(), tuning)


@cache
def _machine() -> str:
    """The lines of a module that say which machine it is for."""
    return f'target triple = "{machine.triple()}"\ntarget datalayout = "{_target().target_data}"\n'


@cache
def _target() -> Any:
    """As Numba has it, so that code calls its data and other code at any distance in memory."""
    return machine.native().create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=_features(),
        opt=3,
        reloc="static" if machine.native().name.startswith("x86") else "default",
        codemodel="jitdefault",
        jit=True,
    )


@cache
def _features() -> str:
    try:
        flat: str = binding.get_host_cpu_features().flatten()
    except RuntimeError:  # not on every system can LLVM find them out: then it keeps to what all have
        return ""
    return flat


@contextmanager
def overlapping() -> Iterator[None]:
    """Meanwhile, whoever comes back from LLVM gets the interpreter's lock soon.

    A module takes about twelve calls. After each the thread would wait for as long as Python lets one that
    computes go on, 5 ms, which is longer than most of the calls.
    """
    before = sys.getswitchinterval()
    try:
        sys.setswitchinterval(_SWITCH)
        yield
    finally:
        sys.setswitchinterval(before)


@cache
def _thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="graphc-assembler")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_thread.cache_clear)  # a child has none of its parent's threads
