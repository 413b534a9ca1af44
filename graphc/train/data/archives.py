"""Arrays by name from `.npz` archives, `.npy` files and memory.

Nothing here executes what it reads: arrays of Python objects are refused, and headers are checked against
the model before any array is allocated. A large array that lies in its file as it would in memory is mapped:
the system reads the pages that are asked for, and drops them again when memory is short.
"""

from __future__ import annotations

import math
import mmap
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, NoReturn, Protocol

import numpy as np

from graphc.diagnostics import GraphcError, fault
from graphc.ir.op import Array
from graphc.train.data.origins import File, Handle, Origin, opened

MAPPED_FROM = 2**26
"""Bytes: smaller arrays are read at once, since memory is faster than the system's cache of pages."""

_MAGIC = b"\x93NUMPY"
_SAVE_BY_NAME = "save the arrays by name: `numpy.savez(path, x=x, y=y)`"
_DAMAGE = (
    ArithmeticError, EOFError, KeyError, NotImplementedError, OSError, RuntimeError, SyntaxError, TypeError,
    ValueError, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """What is known of an array before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_fortran: bool = False

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def layouts(arrays: Mapping[str, Array]) -> dict[str, Layout]:
    return {name: Layout(array.shape, array.dtype) for name, array in arrays.items()}


class Arrays(Protocol):
    """Named arrays, known by their layouts before they are read."""

    origin: Origin

    @property
    def layouts(self) -> Mapping[str, Layout]: ...

    def read(self, name: str) -> Array:
        """An array in memory or mapped, not to be written to. Raises E414 if the file is damaged."""
        ...

    def is_mapped(self, name: str) -> bool:
        """Whether reading it takes no memory."""
        ...

    @property
    def files(self) -> tuple[File, ...]:
        """The files; those that arrays were mapped from are held open."""
        ...


class Memory:
    """Arrays that are in memory already."""

    def __init__(self, arrays: Mapping[str, Array], origin: Origin) -> None:
        self.origin, self.arrays, self.layouts = origin, arrays, layouts(arrays)
        self.files: tuple[File, ...] = ()

    def read(self, name: str) -> Array:
        return self.arrays[name]

    def is_mapped(self, name: str) -> bool:
        return True


class ArrayFiles:
    """`.npy` files, one for each name."""

    def __init__(self, paths: Mapping[str, Path], origin: Origin) -> None:
        self.origin = origin
        self._paths = dict(paths)
        self._files: dict[str, File] = {}
        self._offsets: dict[str, int] = {}
        self.layouts = {name: self._header(name) for name in self._paths}

    @property
    def files(self) -> tuple[File, ...]:
        return tuple(self._files.values())

    def is_mapped(self, name: str) -> bool:
        return self.layouts[name].bytes >= MAPPED_FROM

    def read(self, name: str) -> Array:
        path, layout = self._paths[name], self.layouts[name]
        with opened(path, self.origin) as file:
            if self.is_mapped(name):
                self._files[name] = File.of(path, self._files[name].origin, Handle(file))
                return _mapped(file, layout, self._offsets[name])
            try:
                array: Array = np.lib.format.read_array(file, allow_pickle=False)
            except _DAMAGE as error:
                self._damaged(path, error)
        return array

    def _header(self, name: str) -> Layout:
        path = self._paths[name]
        with opened(path, self.origin) as file:
            self._files[name] = File.of(path, Origin(path.name, self.origin.span))
            if not file.read(len(_MAGIC)).startswith(_MAGIC):
                raise fault("E414", f"expected `{path.name}` to be a `.npy` array", self.origin.span)
            file.seek(0)
            try:
                layout = _layout_of(file)
            except _DAMAGE as error:
                self._damaged(path, error)
            self._offsets[name] = file.tell()
        _refuse_objects(layout, name, self.origin)
        if layout.bytes != self._files[name].size - self._offsets[name]:
            self._damaged(path, ValueError("its size is not what its header says"))
        return layout

    def _damaged(self, path: Path, error: Exception) -> NoReturn:
        raise fault("E414", f"`{path.name}` is damaged: {_reason(error)}", self.origin.span) from None


class Archive:
    """An `.npz` file. To be closed, or used by `with`, once everything is read; what is mapped stays."""

    def __init__(self, path: Path, origin: Origin) -> None:
        self.origin = origin
        self._path = path
        self._zip = self._open(path)
        self._known = File.of(path, origin)
        members = [info for info in self._zip.infolist() if info.filename.endswith(".npy")]
        self._members = {info.filename.removesuffix(".npy"): info for info in members}
        self._headers: dict[str, int] = {}
        self.layouts = {name: self._header(name) for name in self._members}

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *exception: object) -> None:
        self._zip.close()

    @property
    def files(self) -> tuple[File, ...]:
        return (self._known,)

    def is_mapped(self, name: str) -> bool:
        info = self._members[name]
        is_plain = info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 1
        return is_plain and self.layouts[name].bytes >= MAPPED_FROM

    def read(self, name: str) -> Array:
        info = self._members[name]
        try:
            with self._zip.open(info) as member:
                if self.is_mapped(name):
                    # The archive compares its checksum when the end is reached.
                    while member.read(2**20):
                        pass
                    return self._map(name, info)
                array: Array = np.lib.format.read_array(member, allow_pickle=False)
        except _DAMAGE as error:
            raise self._damaged(f"the array `{name}` cannot be read ({_reason(error)})") from None
        return array

    def _map(self, name: str, info: zipfile.ZipInfo) -> Array:
        with opened(self._path, self.origin) as file:
            if self._known.held is None:
                self._known = File.of(self._path, self.origin, Handle(file))
            # What stands before a member's content: 30 bytes, then texts whose lengths are bytes 26 to 29.
            file.seek(info.header_offset + 26)
            lengths = file.read(4)
            before = 30 + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
            return _mapped(file, self.layouts[name], info.header_offset + before + self._headers[name])

    def _open(self, path: Path) -> zipfile.ZipFile:
        with opened(path, self.origin) as file:
            begin = file.read(6)
        if begin.startswith(b"\x80"):
            raise fault(
                "E415",
                f"{self.origin} is a pickle, which could run code when it is read",
                self.origin.span,
                help=_SAVE_BY_NAME,
            )
        if not begin.startswith(b"PK"):
            found = "a single `.npy` array" if begin == _MAGIC else "something else"
            found = found if begin else "an empty file"
            raise fault(
                "E414",
                f"expected {self.origin} to be an `.npz` archive, found {found}",
                self.origin.span,
                help=_SAVE_BY_NAME,
            )
        try:
            return zipfile.ZipFile(path)
        except _DAMAGE as error:
            raise self._damaged(f"it ends early or was altered ({_reason(error)})") from None

    def _header(self, name: str) -> Layout:
        info = self._members[name]
        try:
            with self._zip.open(info) as file:
                layout = _layout_of(file)
                self._headers[name] = file.tell()
        except _DAMAGE as error:
            raise self._damaged(
                f"the header of the array `{name}` cannot be read ({_reason(error)})"
            ) from None
        _refuse_objects(layout, name, self.origin)
        held = info.file_size - self._headers[name]
        if layout.bytes != held:
            raise self._damaged(
                f"the array `{name}` of shape {layout.shape} needs {layout.bytes} bytes, found {held}"
            )
        return layout

    def _damaged(self, why: str) -> GraphcError:
        return fault("E414", f"{self.origin} is damaged: {why}", self.origin.span)


def _layout_of(file: IO[bytes]) -> Layout:
    """What the header of an array says; the file then stands behind it."""
    version = np.lib.format.read_magic(file)
    reader = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    shape, is_fortran, dtype = reader[version](file)
    return Layout(tuple(shape), dtype, is_fortran)


def _mapped(file: BinaryIO, layout: Layout, offset: int) -> Array:
    """The array that begins `offset` bytes into a file, read where and when it is looked at."""
    memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    flat = np.frombuffer(memory, layout.dtype, math.prod(layout.shape), offset)
    return flat.reshape(layout.shape, order="F" if layout.is_fortran else "C")


def _refuse_objects(layout: Layout, name: str, origin: Origin) -> None:
    if layout.dtype.hasobject:
        raise fault(
            "E415",
            f"the array `{name}` in {origin} holds Python objects, which could run code",
            origin.span,
            help="save numbers only; sequences of different lengths go into one padded array",
        )


def _reason(error: BaseException) -> str:
    text = str(error).splitlines()
    return text[0] if text else type(error).__name__
