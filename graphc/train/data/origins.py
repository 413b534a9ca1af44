"""Where data comes from: what messages call it, which file it is, and whether that is still the same."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from graphc.diagnostics import GraphcError, Span, fault
from graphc.ir.op import Array

_HASHED = 2**28
"""Bytes up to which a description holds a checksum: hashing as much takes about a quarter of a second."""
_BLOCK = 2**20


@dataclass(frozen=True)
class Origin:
    """What messages call the data, and where the spec names it."""

    name: str
    span: Span | None = None
    is_quoted: bool = True

    def __str__(self) -> str:
        return f"`{self.name}`" if self.is_quoted else self.name


class Handle:
    """A descriptor of an open file, which is closed when nobody has the handle any more."""

    def __init__(self, file: BinaryIO) -> None:
        self.descriptor = os.dup(file.fileno())

    def __del__(self) -> None:
        os.close(self.descriptor)


@dataclass(frozen=True)
class File:
    """A file that data came from, as it was when it was opened.

    `held` is there if arrays are mapped from it, not read: what is mapped must stay as it is.
    """

    path: Path
    origin: Origin
    size: int
    modified: int
    """Nanoseconds since 1970."""
    held: Handle | None = field(default=None, compare=False, repr=False)

    @classmethod
    def of(cls, path: Path, origin: Origin, held: Handle | None = None) -> File:
        found = path.stat() if held is None else os.fstat(held.descriptor)
        return cls(path, origin, found.st_size, found.st_mtime_ns, held)

    def check(self) -> None:
        """Raises E419 if a mapped file is not what it was.

        Reading what was cut off a mapped file kills the process, so this goes before each batch. A file
        that was renamed or deleted is still there for whoever has it open.
        """
        if self.held is None:
            return
        try:
            now = os.fstat(self.held.descriptor)
        except OSError as error:
            raise self._changed(f"it can no longer be read ({error.strerror})") from None
        if now.st_size != self.size:
            raise self._changed(f"it had {self.size} bytes and has {now.st_size} now")
        if now.st_mtime_ns != self.modified:
            raise self._changed("it was written to")

    def _changed(self, what: str) -> GraphcError:
        return fault("E419", f"{self.origin} changed while it was in use: {what}", self.origin.span)

    def description(self) -> dict[str, Any]:
        """Its name, its size and its SHA-256, or where it is large the time of its last change."""
        result: dict[str, Any] = {"name": self.origin.name, "bytes": self.size}
        if self.size > _HASHED:
            return {**result, "modified_ns": self.modified}
        digest = hashlib.sha256()
        with opened(self.path, self.origin) as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        return {**result, "sha256": digest.hexdigest()}


def opened(path: Path, origin: Origin) -> BinaryIO:
    """The file, open to be read. Raises E418."""
    try:
        return path.open("rb")
    except OSError as error:
        raise fault("E418", f"{origin} cannot be read: {error.strerror}", origin.span) from None


def content(path: Path, origin: Origin) -> bytes:
    """All bytes of a file that is to be decoded. Raises E416 if memory would not hold it, E418."""
    with opened(path, origin) as file:
        check_size(origin, os.fstat(file.fileno()).st_size)
        return file.read()


def digest_of(arrays: Mapping[str, Array]) -> str | None:
    """The SHA-256 of arrays in memory, with names, dtypes and shapes; None if they are large."""
    if sum(array.nbytes for array in arrays.values()) > _HASHED:
        return None
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def memory_limit() -> int:
    """Half of the machine's memory: data beyond it would make everything else on it crawl."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, OSError, ValueError):
        # Not every system tells.
        return 2**33


def check_size(origin: Origin, size: int, help: str = "") -> None:
    """Raises E416 where data to be held in memory is too large for this machine."""
    if size > memory_limit():
        raise fault(
            "E416",
            f"{origin} holds {size / 2**30:.1f} GiB, more than half of this machine's memory",
            origin.span,
            help=help,
        )
