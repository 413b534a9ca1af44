"""Where arrays come from: scikit-learn's bundled sets, `.npz` archives and texts.

Nothing here executes what it reads: arrays of Python objects are refused, and an archive's headers are
checked against the model before any of its arrays is allocated.
"""

from __future__ import annotations

import importlib
import math
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphc.diagnostics import GraphcError, fault
from graphc.train.data import Array
from graphc.train.origins import Origin, content, opened

_DAMAGE = (
    ArithmeticError, EOFError, KeyError, NotImplementedError, OSError, RuntimeError, SyntaxError, TypeError,
    ValueError, tokenize.TokenError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """What is known of an array before it is read."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def layouts(arrays: Mapping[str, Array]) -> dict[str, Layout]:
    return {name: Layout(array.shape, array.dtype) for name, array in arrays.items()}


def named_set(origin: Origin) -> dict[str, Array]:
    """One of scikit-learn's bundled sets, as the arrays `x` and `y`."""
    try:
        datasets = importlib.import_module("sklearn.datasets")
    except ImportError:
        raise fault(
            "E411",
            f'`source = "{origin.name}"` needs scikit-learn, which is not installed',
            origin.span,
            help='pip install "graphc[data]"',
        ) from None
    loaded = getattr(datasets, f"load_{origin.name}")()
    return {"x": np.asarray(loaded.data), "y": np.asarray(loaded.target)}


class Archive:
    """An `.npz` file: headers first, arrays when they are asked for."""

    def __init__(self, path: Path, origin: Origin) -> None:
        self.origin = origin
        self._zip = self._open(path)
        members = [info for info in self._zip.infolist() if info.filename.endswith(".npy")]
        self._members = {info.filename.removesuffix(".npy"): info for info in members}
        self.layouts = {name: self._header(name) for name in self._members}

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *exception: object) -> None:
        self._zip.close()

    def read(self, name: str) -> Array:
        try:
            with self._zip.open(self._members[name]) as file:
                array: Array = np.lib.format.read_array(file, allow_pickle=False)
        except _DAMAGE as error:
            raise self._damaged(f"the array `{name}` cannot be read ({_reason(error)})") from None
        return array

    def _open(self, path: Path) -> zipfile.ZipFile:
        with opened(path, self.origin) as file:
            begin = file.read(6)
        if begin.startswith(b"\x80"):
            raise fault(
                "E415",
                f"{self.origin} is a pickle, which could run code when it is read",
                self.origin.span,
                help="save the arrays by name: `numpy.savez(path, x=x, y=y)`",
            )
        if not begin.startswith(b"PK"):
            found = "a single `.npy` array" if begin == b"\x93NUMPY" else "something else"
            found = found if begin else "an empty file"
            raise fault(
                "E414",
                f"expected {self.origin} to be an `.npz` archive, found {found}",
                self.origin.span,
                help="save the arrays by name: `numpy.savez(path, x=x, y=y)`",
            )
        try:
            return zipfile.ZipFile(path)
        except _DAMAGE as error:
            raise self._damaged(f"it ends early or was altered ({_reason(error)})") from None

    def _header(self, name: str) -> Layout:
        info = self._members[name]
        try:
            with self._zip.open(info) as file:
                version = np.lib.format.read_magic(file)
                reader = {
                    (1, 0): np.lib.format.read_array_header_1_0,
                    (2, 0): np.lib.format.read_array_header_2_0,
                }
                shape, _, dtype = reader[version](file)
                held = info.file_size - file.tell()
        except _DAMAGE as error:
            raise self._damaged(
                f"the header of the array `{name}` cannot be read ({_reason(error)})"
            ) from None
        if dtype.hasobject:
            raise fault(
                "E415",
                f"the array `{name}` in {self.origin} holds Python objects, which could run code",
                self.origin.span,
                help="save numbers only; sequences of different lengths go into one padded array",
            )
        layout = Layout(tuple(shape), dtype)
        if layout.bytes != held:
            raise self._damaged(
                f"the array `{name}` of shape {shape} needs {layout.bytes} bytes, found {held}"
            )
        return layout

    def _damaged(self, why: str) -> GraphcError:
        return fault("E414", f"{self.origin} is damaged: {why}", self.origin.span)


def _reason(error: BaseException) -> str:
    text = str(error).splitlines()
    return text[0] if text else type(error).__name__


def read_text(path: Path, origin: Origin) -> str:
    """A text file, every character as it stands (line ends too)."""
    found = content(path, origin)
    try:
        text = found.decode("utf-8")
    except UnicodeDecodeError as error:
        raise fault(
            "E417",
            f"{origin} is no UTF-8 text: byte {error.start} is 0x{found[error.start]:02x}",
            origin.span,
        ) from None
    if not text:
        raise fault("E417", f"{origin} is empty", origin.span)
    return text


def encode(text: str) -> tuple[tuple[str, ...], Array]:
    """The text's characters in order of their code points, and the text as positions among them."""
    points = np.frombuffer(text.encode("utf-32-le"), dtype="<u4")
    known, codes = np.unique(points, return_inverse=True)
    return tuple(chr(point) for point in known), codes.astype(np.int64)
