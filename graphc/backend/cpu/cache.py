"""Compiled code on disk: one file for each unit, in a folder for each toolchain.

    CACHE/kernels/TOOLCHAIN/KEY.o     object code of a unit
    CACHE/kernels/TOOLCHAIN/NAME.o    object code of a library whose functions units call

KEY is a hash of what the unit says, TOOLCHAIN one of everything that turns it into code: so a file never
has to be changed, and what belongs to another version or another machine lies in another folder. A
file is written under a name of its own and then renamed, so processes and threads may fill the cache at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import threading
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from graphc.diagnostics import fault
from graphc.frontend.grammar import cache_folder, private_folder

_LAYOUT = 2
"""Of the files here: to be raised when it changes."""

_COMPILERS = ("graphc", "llvmlite", "numba")
_CARRIERS = ("numpy", "scipy", "scipy-openblas32", "scipy-openblas64")
"""Of a BLAS that compiled code may call."""


@dataclass(frozen=True)
class Code:
    """Object code: the functions that `body` defines, and the symbols that must be there to load it."""

    defines: tuple[str, ...]
    needs: tuple[str, ...]
    body: bytes

    def pack(self) -> bytes:
        head = json.dumps({"defines": self.defines, "needs": self.needs}).encode()
        content = head + b"\n" + self.body
        return hashlib.sha256(content).digest() + content

    @classmethod
    def unpack(cls, packed: bytes) -> Code | None:
        """What `pack` made, or None if that is not what it is, as after a full disk."""
        content = packed[32:]
        if hashlib.sha256(content).digest() != packed[:32]:
            return None
        head, _, body = content.partition(b"\n")
        found = json.loads(head)
        return cls(tuple(found["defines"]), tuple(found["needs"]), body)


# ------------------------------------------------------------------------------------ entries


def holds(entry: str) -> bool:
    """Whether there is an entry of that name, sound or damaged: to ask costs less than to read it."""
    folder = _folder()
    return folder is not None and (folder / entry).is_file()


def read(entry: str) -> Code | None:
    """The entry of that name (`KEY.o`), or None if it is not there or is damaged."""
    folder = _folder()
    if folder is None:
        return None
    try:
        packed = (folder / entry).read_bytes()
    except OSError:
        return None
    return Code.unpack(packed)


def write(entry: str, code: Code) -> None:
    """Keep the code under that name. Where that is not possible, it is said once, and nothing is kept."""
    folder = _folder()
    if folder is None:
        return
    beside = folder / f".{entry}.{os.getpid()}.{threading.get_ident()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside.write_bytes(code.pack())
        beside.replace(folder / entry)
    except OSError as error:
        _say(f"`{folder}` cannot be written: {(error.strerror or str(error)).lower()}")
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def kernels() -> Path:
    """Where compiled code lies, of all toolchains."""
    return cache_folder() / "kernels"


def require() -> None:
    """Raises E610 where nothing can be kept."""
    if private_folder() is None:
        raise fault("E610", _unusable())


def _folder() -> Path | None:
    if private_folder() is None:
        _say(_unusable())
        return None
    return kernels() / toolchain()


def _unusable() -> str:
    return f"`{cache_folder()}` cannot be written, or others may write it too"


@cache
def _say(what: str) -> None:
    message = f"compiled code is not kept, so every start compiles anew: {what}"
    warnings.warn(message, RuntimeWarning, stacklevel=2)


# ---------------------------------------------------------------------------------- toolchain


def _digest() -> str:
    """A hash of the sources of the generator, as they are on disk."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


_SOURCES = _digest()
"""As they were when this process began: these are the ones that it runs, whatever is written later."""


def is_up_to_date() -> bool:
    """Whether the sources are still those that the toolchain's name holds.

    Else, after an upgrade or while they are being written, a part of them may have been imported before and
    another afterwards. Code that such a process makes is not to be kept under any name.
    """
    try:
        return _digest() == _SOURCES
    except OSError:  # one of them is being replaced
        return False


@cache
def toolchain() -> str:
    """A hash of everything but the unit that decides which code comes out."""
    return hashlib.sha256(repr(_versions()).encode()).hexdigest()[:16]


def _versions() -> list[object]:
    from llvmlite import binding  # here: it takes a tenth of a second, and most commands compile nothing

    return [
        _LAYOUT,
        platform.python_implementation(),
        platform.python_version(),
        *map(_version, _COMPILERS + _CARRIERS),
        binding.get_process_triple(),
        binding.get_host_cpu_name(),
        binding.get_host_cpu_features().flatten(),
        sorted(item for item in os.environ.items() if item[0].startswith("NUMBA_")),
        _SOURCES,
    ]


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "none"


# ------------------------------------------------------------------------- looking and clearing


@dataclass(frozen=True)
class Contents:
    """What the cache holds. Stale entries are those of other versions of graphc or of what it uses."""

    folder: Path
    entries: int
    bytes: int
    stale_entries: int
    stale_bytes: int


def contents() -> Contents:
    current, stale = [0, 0], [0, 0]
    for file in kernels().glob("*/*"):
        counted = current if file.parent.name == toolchain() else stale
        with suppress(OSError):  # another process may clear it in the meantime
            counted[1] += file.stat().st_size
            counted[0] += 1
    return Contents(kernels(), current[0] + stale[0], current[1] + stale[1], stale[0], stale[1])


def clear(stale_only: bool = False) -> None:
    """Remove all entries, or the stale ones. Raises E610 where that is not allowed."""
    for folder in kernels().glob("*"):
        if stale_only and folder.name == toolchain():
            continue
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:  # another process was faster
            continue
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise fault("E610", f"`{folder}` cannot be removed: {reason}") from None
