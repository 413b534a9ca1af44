"""What rows of a profile have in common: where their time comes from in the spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graphc.diagnostics import Span
from graphc.view.profile import Equation, Row

Origins = Mapping[Span, float]
"""How much of something comes from where in the spec, by weight."""


@dataclass(frozen=True)
class Measured:
    """A row, and where its time comes from."""

    row: Row
    origins: Origins = field(default_factory=dict)


def places(origins: Origins, spec: str) -> tuple[str, ...]:
    """The lines, in their order."""
    ordered = sorted(origins, key=lambda span: (span.source.name, span.start))
    return tuple(dict.fromkeys(place(span, spec) for span in ordered))


def place(span: Span, spec: str) -> str:
    """`12` in the spec itself, `lstm.nn:14` in the standard library or an imported file."""
    name = span.source.name
    return str(span.line) if name == spec else f"{name.replace(chr(92), '/').rsplit('/', 1)[-1]}:{span.line}"


def equations(measured: Sequence[Measured], spec: str) -> list[Equation]:
    """The time of each row given to the lines of the spec by their parts in it; the longest first."""
    totals: dict[tuple[str, str], float] = {}
    for one in (one for one in measured if one.row.counts):
        total = sum(one.origins.values())
        shares: dict[tuple[str, str], float] = {}
        for span, weight in one.origins.items():
            key = _equation(span, spec)
            shares[key] = shares.get(key, 0.0) + weight / total
        for key, share in (shares or {_elsewhere(one.row): 1.0}).items():
            totals[key] = totals.get(key, 0.0) + one.row.seconds * share
    found = [Equation(where, text, seconds) for (where, text), seconds in totals.items()]
    return sorted(found, key=lambda equation: -equation.seconds)


def _equation(span: Span, spec: str) -> tuple[str, str]:
    line = span.source.line(span.line).split("#")[0]
    return place(span, spec), " ".join(line.split())


def _elsewhere(row: Row) -> tuple[str, str]:
    """What stands for an equation where there is none."""
    if row.kind == "waiting":
        return "", "waiting for other workers"
    return "", "between the calls" if row.kind == "outside" else f"{row.part}: of no equation"
