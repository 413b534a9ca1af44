"""Inputs by shape: what a spec says of them is checked once for each layout of a batch, values every time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.driver.arrays import Feed, axis_order
from graphc.frontend.spec import InputInfo
from graphc.ir.op import Array

Key = tuple[tuple[str, np.dtype[Any], tuple[int, ...]], ...]
Check = Callable[[Mapping[str, Any], Mapping[str, Any]], Feed]

_MOST = 64
"""Layouts that are remembered: a training sees few, one for each length of its batches."""


@dataclass(frozen=True)
class _Input:
    """How an input whose dtype and shape are known gets into a graph's layout."""

    name: str
    dtype: np.dtype[Any]
    order: tuple[int, ...] | None
    """The dimensions as the type has them, where these are not the user's."""
    classes: int | None

    def laid_out(self, given: Array) -> Array | None:
        """The array for a graph, not copied if it can be helped; None if a class is out of range."""
        array = given
        if array.dtype != self.dtype:
            with np.errstate(over="ignore"):  # what is too large for the precision becomes infinite
                array = array.astype(self.dtype)
        # Read without a sign, a negative class is larger than all others: one pass finds both faults.
        if self.classes is not None and array.size:
            largest = np.maximum.reduce(array.view(np.uint64), axis=None)
            if largest >= self.classes:
                return None
        return array if self.order is None else array.transpose(self.order)


@dataclass(frozen=True)
class _Known:
    """A layout that was found good: all examples of one length, which the shapes say."""

    inputs: tuple[_Input, ...]
    own: dict[str, Array]
    """Inputs that the spec itself gives."""
    batch: int
    lengths: dict[str, Array]


class Feeder:
    """Inputs ready to run, checked by `check`; for a layout that it has seen, by their values alone."""

    def __init__(self, infos: Mapping[str, InputInfo], check: Check) -> None:
        self._infos = infos
        self._check = check
        self._known: dict[Key, _Known] = {}

    def __call__(self, given: Mapping[str, Any], lengths: Mapping[str, Any] | None = None) -> Feed:
        """Raises what `check` does."""
        key = None if lengths else _key(given)
        known = None if key is None else self._known.get(key)
        if known is not None and (fed := _refilled(known, given)) is not None:
            return fed
        fed = self._check(given, lengths or {})
        if key is not None and self._repeats(given, fed):
            if len(self._known) == _MOST:
                self._known.clear()
            self._known[key] = self._learned(given, fed)
        return fed

    def _repeats(self, given: Mapping[str, Array], fed: Feed) -> bool:
        """Whether other values in the same layout are fed alike: nothing was cut off, masked or rounded."""
        return fed.dense and all(
            array.size == fed.arrays[name].size
            and (self._infos[name].type.dtype == "real" or array.dtype.kind in "iub")
            for name, array in given.items()
        )

    def _learned(self, given: Mapping[str, Array], fed: Feed) -> _Known:
        inputs = []
        for name in given:
            info = self._infos[name]
            order = axis_order(info.type, info.axes)
            same = order == tuple(range(len(order)))
            inputs.append(_Input(name, fed.arrays[name].dtype, None if same else order, info.classes))
        own = {name: array for name, array in fed.arrays.items() if name not in given}
        return _Known(tuple(inputs), own, fed.batch, fed.lengths)


def _key(given: Mapping[str, Any]) -> Key | None:
    """Names, dtypes and shapes; None if something else than arrays is given."""
    found = []
    for name, array in given.items():
        if type(array) is not np.ndarray:
            return None
        found.append((name, array.dtype, array.shape))
    return tuple(found)


def _refilled(known: _Known, given: Mapping[str, Array]) -> Feed | None:
    """The feed of a known layout with other values; None if one of them is at fault."""
    arrays = dict(known.own)
    for item in known.inputs:
        array = item.laid_out(given[item.name])
        if array is None:
            return None
        arrays[item.name] = array
    return Feed(arrays, known.batch, known.lengths, True)
