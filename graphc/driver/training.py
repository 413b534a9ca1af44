"""What the trainer asks of a program besides its losses: inputs, data, settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from graphc.driver.examples import literal_lengths
from graphc.frontend.spec import InputInfo
from graphc.train import loading
from graphc.train.data import Dataset
from graphc.train.data_settings import read_data
from graphc.train.fit_settings import FitSettings, read_fit
from graphc.train.overrides import override
from graphc.train.protocol import InputSpec
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


def chunked(program: Program) -> bool:
    """Whether the fit cuts sequences into chunks."""
    given = program.spec.fit.options if program.spec.fit is not None else ()
    return any(option.name == "bptt" for option in given) or "fit.bptt" in program.settings.options


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
