"""Files that are whole at any moment, whatever happens to the process or the power."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from graphc.diagnostics import GraphcError, fault

_ENDING = ".part"


def replace_file(path: Path, content: bytes) -> None:
    """Put a file in place of the one at `path`, if any: a reader finds the old one or the new one, whole.

    The content is on the disk before the name leads to it, and so is the name before this returns.
    Raises E601; the old file stays then.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}{_ENDING}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
        sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise unwritable(path, error) from None


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk: a new file is lost with its name if the power fails."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def remove_unfinished(folder: Path) -> None:
    """Remove what processes left that were killed inside `replace_file`; none may be inside it now."""
    for path in folder.glob(f".*{_ENDING}"):
        with suppress(OSError):
            path.unlink()


def unwritable(path: Path, error: OSError, help: str = "") -> GraphcError:
    """The fault of a file or folder that the system does not let us write."""
    return fault("E601", f"cannot write `{path}`: {(error.strerror or str(error)).lower()}", help=help)
