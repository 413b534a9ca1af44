"""NumPy's own OpenBLAS, called from compiled code.

The library is searched beside NumPy, then in the packages that carry OpenBLAS, then beside SciPy. All of
these speak CBLAS and let their number of threads be set, and no other library is taken: threads are ours to
give, and a BLAS that starts its own on top halves the speed. Where none is found, products are made by our
own kernels alone, and `found` says so.
"""

from __future__ import annotations

import ctypes
import importlib.util
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

from llvmlite import binding

_SPELLINGS = [(prefix, suffix) for prefix in ("scipy_", "") for suffix in ("64_", "")]
_FOLDERS = {
    "numpy": ("../numpy.libs", ".dylibs"),
    "scipy_openblas64": ("lib",),
    "scipy_openblas32": ("lib",),
    "scipy": ("../scipy.libs", ".dylibs"),
}
"""Where wheels keep their libraries, seen from the package's folder: on Linux and Windows, and on macOS."""


@dataclass(frozen=True)
class Library:
    """An OpenBLAS and how it spells its names: `prefix` + name + `suffix`."""

    path: Path
    handle: ctypes.CDLL
    prefix: str
    suffix: str

    @property
    def bits(self) -> int:
        """The size of its integers."""
        return 64 if self.suffix else 32

    def address(self, name: str) -> int:
        """Where the function `name` lies in memory."""
        function = getattr(self.handle, f"{self.prefix}{name}{self.suffix}")
        return int(ctypes.cast(function, ctypes.c_void_p).value or 0)


def _candidates() -> Iterator[Path]:
    for package, folders in _FOLDERS.items():
        spec = importlib.util.find_spec(package)
        for home in (spec.submodule_search_locations or []) if spec else []:
            for folder in folders:
                yield from sorted(Path(home, folder).resolve().glob("*openblas*"))


@cache
def library() -> Library | None:
    """The library that compiled code calls, or None if there is none."""
    for path in _candidates():
        try:
            handle = ctypes.CDLL(str(path))
        except OSError:  # not a library, or one for another machine: the next may do
            continue
        for prefix, suffix in _SPELLINGS:
            needed = ("cblas_sgemm", "cblas_dgemm", "openblas_set_num_threads", "openblas_get_num_threads")
            if all(hasattr(handle, f"{prefix}{name}{suffix}") for name in needed):
                return Library(path, handle, prefix, suffix)
    return None


def found() -> str:
    """Which library makes the large products, in words for a person; compiled code depends on it."""
    used = library()
    return f"{used.path.name}, {used.bits}-bit integers" if used else "none: own kernels for every product"


@cache
def register() -> None:
    """Tell LLVM where the functions are. To be called before compiled code is loaded; again does nothing."""
    used = library()
    if used:
        for letter in "sd":
            binding.add_symbol(symbol(used, letter), used.address(f"cblas_{letter}gemm"))


def symbol(used: Library, letter: str) -> str:
    """What compiled code calls the product of singles, `s`, or doubles, `d`."""
    return f"graphc_blas{used.bits}_{letter}gemm"


class SingleThread:
    """While anybody is inside, the library runs in the thread that calls it.

    The last to leave puts its number of threads back, also after an exception. It may be entered again, and
    from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._before = 1

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._before = threads()
                _set_threads(1, self._before)
            self._inside += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                _set_threads(self._before, 1)


single_thread = SingleThread()
"""`with single_thread: ...` around every call of compiled code that multiplies."""


def threads() -> int:
    """How many threads the library uses now; 1 without one."""
    return int(_thread_functions()[0]())


def _set_threads(count: int, now: int) -> None:
    if count != now:
        _thread_functions()[1](count)


@cache
def _thread_functions() -> tuple[Any, Any]:
    used = library()
    if used is None:
        return lambda: 1, lambda count: None
    get = ctypes.CFUNCTYPE(ctypes.c_int)(used.address("openblas_get_num_threads"))
    put = ctypes.CFUNCTYPE(None, ctypes.c_int)(used.address("openblas_set_num_threads"))
    return get, put
