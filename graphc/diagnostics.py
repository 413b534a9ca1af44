"""Faults in what a user wrote: where, what, what was expected, and how they are printed.

Every fault carries a code (`E203`); `graphc/errors/*.toml` says more about each. Code that finds a fault
makes a `Diagnostic` and raises `GraphcError` with it, or collects several and raises once.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Source:
    """A text and the name that messages give it."""

    name: str
    text: str

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for offset, character in enumerate(self.text):
            if character == "\n":
                starts.append(offset + 1)
        return starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1."""
        line = bisect_right(self._starts, offset) - 1
        return line + 1, offset - self._starts[line] + 1

    def line(self, number: int) -> str:
        start = self._starts[number - 1]
        end = self._starts[number] - 1 if number < len(self._starts) else len(self.text)
        return self.text[start:end].rstrip("\r")


@dataclass(frozen=True)
class Span:
    """The characters `start` to `end` (exclusive) of a source."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def line(self) -> int:
        return self.source.position(self.start)[0]

    def to(self, other: Span) -> Span:
        """From the start of this span to the end of the other."""
        return Span(self.source, min(self.start, other.start), max(self.end, other.end))

    def __str__(self) -> str:
        line, column = self.source.position(self.start)
        return f"{self.source.name}:{line}:{column}"


@dataclass(frozen=True)
class Label:
    """A second place that explains the fault, underlined with `-`."""

    span: Span
    text: str


@dataclass(frozen=True)
class Diagnostic:
    """One fault. `message` quotes the user's words and says what was expected and found."""

    code: str
    message: str
    span: Span | None = None
    note: str = ""
    labels: tuple[Label, ...] = ()
    help: str = ""
    severity: Severity = field(default="error")

    def render(self) -> str:
        lines = [f"{self.severity}[{self.code}]: {self.message}"]
        if self.span is not None:
            lines += _excerpt(self.span, self.note, self.labels)
        elif self.note:
            lines.append(f"  = note: {self.note}")
        if self.help:
            lines.append(f"  = help: {self.help}")
        return "\n".join(lines)


class GraphcError(Exception):
    """One or more faults in a spec, data, an option or a checkpoint. `str` is what the CLI prints."""

    def __init__(self, diagnostics: Diagnostic | Iterable[Diagnostic]) -> None:
        found = (diagnostics,) if isinstance(diagnostics, Diagnostic) else tuple(diagnostics)
        super().__init__(found)
        self.diagnostics = found

    def __str__(self) -> str:
        return "\n\n".join(diagnostic.render() for diagnostic in self.diagnostics)


def fault(
    code: str,
    message: str,
    span: Span | None = None,
    *,
    note: str = "",
    labels: Sequence[Label] = (),
    help: str = "",
) -> GraphcError:
    """A `GraphcError` of one diagnostic, ready to raise."""
    return GraphcError(Diagnostic(code, message, span, note, tuple(labels), help))


_MANY = 1000


def nearest(word: str, known: Iterable[str]) -> str:
    """A help line with the known name closest to `word`, or nothing. Case counts for little."""
    names = sorted(set(known) - {word})
    if len(names) > _MANY:
        # A comparison with each of thousands of names would take longer than compiling them.
        begin = word[:1].lower()
        names = [n for n in names if abs(len(n) - len(word)) < 2 and n[:1].lower() == begin][:_MANY]
    alike = [name for name in names if name.lower() == word.lower()]
    matches = alike or get_close_matches(word, names, n=1, cutoff=0.6)
    if not matches:
        lower = {name.lower(): name for name in names}
        matches = [lower[match] for match in get_close_matches(word.lower(), lower, n=1, cutoff=0.75)]
    return f"did you mean `{matches[0]}`?" if matches else ""


_WIDEST = 160


def _excerpt(span: Span, note: str, labels: Sequence[Label]) -> list[str]:
    marks = [(span, "^", note)] + [(label.span, "-", label.text) for label in labels]
    same = [mark for mark in marks if mark[0].source == span.source]
    gutter = max(len(str(mark[0].line)) for mark in same)
    out = [f"{' ' * gutter}--> {span}", f"{' ' * gutter} |"]
    previous = 0
    for place, mark, text in sorted(same, key=lambda item: (item[0].line, item[1] != "^")):
        line, column = place.source.position(place.start)
        source_line = place.source.line(line)
        if line != previous:
            out.append(f"{line:>{gutter}} | {_printable(source_line)}".rstrip())
        previous = line
        width = max(1, min(place.end - place.start, len(source_line) - column + 1))
        if column <= _WIDEST:
            pad = "".join("\t" if c == "\t" else " " for c in source_line[: column - 1])
            out.append(f"{' ' * gutter} | {pad}{mark * min(width, _WIDEST)} {text}".rstrip())
    for label in labels:
        if label.span.source != span.source:
            out.append(f"{' ' * gutter} = note: {label.text} ({label.span})")
    return out


def _printable(line: str) -> str:
    shown = "".join(c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in line)
    return shown if len(shown) <= _WIDEST else shown[: _WIDEST - 3] + "..."
