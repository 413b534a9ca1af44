"""A program in one safetensors file: parameters as tensors, the spec and its settings as metadata."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphc.diagnostics import GraphcError, fault
from graphc.driver import arguments

if TYPE_CHECKING:
    from graphc.driver.program import Program

FORMAT = "1"


def save(program: Program, path: Path) -> None:
    """Write to a temporary name, sync, rename: the file is whole or as it was before.

    Raises E601 if it cannot be written.
    """
    from safetensors.numpy import save as encode

    metadata = {
        "graphc": FORMAT,
        "name": program.pipeline.file.span.source.name,
        "spec": program.pipeline.file.span.source.text,
        "imports": json.dumps(program.imports),
        "dims": json.dumps(dict(program.pipeline.given)),
        "settings": json.dumps({"dtype": program.settings.dtype, "seed": program.settings.seed}),
        "updates": json.dumps(program.params.updates),
    }
    data = encode({name: program.params[name] for name in program.params}, metadata)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        reason = (error.strerror or str(error)).lower()
        raise fault("E601", f"cannot write `{path}`: {reason}") from None


@dataclass(frozen=True)
class Saved:
    """What a file holds."""

    name: str
    spec: str
    imports: dict[str, str]
    dims: dict[str, int]
    dtype: str
    seed: int
    updates: dict[str, int]
    tensors: dict[str, Any]


def foreign(path: Path, why: str) -> GraphcError:
    """The fault of a file in the right format that does not hold what `save` writes."""
    return fault("E603", f"`{path}` was not saved by this version of graphc: {why}")


def read(path: Path) -> Saved:
    """A saved program, checked as far as its spec does not matter.

    Raises E602 for a file that cannot be read, E603 for one that no program was saved in.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise fault("E602", f"there is no file `{path}`")
    try:
        with safe_open(path, "np") as file:
            metadata = file.metadata() or {}
            names = list(file.keys())
            tensors = {name: file.get_tensor(name) for name in names}
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:
        reason = str(error).removeprefix("Error while deserializing header: ")
        raise fault("E602", f"`{path}` is damaged or no safetensors file: {reason}") from None
    if metadata.get("graphc") != FORMAT:
        found = f"its format is {metadata['graphc']!r}" if "graphc" in metadata else "it holds no spec"
        raise foreign(path, found)
    for key in ("name", "spec"):
        if key not in metadata:
            raise foreign(path, f"its `{key}` is missing")
    settings = _table(path, metadata, "settings")
    dtype, seed = settings.get("dtype"), arguments.whole(settings.get("seed"))
    if not isinstance(dtype, str) or seed is None or not 0 <= seed < 2**64:
        raise foreign(path, "its `settings` are damaged")
    dims = _table(path, metadata, "dims", int)
    if any(not 0 < size < 2**31 for size in dims.values()):
        raise foreign(path, "its `dims` are damaged")
    imports, updates = _table(path, metadata, "imports", str), _table(path, metadata, "updates", int)
    return Saved(metadata["name"], metadata["spec"], imports, dims, dtype, seed, updates, tensors)


def _table(path: Path, metadata: dict[str, str], key: str, kind: type = object) -> dict[str, Any]:
    """An entry of the metadata that is a table in JSON."""
    if key not in metadata:
        raise foreign(path, f"its `{key}` is missing")
    try:
        table = json.loads(metadata[key])
    except (ValueError, RecursionError):
        table = None
    sound = isinstance(table, dict) and all(
        isinstance(item, kind) and not (kind is int and isinstance(item, bool)) for item in table.values()
    )
    if not sound:
        raise foreign(path, f"its `{key}` are damaged")
    result: dict[str, Any] = table
    return result


def restore(program: Program, path: Path, saved: Saved) -> None:
    """Put the tensors into the program. Raises E604 if they are not those of its spec."""
    missing = [name for name in program.params if name not in saved.tensors]
    surplus = [name for name in saved.tensors if name not in program.params]
    if missing or surplus:
        what = f"`{missing[0]}` is missing" if missing else f"`{surplus[0]}` is not in the spec"
        raise fault("E604", f"`{path}` does not fit its spec: {what}")
    for name, array in saved.tensors.items():
        if array.shape != program.params[name].shape:
            raise fault(
                "E604",
                f"`{path}` does not fit its spec: `{name}` is {list(array.shape)}, "
                f"expected {list(program.params[name].shape)}",
            )
        program.params[name] = array
    if set(saved.updates) != set(program.params.updates):
        raise foreign(path, "its `updates` are not those of its running statistics")
    program.params.updates |= saved.updates
