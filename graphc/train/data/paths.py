"""Files that a spec names: only those below its root can be reached."""

from __future__ import annotations

import os
from pathlib import Path, PureWindowsPath

from graphc.diagnostics import GraphcError, Span, fault, nearest

_MOST_NAMES = 1000


def resolve(path: str, root: Path, span: Span | None = None) -> Path:
    """The file that `path` names below `root`, whether it leads there directly or by symbolic links.

    Raises E412 for a path that leads out of the root, E413 for one where no file is.
    """
    return _below(path, root, span, is_folder=False)


def resolve_folder(path: str, root: Path, span: Span | None = None) -> Path:
    """The folder that `path` names below `root`; see `resolve`."""
    return _below(path, root, span, is_folder=True)


def existing(path: Path) -> Path:
    """A path that the user gave, of a file or a folder that is there. Raises E413."""
    if path.exists():
        return path
    raise _absent(str(path), path, "does not exist", None)


def _below(path: str, root: Path, span: Span | None, *, is_folder: bool) -> Path:
    parts = PureWindowsPath(path)
    if not path or "\0" in path:
        raise fault("E412", f"{path!r} is no path of a file", span)
    # Backslashes and drives are refused everywhere, so that a spec means the same on every system.
    if Path(path).is_absolute() or parts.drive or parts.root or "\\" in path:
        raise _outside(path, "is no path relative to the root", span)
    if ".." in parts.parts:
        raise _outside(path, "leads upwards with `..`", span)
    try:
        base = root.resolve()
        found = (base / path).resolve()
        if not found.is_relative_to(base):
            raise _outside(path, "leads out of the root by a symbolic link", span)
        if found.is_dir() if is_folder else found.is_file():
            return found
        other = "is no folder" if is_folder else "is a folder or a device, no file"
        what = other if found.exists() else "does not exist"
    except (OSError, RuntimeError):
        # A name longer than the system's limit, or links that go in a circle.
        found, what = root / path, "cannot be followed to a file"
    raise _absent(path, found, what, span)


def _absent(path: str, found: Path, what: str, span: Span | None) -> GraphcError:
    near = nearest(found.name, set(_neighbours(found.parent)) - {found.name})
    return fault("E413", f"`{path}` {what}", span, help=near)


def _outside(path: str, why: str, span: Span | None) -> Exception:
    return fault(
        "E412",
        f"`{path}` {why}",
        span,
        help="a spec reads files below its own folder only; `--root` names another folder",
    )


def _neighbours(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry, _ in zip(entries, range(_MOST_NAMES), strict=False)]
    except OSError:
        return []
