"""Whether the values of a source are sound: finite numbers, classes in range, lengths within their axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from graphc.diagnostics import fault
from graphc.ir.op import Array
from graphc.train.data.examples import inside, row_blocks
from graphc.train.data.origins import Origin
from graphc.train.data.tables import Faults
from graphc.train.protocol import InputSpec

Specs = Mapping[str, InputSpec]


def check_lengths(
    specs: Specs, arrays: Mapping[str, Array], lengths: Mapping[str, Array], origin: Origin
) -> None:
    """Lengths are from 0 to what the arrays are along that axis. Raises E427."""
    faults = Faults(origin)
    for length, values in lengths.items():
        ends = [
            arrays[name].shape[1 + dim]
            for name, spec in specs.items()
            for dim, running in enumerate(spec.running_lengths)
            if running == length
        ]
        wrong = np.flatnonzero((values < 0) | (values > ends[0]))
        if len(wrong):
            row = int(wrong[0])
            faults.add(
                "E427",
                f"{origin}: the length `{length}` of example {row} is {values[row]}, "
                f"expected 0 to {ends[0]}, as long as the arrays are",
            )
    faults.finish()


def check_values(
    specs: Specs,
    arrays: Mapping[str, Array],
    lengths: Mapping[str, Array],
    origin: Origin,
    first: Mapping[str, int],
    lines: Array | None = None,
) -> None:
    """No NaN or infinity, classes in range from `first` on; padding is not looked at.

    `lines` is where the examples stand in a text, for messages. Arrays are read block by block. Raises
    E424 and E425, all together.
    """
    faults = Faults(origin)
    for name, spec in specs.items():
        _Scan(spec, arrays[name], lengths, lines).check(first.get(name, 0), faults)
    faults.finish()


def check_key(name: str, values: Array, count: int, origin: Origin, *, is_time: bool) -> None:
    """An array that decides about the parts: a number, a date (times) or a text for each example. E465."""
    kinds = "iufM" if is_time else "iubUS"
    expected = "a number or a date" if is_time else "a whole number or a text"
    if values.dtype.kind not in kinds or values.shape != (count,):
        found = f"{values.dtype} of shape {values.shape}"
        message = f"`{name}` in {origin}: expected {expected} for each example, found {found}"
        raise fault("E465", message, origin.span)
    unknown = (
        np.isnat(values) if values.dtype.kind == "M" else ~np.isfinite(values) if is_time else values[:0]
    )
    if is_time and unknown.any():
        row = int(unknown.argmax())
        raise fault(
            "E465",
            f"`{name}` in {origin}: expected {expected}, found {values[row]} in example {row}",
            origin.span,
        )


class _Scan:
    """An array of an input, looked through once."""

    def __init__(
        self, spec: InputSpec, array: Array, lengths: Mapping[str, Array], lines: Array | None
    ) -> None:
        self.spec, self.array, self.lengths, self.lines = spec, array, lengths, lines

    def check(self, first: int, faults: Faults) -> None:
        name, classes = self.spec.name, self.spec.classes
        if self.array.dtype.kind == "f":
            where = self._first(lambda block: ~np.isfinite(block))
            if where is not None:
                faults.add(
                    "E424",
                    f"`{name}` in {faults.origin}: expected finite numbers, "
                    f"found {self.array[where]} {self._place(where)}",
                )
        if classes is None:
            return
        end = first + classes
        where = self._first(lambda block: (block < first) | (block >= end))
        if where is not None:
            faults.add(
                "E425",
                f"`{name}` in {faults.origin}: expected classes from {first} to {end - 1}, "
                f"found {self.array[where]} {self._place(where)}",
                ""
                if first or not self._is_from_one(classes)
                else "`data { first = 1 }` if classes are numbered from 1",
            )

    def _blocks(self) -> Iterator[tuple[int, Array, Array]]:
        """The first row of each block, the block, and which of its positions are valid."""
        array = self.array
        for rows in row_blocks(len(array), array[:1].nbytes):
            block = array[rows]
            lengths = {name: values[rows] for name, values in self.lengths.items()}
            valid = inside(self.spec.running_lengths, lengths, block.shape)
            yield rows.start, block, valid

    def _first(self, bad: Callable[[Array], Array]) -> tuple[int, ...] | None:
        """The first bad position among the valid ones."""
        for start, block, valid in self._blocks():
            found = bad(block)
            found &= valid.reshape(valid.shape + (1,) * (found.ndim - valid.ndim))
            if found.any():
                row, *rest = (int(i) for i in np.unravel_index(int(found.argmax()), found.shape))
                return (start + row, *rest)
        return None

    def _is_from_one(self, classes: int) -> bool:
        ends = [(block[v].min(), block[v].max()) for _, block, v in self._blocks() if v.any()]
        return bool(min(low for low, _ in ends) == 1 and max(high for _, high in ends) == classes)

    def _place(self, where: tuple[int, ...]) -> str:
        if self.lines is not None:
            return f"in line {self.lines[where[0]]}"
        inner = f" at {list(where[1:])}" if len(where) > 1 else ""
        return f"in example {where[0]}{inner}"
