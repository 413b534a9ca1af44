"""Predictions as a table (CSV), as JSON and as an archive of arrays."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from graphc.diagnostics import fault
from graphc.view.results import dumps

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Predicted:
    """One output of all examples: `array` has the examples first, then `axes`, then the element's dims.

    `ends` has, for each axis, the name of a length that examples have for themselves, or nothing. `labels`
    are the classes that a vector of scores is about. `varies` is false for an output that is the same for
    all examples and has no dimension for them.
    """

    name: str
    array: Array
    axes: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    varies: bool = True


@dataclass(frozen=True)
class Predictions:
    """The outputs of `count` examples, and each example's own lengths where these differ."""

    outputs: tuple[Predicted, ...]
    lengths: Mapping[str, Array]
    count: int

    def arrays(self) -> dict[str, Array]:
        """By name, as a `.npz` file of data holds them: lengths are called `lengths_T`."""
        found = {output.name: output.array for output in self.outputs}
        return found | {f"lengths_{name}": own for name, own in self.lengths.items()}

    def encoded(self, suffix: str) -> bytes:
        """The content of a `.csv`, `.json` or `.npz` file. Raises E632, see `csv`."""
        return {".csv": self.csv, ".json": self._json, ".npz": self._npz}[suffix]()

    def _npz(self) -> bytes:
        buffer = io.BytesIO()
        np.savez(buffer, **self.arrays())  # type: ignore[arg-type]  # the stub takes names for its own flag
        return buffer.getvalue()

    def _json(self) -> bytes:
        return (dumps(self.arrays()) + "\n").encode()

    def csv(self) -> bytes:
        """A table: a row for each example, or for each step of each example where outputs have an axis.

        Examples are counted from 0 and steps from 1. Raises E632 for outputs along different axes.
        """
        axes, ends = _table_axes(self.outputs)
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, lineterminator="\n")
        columns = [column for output in self.outputs for column in _columns(output)]
        writer.writerow([*(["example", *axes] if axes else []), *columns])
        for place in self._places(ends):
            cells = [cell for output in self.outputs for cell in _cells(output, place)]
            steps = [place[0], *(step + 1 for step in place[1:])] if axes else []
            writer.writerow([*steps, *cells])
        return buffer.getvalue().encode()

    def _places(self, ends: Sequence[str]) -> Iterator[tuple[int, ...]]:
        """The rows: examples from 0, and the steps from 0 that each example has."""
        shapes = [o.array.shape[o.varies :] for o in self.outputs if o.axes]
        extents = shapes[0][: len(ends)] if shapes else ()
        for example in range(self.count):
            own = [
                int(self.lengths[end][example]) if end in self.lengths else extent
                for end, extent in zip(ends, extents, strict=True)
            ]
            for steps in np.ndindex(*own):
                yield (example, *steps)


def _table_axes(outputs: Sequence[Predicted]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The axes that make rows. Raises E632 for outputs that do not share them."""
    found: Predicted | None = None
    for output in outputs:
        if output.axes and found is not None and (output.axes, output.ends) != (found.axes, found.ends):
            one, two = (f"`{o.name}` ({', '.join(o.axes)})" for o in (found, output))
            raise fault(
                "E632",
                f"{one} and {two} run along different axes, which is no table",
                help="name one of them with `--outputs`, or write a `.npz` or `.json` file",
            )
        found = output if output.axes else found
    return (found.axes, found.ends) if found is not None else ((), ())


def _columns(output: Predicted) -> list[str]:
    """`y` for a number, `p[0]`, `p[1]`, ... or `p[setosa]`, ... for more."""
    shape = output.array.shape[output.varies + len(output.axes) :]
    if not shape:
        return [output.name]
    if output.labels:
        return [f"{output.name}[{label}]" for label in output.labels]
    return [f"{output.name}[{','.join(map(str, place))}]" for place in np.ndindex(*shape)]


def _cells(output: Predicted, place: tuple[int, ...]) -> list[str]:
    """The values of a row, each written so that reading it again gives the same number."""
    own = (place[:1] if output.varies else ()) + (place[1:] if output.axes else ())
    values = np.asarray(output.array[own]).reshape(-1)
    return [str(value).lower() if values.dtype == np.bool_ else str(value) for value in values]
