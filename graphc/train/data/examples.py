"""Examples in memory: what a mini-batch is, and how one is gathered from the arrays of a set."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from graphc.ir.op import Array as Array
from graphc.train.data.origins import File, Origin
from graphc.train.data.preparation import Preparation


@dataclass(frozen=True)
class Batch:
    """Some examples: arrays with the batch first, then the axes as declared, then the shape.

    `lengths` gives each example's own length for those run-time lengths that differ; one that is not
    named there is as long as its arrays. `example_ids` are the examples' rows in the source.

    Chunks of a long sequence (`bptt`): `first` is true where the sequences begin. The trainer then
    leaves `carried` empty, and the initial values of the spec hold; for later chunks `carried` holds the
    states that the chunk before gave in its `updates`. A chunk begins with the step that the one before
    ended with, so the state to carry is the one *before* a chunk's last step.
    """

    arrays: dict[str, Array]
    lengths: dict[str, Array] = field(default_factory=dict)
    example_ids: Array = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    first: bool = True
    carried: Mapping[str, Array] = field(default_factory=dict)

    @property
    def size(self) -> int:
        return len(self.example_ids)


@dataclass(frozen=True)
class Table:
    """All examples of a set, as they were read; what is asked for is converted when it is gathered.

    `axes` gives each input's run-time lengths by dim (empty for an axis of fixed size), `dtypes` the
    dtype that a batch has, `preparation` what happens to the values on the way. `files` are those that
    arrays are mapped from: of such arrays only the rows that are gathered are read. `origin` and `lines` say
    where the examples stand, for messages.
    """

    arrays: Mapping[str, Array]
    axes: Mapping[str, tuple[str, ...]]
    dtypes: Mapping[str, np.dtype[Any]]
    lengths: Mapping[str, Array] = field(default_factory=dict)
    preparation: Preparation = field(default_factory=Preparation)
    files: tuple[File, ...] = ()
    origin: Origin | None = None
    lines: Array | None = None

    @property
    def count(self) -> int:
        """The number of examples; a spec without inputs has one."""
        return len(next(iter(self.arrays.values()))) if self.arrays else 1

    @property
    def all_lengths(self) -> dict[str, Array]:
        """How long each example is along each run-time axis, also where all are of one length."""
        ends = {
            length: np.full(self.count, self.arrays[name].shape[1 + dim])
            for name, axes in self.axes.items()
            for dim, length in enumerate(axes)
            if length
        }
        return {**ends, **self.lengths}

    def place(self, row: int) -> str:
        """What messages call an example."""
        line = "" if self.lines is None else f" (line {self.lines[row]})"
        return f"example {row} of {self.origin or 'the data'}{line}"

    def batch(self, rows: Array) -> Batch:
        """The examples of these rows, as long as the longest of them.

        Raises E419 if a file that is mapped has changed.
        """
        self.check_files()
        lengths = {name: values[rows].astype(np.int64) for name, values in self.lengths.items()}
        arrays = {name: self._gather(name, rows, lengths) for name in self.arrays}
        return Batch(arrays, lengths, rows.astype(np.uint64))

    def _gather(self, name: str, rows: Array, lengths: Mapping[str, Array]) -> Array:
        axes = self.axes[name]
        window = tuple(slice(_longest(lengths.get(length))) for length in axes)
        values = self.prepared(name, self.arrays[name][rows][(slice(None), *window)])
        if any(length in lengths for length in axes):
            values[~inside(axes, lengths, values.shape)] = 0
        return np.ascontiguousarray(values)

    def prepared(self, name: str, values: Array) -> Array:
        """Values as read, prepared and converted; always a copy."""
        return self.preparation.apply(name, values).astype(self.dtypes[name])

    def check_files(self) -> None:
        """Raises E419."""
        for file in self.files:
            file.check()


def _longest(lengths: Array | None) -> int | None:
    return None if lengths is None else int(lengths.max(initial=0))


def inside(axes: tuple[str, ...], lengths: Mapping[str, Array], shape: tuple[int, ...]) -> Array:
    """Which positions of an array with these axes lie within their example's own lengths."""
    valid: Array = np.ones(shape[: 1 + len(axes)], dtype=bool)
    for dim, name in enumerate(axes, start=1):
        if name not in lengths:
            continue
        within = np.arange(shape[dim]) < lengths[name][:, None]
        valid &= within.reshape(shape[0], *(-1 if d == dim else 1 for d in range(1, valid.ndim)))
    return valid


_AT_ONCE = 2**22


def row_blocks(count: int, bytes_in_row: int) -> Iterator[slice]:
    """Slices that cover `count` rows, each of some megabytes, for arrays larger than memory."""
    step = max(1, _AT_ONCE // max(1, bytes_in_row))
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


@dataclass(frozen=True)
class Part:
    """Some rows of a table: the training, validation or test part of a set."""

    table: Table
    rows: Array

    @property
    def count(self) -> int:
        return len(self.rows)

    def prepared(self, preparation: Preparation) -> Part:
        return replace(self, table=replace(self.table, preparation=preparation))


@dataclass(frozen=True)
class Stream:
    """One long sequence: arrays with the steps first, all along the one run-time axis."""

    table: Table
    start: int
    stop: int

    @property
    def count(self) -> int:
        """The number of steps."""
        return self.stop - self.start

    def prepared(self, preparation: Preparation) -> Stream:
        return replace(self, table=replace(self.table, preparation=preparation))


@dataclass(frozen=True)
class Flow:
    """Batches that a caller's own iterator makes. `begin` starts an epoch; see `flow.flowing`.

    `again` makes the batches of the last epoch once more, to judge by; it is None where they come only
    once. `count` is the number of batches in an epoch where it is known.
    """

    begin: Callable[[], Iterator[Batch]]
    preparation: Preparation
    again: Callable[[], Iterator[Batch]] | None = None
    count: int | None = None


Examples = Part | Stream | Flow


@dataclass(frozen=True)
class Dataset:
    """What a model is trained and judged on.

    The test part chooses nothing: the trainer looks at it once, at the end.
    """

    train: Examples
    validation: Examples | None = None
    test: Examples | None = None
    about: Callable[[], dict[str, Any]] = field(default=dict, compare=False, repr=False)

    @property
    def preparation(self) -> Preparation:
        """What the model needs besides its weights, to predict from the same kind of source."""
        return self.train.preparation if isinstance(self.train, Flow) else self.train.table.preparation

    @cached_property
    def description(self) -> dict[str, Any]:
        """Source, kind, sizes of the parts, and files with their checksums, as JSON knows it.

        Made when it is first asked for: a checksum takes as long as reading the file.
        """
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        sizes = {name: part.count for name, part in parts.items() if part is not None}
        return {**self.about(), "parts": sizes}
