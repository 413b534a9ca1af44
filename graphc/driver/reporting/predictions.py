"""Predictions beside what is true, for classes and for numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from graphc.driver.reporting.material import Material, Sample
from graphc.driver.reporting.showing import shown, texts
from graphc.ir.op import Array
from graphc.types import BATCH
from graphc.view.report.page import Section
from graphc.view.report.predicted import Classified, Estimated, classes, numbers

EXAMPLES = 2000
_TOLERANCE = 1e-3


def sections(material: Material) -> Iterator[Section]:
    """One for each class that scores are held against, one for each number that is predicted."""
    sample = material.sample(EXAMPLES)
    for target, names in scored(material).items():
        name, chances = best_scores(sample, names)
        labels = material.labels(target, chances.shape[1])
        truth = sample.batch.arrays[target].astype(np.int64)
        yield classes(Classified(name, chances, truth, labels, shown(material, sample), sample.said))
    undo = material.program.preparation.undo
    for name, target in estimated(material).items():
        predicted, truth = (
            undo(target, array.astype(np.float64))
            for array in (sample.values(name)[name], sample.batch.arrays[target])
        )
        yield numbers(Estimated(name, target, predicted, truth, texts(material, sample), sample.said))


def scored(material: Material) -> dict[str, list[str]]:
    """By target, the vectors that have a score for each of its classes; none that vary over an axis."""
    found: dict[str, list[str]] = {}
    for name, target in material.compared.scores.items():
        if _is_plain(material, name, 1) and not material.program.spec.inputs[target].axes:
            found.setdefault(target, []).append(name)
    return found


def estimated(material: Material) -> dict[str, str]:
    """The visible numbers that predict an input which is a number."""
    names = material.program.spec.names
    return {
        name: target
        for name, target in material.compared.values.items()
        if name in names and _is_plain(material, name, 0) and _is_plain(material, target, 0)
    }


def best_scores(sample: Sample, names: list[str]) -> tuple[str, Array]:
    """The first scores that are chances, else the first ones under a softmax: `[examples, classes]`."""
    values = sample.values(*names)
    for name in names:
        found = values[name].astype(np.float64)
        if np.all(found >= 0) and np.allclose(found.sum(axis=1), 1, atol=_TOLERANCE):
            return name, found
    powers = values[names[0]].astype(np.float64)
    powers = np.exp(powers - powers.max(axis=1, keepdims=True))
    return names[0], powers / powers.sum(axis=1, keepdims=True)


def _is_plain(material: Material, name: str, rank: int) -> bool:
    """Whether a name is one element of this rank for each example."""
    type_ = material.system.type(name)
    return len(type_.sizes) == rank and set(type_.axes) == {BATCH}
