"""From LLVM's text to object code for this machine, in threads of their own.

LLVM works without the interpreter's lock. So it compiles some functions while Python writes the next one, and
the time until all are there is hardly longer than the writing. llvmlite lets one thread at a time into LLVM,
because modules may share a context; here each has its own, as LLVM asks of what is compiled at the same time,
and the two calls that take long go past that lock. The others do not: who writes text should call LLVM as
seldom as possible.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any, Literal

from llvmlite import binding
from llvmlite.binding import ffi

from graphc.backend.cpu import machine, sync
from graphc.backend.cpu.cache import Code

_NAME = r'@("[^"]+"|[^"\s(]+)'
_DEFINED = re.compile(rf"^define (?!internal |private |linkonce)[^@]*{_NAME}\(", re.MULTILINE)
_DECLARED = re.compile(rf"^(?:declare [^@]*(?!@llvm\.){_NAME}\(|{_NAME} = external )", re.MULTILINE)
_SWITCH = 0.0005
"""Seconds."""
_TARGET = re.compile(r"^target .*\n", re.MULTILINE)
_MOST = 4
"""Threads: more of them wait for each other, and for Python's texts."""


Effort = Literal["full", "written", "little"]
"""What LLVM does to a module.

`full`: all that it can, vectors for loops above all. `written`: what was written as it is to run needs its
instructions merged, its branches straightened, and registers chosen with care; the passes take a tenth of the
time. `little`: what is run once where others are run often; registers are chosen fast, too.
"""


def submit(text: str, *, effort: Effort = "full") -> Future[Code]:
    """Begin to compile a module: verify it, optimize it for this machine, and emit object code.

    Equal texts become equal code. The future raises RuntimeError if LLVM finds the text wrong.
    """
    _Overlap.begin()
    future = _threads().submit(_assemble, text, effort)
    future.add_done_callback(lambda _: _Overlap.end())
    return future


def assemble(text: str, *, effort: Effort = "full") -> Code:
    """What `submit` begins, waited for. Raises RuntimeError if LLVM finds the text wrong."""
    return submit(text, effort=effort).result()


def optimized(text: str, *, effort: Effort = "full") -> str:
    """The text of the module as it is when object code is emitted. Raises as `assemble` does."""
    return _threads().submit(lambda: str(_optimized(text, effort))).result()


def features() -> frozenset[str]:
    """What the processor that code is made for has, in LLVM's names: `avx2`, `fma`."""
    return frozenset(item[1:] for item in _features().split(",") if item.startswith("+"))


def _assemble(text: str, effort: Effort) -> Code:
    module = _optimized(text, effort)
    # Read from the text: to ask LLVM for each name would be many more calls than all the others.
    return Code(*_symbols(str(module)), _emitted(module, effort))


def _symbols(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The functions that a module defines for others, and those that it needs, by name."""
    needs = (function or variable for function, variable in _DECLARED.findall(text))
    defines = _DEFINED.findall(text)
    return tuple(name.strip('"') for name in defines), tuple(name.strip('"') for name in needs)


def _optimized(text: str, effort: Effort) -> Any:
    # A context of its own: names of types, which a context keeps apart, are those of the text.
    module = binding.parse_assembly(_machine() + _TARGET.sub("", text), binding.create_context())
    module.verify()
    tools = _tools()
    if effort == "full":
        passes = tools.builder.getModulePassManager()
    else:
        passes = binding.create_new_module_pass_manager()
        passes.add_instruction_combine_pass()
        passes.add_simplify_cfg_pass()
    _unlocked("LLVMPY_RunNewModulePassManager")(passes, module, tools.builder)
    return module


def _emitted(module: Any, effort: Effort) -> bytes:
    """The object code of an optimized module: llvmlite's `emit_object`, past its lock."""
    tools = _tools()
    with ffi.OutputString() as problem:
        target = tools.fast if effort == "little" else tools.careful
        buffer = _unlocked("LLVMPY_TargetMachineEmitToMemory")(target, module, 1, problem)
        if not buffer:
            raise RuntimeError(str(problem))
    try:
        return ctypes.string_at(ffi.lib.LLVMPY_GetBufferStart(buffer), ffi.lib.LLVMPY_GetBufferSize(buffer))
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)


def _unlocked(name: str) -> Any:
    """A function of llvmlite's library, without the lock that llvmlite puts around each."""
    function = getattr(ffi.lib, name)
    return getattr(function, "_cfn", function)


class _Tools(threading.local):
    """What a thread compiles with. It is changed by use, so each thread has its own."""

    def __init__(self) -> None:
        self.fast, self.careful = _target(0), _target(3)
        # As Numba has them. Vectors are made of loops and not of what stands side by side, which was found
        # to be compiled wrongly (Numba issue 8705).
        tuning = binding.create_pipeline_tuning_options(speed_level=3)
        tuning.loop_vectorization, tuning.slp_vectorization = True, False
        self.builder = binding.create_pass_builder(self.careful, tuning)


@cache
def _tools() -> _Tools:
    return _Tools()


@cache
def _machine() -> str:
    """The lines of a module that say which machine it is for."""
    return f'target triple = "{machine.triple()}"\ntarget datalayout = "{_tools().careful.target_data}"\n'


def _target(level: int) -> Any:
    """As Numba has it, so that code calls its data and other code at any distance in memory."""
    return machine.native().create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=_features(),
        opt=level,
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


class _Overlap:
    """While the thread has work, whoever comes back from LLVM gets the interpreter's lock soon.

    A module takes about twelve calls. After each the thread would wait for as long as Python lets one that
    computes go on, 5 ms, which is longer than most of the calls.
    """

    lock = threading.Lock()
    modules = 0
    before = 0.0

    @classmethod
    def begin(cls) -> None:
        with cls.lock:
            if not cls.modules:
                cls.before = sys.getswitchinterval()
                sys.setswitchinterval(_SWITCH)
            cls.modules += 1

    @classmethod
    def end(cls) -> None:
        with cls.lock:
            cls.modules -= 1
            if not cls.modules:
                sys.setswitchinterval(cls.before)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=min(sync.count(), _MOST), thread_name_prefix="graphc-assembler")


def _forked() -> None:
    """A child has none of its parent's threads, nor of the work that they had."""
    _threads.cache_clear()
    if _Overlap.modules:
        sys.setswitchinterval(_Overlap.before)
    _Overlap.lock, _Overlap.modules = threading.Lock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
