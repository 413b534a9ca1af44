"""From a `data` block, or from what was passed in, to a data set with its parts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graphc.diagnostics import fault
from graphc.train.data.examples import Dataset, Examples, Flow, Part, Stream
from graphc.train.data.flow import Batches, flowing, in_memory
from graphc.train.data.origins import Origin
from graphc.train.data.parts import check_names, part_rows
from graphc.train.data.paths import existing
from graphc.train.data.preparation import Preparation
from graphc.train.data.sequences import as_steps, check_streams, parts_in_time
from graphc.train.data.settings import NAMED_SETS, DataSettings
from graphc.train.data.sources import Loaded, Request, Specs, read_arrays, read_path, read_source
from graphc.train.data.statistics import standardization
from graphc.train.data.vocabularies import with_unknown

Held = Mapping[str, npt.ArrayLike] | Batches
"""Examples of a part of their own: arrays by input name (with `lengths_T`), or batches."""


def load(
    settings: DataSettings,
    specs: Specs,
    root: Path,
    *,
    dtype: npt.DTypeLike = "float64",
    bptt: int | None = None,
    known: Preparation | None = None,
) -> Dataset:
    """The set that a `data` block names. With `bptt` it is one long sequence, split in time.

    With the preparation `known` of a trained model no statistics are computed: its own hold. Raises E409
    without a source, and what `read_source` and the parts raise.
    """
    loader = _Loader(settings, specs, root, dtype, bptt, known)
    span = settings.spans.get("source")
    if settings.source is None:
        raise fault(
            "E409",
            "there is no data to train on: the `data` block names no `source`",
            span,
            help='`data { source = "digits" }`, or pass arrays to `fit`',
        )
    return loader.dataset(read_source(loader.request, settings.source, root, span))


def from_arrays(
    specs: Specs,
    arrays: Mapping[str, npt.ArrayLike],
    lengths: Mapping[str, npt.ArrayLike] | None = None,
    settings: DataSettings | None = None,
    *,
    validation: Held | None = None,
    test: Held | None = None,
    root: Path | None = None,
    dtype: npt.DTypeLike = "float64",
    bptt: int | None = None,
    known: Preparation | None = None,
) -> Dataset:
    """Arrays by input name, batch first. Without settings all examples train, in one part.

    `validation` and `test` win over what the settings say of these parts.
    """
    settings = _without(settings or DataSettings(), validation, test)
    loader = _Loader(settings, specs, root or Path(), dtype, bptt, known)
    origin = Origin("the data", is_quoted=False)
    loaded = read_arrays(loader.request, _given(arrays, lengths, origin), origin)
    return loader.dataset(loaded, validation, test)


def from_batches(
    specs: Specs,
    batches: Batches,
    settings: DataSettings | None = None,
    *,
    validation: Held | None = None,
    test: Held | None = None,
    root: Path | None = None,
    dtype: npt.DTypeLike = "float64",
    bptt: int | None = None,
    known: Preparation | None = None,
) -> Dataset:
    """Batches that the caller makes; nothing can be held out of them, and nothing computed over them all.

    Raises E439 where the settings ask for that.
    """
    settings = _without(settings or DataSettings(), validation, test)
    if settings.test is None:
        # What holds for a named set by default was not asked for.
        settings = replace(settings, test=0)
    asked = {
        "standardize": bool(settings.standardize) and known is None,
        "validation": settings.shares[0] != 0,
        "test": settings.shares[1] != 0,
        "group": settings.group is not None,
        "order": settings.order is not None,
        "bptt": bptt is not None,
    }
    for option in (option for option, is_asked in asked.items() if is_asked):
        is_part = option in ("validation", "test")
        raise fault(
            "E439",
            f"`{option}` needs all examples at once, and these come in batches",
            settings.spans.get(option),
            help=f"pass them apart: `fit(batches, {option} = ...)`" if is_part else "",
        )
    loader = _Loader(settings, specs, root or Path(), dtype, bptt, known)
    return loader.flow(batches, validation, test)


def for_prediction(
    settings: DataSettings,
    specs: Specs,
    data: Path | str | Mapping[str, npt.ArrayLike],
    preparation: Preparation,
    *,
    needed: Collection[str] | None = None,
    lengths: Mapping[str, npt.ArrayLike] | None = None,
    dtype: npt.DTypeLike = "float64",
    bptt: int | None = None,
) -> Part | Stream:
    """All examples of a file (a path that the user gave), a named set or arrays, prepared as in training.

    Only the inputs `needed` have to be there (None: all), so that targets may be missing. A text is one
    example, or with `bptt` a stream. `settings` say how the source is read; its options of parts do not
    count. Raises what loading raises.
    """
    wanted = {name: spec for name, spec in specs.items() if needed is None or name in needed}
    request = Request(settings, wanted, None, bptt is not None, set(specs) - set(wanted)).elsewhere(
        preparation
    )
    if isinstance(data, Mapping):
        origin = Origin("the data", is_quoted=False)
        loaded = read_arrays(request, _given(data, lengths, origin), origin)
    elif isinstance(data, str) and data in NAMED_SETS:
        loaded = read_source(request, data, Path())
    else:
        loaded = read_path(request, existing(Path(data)), Origin(str(data)))
    return _whole(request, loaded, preparation, dtype)


def _given(
    arrays: Mapping[str, npt.ArrayLike], lengths: Mapping[str, npt.ArrayLike] | None, origin: Origin
) -> dict[str, npt.NDArray[Any]]:
    given = {name: in_memory(name, array, origin) for name, array in arrays.items()}
    return given | {f"lengths_{name}": in_memory(name, own, origin) for name, own in (lengths or {}).items()}


def _without(settings: DataSettings, validation: Held | None, test: Held | None) -> DataSettings:
    """The settings without the parts that are passed in."""
    if validation is not None:
        settings = replace(settings, validation=0)
    return settings if test is None else replace(settings, test=0)


def _whole(request: Request, loaded: Loaded, preparation: Preparation, dtype: npt.DTypeLike) -> Part | Stream:
    """All that was loaded, as one part."""
    table = loaded.table(request.specs, preparation, dtype)
    if not request.is_sequence:
        return Part(table, np.arange(table.count))
    steps = as_steps(request.specs, table, loaded.origin)
    return Stream(steps, 0, steps.count)


@dataclass(frozen=True)
class _HeldOut:
    """Parts that are no rows of the training part's source, and what those from files or arrays lie in."""

    parts: dict[str, Examples]
    sources: dict[str, Loaded]

    def description(self) -> dict[str, Any]:
        return {name: loaded.description() for name, loaded in self.sources.items()}


