"""A checkpoint: arrays by name and a table about them, in one safetensors file that proves to be unaltered.

Names begin with what kind of array it is: `param/enc.W`, `running/m`, `slot/v/enc.W`. The table is JSON in
the file's metadata, and with it lies a digest of both, since the format itself has none.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from graphc.diagnostics import GraphcError, fault
from graphc.ir.op import Array
from graphc.train.runs.durable import replace_file

FORMAT = 2
"""The number of the layout that this version writes and reads."""

_TABLE, _DIGEST = "graphc", "digest"


@dataclass(frozen=True)
class Checkpoint:
    """What a file holds. `about` is what JSON knows: no NaN, no infinities."""

    tensors: Mapping[str, Array]
    about: Mapping[str, Any]

    def kind(self, name: str) -> dict[str, Array]:
        """The arrays of one kind by their own names: those of `param/W` and so on for "param"."""
        return within(name, self.tensors)


def within(kind: str, tensors: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays whose names begin with `kind/`, without it."""
    prefix = f"{kind}/"
    return {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}


def under(kind: str, tensors: Mapping[str, Array]) -> dict[str, Array]:
    """The same arrays with `kind/` before their names."""
    return {f"{kind}/{name}": array for name, array in tensors.items()}


def write(path: Path, checkpoint: Checkpoint) -> None:
    """Write it whole or leave what was there. Raises E601."""
    from safetensors.numpy import save

    tensors = {name: np.asarray(array, order="C") for name, array in checkpoint.tensors.items()}
    table = json.dumps({"format": FORMAT, **checkpoint.about}, allow_nan=False, ensure_ascii=False)
    replace_file(path, save(tensors, {_TABLE: table, _DIGEST: digest(table, tensors)}))


def digest(table: str, tensors: Mapping[str, Array]) -> str:
    """Of the table and of every array's name, dtype, shape and bytes: 32 hexadecimal digits (BLAKE2b)."""
    found = hashlib.blake2b(table.encode(), digest_size=16)
    for name in sorted(tensors):
        array = tensors[name]
        found.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        found.update(array.reshape(-1).view(np.uint8).data)
    return found.hexdigest()


def read(path: Path) -> Checkpoint:
    """Raises E602 for a file that cannot be read, E603 for another format, E605 for an altered file."""
    metadata, tensors = _opened(path)
    if _TABLE not in metadata:
        raise foreign(path, "it holds no spec")
    table = _parsed(metadata[_TABLE])
    # Another format may have another digest too: it is named before anything else is said.
    if table.get("format") != FORMAT:
        raise foreign(path, f"its format is {table.get('format')!r}, and not {FORMAT}")
    if metadata.get(_DIGEST) != digest(metadata[_TABLE], tensors):
        raise fault(
            "E605",
            f"`{path}` was altered or damaged after it was written",
            note="its content does not have the digest that was written with it",
        )
    return Checkpoint(tensors, table)


def is_one(path: Path) -> bool:
    """Whether a safetensors file holds a checkpoint, of any version, and not just arrays."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            return _TABLE in (file.metadata() or {})
    except (SafetensorError, OSError):
        return False


def foreign(path: Path, why: str) -> GraphcError:
    """The fault of a file in the right format that does not hold what `write` writes."""
    return fault("E603", f"`{path}` was not saved by this version of graphc: {why}")


def _opened(path: Path) -> tuple[dict[str, str], dict[str, Array]]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise fault("E602", f"there is no file `{path}`")
    try:
        with safe_open(path, "np") as file:
            return file.metadata() or {}, {name: file.get_tensor(name) for name in list(file.keys())}
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        reason = str(error).removeprefix("Error while deserializing header: ")
        raise fault("E602", f"`{path}` is damaged or no safetensors file: {reason}") from None


def _parsed(text: str) -> dict[str, Any]:
    try:
        table = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return table if isinstance(table, dict) else {}
