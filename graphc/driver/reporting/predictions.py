"""Predictions beside what is true, for classes and for numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from graphc.driver.reporting.material import Material, Sample
from graphc.driver.reporting.pairing import Rows, meetings, rows
from graphc.driver.reporting.showing import in_words, pictured
from graphc.ir.graph import Node
from graphc.ir.op import Array
from graphc.ops.elementwise import SIGMOID
from graphc.ops.leaf import PIN
from graphc.types import BATCH
from graphc.view.report.page import Section
from graphc.view.report.predicted import Classified, Estimated, Shown, classes, numbers

EXAMPLES = 2000
SEQUENCES = 200
"""Examples of sequences have as many rows as steps."""
_TOLERANCE = 1e-3


def sections(material: Material) -> Iterator[Section]:
    """One for each class that scores are held against, one for each number that is predicted."""
    for found in predictions(material):
        yield classes(found) if isinstance(found, Classified) else numbers(found)


def predictions(material: Material) -> Iterator[Classified | Estimated]:
    """Everything that is held against an input, beside it: classes, chances of 0 and 1, numbers."""
    for target, names in scored(material).items():
        sample = _sample(material, target, *names)
        if (found := _scores(material, sample, names, target)) is not None:
            yield found
    for name, target in odds(material).items():
        if target not in scored(material):
            sample = _sample(material, target, name)
            if (judged := _chances(material, sample, name, target)) is not None:
                yield judged
    for name, target in estimated(material).items():
        sample = _sample(material, target, name)
        if (estimate := _numbers(material, sample, name, target)) is not None:
            yield estimate


def _sample(material: Material, *names: str) -> Sample:
    is_sequence = any(material.system.indices(name) for name in names)
    return material.sample(SEQUENCES if is_sequence else EXAMPLES)


# --------------------------------------------------------------------------- what is held against what


def scored(material: Material) -> dict[str, list[str]]:
    """By target, the vectors that have a score for each of its classes; first those with the fewest axes, as
    the mean over an ensemble goes before its members."""
    found: dict[str, list[str]] = {}
    for name, target in material.compared.scores.items():
        if _is_row(material, name, 1) and _is_row(material, target, 0) and _meet(material, name, target):
            found.setdefault(target, []).append(name)
    return {
        target: sorted(names, key=lambda name: len(material.system.indices(name)))
        for target, names in found.items()
    }


def odds(material: Material) -> dict[str, str]:
    """The numbers, or vectors of numbers, that are chances of an input's being 1, or their logits."""
    compared = material.compared
    judged = {n: t for n, t in compared.values.items() if _is_sigmoid(material, n)}
    return {
        name: target
        for name, target in {**judged, **compared.logits, **compared.chances}.items()
        if any(_is_row(material, name, r) and _is_row(material, target, r) for r in (0, 1))
        and _meet(material, name, target)
        and _is_binary(material, name, target)
    }


def estimated(material: Material) -> dict[str, str]:
    """The visible numbers, or vectors of numbers, that predict an input which is one."""
    names, judged = material.program.spec.names, odds(material)
    return {
        name: target
        for name, target in material.compared.values.items()
        if name in names
        and name not in judged
        and any(_is_row(material, name, r) and _is_row(material, target, r) for r in (0, 1))
        and _meet(material, name, target)
    }


def _meet(material: Material, name: str, target: str) -> bool:
    return any(True for _ in meetings(material.system, name, target))


def _is_row(material: Material, name: str, rank: int) -> bool:
    """Whether a name is an element of this rank for each example, or for each step of one axis."""
    type_ = material.system.type(name)
    return len(type_.sizes) == rank and BATCH in type_.axes and len(type_.axes) <= 2


def _is_binary(material: Material, name: str, target: str) -> bool:
    """Whether an input is 0 or 1 in the examples that are looked at, or the shares of classes."""
    values = _sample(material, target, name).batch.arrays[target]
    return bool(np.isin(values, (0, 1)).all()) or (values.ndim > 1 and _are_shares(values))


def _is_sigmoid(material: Material, name: str) -> bool:
    """Whether a name is what a sigmoid gives."""
    unit = material.system.units.get(material.original(name))
    made = {node.result: node for node in unit.nodes if isinstance(node, Node)} if unit is not None else {}
    last = made.get(unit.value) if unit is not None else None
    if last is not None and last.op is PIN:
        last = made.get(last.operands[0])
    return last is not None and last.op is SIGMOID


# --------------------------------------------------------------------------- rows of each kind


