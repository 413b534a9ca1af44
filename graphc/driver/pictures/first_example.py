"""The example whose numbers a drawing shows: the one given, the spec's own, or the first of its data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.diagnostics import GraphcError
from graphc.driver.examples import literal, literal_lengths
from graphc.driver.tracing import as_batch
from graphc.driver.training import fit_settings
from graphc.train.data.batches import training_batches

if TYPE_CHECKING:
    from graphc.driver.program import Program


@dataclass(frozen=True)
class Example:
    """Inputs with a batch in front, and each one's lengths; or none, and `why` there are none."""

    inputs: Mapping[str, Any] | None
    lengths: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""

    def cut(self, program: Program, length: str, steps: int) -> Example:
        """The first `steps` of everything that runs along an axis that ends at `length`."""
        if self.inputs is None:
            return self
        inputs = dict(self.inputs)
        for name, info in program.spec.inputs.items():
            for place, axis in enumerate(info.axes):
                if axis.length.name == length:
                    inputs[name] = np.take(inputs[name], range(steps), axis=1 + place)
        own = {
            name: np.minimum(ends, steps) if name == length else ends for name, ends in self.lengths.items()
        }
        return replace(self, inputs=inputs, lengths=own)


def example(program: Program, given: Mapping[str, Any] | None) -> Example:
    """What is given wins over the spec's own values, these over the data; else there is none."""
    infos = program.spec.inputs
    own = {name: info for name, info in infos.items() if info.has_value and name not in (given or {})}
    if given or len(own) == len(infos):
        arrays, _ = as_batch(program, dict(given or {}))
        size = max((len(np.atleast_1d(np.asarray(array))) for array in arrays.values()), default=1)
        return Example({**literal(own, size), **arrays}, literal_lengths(own))
    if program.spec.data is not None:
        return _first_of_the_data(program)
    missing = ", ".join(f"`{name}`" for name in infos if name not in own)
    return Example(None, why=f"not computed: no value for {missing}")


def _first_of_the_data(program: Program) -> Example:
    """The first example of the training part, prepared as in training."""
    settings = fit_settings(program, {})
    one = replace(settings, batch=1, accumulate=1, shuffle=False, buckets=None)
    try:
        part = program.dataset(bptt=settings.bptt).train
        batch = next(iter(training_batches(part, one, epoch=1)))
    except GraphcError as error:
        return Example(None, why=f"not computed: {error.diagnostics[0].message}")
    return Example(batch.arrays, batch.lengths)
