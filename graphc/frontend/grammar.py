"""The parser of lines that Lark makes of `grammar.lark`.

Its tables lie beside the grammar, because to make them takes longer than to read and check a spec. They say
which grammar and which version of Lark they were made with; what was made with others is never used. After a
change of the grammar or of this file, `python -m graphc.frontend.grammar` writes them anew.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from pathlib import Path
from typing import Any

import lark
from lark import Lark

GRAMMAR = Path(__file__).with_name("grammar.lark")
TABLES = Path(__file__).with_name("grammar.tables")
"""A line with `_key()`, and what `Lark.save` writes."""
STARTS = ("statement", "option", "check_item")
"""What a line can be."""


@cache
def grammar() -> Lark:
    """The one parser of all lines, made on first use."""
    return _shipped() or build(cache=_cache_file())


def build(cache: str | bool = False) -> Lark:
    """The parser, made of the grammar, or of what Lark has kept of it in the file `cache`."""
    return Lark(GRAMMAR.read_text(encoding="utf-8"), **_options(), cache=cache)


def write(path: Path = TABLES) -> None:
    """Write the tables. Raises OSError where that is not possible."""
    with path.open("wb") as file:
        file.write(_key().encode() + b"\n")
        build().save(file)


def _shipped() -> Lark | None:
    """The parser of the tables that are there; None if they are not those of this grammar and this Lark."""
    try:
        with TABLES.open("rb") as file:
            return Lark.load(file) if file.readline().decode().strip() == _key() else None
    except FileNotFoundError:
        return None


def _key() -> str:
    """A hash of all that the tables are made with."""
    made_with = GRAMMAR.read_text(encoding="utf-8"), _options(), lark.__version__
    return hashlib.sha256(repr(made_with).encode()).hexdigest()


def _options() -> dict[str, Any]:
    return {
        "parser": "lalr",
        "lexer": "contextual",
        "start": list(STARTS),
        "propagate_positions": True,
        "maybe_placeholders": True,
    }


# ------------------------------------------------------------------------------------ the user's cache


def cache_folder() -> Path:
    """What graphc can make again lies here: `GRAPHC_CACHE_DIR`, or `graphc` in the user's cache folder."""
    if own := os.environ.get("GRAPHC_CACHE_DIR"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "graphc"


def private_folder() -> Path | None:
    """The cache folder, made if need be; None where it cannot be written, or where others could write it too:
    what lies in it is executed."""
    if os.name != "posix":
        return None
    try:
        folder = cache_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        state = folder.stat()
    except (OSError, RuntimeError):
        return None
    own = state.st_uid == os.getuid() and not state.st_mode & 0o022
    return folder if own and os.access(folder, os.W_OK) else None


def _cache_file() -> str | bool:
    folder = private_folder()
    return str(folder / "grammar.pickle") if folder is not None else False


if __name__ == "__main__":
    write()
