"""How much memory this process can have, and the refusal of a run that needs more.

Linux gives out memory that there is not, and ends the process that uses it: nobody would be told why. So a
run whose need is known beforehand is refused before anything is allocated for it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from graphc.diagnostics import GraphcError, fault

_UNASKED = 1 << 26
"""Bytes that are always there: to ask for so few would cost more than it is worth."""


@dataclass(frozen=True)
class _Kind:
    """A version of Linux's control groups: the folder that they are mounted in, the controller as `/proc`
    names it, the files of limit and use, and what of the use are no more than copies of files."""

    folder: str
    controller: str
    limit: str
    usage: str
    copies: str


_KINDS = (
    _Kind("unified", "", "memory.max", "memory.current", "inactive_file"),
    _Kind("memory", "memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)


def require(needed: int, batch: int, lengths: Mapping[str, int]) -> None:
    """Raises E526 if a run of this batch and these lengths needs more bytes than there are."""
    if needed > _UNASKED and (there := available()) is not None and needed > there:
        raise too_large(needed, batch, lengths, there)


def too_large(needed: int, batch: int, lengths: Mapping[str, int], there: int | None = None) -> GraphcError:
    """The fault of such a run; `there` is how many bytes there are, if that is known."""
    sizes = " and ".join(f"{name} = {size:,}" for name, size in {"batch": batch, **lengths}.items())
    found = "" if there is None else f", and {there / 2**30:.3g} GiB are available"
    return fault(
        "E526",
        f"a run with {sizes} does not fit into memory: it needs at least {needed / 2**30:.3g} GiB{found}",
        help="smaller batches or shorter sequences need less; in a training so do "
        "`fit { memory = low }` and, for long sequences, `fit { bptt = 100 }`",
    )


def available() -> int | None:
    """Bytes that this process can still have: of the machine, of its control groups, and of its own limit.

    None where the system does not tell: what it tells is read from Linux's `/proc`.
    """
    return min(_rooms(), default=None)


def _rooms() -> Iterator[int]:
    with suppress(OSError, ValueError, KeyError):
        yield 1024 * int(_table(Path("/proc/meminfo"))["MemAvailable:"])
    yield from _groups()
    with suppress(OSError, ValueError):
        yield from _own_limit()


def _own_limit() -> Iterator[int]:
    """What `ulimit -v` leaves."""
    if sys.platform == "win32":
        return
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        yield max(0, limit - pages * resource.getpagesize())


def _groups(proc: Path = Path("/proc/self/cgroup"), mounted: Path = Path("/sys/fs/cgroup")) -> Iterator[int]:
    """What the control groups leave that the process is in, from the innermost outwards."""
    try:
        entries = [line.split(":", 2) for line in proc.read_text().splitlines()]
    except OSError:
        return
    for kind in _KINDS:
        for base in (mounted / kind.folder, mounted):
            for _, controllers, path in entries:
                if kind.controller in controllers.split(","):
                    yield from _left(base, path, kind)


def _left(base: Path, path: str, kind: _Kind) -> Iterator[int]:
    group = base / path.lstrip("/")
    for place in (group, *group.parents):
        if place.is_relative_to(base):
            # Files are not there, or hold the word `max`, where nothing is limited.
            with suppress(OSError, ValueError, KeyError):
                used = int((place / kind.usage).read_text()) - int(_table(place / "memory.stat")[kind.copies])
                yield max(0, int((place / kind.limit).read_text()) - used)


def _table(path: Path) -> dict[str, str]:
    """The lines of such a file: a name, a number, and perhaps a unit."""
    return {words[0]: words[1] for line in path.read_text().splitlines() if len(words := line.split()) > 1}
