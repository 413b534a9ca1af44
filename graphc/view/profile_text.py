"""A profile as tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from graphc.view.columns import columns
from graphc.view.profile import Machine, Profile, Row, Unit

_WIDEST = 46
"""Characters of a step's name and of an equation's text."""
_TEXT = 7
"""The first column that is no number."""
_NAMES = {
    "waiting": "waiting for other workers",
    "outside": "between the calls, in Python",
}


_DIRECTIONS = {
    "forward": "forward pass",
    "backward": "backward pass",
    "both": "both passes, in one kernel",
}
_READ = (
    "bound by: the limit that is nearest, and how much of it is used; latency: less than a quarter of any",
)


def profile_text(profile: Profile) -> str:
    """The rows in their order, then the equations, then how the sum agrees with a step without clocks."""
    head = f"{profile.subject}; {profile.backend}, {profile.dtype}, {_count(profile.workers, 'worker')}"
    parts = [[head], _machine(profile.machine) if profile.machine else [], _passes(profile), _rows(profile)]
    parts += [_equations(profile), _agreement(profile), _units(profile.units)]
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def _machine(machine: Machine) -> list[str]:
    rows = (
        ("from memory", f"{machine.memory / 1e9:.3g} GB/s"),
        ("from caches", f"{machine.cache / 1e9:.3g} GB/s"),
        ("element by element", f"{machine.elementwise / 1e9:.3g} Gop/s"),
        ("products of matrices", f"{machine.products / 1e9:.3g} Gop/s"),
    )
    return ["limits of this machine, measured in the same run", *(f"  {line}" for line in columns(rows, [1]))]


def _rows(profile: Profile) -> list[str]:
    total = profile.seconds
    header = ("share", "time", "calls", "bytes", "ops", "GB/s", "Gop/s", "bound by", "pass", "step", "lines")
    lines: list[tuple[str, ...]] = [header]
    titles: dict[int, str] = {}
    for part, rows in groupby(profile.rows, key=lambda row: row.part):
        titles[len(lines)] = part
        lines += [_row(row, total) for row in rows]
    # What a backend does not know needs no column.
    known = [place for place, cells in enumerate(zip(*lines[1:], strict=True)) if any(cells)]
    shown = [[line[place] for place in known] for line in lines]
    right = [number for number, place in enumerate(known) if place < _TEXT]
    found: list[str] = []
    for number, line in enumerate(columns(shown, right)):
        found += [titles[number]] if number in titles else []
        found.append(line)
    return [*found, *(_READ if profile.machine else ())]


def _passes(profile: Profile) -> list[str]:
    """What each part of the step takes, the two passes of a graph told apart."""
    sums: dict[str, float] = {}
    for row in (row for row in profile.rows if row.counts):
        name = _DIRECTIONS.get(row.direction) or _NAMES.get(row.kind, row.part)
        sums[name] = sums.get(name, 0.0) + row.seconds
    lines = [(_share(seconds, profile.seconds), duration(seconds), name) for name, seconds in sums.items()]
    return columns([("share", "time", "part"), *lines], right=(0, 1))


def _row(row: Row, total: float) -> tuple[str, ...]:
    bound = "" if row.reached is None else f"{row.bound} {row.reached:.0%}"
    return (
        _share(row.seconds, total),
        duration(row.seconds),
        "" if row.kind == "outside" else f"{row.calls:.4g}",
        _scaled(row.bytes),
        _scaled(row.operations),
        _rate(row.rate(row.bytes)),
        _rate(row.rate(row.operations)),
        bound,
        row.direction,
        "  " * row.depth + _cut(_NAMES.get(row.kind, f"{row.kind} {row.name}".strip())),
        _lines(row.places),
    )


def _lines(places: Sequence[str]) -> str:
    """`9,12, lstm.nn:14-17`: the lines of each file together."""
    files: dict[str, list[int]] = {}
    for place in places:
        file, _, line = place.rpartition(":")
        files.setdefault(file, []).append(int(line))
    return ", ".join(f"{file}:{_ranges(lines)}" if file else _ranges(lines) for file, lines in files.items())


def _ranges(lines: Sequence[int]) -> str:
    ranges: list[tuple[int, int]] = []
    for line in sorted(lines):
        if ranges and line == ranges[-1][1] + 1:
            ranges[-1] = ranges[-1][0], line
        else:
            ranges.append((line, line))
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def _equations(profile: Profile) -> list[str]:
    lines = [("share", "time", "line", "equation")]
    for equation in profile.equations:
        share = _share(equation.seconds, profile.seconds)
        lines.append((share, duration(equation.seconds), equation.place, _cut(equation.text)))
    return columns(lines, right=(0, 1))


def _agreement(profile: Profile) -> list[str]:
    """How the rows and a step with clocks stand to one without."""
    of = f"fastest quarter of {_count(profile.samples, 'step')}"
    rows = [
        (
            "without clocks",
            duration(profile.plain),
            "",
            f"{of}; the median of all is {duration(profile.median)}",
        ),
        ("with clocks", duration(profile.clocked), _against(profile.clocked, profile.plain), of),
        ("all rows", duration(profile.seconds), _against(profile.seconds, profile.plain), "the same steps"),
    ]
    if profile.marks:
        readings = f"{profile.marks} readings of a clock, {duration(profile.mark_seconds)} each"
        rows[-1] = (*rows[-1][:3], f"the same steps without {readings}")
    return columns(rows, right=(1, 2))


def _against(seconds: float, plain: float) -> str:
    return f"{seconds / plain - 1:+.1%}" if plain else ""


def _units(units: Sequence[Unit]) -> list[str]:
    if not units:
        return []
    lines = [("translation", "LLVM", "unit")]
    lines += [(duration(unit.translation), duration(unit.llvm), _cut(unit.name)) for unit in units]
    both = duration(sum(u.translation for u in units)), duration(sum(u.llvm for u in units))
    title = "compiling each unit by itself, nothing from the cache"
    return [title, *columns([*lines, (*both, "in all, one after another")], right=(0, 1))]


def duration(seconds: float) -> str:
    """`34.5 ns`, `1.23 us`, `45.6 ms`, `7.89 s`; of what is shorter than all that can be measured, 0."""
    if abs(seconds) < 5e-10:
        return "0"
    for limit, scale, unit in ((1e-6, 1e9, "ns"), (1e-3, 1e6, "us"), (1.0, 1e3, "ms")):
        if abs(seconds) < limit * 0.9995:
            return f"{_three(seconds * scale)} {unit}"
    return f"{_three(seconds)} s"


def _three(number: float) -> str:
    """Three digits, and no more than three behind the point."""
    digits = 2 if abs(number) < 9.995 else 1 if abs(number) < 99.95 else 0
    return f"{number:.{digits}f}"


def _scaled(count: int | None) -> str:
    if count is None:
        return ""
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= limit * 0.9995:
            return f"{_three(count / limit)}{letter}"
    return str(count)


def _rate(rate: float | None) -> str:
    return "" if not rate else _three(rate / 1e9)


def _share(seconds: float, total: float) -> str:
    return f"{seconds / total:.1%}" if total else "-"


def _cut(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
