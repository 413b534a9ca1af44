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
        return np.array(self.each(cells, lines, _finite, "a number"), np.float64)


class Flags(Cells):
    def converted(self, cells: list[str], lines: list[int]) -> Array:
        return np.array(self.each(cells, lines, _truth, "`true` or `false`"), np.bool_)


class Times(Cells):
    """All numbers, or all dates and times as in ISO 8601, which become seconds."""

    _read: Callable[[str], float] | None = None

    def converted(self, cells: list[str], lines: list[int]) -> Array:
        if self._read is None and cells:
            self._read = _finite if is_number(cells[0]) else _seconds
        expected = "a date such as `2024-05-31`" if self._read is _seconds else "a number, as in other lines"
        return np.array(self.each(cells, lines, self._read or _finite, expected), np.float64)


class Labels(Cells):
    """Texts, numbered as they come; `texts` are those that were seen, each with a place of its first cell."""

    def __init__(self, file: CsvFile, columns: Sequence[int]) -> None:
        self.texts: dict[str, int] = {}
        self.places: list[tuple[int, int]] = []
        super().__init__(file, columns)

    def converted(self, cells: list[str], lines: list[int]) -> Array:
        codes = []
        for place, cell in enumerate(cells):
            code = self.texts.get(cell)
            if code is None:
                if not cell:
                    self.fail(lines[place], place, cell, "a text")
                code = self.texts[cell] = len(self.texts)
                self.places.append((lines[place], place))
            codes.append(code)
        return np.array(codes, np.int64)

    def classes(self, known: tuple[str, ...] | None, *, is_new: bool) -> tuple[Array, tuple[str, ...]]:
        """Class numbers of shape (rows, columns), and the vocabulary that they are numbers in.

        Cells that are all whole numbers are class numbers themselves, without a vocabulary. Other texts
        are numbered in their sorted order, or if `is_new` is false as in the `known` vocabulary. Raises
        E462 where numbers and texts are mixed, E464 at a text that is not known.
        """
        if known is None:
            numbers = [_whole(text) for text in self.texts]
            texts = [code for code, number in enumerate(numbers) if number is None]
            if not texts:
                return np.array(numbers, np.int64)[self.result()], ()
            if not is_new or len(texts) < len(numbers):
                cell = list(self.texts)[texts[0]]
                self.fail(*self.places[texts[0]], cell, "a whole number, as in other lines")
            known = tuple(sorted(self.texts))
        order = {text: number for number, text in enumerate(known)}
        for text, code in self.texts.items():
            if text not in order:
                self._unknown(text, code, known)
        numbers_of = np.array([order[text] for text in self.texts], np.int64)
        result: Array = numbers_of[self.result()]
        return result, known

    def _unknown(self, text: str, code: int, known: tuple[str, ...]) -> NoReturn:
        line, place = self.places[code]
        column = self.file.names[self.columns[place % len(self.columns)]]
        shown = ", ".join(f"`{word}`" for word in known[:10]) + (", ..." if len(known) > 10 else "")
        raise fault(
            "E464",
            f"line {line} of {self.file.origin}, column `{column}`: `{text}` is none of the classes "
            f"that the model was trained on: {shown}",
            self.file.origin.span,
        )


def _finite(cell: str) -> float:
    value = float(cell)
    # Python reads 1_000 as a number; in a table it is a slip.
    if not math.isfinite(value) or "_" in cell:
        raise ValueError
    return value


def _whole(cell: str) -> int | None:
    """A whole number, also one written as `2.0`."""
    try:
        value = float(cell)
    except ValueError:
        return None
    return int(value) if value.is_integer() and abs(value) < 2**53 else None


def _truth(cell: str) -> bool:
    if cell.lower() not in _TRUTHS:
        raise ValueError
    return _TRUTHS[cell.lower()]


def _seconds(cell: str) -> float:
    when = datetime.fromisoformat(cell)
    # Without an offset a time is taken as it stands, so that no clock of the machine has a say.
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
