"""What may be written to a stream: rules and colours on terminals, plain text elsewhere."""

from __future__ import annotations

import os
from typing import IO, Any

NOT_DRAWABLE = ("dumb", "unknown")
"""Values of TERM for terminals that understand no control sequences."""


def is_drawable(stream: IO[Any]) -> bool:
    """Whether it is a terminal on which lines can be written over."""
    return stream.isatty() and os.environ.get("TERM") not in NOT_DRAWABLE


def has_colour(stream: IO[Any]) -> bool:
    """Whether it is such a terminal, and nobody asked for no colours (https://no-color.org)."""
    return is_drawable(stream) and not os.environ.get("NO_COLOR")
