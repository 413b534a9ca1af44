"""Files that an option names for a result: whole, or as they were before."""

from __future__ import annotations

import os
from pathlib import Path

from graphc.diagnostics import GraphcError, fault


def write_text(path: str, text: str) -> None:
    """Write the whole file or leave what stood there. Raises E709."""
    write_bytes(path, text.encode())


def write_bytes(path: str, content: bytes) -> None:
    """Write the whole file, through a link and with its permissions, or leave what was there. Raises E709."""
    target, beside = _places(path)
    try:
        beside.write_bytes(content)
        if target.exists():
            beside.chmod(target.stat().st_mode & 0o7777)
        beside.replace(target)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise _unwritable(path, error) from None


def check_writable(path: str) -> None:
    """Find out, before anything is computed, whether a file could be written. Raises E709."""
    target, beside = _places(path)
    try:
        if target.is_dir():
            raise IsADirectoryError(0, "is a folder")
        beside.touch()
        beside.unlink()
    except OSError as error:
        raise _unwritable(path, error) from None


def _places(path: str) -> tuple[Path, Path]:
    target = Path(os.path.realpath(path))
    return target, target.with_name(f".{target.name}.{os.getpid()}")


def _unwritable(path: str, error: OSError) -> GraphcError:
    return fault("E709", f"`{path}` cannot be written: {(error.strerror or str(error)).lower()}")
