"""`.ts` files, as archives of time series have them: a sequence of several channels on a line, and its class.

Behind a head, whose lines begin with `#` or `@`, each line has the channels of a sequence with colons between
them, each channel as numbers with commas between, and last the class: `0.1,0.2,0.3:5,6,7:a` has two channels
and three steps. The head names the classes, `@classLabel true a b`.
Format: https://www.timeseriesclassification.com.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graphc.diagnostics import GraphcError, fault
from graphc.ir.op import Array
from graphc.train.data.origins import Origin, content


@dataclass(frozen=True)
class Series:
    """Sequences of shape (steps, channels), the class number of each, from 0, and the classes' names."""

    values: list[Array]
    classes: list[int]
    names: tuple[str, ...]

    def padded(self) -> tuple[Array, Array]:
        """An array (examples, longest, channels), zero behind the end of each, and the lengths."""
        lengths = np.array([len(sequence) for sequence in self.values])
        result = np.zeros((len(lengths), lengths.max(initial=0), self.values[0].shape[1]))
        for row, sequence in zip(result, self.values, strict=True):
            row[: len(sequence)] = sequence
        return result, lengths


def read_series(path: Path, origin: Origin) -> Series:
    """A file of the set `origin`. Raises E414 for one that is damaged, E418 for one that cannot be read."""
    lines = content(path, Origin(path.name, origin.span)).decode("utf-8", errors="replace").splitlines()
    names: tuple[str, ...] = ()
    values: list[Array] = []
    classes: list[int] = []
    for number, line in enumerate(lines, 1):
        if line.startswith("@classLabel"):
            names = tuple(line.split()[2:])
        if not line.strip() or line[0] in "#@":
            continue
        try:
            *channels, label = line.split(":")
            values.append(_sequence(channels, values))
            classes.append(names.index(label.strip()))
        except ValueError as error:
            raise _damaged(path, origin, f"line {number}: {error}") from None
    if not values:
        raise _damaged(path, origin, "it holds no sequences")
    return Series(values, classes, names)


def _sequence(channels: list[str], before: list[Array]) -> Array:
    """Of shape (steps, channels). Raises ValueError for channels that differ in length or number."""
    expected = before[0].shape[1] if before else max(1, len(channels))
    if len(channels) != expected:
        raise ValueError(f"expected {expected} channels, found {len(channels)}")
    found = [[float(number) for number in channel.split(",")] for channel in channels]
    if len({len(numbers) for numbers in found}) > 1:
        raise ValueError("its channels differ in length")
    return np.array(found).T


def _damaged(path: Path, origin: Origin, why: str) -> GraphcError:
    return fault("E414", f"{origin}: the file `{path.name}` is damaged: {why}", origin.span)
