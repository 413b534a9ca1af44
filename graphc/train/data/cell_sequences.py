"""Cells of a `.csv` file that hold a sequence each: numbers with spaces between them, or a text."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from graphc.diagnostics import fault
from graphc.ir.op import Array
from graphc.train.data.cells import Cells, Texts, finite, truth, whole
from graphc.train.data.csv_files import CsvFile, Row
from graphc.train.data.examples import inside
from graphc.train.data.origins import check_size
from graphc.train.data.symbols import symbols_of
from graphc.train.protocol import InputSpec

_READ: dict[str, tuple[Callable[[str], float], str]] = {
    "real": (finite, "numbers with spaces between them"),
    "int": (whole, "whole numbers with spaces between them"),
    "bool": (truth, "`true` or `false`, with spaces between them"),
}


class Sequences(Cells):
    """One column. All values lie one behind the other; `steps` is how many steps each row has."""

    def __init__(self, file: CsvFile, column: int, spec: InputSpec) -> None:
        self.spec = spec
        self.steps: list[int] = []
        end = spec.length(spec.axes[0]).size
        self._in_step = math.prod(spec.type.sizes)
        self._wanted = None if end is None else end.value
        super().__init__(file, [column])

    def add(self, rows: Sequence[Row]) -> None:
        values: list[float] = []
        for line, row in rows:
            found = self.values(row[self.columns[0]], line)
            values += found
            self.steps.append(self._steps(len(found), line))
        self._parts.append(np.array(values, self.dtype))

    def result(self) -> Array:
        return np.concatenate(self._parts)

    def converted(self, cells: list[str], lines: list[int]) -> Array:
        return np.zeros(0, self.dtype)

    @property
    def dtype(self) -> type[np.generic]:
        return {"real": np.float64, "int": np.int64, "bool": np.bool_}[self.spec.type.dtype]

    def values(self, cell: str, line: int) -> Sequence[float]:
        """The steps of a cell, one behind the other. Raises E462."""
        read, expected = _READ[self.spec.type.dtype]
        items = cell.split()
        if not items:
            self.fail(line, 0, "", expected)
        return self.each(items, [line] * len(items), read, expected)

    def _steps(self, count: int, line: int) -> int:
        """How many steps so many values are. Raises E462."""
        size, wanted = self._in_step, self._wanted
        steps, rest = divmod(count, size)
        if rest or wanted not in (None, steps):
            numbers = (
                f"a number of values that {size} divides" if wanted is None else f"{wanted * size} values"
            )
            expected = numbers if size > 1 else f"{wanted} steps"
            self._refuse(line, f"expected {expected}, found {count}")
        return steps

    def _refuse(self, line: int, what: str) -> None:
        origin, column = self.file.origin, self.file.names[self.columns[0]]
        raise fault("E462", f"line {line} of {origin}, column `{column}`: {what}", origin.span)


class TextSequences(Sequences, Texts):
    """Texts, of which each character or each word is a step. Their white space stands as it is."""

    def __init__(self, file: CsvFile, column: int, spec: InputSpec, tokens: str) -> None:
        self.tokens = tokens
        super().__init__(file, column, spec)

    def values(self, cell: str, line: int) -> Sequence[float]:
        symbols = symbols_of(cell, self.tokens)
        if not symbols:
            self.fail(line, 0, "", "a text")
        known = self.texts
        return [known[s] if s in known else self.code(s, line, 0) for s in symbols]


def lengths_of(readers: Collection[Sequences], lines: Sequence[int]) -> dict[str, Array]:
    """How long each row is along each run-time length. Raises E428 where two columns disagree."""
    found: dict[str, tuple[Array, Sequences]] = {}
    for reader in readers:
        length, own = reader.spec.running_lengths[0], np.array(reader.steps, np.int64)
        if not length:
            continue
        others, first = found.setdefault(length, (own, reader))
        if (own != others).any():
            row, origin = int((own != others).argmax()), reader.file.origin
            raise fault(
                "E428",
                f"line {lines[row]} of {origin}: `{length}` is {others[row]} in `{first.spec.name}` "
                f"and {own[row]} in `{reader.spec.name}`",
                origin.span,
            )
    return {length: own for length, (own, _) in found.items()}


def padded(reader: Sequences, values: Array, lengths: Mapping[str, Array]) -> Array:
    """Values one behind the other as an array of shape (rows, longest, dims), zero behind each row's end.

    Raises E416 where one long row would make it larger than memory.
    """
    steps, sizes = np.array(reader.steps), reader.spec.type.sizes
    shape = (len(steps), int(steps.max(initial=0)), *sizes)
    check_size(reader.file.origin, int(np.prod(shape, dtype=np.float64)) * values.itemsize)
    result = np.zeros(shape, values.dtype)
    result[inside(reader.spec.running_lengths, lengths, shape)] = values.reshape(-1, *sizes)
    return result
