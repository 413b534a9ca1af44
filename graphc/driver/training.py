"""What the trainer asks of a program: gradients of a mini-batch, figures of a part, data, settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.driver import streams
from graphc.driver.arrays import feed_spec
from graphc.driver.examples import literal_lengths
from graphc.driver.execution import Chunk
from graphc.frontend.spec import InputInfo
from graphc.ir.op import Array
from graphc.train import loading
from graphc.train.data import Batch, Dataset
from graphc.train.overrides import override
from graphc.train.protocol import InputSpec, StepResult
from graphc.train.settings import FitSettings, read_data, read_fit
from graphc.types import BATCH

if TYPE_CHECKING:
    from graphc.driver.program import Program


def input_spec(info: InputInfo) -> InputSpec:
    """An input as the loaders of data see it."""
    return InputSpec(
        info.name,
        info.type.with_axes(set(info.type.axes) - {BATCH}),
        tuple(axis.name for axis in info.axes),
        tuple(axis.length.name for axis in info.axes),
        info.classes,
        info.span,
    )


def gradients(program: Program, batch: Batch, step: int, objective: int = 0) -> StepResult:
    """One objective's loss and gradients, and new running statistics."""
    spec, execution = program.spec, program.execution
    over = spec.objectives[objective].over if spec.objectives else None
    wrt = [name for name in program.trainable if over is None or name in over]
    fed = feed_spec(spec, batch.arrays, batch.lengths, program.real)
    items = streams.carried(spec.system) if program.chunk is not None or batch.carried else []
    sources = dict.fromkeys([*spec.updates.values(), *(item.source for item in items)])
    found = execution.gradients(
        "train",
        wrt,
        fed,
        execution.run(fed, None, step, batch.example_ids),
        names=[name for name in sources if name in spec.system.units],
        objective=objective,
        chunk=Chunk(batch.carried) if batch.carried else None,
    )
    values = {**found.values, **fed.arrays}
    new = {name: _averaged(program, name, values[unit]) for name, unit in spec.updates.items()}
    new |= {item.leaf: item.take(spec.system, values) for item in items}
    grads = {n: execution.shown(n, g, spec.system, fed) for n, g in found.gradients.items()}
    return StepResult(found.loss, grads, new)


def chunked(program: Program) -> bool:
    """Whether the fit cuts sequences into chunks."""
    given = program.spec.fit.options if program.spec.fit is not None else ()
    return any(option.name == "bptt" for option in given) or "fit.bptt" in program.settings.options


def _averaged(program: Program, name: str, value: Array) -> Array:
    """The running average after one more batch; the first batch sets it unless it has a start."""
    info = program.spec.states[name]
    if not program.params.updates[name]:
        return value
    return np.asarray(info.decay * program.params[name] + (1 - info.decay) * value, program.real)


def fit_settings(program: Program, overrides: Mapping[str, Any]) -> FitSettings:
    """The `fit` block with the command line's and the caller's options on top."""
    block = program.spec.fit
    for key, text in program.settings.options.items():
        if key.startswith("fit."):
            block = override(block, key, text)
    for name, value in overrides.items():
        block = override(block, f"fit.{name}", value, name="fit")
    return read_fit(block, _dims(program), seed=program.seed)


def _dims(program: Program) -> dict[str, int]:
    return {name: dim.value for name, dim in program.spec.scope.all_dims.items()}


def dataset(program: Program, data: Any, lengths: Mapping[str, Any] | None, bptt: int | None) -> Dataset:
    """Arrays by input name, the `data` block, or the spec's own examples."""
    if isinstance(data, Dataset):
        return data
    block = program.spec.data
    for key, text in program.settings.options.items():
        if key.startswith("data."):
            block = override(block, key, text)
    dims, inputs, real = _dims(program), program.inputs, program.real
    if data is not None:
        settings = read_data(block, dims) if block is not None else None
        return loading.from_arrays(inputs, data, lengths, settings, dtype=real, bptt=bptt)
    if block is None and (examples := program.examples) is not None:
        own = literal_lengths(program.spec.inputs)
        return loading.from_arrays(inputs, examples, own, dtype=real, bptt=bptt)
    return loading.load(read_data(block, dims), inputs, program.settings.root, dtype=real, bptt=bptt)
