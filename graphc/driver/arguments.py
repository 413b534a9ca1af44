"""What callers of the Python API hand over, checked where it comes in."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from typing import Any

from graphc.diagnostics import fault
from graphc.frontend.arithmetic import one_line


def mapping(name: str, given: Any, example: str) -> dict[str, Any]:
    """A dictionary by name; None is an empty one. Raises E525 for anything else."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise fault("E525", f"`{name}` maps names to values; found {found(given)}", help=f"write `{example}`")
    for key in given:
        if not isinstance(key, str):
            raise fault("E525", f"`{name}` maps names to values; `{_short(key)}` is no name")
    return dict(given)


def names(name: str, given: Any) -> list[str]:
    """One name or several. Raises E525 for anything else."""
    if isinstance(given, str):
        return [given]
    several = list(given) if isinstance(given, Iterable) and not isinstance(given, bytes) else [None]
    texts = [item for item in several if isinstance(item, str)]
    if len(texts) < len(several):
        raise fault("E525", f"`{name}` is a list of names; found {found(given)}")
    return texts


def seed(given: Any) -> int:
    """A seed as a plain number. Raises E525."""
    value = whole(given)
    if value is None or not 0 <= value < 2**64:
        raise fault("E525", f"the seed is a whole number from 0 to 2^64 - 1; found {found(given)}")
    return value


def sizes(given: Any) -> dict[str, int]:
    """Sizes of dims and ends of axes as plain numbers. Raises E231 or E525."""
    result: dict[str, int] = {}
    for name, size in mapping("dims", given, 'dims={"H": 256}').items():
        value = whole(size)
        if value is None or not 0 < value < 2**31:
            raise fault("E231", f"dim `{name}` is {size!r}; a size is a whole number from 1 to 2147483647")
        result[name] = value
    return result


def whole(given: Any) -> int | None:
    """A whole number, Python's or NumPy's; None for anything else."""
    if isinstance(given, bool):
        return None
    try:
        return operator.index(given)
    except TypeError:
        return None


def found(given: Any) -> str:
    """A wrong argument, in words."""
    if given is None:
        return "None"
    return f"`{_short(given)}` ({type(given).__name__})"


def _short(given: Any) -> str:
    text = one_line(repr(given))
    return text if len(text) <= 40 else text[:37] + "..."
