"""What a generation is given beside its prompt: arrays, or texts of an input that has a vocabulary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.diagnostics import fault
from graphc.driver.vocabulary import classes
from graphc.frontend.spec import InputInfo
from graphc.ir.op import Array
from graphc.train.data.origins import Origin
from graphc.train.data.preparation import Preparation


@dataclass(frozen=True)
class Given:
    """Inputs by name, and the lengths of their axes. `batch` is the number of examples, 0 without inputs."""

    arrays: Mapping[str, Any]
    lengths: Mapping[str, Any]

    @property
    def batch(self) -> int:
        return max((len(np.atleast_1d(array)) for array in self.arrays.values()), default=0)


def inputs_of(
    prepared: Preparation,
    infos: Mapping[str, InputInfo],
    inputs: Mapping[str, Any],
    lengths: Mapping[str, Any],
) -> Given:
    """Inputs as the model reads them: texts as classes, numbers scaled as in training.

    Raises E443 or E464 for a text that cannot be one, E445 for two of different lengths along one axis.
    """
    arrays, ends = {}, dict(lengths)
    for name, value in inputs.items():
        texts = [value] if isinstance(value, str) else value
        if not _are_texts(texts):
            arrays[name] = prepared.apply(name, np.asarray(value)) if name in infos else value
            continue
        each = [classes(prepared, name, text, Origin(f"input `{name}`", is_quoted=False)) for text in texts]
        arrays[name], own = _padded(each)
        end = infos[name].axes[0].length.name
        if not np.array_equal(ends.setdefault(end, own), own):
            raise fault(
                "E445", f"the texts of input `{name}` have other lengths along `{end}` than were given"
            )
    return Given(arrays, ends)


def _are_texts(value: Any) -> bool:
    return isinstance(value, Sequence) and bool(value) and all(isinstance(text, str) for text in value)


def _padded(each: Sequence[Array]) -> tuple[Array, Array]:
    """Sequences of different lengths as one array [batch, longest], and the lengths."""
    lengths = np.array([len(sequence) for sequence in each])
    array = np.zeros((len(each), lengths.max()), np.int64)
    for row, sequence in zip(array, each, strict=True):
        row[: len(sequence)] = sequence
    return array, lengths