def _scores(material: Material, sample: Sample, names: list[str], target: str) -> Classified | None:
    """Of the first scores that are chances, else of the first ones under a softmax."""
    found = [(name, rows(material, sample, name, target)) for name in names]
    known = [(name, own) for name, own in found if own is not None and len(own.truth)]
    if not known:
        return None
    name, own = next(((n, r) for n, r in known if _are_shares(r.values)), known[0])
    chances = shares(own.values)
    labels = material.labels(target, chances.shape[1])
    return _classified(material, sample, name, target, own, chances, own.truth.astype(np.int64), labels)


def _chances(material: Material, sample: Sample, name: str, target: str) -> Classified | None:
    """Of chances, or of logits: those of each class together, or each against its opposite."""
    own = rows(material, sample, name, target)
    if own is None or not len(own.truth):
        return None
    values = own.values.astype(np.float64)
    if values.ndim == 2 and _are_shares(own.truth) and _are_shares(values):
        labels = [str(place) for place in range(values.shape[1])]
        return _classified(material, sample, name, target, own, values, own.truth.argmax(axis=1), labels)
    own, values = _by_element(own, values)
    chances, truth = both_chances(material, name, values), own.truth.astype(np.int64)
    labels = both_labels(material, target)
    return _classified(material, sample, name, target, own, chances, truth, labels)


def shares(scores: Array) -> Array:
    """Scores of classes as chances, `[..., classes]`: they are, or are under a softmax."""
    found = scores.astype(np.float64)
    if _are_shares(found):
        return found
    powers = np.exp(found - found.max(axis=-1, keepdims=True))
    result: Array = powers / powers.sum(axis=-1, keepdims=True)
    return result


def both_chances(material: Material, name: str, values: Array) -> Array:
    """The chances of 0 and of 1, `[..., 2]`, by one that `odds` found."""
    found = values.astype(np.float64)
    if name not in material.compared.chances and not _is_sigmoid(material, name):
        found = 0.5 * (1 + np.tanh(0.5 * found))
    return np.stack([1 - found, found], axis=-1)


def both_labels(material: Material, target: str) -> list[str]:
    """What 0 and 1 are called."""
    return material.labels(target, 2) if material.system.type(target).dtype == "int" else ["0", "1"]


def _classified(
    material: Material,
    sample: Sample,
    name: str,
    target: str,
    own: Rows,
    chances: Array,
    truth: Array,
    labels: Sequence[str],
) -> Classified:
    shown = _shown(material, sample, target, own, may_be_picture=True)
    numbers = sample.batch.example_ids.astype(np.int64)[own.examples]
    return Classified(name, chances, truth, labels, shown, sample.said, numbers, _counted(own))


def _numbers(material: Material, sample: Sample, name: str, target: str) -> Estimated | None:
    """In the units of the data."""
    own = rows(material, sample, name, target)
    if own is None or not len(own.truth):
        return None
    undo = material.program.preparation.undo
    predicted, truth = (undo(target, array.astype(np.float64)) for array in (own.values, own.truth))
    own, predicted = _by_element(replace(own, truth=truth), predicted)
    shown = _shown(material, sample, target, own, may_be_picture=False)
    along = None if own.steps is None or own.elements is not None else (own.examples, own.steps)
    return Estimated(name, target, predicted, own.truth, shown, sample.said, _counted(own), along)


def _by_element(own: Rows, values: Array) -> tuple[Rows, Array]:
    """A row for each element of what is predicted, where that is a vector."""
    if values.ndim == 1:
        return own, values
    count, size = values.shape
    steps = None if own.steps is None else np.repeat(own.steps, size)
    elements = np.tile(np.arange(size), count)
    flat = Rows(values.ravel(), own.truth.ravel(), np.repeat(own.examples, size), steps, elements)
    return flat, values.ravel()


def _counted(own: Rows) -> str:
    if own.elements is not None:
        return "elements"
    if own.steps is not None:
        return "steps"
    return "examples" if len(np.unique(own.examples)) == len(own.examples) else "predictions"


def _shown(
    material: Material, sample: Sample, target: str, own: Rows, *, may_be_picture: bool
) -> Callable[[int], Shown]:
    """What a row is of: a picture or the words of its example, with the step and the element."""
    if may_be_picture and own.steps is None and (picture := pictured(material, sample)) is not None:
        return lambda row: picture(int(own.examples[row]))

    def text(row: int) -> str:
        step = None if own.steps is None else int(own.steps[row])
        said = in_words(material, sample, int(own.examples[row]), target, step)
        return said if own.elements is None else f"{said}; {target}[{own.elements[row]}]"

    return text


def _are_shares(values: Array) -> bool:
    """Whether each row is a distribution over the last dim."""
    sums = values.astype(np.float64).sum(axis=-1)
    return bool(np.all(values >= 0) and np.allclose(sums, 1, atol=_TOLERANCE))
