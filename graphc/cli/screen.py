"""What may be written to a stream: rules and colours on terminals, plain text elsewhere."""

from __future__ import annotations

import os
import shutil
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphc.view.table import Look

NOT_DRAWABLE = ("dumb", "unknown")
"""Values of TERM for terminals that understand no control sequences."""


def is_drawable(stream: IO[Any]) -> bool:
    """Whether it is a terminal on which lines can be written over."""
    return stream.isatty() and os.environ.get("TERM") not in NOT_DRAWABLE


def has_colour(stream: IO[Any]) -> bool:
    """Whether it is such a terminal, and nobody asked for no colours (https://no-color.org)."""
    return is_drawable(stream) and not os.environ.get("NO_COLOR")


def has_symbols(stream: IO[Any]) -> bool:
    """Whether it can hold letters of every kind, rules and dots among them."""
    return (getattr(stream, "encoding", None) or "").lower().startswith("utf")


def width(stream: IO[Any]) -> int | None:
    """The columns of a terminal, without the last one, in which some begin a new line; None for a file."""
    return shutil.get_terminal_size().columns - 1 if stream.isatty() else None


def look(stream: IO[Any]) -> Look:
    """How tables are written to it."""
    from graphc.view.table import Look

    rules = is_drawable(stream) and has_symbols(stream)
    return Look(colour=has_colour(stream), boxed=rules, width=width(stream))
