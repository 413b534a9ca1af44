"""The cells of a `.csv` file as numbers: reals, truth values, classes, groups and times."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NoReturn, TypeVar

import numpy as np

from graphc.diagnostics import fault
from graphc.ir.op import Array
from graphc.train.data.csv_files import CsvFile, Row, is_number
from graphc.train.data.symbols import Spelling

T = TypeVar("T")

_GAPS = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-"})
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


class Cells:
    """Some columns of a file, converted block by block; `result` is of shape (rows, columns)."""

    def __init__(self, file: CsvFile, columns: Sequence[int]) -> None:
        self.file, self.columns = file, columns
        self._parts: list[Array] = [self.converted([], [])]

    def add(self, rows: Sequence[Row]) -> None:
        cells = [row[column].strip() for _, row in rows for column in self.columns]
        lines = [line for line, _ in rows for _ in self.columns]
        self._parts.append(self.converted(cells, lines))

    def converted(self, cells: list[str], lines: list[int]) -> Array:
        """One value for each cell; `lines` is where each stands."""
        raise NotImplementedError

    def result(self) -> Array:
        return np.concatenate(self._parts).reshape(-1, len(self.columns))

    def each(self, cells: list[str], lines: list[int], read: Callable[[str], T], expected: str) -> list[T]:
        """Every cell by `read`, whose ValueError becomes the fault of the first bad cell."""
        try:
            return [read(cell) for cell in cells]
        except ValueError:
            for place, cell in enumerate(cells):
                try:
                    read(cell)
                except ValueError:
                    self.fail(lines[place], place, cell, expected)
            raise

    def fail(self, line: int, place: int, cell: str, expected: str) -> NoReturn:
        """Raises E462 of the cell at a place among those of a block, row by row."""
        column = self.file.names[self.columns[place % len(self.columns)]]
        found = f"`{cell}`" if cell else "nothing"
        advice = "a gap has to be filled, or the line left out" if cell.lower() in _GAPS else ""
        if self.file.separator != "," and is_number(cell.replace(",", ".", 1)):
            advice = "decimals have a point: `1.5`, not `1,5`"
        origin = self.file.origin
        raise fault(
            "E462",
            f"line {line} of {origin}, column `{column}`: expected {expected}, found {found}",
            origin.span,
            help=advice,
        )


class Reals(Cells):
    def converted(self, cells: list[str], lines: list[int]) -> Array:
        return np.array(self.each(cells, lines, finite, "a number"), np.float64)


class Flags(Cells):
    def converted(self, cells: list[str], lines: list[int]) -> Array:
        return np.array(self.each(cells, lines, truth, "`true` or `false`"), np.bool_)


class Times(Cells):
    """All numbers, or all dates and times as in ISO 8601, which become seconds."""

    _read: Callable[[str], float] | None = None

    def converted(self, cells: list[str], lines: list[int]) -> Array:
        if self._read is None and cells:
            self._read = finite if is_number(cells[0]) else _seconds
        expected = "a date such as `2024-05-31`" if self._read is _seconds else "a number, as in other lines"
        return np.array(self.each(cells, lines, self._read or finite, expected), np.float64)


class Texts(Cells):
    """Texts, numbered as they come; `texts` are those that were seen, each with a place of its first cell."""

    def __init__(self, file: CsvFile, columns: Sequence[int]) -> None:
        self.texts: dict[str, int] = {}
        self.places: list[tuple[int, int]] = []
        super().__init__(file, columns)

    def code(self, text: str, line: int, place: int) -> int:
        """The number of a text that stands in a cell."""
        code = self.texts.get(text)
        if code is None:
            code = self.texts[text] = len(self.texts)
            self.places.append((line, place))
        return code

    def classes(self, spelling: Spelling) -> Array:
        """What was read as classes of a vocabulary. Raises E464 at a text that is not known."""
        found = spelling.classes(list(self.texts))
        if (found < 0).any():
            code = int((found < 0).argmax())
            self._unknown(list(self.texts)[code], code, spelling)
        result: Array = found[self.result()]
        return result

    def _unknown(self, text: str, code: int, spelling: Spelling) -> NoReturn:
        line, place = self.places[code]
        column = self.file.names[self.columns[place % len(self.columns)]]
        words, what, kind = spelling.words, f"`{text}`", "the classes"
        shown = ": " + ", ".join(f"`{word}`" for word in words[:10]) + (", ..." if len(words) > 10 else "")
        if spelling.tokens in ("characters", "words"):
            what, kind, shown = spelling.called(text), f"the {len(words)}", ""
        raise fault(
            "E464",
            f"line {line} of {self.file.origin}, column `{column}`: {what} is none of {kind} "
            f"that the model was trained on{shown}",
            self.file.origin.span,
        )


class Labels(Texts):
    """Cells that are one class each."""

    def converted(self, cells: list[str], lines: list[int]) -> Array:
        for place, cell in enumerate(cells):
            if not cell:
                self.fail(lines[place], place, cell, "a text")
        return np.array([self.code(cell, lines[i], i) for i, cell in enumerate(cells)], np.int64)

    def numbers(self, *, is_new: bool) -> Array | None:
        """Class numbers of shape (rows, columns), where the cells are such themselves; else None.

        Raises E462 where numbers and texts are mixed, or there are texts and `is_new` is false.
        """
        numbers = [_whole(text) for text in self.texts]
        texts = [code for code, number in enumerate(numbers) if number is None]
        if not texts:
            return np.array(numbers, np.int64)[self.result()]
        if not is_new or len(texts) < len(numbers):
            cell = list(self.texts)[texts[0]]
            self.fail(*self.places[texts[0]], cell, "a whole number, as in other lines")
        return None


def finite(cell: str) -> float:
    value = float(cell)
    # Python reads 1_000 as a number; in a table it is a slip.
    if not math.isfinite(value) or "_" in cell:
        raise ValueError
    return value


def whole(cell: str) -> int:
    """A whole number, also one written as `2.0`."""
    value = finite(cell)
    if not value.is_integer() or abs(value) >= 2**53:
        raise ValueError
    return int(value)


def _whole(cell: str) -> int | None:
    try:
        return whole(cell)
    except ValueError:
        return None


def truth(cell: str) -> bool:
    if cell.lower() not in _TRUTHS:
        raise ValueError
    return _TRUTHS[cell.lower()]


def _seconds(cell: str) -> float:
    when = datetime.fromisoformat(cell)
    # Without an offset a time is taken as it stands, so that no clock of the machine has a say.
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
