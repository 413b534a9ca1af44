"""What a training asks of a program besides its losses: settings and data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.diagnostics import fault
from graphc.driver import arguments
from graphc.driver.arrays import check_nonempty
from graphc.driver.examples import literal_lengths
from graphc.frontend.spec import NonEmpty
from graphc.train.data import loading
from graphc.train.data.examples import Dataset, Examples, Part
from graphc.train.data.preparation import Preparation
from graphc.train.data.settings import DataSettings, read_data
from graphc.train.fit_settings import FitSettings, read_fit
from graphc.train.overrides import override

if TYPE_CHECKING:
    from graphc.driver.program import Program


def fit_settings(program: Program, overrides: Mapping[str, Any]) -> FitSettings:
    """The `fit` block with the command line's and the caller's options on top."""
    block = program.spec.fit
    for key, text in program.settings.options.items():
        if key.startswith("fit."):
            block = override(block, key, text)
    for name, value in overrides.items():
        block = override(block, f"fit.{name}", value, name="fit")
    return read_fit(block, _dims(program), seed=program.seed, library=program.spec.scope.library)


def _dims(program: Program) -> dict[str, int]:
    return {name: dim.value for name, dim in program.spec.scope.all_dims.items()}


def dataset(
    program: Program,
    data: Any,
    lengths: Mapping[str, Any] | None,
    bptt: int | None,
    validation: Any = None,
    test: Any = None,
    known: Preparation | None = None,
) -> Dataset:
    """Arrays by input name, batches, the `data` block, or the spec's own examples.

    `validation` and `test` are parts of their own, arrays or batches, beside data that is passed in. `known`
    is the preparation of a trained program, which holds for the `data` block's source as well.
    Raises E450 for an example that is too short, E525 for anything else, and what loading raises.
    """
    if isinstance(data, Dataset):
        return data
    found = _loaded(program, data, lengths, bptt, validation, test, known)
    for part in (found.train, found.validation, found.test):
        check_part(program, part)
    return found


def check_part(program: Program, part: Examples | None, nonempty: Sequence[NonEmpty] | None = None) -> None:
    """Raises E450 for an example that leaves a mean or maximum of the spec with nothing, by its place.

    `nonempty` are those that count, if not all of them do.
    """
    if not isinstance(part, Part):
        return
    table, rows = part.table, part.rows
    lengths = {name: own[rows] for name, own in table.all_lengths.items()}
    wanted = program.spec.nonempty if nonempty is None else nonempty
    check_nonempty(wanted, lengths, part.count, lambda row: table.place(int(rows[row])))


def _loaded(
    program: Program,
    data: Any,
    lengths: Mapping[str, Any] | None,
    bptt: int | None,
    validation: Any,
    test: Any,
    known: Preparation | None,
) -> Dataset:
    if data is None and not (validation is None and test is None):
        raise fault(
            "E525",
            "parts of their own stand beside data that is passed in; found no data",
            help='`data { validation = "later.csv" }` names a file',
        )
    settings, inputs, real = data_settings(program), program.inputs, program.real
    if data is not None:
        parts = {"validation": _examples("validation", validation), "test": _examples("test", test)}
        root, found = program.settings.root, _examples("data", data)
        if isinstance(found, dict):
            return loading.from_arrays(
                inputs, found, lengths, settings, **parts, root=root, dtype=real, bptt=bptt
            )
        return loading.from_batches(inputs, found, settings, **parts, root=root, dtype=real, bptt=bptt)
    if settings is None and (examples := program.examples) is not None:
        own = literal_lengths(program.spec.inputs)
        return loading.from_arrays(inputs, examples, own, dtype=real, bptt=bptt)
    root = program.settings.root
    return loading.load(settings or DataSettings(), inputs, root, dtype=real, bptt=bptt, known=known)


def data_settings(program: Program) -> DataSettings | None:
    """The `data` block with the command line's options on top; None if there is none."""
    block = program.spec.data
    for key, text in program.settings.options.items():
        if key.startswith("data."):
            block = override(block, key, text)
    return None if block is None else read_data(block, _dims(program))


def _examples(name: str, given: Any) -> Any:
    """Arrays by input name as a dictionary, batches as they are. Raises E525 for anything else."""
    if given is None or callable(given):
        return given
    if isinstance(given, Iterable) and not isinstance(given, Mapping | str | bytes | np.ndarray):
        return given
    return arguments.mapping(name, given, 'fit({"x": array})')
