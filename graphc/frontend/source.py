"""Reading a spec from disk. What cannot be a spec is refused before anything looks at its text."""

from __future__ import annotations

import stat
from pathlib import Path

from graphc.diagnostics import Source, fault

LARGEST = 1_000_000
"""A spec is written by hand; a file of more bytes than this is something else, or an attack on memory."""


def read_source(path: str | Path) -> Source:
    """The text of the file at `path`, named as the user named it."""
    name, data = str(path), _bytes(Path(path))
    if b"\0" in data:
        offset = data.index(b"\0")
        raise fault(
            "E005",
            f"`{name}` is not a text file: byte {offset + 1} is zero",
            help="a spec is plain text in UTF-8, as an editor saves it",
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise fault(
            "E004",
            f"`{name}` is not UTF-8 text: line {line} holds the byte 0x{data[error.start]:02X}, "
            "which no character can have there",
            help="save the file as UTF-8",
        ) from None
    if not text.strip():
        raise fault("E007", f"`{name}` is empty", help="a spec has at least one equation and an `output`")
    return Source(name, text)


def _bytes(path: Path) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise fault("E002", f"`{path}` is a folder, not a spec", help=_specs_inside(path))
        # A pipe or a device may never end, so only what has a size is opened.
        if not stat.S_ISREG(mode):
            raise fault("E008", f"`{path}` is not a regular file")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise fault("E001", f"there is no file `{path}`", help=_similar(path)) from None
    except NotADirectoryError:
        raise fault("E001", f"there is no file `{path}`: a part of the path is a file") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        raise fault("E003", f"`{path}` cannot be read: {(reason or str(error)).lower()}") from None
    if len(data) > LARGEST:
        raise fault(
            "E006",
            f"`{path}` is larger than a spec may be: more than {LARGEST:,} bytes",
            help="numbers in bulk belong in a data file, which `data { source = ... }` names",
        )
    return data


def _specs_inside(folder: Path) -> str:
    try:
        found = sorted(entry.name for entry in folder.iterdir() if entry.suffix == ".nn")
    except OSError:
        return ""
    return f"it holds `{found[0]}`: name one file" if found else ""


def _similar(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder `{path.parent}`"
    if path.suffix != ".nn" and path.with_name(path.name + ".nn").is_file():
        return f"did you mean `{path}.nn`?"
    return ""