@dataclass(frozen=True)
class _Loader:
    """One call of `load` and its like."""

    settings: DataSettings
    specs: Specs
    root: Path
    dtype: npt.DTypeLike
    bptt: int | None
    known: Preparation | None

    def __post_init__(self) -> None:
        check_names(self.settings, self.specs)

    @property
    def request(self) -> Request:
        return Request(self.settings, self.specs, self.known, self.bptt is not None)

    def dataset(self, loaded: Loaded, validation: Held | None = None, test: Held | None = None) -> Dataset:
        """The parts of what was loaded, beside those that are files or were passed in."""
        preparation = self.known or _preparation(self.settings, self.specs, loaded)
        table = loaded.table(self.specs, preparation, self.dtype)
        parts: dict[str, Any]
        if self.bptt is not None:
            parts = dict(parts_in_time(self.settings, as_steps(self.specs, table, loaded.origin)))
        else:
            rows = part_rows(self.settings, self.specs, loaded)
            parts = {name: Part(table, own) for name, own in rows.items() if len(own)}
        # Arrays hold numbers: the options about texts are about the `data` block's source.
        if self.known is None and self.settings.unknown is not None and loaded.kind != "arrays":
            parts = dict(with_unknown(self.settings, self.specs, parts, loaded.origin))
            preparation = parts["train"].table.preparation
        if self.known is None and self.settings.standardize:
            found = {name: standardization(parts["train"], name) for name in self.settings.standardize}
            preparation = replace(preparation, standardization=found)
            parts = {name: part.prepared(preparation) for name, part in parts.items()}
        held = self._held(preparation, validation, test)
        parts |= held.parts
        return Dataset(
            parts["train"],
            parts.get("validation"),
            parts.get("test"),
            about=lambda: loaded.description() | held.description(),
        )

    def flow(self, batches: Batches, validation: Held | None, test: Held | None) -> Dataset:
        """Batches to train on, and parts of their own."""
        nothing = Loaded(Origin("batches"), "batches", {}, first=self.request.first_classes())
        preparation = self.known or _preparation(self.settings, self.specs, nothing)
        held = self._held(preparation, validation, test)
        return Dataset(
            flowing(self.request.elsewhere(preparation), batches, preparation, self.dtype),
            held.parts.get("validation"),
            held.parts.get("test"),
            about=lambda: {"kind": "batches"} | held.description(),
        )

    def _held(self, preparation: Preparation, validation: Held | None, test: Held | None) -> _HeldOut:
        """Parts from elsewhere, prepared like the training part."""
        found = _HeldOut({}, {})
        request = self.request.elsewhere(preparation)
        files = {"validation": self.settings.validation, "test": self.settings.held_out}
        for name, given in (("validation", validation), ("test", test)):
            file, origin = files[name], Origin(f"the {name} part", is_quoted=False)
            if isinstance(given, Mapping):
                loaded = read_arrays(request, _given(given, None, origin), origin)
            elif given is not None:
                found.parts[name] = self._judging(request, given, preparation, name)
                continue
            elif isinstance(file, str):
                loaded = read_source(request, file, self.root, self.settings.spans.get(name))
            else:
                continue
            found.parts[name] = part = _whole(request, loaded, preparation, self.dtype)
            found.sources[name] = loaded
            if isinstance(part, Stream):
                check_streams(self.settings, {name: part})
        return found

    def _judging(self, request: Request, batches: Batches, preparation: Preparation, name: str) -> Flow:
        flow = flowing(request, batches, preparation, self.dtype, name)
        if flow.again is None:
            raise fault(
                "E466",
                f"the batches of the {name} part come from a generator, which can be taken only once",
                help="give a list or a function that makes a new generator",
            )
        return flow


def _preparation(settings: DataSettings, specs: Specs, loaded: Loaded) -> Preparation:
    """What the settings say of values, before statistics."""
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
    return Preparation(scale, {}, loaded.first).spelled(loaded.spellings)
