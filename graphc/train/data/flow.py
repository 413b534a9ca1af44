"""Batches from a caller's own iterator: checked like those of a file, one after another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from graphc.diagnostics import fault
from graphc.ir.op import Array
from graphc.train.data.examples import Batch, Flow
from graphc.train.data.origins import Origin
from graphc.train.data.preparation import Preparation
from graphc.train.data.sources import Request, read_arrays

Batches = Iterable[Any] | Callable[[], Iterable[Any]]
"""A list or another object that can be iterated over again, a function that makes one, or a generator."""


def flowing(
    request: Request, source: Batches, preparation: Preparation, dtype: npt.DTypeLike, name: str = ""
) -> Flow:
    """An epoch is one iteration; an item is one batch: arrays by input name, or a tuple of them in order.

    `name` is the part that they are, for messages. A generator comes once. While batches are taken, this
    raises E466 where there is none, E467 for an item of another kind, and what arrays in memory raise.
    """
    reader = _Reader(request, source, preparation, dtype, name)
    count = len(source) if isinstance(source, Sized) else None
    return Flow(reader.begin, preparation, None if reader.is_once else reader.again, count)


def in_memory(name: str, values: npt.ArrayLike, origin: Origin) -> Array:
    """An array of whatever was given for a name. Raises E423 for nested lists of different lengths."""
    try:
        return np.asarray(values)
    except (ValueError, TypeError) as error:
        reason = str(error).split(". ")[0]
        raise fault("E423", f"`{name}` in {origin} is no array: {reason}", origin.span) from None


class _Reader:
    """One source of batches, and how far the last epoch went."""

    def __init__(
        self, request: Request, source: Batches, preparation: Preparation, dtype: npt.DTypeLike, name: str
    ) -> None:
        self.request, self.source, self.preparation = request, source, preparation
        self.dtype, self.of = dtype, f" of the {name} part" if name else ""
        self.is_once = isinstance(source, Iterator)
        self.reached: int | None = None

    def begin(self) -> Iterator[Batch]:
        """The batches of one epoch."""
        if self.is_once and self.reached is not None:
            raise fault(
                "E466",
                f"the batches come from a generator, which ended after {self.reached}; "
                "training goes on for more epochs",
                help="give a list or a function that makes a new generator, or `epochs = 1`",
            )
        self.reached = 0
        for batch in self._batches():
            self.reached += 1
            yield batch
        if not self.reached:
            raise fault("E466", f"there are no batches{self.of}: the iterator ended at once")

    def again(self) -> Iterator[Batch]:
        """As many batches as the last epoch took, so that this ends where the source never does."""
        return islice(self._batches(), self.reached)

    def _batches(self) -> Iterator[Batch]:
        rows = 0
        for number, item in enumerate(self.source() if callable(self.source) else self.source, start=1):
            origin = Origin(f"batch {number}{self.of}", is_quoted=False)
            loaded = read_arrays(self.request, self._by_name(item, origin), origin)
            batch = loaded.table(self.request.specs, self.preparation, self.dtype).batch(
                np.arange(loaded.count)
            )
            yield replace(batch, example_ids=batch.example_ids + np.uint64(rows))
            rows += loaded.count

    def _by_name(self, item: Any, origin: Origin) -> dict[str, Array]:
        names = list(self.request.specs)
        if isinstance(item, tuple | list) and len(item) == len(names):
            item = dict(zip(names, item, strict=True))
        if not isinstance(item, Mapping):
            shown = ", ".join(f'"{name}": ...' for name in names)
            kind = f"{type(item).__name__} of {len(item)}" if isinstance(item, Sized) else type(item).__name__
            raise fault(
                "E467",
                f"{origin}: expected arrays by input name or a tuple of {len(names)}, found {kind}",
                help=f"an item is `{{{shown}}}`",
            )
        return {str(name): in_memory(str(name), values, origin) for name, values in item.items()}
