"""The inputs that a spec itself gives, or drawn ones where it gives none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphc.frontend.spec import InputInfo
from graphc.ir.op import Array

_STEPS = 3
_DTYPES = {"real": np.float64, "int": np.int64, "bool": np.bool_}


def literal(infos: Mapping[str, InputInfo], batch: int = 1) -> dict[str, Array]:
    """Literal inputs as a batch of at least `batch`; one that is written once holds for every example."""
    found = {name: _stacked(info) for name, info in infos.items()}
    size = max([batch, *(len(array) for array in found.values())])
    return {
        name: array if infos[name].batched else np.repeat(array, size, axis=0)
        for name, array in found.items()
    }


def _stacked(info: InputInfo) -> Array:
    """The literal examples as one array, shorter ones filled up."""
    assert info.examples is not None
    longest = [int(size) for size in np.max([e.shape for e in info.examples], axis=0, initial=0)]
    result: Array = np.zeros((len(info.examples), *longest), _DTYPES[info.type.dtype])
    for number, example in enumerate(info.examples):
        place: tuple[int | slice, ...] = (number, *(slice(size) for size in example.shape))
        result[place] = example
    return result


def literal_lengths(infos: Mapping[str, InputInfo]) -> dict[str, Array]:
    """Each example's own lengths, where `batch(...)` gives several."""
    found: dict[str, Array] = {}
    for info in infos.values():
        for place, axis in enumerate(info.axes):
            if not axis.length.is_fixed and info.examples is not None and info.batched:
                found[axis.length.name] = np.array([example.shape[place] for example in info.examples])
    return found


def drawn(
    infos: Mapping[str, InputInfo], seed: int, batch: int = 2, lengths: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Random inputs of the right types, for checks that hold whatever the data is.

    A length that is known at run time only is as `lengths` says, or else a few steps.
    """
    generator = np.random.default_rng(seed)
    result: dict[str, Any] = {}
    given = lengths or {}
    for name, info in infos.items():
        run = [given.get(a.length.name, _STEPS) for a in info.axes]
        ends = [
            steps if a.length.size is None else a.length.size.value
            for a, steps in zip(info.axes, run, strict=True)
        ]
        shape = (batch, *ends, *info.type.sizes)
        if info.type.dtype == "bool":
            result[name] = generator.random(shape) < 0.5
        elif info.classes is not None:
            result[name] = generator.integers(0, info.classes, shape)
        else:
            result[name] = generator.standard_normal(shape)
    return result
