"""Tables of texts in `.csv` files: a line with the names of the columns, then a line for each example."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from graphc.diagnostics import GraphcError, Span, fault, nearest
from graphc.train.data.origins import File, Origin, content
from graphc.train.data.texts import decoded

_SEPARATORS = {",": '","', ";": '";"', "\t": "tab", "|": '"|"'}
_AT_ONCE = 4096
"""Rows that are texts at the same time: a text takes far more memory than its number."""

Row = tuple[int, list[str]]
"""The line of the file where a row begins, from 1, and its cells."""


class CsvFile:
    """A `.csv` file with its header read and checked; in UTF-8, with or without a byte order mark.

    Raises E416, E417 and E418 as texts do, E461 for a header that names no columns.
    """

    def __init__(self, path: Path, origin: Origin, separator: str = ",") -> None:
        self.origin, self.separator = origin, separator
        text = decoded(content(path, origin), origin, "utf-8-sig")
        self.file = File.of(path, origin)
        self._reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        self.names = self._header()

    def index(self, column: str, asked: Span | None) -> int:
        """The place of a column that the spec names at `asked`. Raises E463."""
        if column in self.names:
            return self.names.index(column)
        raise fault(
            "E463",
            f"{self.origin} has no column `{column}`",
            asked or self.origin.span,
            help=nearest(column, self.names) or "its columns: " + ", ".join(filter(None, self.names)),
        )

    def blocks(self) -> Iterator[list[Row]]:
        """The rows, some thousands at once; blank lines are none. Raises E460."""
        rows = self._rows()
        while block := list(islice(rows, _AT_ONCE)):
            yield block

    def _rows(self) -> Iterator[Row]:
        reader, width = self._reader, len(self.names)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                raise self._broken(line, f"cannot be read ({error})") from None
            if cells is None:
                return
            if not cells:
                continue
            if len(cells) != width:
                raise self._broken(line, f"has {len(cells)} cells, and there are {width} columns")
            yield line, cells

    def _broken(self, line: int, why: str) -> GraphcError:
        return fault("E460", f"line {line} of {self.origin} {why}", self.origin.span)

    def _header(self) -> tuple[str, ...]:
        try:
            names = tuple(name.strip() for name in next(self._reader, ()))
        except csv.Error as error:
            raise self._broken(1, f"cannot be read ({error})") from None
        if not names:
            raise self._unnamed("begins with an empty line" if self.file.size else "is empty")
        others = [mark for mark in _SEPARATORS if mark != self.separator and mark in names[0]]
        if len(names) == 1 and others:
            raise self._unnamed(
                f"has a single column, `{names[0]}`", f"`data {{ separator = {_SEPARATORS[others[0]]} }}`"
            )
        if all(map(is_number, names)):
            raise self._unnamed("begins with numbers", "the first line holds the names of the columns")
        twice = [name for name, count in Counter(names).items() if name and count > 1]
        if twice:
            places = [str(place) for place, name in enumerate(names, start=1) if name == twice[0]]
            raise self._unnamed(f"has the column `{twice[0]}` more than once: {' and '.join(places)}")
        return names

    def _unnamed(self, why: str, help: str = "") -> GraphcError:
        return fault("E461", f"{self.origin} {why}", self.origin.span, help=help)


def is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
