"""From a `data` block, or from arrays that were passed in, to a data set with its parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graphc.diagnostics import GraphcError, fault, nearest
from graphc.train import tables
from graphc.train.data import Array, Dataset, Part, Stream, Table, inside
from graphc.train.data_settings import NAMED_SETS, DataSettings
from graphc.train.origins import Origin, check_size
from graphc.train.paths import resolve
from graphc.train.preparation import Preparation, Standardization
from graphc.train.protocol import InputSpec
from graphc.train.sources import Archive, Layout, encode, layouts, named_set, read_text
from graphc.train.splits import split, split_in_time

Specs = Mapping[str, InputSpec]


def load(
    settings: DataSettings,
    specs: Specs,
    root: Path,
    *,
    dtype: npt.DTypeLike = "float64",
    bptt: int | None = None,
) -> Dataset:
    """The set that a `data` block names. With `bptt` it is one long sequence, split in time."""
    _check_names(settings, specs)
    span = settings.spans.get("source")
    if settings.source is None:
        raise fault(
            "E409",
            "there is no data to train on: the `data` block names no `source`",
            span,
            help='`data { source = "digits" }`, or pass arrays to `fit`',
        )
    origin = Origin(settings.source, span)
    if settings.is_named:
        arrays = named_set(origin)
        for name, spec in specs.items():
            array = settings.rename.get(name, name)
            if array in arrays:
                arrays[array] = tables.reshaped(spec, arrays[array])
        return _from(settings, specs, origin, layouts(arrays), arrays.__getitem__, dtype, bptt)
    suffix = Path(settings.source).suffix.lower()
    if suffix not in (".npz", ".txt"):
        raise fault(
            "E410",
            f"`{settings.source}` is neither a named set nor a `.npz` or `.txt` file",
            span,
            help=nearest(settings.source, NAMED_SETS) or "named sets: " + ", ".join(NAMED_SETS),
        )
    path = resolve(settings.source, root, span)
    if suffix == ".txt":
        return _from_text(settings, specs, origin, path, dtype, bptt)
    with Archive(path, origin) as archive:
        return _from(settings, specs, origin, archive.layouts, archive.read, dtype, bptt)


def from_arrays(
    specs: Specs,
    arrays: Mapping[str, npt.ArrayLike],
    lengths: Mapping[str, npt.ArrayLike] | None = None,
    settings: DataSettings | None = None,
    *,
    dtype: npt.DTypeLike = "float64",
    bptt: int | None = None,
) -> Dataset:
    """Arrays by input name, batch first. Without settings all examples train, in one part."""
    settings = settings or DataSettings()
    _check_names(settings, specs)
    origin = Origin("the data", is_quoted=False)
    given = {name: np.asarray(array) for name, array in arrays.items()}
    given |= {f"lengths_{name}": np.asarray(values) for name, values in (lengths or {}).items()}
    return _from(settings, specs, origin, layouts(given), given.__getitem__, dtype, bptt)


def _check_names(settings: DataSettings, specs: Specs) -> None:
    """Options that name inputs name inputs of the right kind."""
    faults: list[GraphcError] = []
    scaled = list(settings.scale) if isinstance(settings.scale, Mapping) else []
    real = {name for name, spec in specs.items() if spec.type.dtype == "real"}
    for option, names, known in (
        ("standardize", settings.standardize, real),
        ("scale", scaled, real),
        ("rename", settings.rename, set(specs)),
    ):
        for name in names:
            if name not in known:
                why = "is not real" if name in specs else "is no input"
                span = settings.spans.get(option)
                faults.append(
                    fault("E431", f"`{option}` names `{name}`, which {why}", span, help=nearest(name, known))
                )
    if isinstance(settings.stratify, str) and not _has_class(specs.get(settings.stratify)):
        faults.append(
            fault(
                "E432",
                f"`stratify` names `{settings.stratify}`, expected an input `index(K)` without axes",
                settings.spans.get("stratify"),
                help=nearest(settings.stratify, [name for name, spec in specs.items() if _has_class(spec)]),
            )
        )
    if faults:
        raise GraphcError([found for error in faults for found in error.diagnostics])


def _has_class(spec: InputSpec | None) -> bool:
    return spec is not None and spec.classes is not None and not spec.layout


def _from(
    settings: DataSettings,
    specs: Specs,
    origin: Origin,
    found: Mapping[str, Layout],
    read: Callable[[str], Array],
    dtype: npt.DTypeLike,
    bptt: int | None,
) -> Dataset:
    matching = tables.match(specs, found, origin, rename=settings.rename, surplus=settings.is_named)
    names = [*matching.inputs.values(), *matching.lengths.values()]
    check_size(origin, sum(found[name].bytes for name in names))
    lengths = {length: read(array) for length, array in matching.lengths.items()}
    arrays = {
        name: _counted(specs[name], read(array), settings.first) for name, array in matching.inputs.items()
    }
    tables.check_values(specs, arrays, lengths, origin)
    table = _table(settings, specs, arrays, lengths, dtype)
    if bptt is not None:
        return _in_time(settings, _as_stream(specs, table, origin))
    parts = split(
        table.count,
        settings.validation,
        settings.held_out,
        seed=settings.seed,
        classes=_strata(settings, specs, arrays),
        span=settings.spans.get("validation", settings.spans.get("test")),
    )
    statistics = {name: _statistics(table, name, parts.train) for name in settings.standardize}
    table = _standardized(table, statistics)
    validation, test = (Part(table, rows) if len(rows) else None for rows in (parts.validation, parts.test))
    return Dataset(Part(table, parts.train), validation, test)


def _counted(spec: InputSpec, array: Array, first: int) -> Array:
    """Classes counted from 0."""
    return array.astype(np.int64) - first if spec.classes is not None and first else array


def _table(
    settings: DataSettings,
    specs: Specs,
    arrays: Mapping[str, Array],
    lengths: Mapping[str, Array],
    dtype: npt.DTypeLike,
) -> Table:
    kinds: dict[str, np.dtype[Any]] = {
        "real": np.dtype(dtype),
        "int": np.dtype(np.int64),
        "bool": np.dtype(bool),
    }
    if isinstance(settings.scale, Mapping):
        scale = dict(settings.scale)
    else:
        target = "y" if settings.is_named else None
        scaled = [
            name
            for name, spec in specs.items()
            if spec.type.dtype == "real" and settings.rename.get(name, name) != target
        ]
        scale = dict.fromkeys(scaled, settings.scale) if settings.scale != 1 else {}
    return Table(
        arrays,
        {name: spec.running_lengths for name, spec in specs.items()},
        {name: kinds[spec.type.dtype] for name, spec in specs.items()},
        lengths,
        Preparation(scale),
    )


def _standardized(table: Table, statistics: Mapping[str, Standardization]) -> Table:
    return replace(table, preparation=replace(table.preparation, standardization=statistics))


def _strata(settings: DataSettings, specs: Specs, arrays: Mapping[str, Array]) -> Array | None:
    if isinstance(settings.stratify, str):
        return arrays[settings.stratify]
    targets = [name for name, spec in specs.items() if _has_class(spec)]
    return arrays[targets[0]] if settings.stratify and len(targets) == 1 else None


def _statistics(table: Table, name: str, rows: Array) -> Standardization:
    """Over the training examples and all valid positions of the axes, for each element of the shape."""
    values = table.arrays[name][rows].astype(np.float64) * table.preparation.scale.get(name, 1.0)
    valid = inside(
        table.axes[name], {length: all_[rows] for length, all_ in table.lengths.items()}, values.shape
    )
    values = values[valid]
    if not len(values):
        return Standardization(np.zeros(values.shape[1:]), np.ones(values.shape[1:]))
    # Compared directly: the deviation of equal numbers need not come out as exactly zero.
    constant = values.min(axis=0) == values.max(axis=0)
    return Standardization(values.mean(axis=0), np.where(constant, 1.0, values.std(axis=0)))


# --------------------------------------------------------------------------------- one long sequence


def _from_text(
    settings: DataSettings, specs: Specs, origin: Origin, path: Path, dtype: npt.DTypeLike, bptt: int | None
) -> Dataset:
    """A text for a character model: its vocabulary is its own characters, sorted."""
    spec = next(iter(specs.values())) if len(specs) == 1 else None
    if spec is None or spec.classes is None or len(spec.layout) != 1:
        raise fault(
            "E433",
            f"{origin} is a text, which needs a single input `s[t] : index(V)`; "
            f"the inputs are {', '.join(f'`{name}`' for name in specs) or 'none'}",
            origin.span,
        )
    if bptt is None:
        raise fault(
            "E436",
            f"{origin} is one long sequence, which trains in chunks",
            origin.span,
            help="say how long they are: `fit { bptt = 64 }`",
        )
    vocabulary, codes = encode(read_text(path, origin))
    if len(vocabulary) > spec.classes:
        raise fault(
            "E434",
            f"{origin} has {len(vocabulary)} different characters, "
            f"but `{spec.name}` is `index({spec.classes})`",
            origin.span,
            help=f"set the dim to {len(vocabulary)}",
        )
    table = _table(settings, specs, {spec.name: codes}, {}, dtype)
    known = replace(table.preparation, vocabularies={spec.name: vocabulary})
    return _in_time(settings, replace(table, preparation=known))


def _as_stream(specs: Specs, table: Table, origin: Origin) -> Table:
    """A set of one example along one axis, with its steps as rows."""
    axes = {spec.running_lengths for spec in specs.values()}
    lone = next(iter(axes)) if len(axes) == 1 else ()
    if table.count != 1 or len(lone) != 1 or not lone[0]:
        raise fault(
            "E436",
            f"`bptt` cuts one long sequence into chunks; {origin} has {table.count} examples "
            f"of {', '.join(f'`{name}`' for name in specs)}",
            origin.span,
            help="leave `bptt` out, or give one example whose inputs all run along the same axis",
        )
    steps = int(table.lengths[lone[0]][0]) if lone[0] in table.lengths else None
    arrays = {name: array[0][:steps] for name, array in table.arrays.items()}
    return replace(table, arrays=arrays, axes=dict.fromkeys(arrays, ()), lengths={})


def _in_time(settings: DataSettings, table: Table) -> Dataset:
    count = table.count
    span = settings.spans.get("validation", settings.spans.get("test"))
    validation, test = split_in_time(count, settings.validation, settings.held_out, span)
    ends = [(0, validation), (validation, test), (test, count)]
    if any(end - begin == 1 for begin, end in ends):
        raise fault("E435", "a part of the sequence has one step, expected at least two", span)
    statistics = {name: _statistics(table, name, np.arange(validation)) for name in settings.standardize}
    table = _standardized(table, statistics)
    held = [Stream(table, begin, end) if end > begin else None for begin, end in ends[1:]]
    return Dataset(Stream(table, 0, validation), held[0], held[1])
