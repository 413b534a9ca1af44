"""A program in one safetensors file: parameters as tensors, the spec and its settings as metadata."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphc.diagnostics import fault

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


def read(path: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """Metadata and tensors of a saved program.

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
    except (SafetensorError, OSError, ValueError) as error:
        reason = str(error).removeprefix("Error while deserializing header: ")
        raise fault("E602", f"`{path}` is damaged or no safetensors file: {reason}") from None
    if metadata.get("graphc") != FORMAT:
        found = f"its format is {metadata['graphc']!r}" if "graphc" in metadata else "it holds no spec"
        raise fault("E603", f"`{path}` was not saved by this version of graphc: {found}")
    return metadata, tensors


def restore(program: Program, path: Path, metadata: dict[str, str], tensors: dict[str, Any]) -> None:
    """Put the tensors into the program. Raises E604 if they are not those of its spec."""
    missing = [name for name in program.params if name not in tensors]
    surplus = [name for name in tensors if name not in program.params]
    if missing or surplus:
        what = f"`{missing[0]}` is missing" if missing else f"`{surplus[0]}` is not in the spec"
        raise fault("E604", f"`{path}` does not fit its spec: {what}")
    for name, array in tensors.items():
        if array.shape != program.params[name].shape:
            raise fault(
                "E604",
                f"`{path}` does not fit its spec: `{name}` is {list(array.shape)}, "
                f"expected {list(program.params[name].shape)}",
            )
        program.params[name] = array
    program.params.updates |= json.loads(metadata["updates"])
