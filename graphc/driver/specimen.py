"""The examples that `graphc doctor` looks at, and what they look like themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from graphc.analysis.usage import readers
from graphc.diagnostics import GraphcError
from graphc.driver.examples import drawn
from graphc.driver.training import fit_settings
from graphc.ir.op import Array
from graphc.train.data.batches import training_batches
from graphc.train.data.examples import Batch, Dataset, Stream, inside
from graphc.train.fit_settings import FitSettings
from graphc.view.doctor import Finding

if TYPE_CHECKING:
    from graphc.driver.program import Program

_MANY = 2000
_DRAWN = 16
_ENOUGH = 10
"""Fewer examples than this say nothing about how the data is distributed."""


@dataclass(frozen=True)
class Specimen:
    """A batch to compute with, a smaller one to overfit, and many examples to look at (None if drawn)."""

    origin: str
    batch: Batch
    few: Batch
    many: Batch | None
    fault: str = ""
    """Why the data that the spec names is not what is looked at."""


def take(program: Program, *, batch: int, few: int) -> Specimen:
    """Examples of the spec's data, or its own, or drawn ones. Raises a fault of the `fit` block."""
    settings = fit_settings(program, {})
    if not program.spec.inputs:
        nothing = Batch({})
        return Specimen("a spec without inputs", nothing, nothing, None)
    fault = ""
    if program.spec.data is not None or program.examples is not None:
        try:
            found = program.dataset(bptt=settings.bptt)
        except GraphcError as error:
            fault = error.diagnostics[0].message
        else:
            origin = "the training data" if program.spec.data is not None else "the spec's own examples"
            first, second, many = (_some(found, settings, size) for size in (batch, few, _MANY))
            return Specimen(f"{origin}, {_count(first)} at a time", first, second, many)
    arrays = {name: np.asarray(array) for name, array in drawn(program.spec.inputs, 0, _DRAWN).items()}
    random = Batch(arrays, {}, np.arange(_DRAWN, dtype=np.uint64))
    some = Batch({name: array[:few] for name, array in arrays.items()}, {}, random.example_ids[:few])
    return Specimen(f"{_DRAWN} examples drawn at random", random, some, None, fault)


def _some(found: Dataset, settings: FitSettings, size: int) -> Batch:
    part = found.train
    if isinstance(part, Stream):
        size = min(size, settings.batch or 1)
    one = replace(settings, batch=size, accumulate=1, shuffle=True, seed=0)
    return next(training_batches(part, one, epoch=1))


def _count(batch: Batch) -> int:
    return len(next(iter(batch.arrays.values()), ()))


# ------------------------------------------------------------------------------------ what they are


def inputs(program: Program, specimen: Specimen) -> Iterator[Finding]:
    """Whether real inputs have mean 0 and deviation 1, roughly; whether classes are balanced."""
    aims = _aims(program)
    for name, info in program.spec.inputs.items():
        values = _valid(program, specimen.many, name) if specimen.many is not None else None
        if values is not None and len(values) >= _ENOUGH:
            if info.classes is not None and not info.axes and not info.type.rank:
                yield _balance(name, values, info.classes)
            elif info.type.dtype == "real":
                yield _scale(name, values, "target" if name in aims else "input")


def _aims(program: Program) -> set[str]:
    """The inputs that only losses and reports read, if there are others."""
    names = list(program.spec.inputs)
    found = {n for n in names if all("@" in reader for reader in readers(program.spec.system, n))}
    return found if len(found) < len(names) else set()


def _valid(program: Program, many: Batch, name: str) -> Array:
    """The values at positions within each example's own lengths: one row each."""
    axes = tuple("" if axis.length.is_fixed else axis.length.name for axis in program.spec.inputs[name].axes)
    values = many.arrays[name]
    return np.asarray(values[inside(axes, many.lengths, values.shape)], np.float64)


def _scale(name: str, values: Array, role: str) -> Finding:
    mean, deviation = float(values.mean()), float(values.std())
    text = f"mean {mean:.3g}, deviation {deviation:.3g}"
    each = values.reshape(len(values), -1).std(axis=0)
    dull = int((each == 0).sum())
    if dull:
        text += f"; {dull} of {each.size} elements {'is' if dull == 1 else 'are'} always the same"
    varied = each[each > 0]
    uneven = varied.size > 1 and float(varied.max() / varied.min()) > 1000
    if uneven:
        text += f"; deviations from {varied.min():.3g} to {varied.max():.3g}"
    far = abs(mean) > 1 or not 0.2 <= deviation <= 5
    if not (far or uneven):
        return Finding(f"{role} {name}", "ok", text)
    why = (
        "far from what a network begins with"
        if role == "target"
        else "weights are drawn for mean 0, deviation 1"
    )
    return Finding(f"{role} {name}", "look", text, f"{why}: `data {{ standardize = {name} }}`")


def _balance(name: str, values: Array, classes: int) -> Finding:
    counts = np.bincount(values.astype(np.int64), minlength=classes)
    shares = counts / counts.sum()
    missing = int((counts == 0).sum())
    text = (
        f"{classes} classes, the rarest {shares.min():.1%} of the examples, the commonest {shares.max():.1%}"
    )
    if missing:
        text = (
            f"{missing} of {classes} classes never occur, the commonest is {shares.max():.1%} of the examples"
        )
    if not missing and counts.max() <= 3 * counts.min():
        return Finding(f"classes {name}", "ok", text)
    advice = f"always guessing the commonest is right in {shares.max():.1%}: compare with that"
    return Finding(f"classes {name}", "look", text, advice)


def contradictions(batch: Batch, target: str) -> bool:
    """Whether two examples have the same inputs and different targets."""
    if batch.arrays.keys() == {target}:
        return False  # a sequence that is its own target
    known: dict[bytes, Array] = {}
    for row in range(_count(batch)):
        key = b"".join(array[row].tobytes() for name, array in batch.arrays.items() if name != target)
        other = known.setdefault(key, batch.arrays[target][row])
        if not np.array_equal(other, batch.arrays[target][row]):
            return True
    return False
