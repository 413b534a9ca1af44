"""What a training is told apart by: what has to be the same for it to go on with the same bits."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.driver.reports import figures
from graphc.frontend.printer import expression
from graphc.passes.signature import signature
from graphc.train.data.examples import Dataset, Examples, Part, Stream
from graphc.train.fit_settings import FitSettings
from graphc.train.optimize.optimizers import Optimizer
from graphc.train.optimize.schedules import Schedule

if TYPE_CHECKING:
    from graphc.driver.program import Program

MAY_CHANGE = ("epochs", "steps", "patience", "save")
"""Options of `fit` that say how long to train and how often to keep the state, and nothing else."""

_NAMES = ("name", "source")
"""What files are called does not matter, nor where they lie."""

_TOGETHER = ("data", "fit.optimizer")
"""Entries of which one difference says enough: the others follow from it."""

_WORDS = {
    "equations": "its equations are others",
    "fit.optimizer.equations": "the equations of its optimizer are others",
    "data.files": "its files hold other data",
    "data.sha256": "its arrays hold other data",
    "data.split": "its parts hold other examples",
    "data.values": "its values were scaled or standardized in another way",
}


def identity(program: Program, settings: FitSettings, data: Dataset) -> dict[str, Any]:
    """What `differences` compares, as JSON knows it."""
    fit = {name: value for name, value in settings_table(settings).items() if name not in MAY_CHANGE}
    text = " ".join(settings.optimizer.definition.span.text.split())
    fit["optimizer"] = {**fit["optimizer"], "equations": _digest(text.encode())}
    found = {
        "dtype": program.settings.dtype,
        "dims": {name: dim.value for name, dim in program.spec.scope.all_dims.items()},
        "seed": program.seed,
        "equations": _equations(program),
        "data": {**_data(data), "values": _values(data)},
        "fit": fit,
    }
    return _read_again(found)


def other_data(known: Mapping[str, Any], data: Dataset) -> str:
    """In what the data differs from that of a run, in words; empty if it holds the same parts.

    `known` is the entry `data` of an identity. Of large files only the size counts: a copy has another time.
    """
    found = {"data": _read_again(_undated(_data(data)))}
    expected = {"data": _undated({key: value for key, value in known.items() if key != "values"})}
    return next(differences(expected, found), "")


def _data(data: Dataset) -> dict[str, Any]:
    return {**_sources(data.description), "split": _split(data)}


def _undated(table: Any) -> Any:
    """Without the times of files."""
    if isinstance(table, Mapping):
        return {key: _undated(value) for key, value in table.items() if key != "modified_ns"}
    return [_undated(item) for item in table] if isinstance(table, list) else table


def _read_again(found: dict[str, Any]) -> dict[str, Any]:
    """As JSON gives it back: a list is no tuple."""
    table: dict[str, Any] = json.loads(json.dumps(found))
    return table


def differences(found: Mapping[str, Any], expected: Mapping[str, Any], within: str = "") -> Iterator[str]:
    """Each entry in which a run differs from what is expected of it, in words."""
    for key in dict.fromkeys([*expected, *found]):
        old, new, name = found.get(key), expected.get(key), f"{within}{key}"
        if old == new:
            continue
        if name in _WORDS:
            yield _WORDS[name]
        elif isinstance(old, Mapping) and isinstance(new, Mapping):
            inside = differences(old, new, f"{name}.")
            yield from islice(inside, 1) if name in _TOGETHER else inside
        else:
            yield f"`{name}` was {_shown(old)}, and is {_shown(new)}"


def _shown(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _equations(program: Program) -> str:
    """A digest of what training and evaluation compute, as it is written: before any pass of the compiler."""
    pipeline, spec = program.pipeline, program.spec
    kept = tuple(spec.updates.values())
    count = max(1, len(spec.objectives))
    graphs = [pipeline.with_loss("train", kept, number, False) for number in range(count)]
    graphs.append(pipeline.graph("eval", tuple(figures(pipeline.spec("eval")).values())))
    parts = [([value.name for value in graph.inputs], signature(graph)) for graph in graphs]
    return _digest(repr(parts).encode())


def _sources(description: Mapping[str, Any]) -> dict[str, Any]:
    """Sizes and checksums of a description, without names."""
    kept: dict[str, Any] = {}
    for key, value in description.items():
        if isinstance(value, Mapping):
            kept[key] = _sources(value)
        elif isinstance(value, list):
            kept[key] = [_sources(item) if isinstance(item, Mapping) else item for item in value]
        elif key not in _NAMES:
            kept[key] = value
    return kept


def _split(data: Dataset) -> str:
    """A digest of which examples are in which part."""
    return _digest(*(_rows(part) for part in (data.train, data.validation, data.test)))


def _rows(part: Examples | None) -> bytes:
    if isinstance(part, Part):
        return np.asarray(part.rows, np.int64).tobytes()
    return f"{part.start} {part.stop}".encode() if isinstance(part, Stream) else b""


def _values(data: Dataset) -> str:
    """A digest of what happens to values before the model sees them."""
    prepared = data.preparation
    arrays = [array.tobytes() for _, array in sorted(prepared.state().items())]
    return _digest(repr(sorted(prepared.settings().items())).encode(), *arrays)


def _digest(*parts: bytes) -> str:
    found = blake2b(digest_size=16)
    for part in parts:
        found.update(len(part).to_bytes(8, "little") + part)
    return found.hexdigest()


def settings_table(settings: FitSettings) -> dict[str, Any]:
    """The options of a training as JSON knows them, defaults as well."""
    table: dict[str, Any] = _plain(settings)
    return table


def _plain(value: Any) -> Any:
    if isinstance(value, Schedule):
        return expression(value.formula)
    if isinstance(value, Optimizer):
        leaves = {
            place: leaf for name, found in value.amounts.items() for place, leaf in found.leaves(name).items()
        }
        return {"name": value.name, **_plain(leaves), **value.flags}
    if is_dataclass(value):
        return {entry.name: _plain(getattr(value, entry.name)) for entry in fields(value) if entry.compare}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return value
