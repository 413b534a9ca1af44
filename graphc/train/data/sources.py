"""From the name of a source to its arrays, checked against the inputs of a model."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graphc.diagnostics import Span, fault, nearest
from graphc.ir.op import Array
from graphc.train.data import tables, tabular
from graphc.train.data.archives import Archive, ArrayFiles, Arrays, Memory
from graphc.train.data.examples import Table
from graphc.train.data.given_texts import with_classes
from graphc.train.data.named import named_set
from graphc.train.data.named_texts import named_text
from graphc.train.data.origins import File, Origin, check_size, digest_of
from graphc.train.data.paths import resolve, resolve_folder
from graphc.train.data.preparation import Preparation
from graphc.train.data.settings import NAMED_SETS, NAMED_TEXTS, SUFFIXES, DataSettings
from graphc.train.data.symbols import Spelling, distinct
from graphc.train.data.texts import read_text
from graphc.train.data.values import check_key, check_lengths, check_values
from graphc.train.data.vocabularies import check_room
from graphc.train.protocol import InputSpec

Specs = Mapping[str, InputSpec]


@dataclass(frozen=True)
class Request:
    """What is asked of a source.

    `known` is the preparation of a trained model, or of the training part that a part of its own belongs
    to: its vocabularies hold. With `is_sequence` everything is one long sequence, and a row of a table is
    a step. `idle` are arrays that a source may have and that nobody asks for.
    """

    settings: DataSettings
    specs: Specs
    known: Preparation | None = None
    is_sequence: bool = False
    idle: Collection[str] = ()

    @property
    def keys(self) -> list[str]:
        """Arrays that decide about the parts and need not be inputs."""
        return [name for name in (self.settings.group, self.settings.order) if name is not None]

    def first_classes(self, vocabularies: Collection[str] = ()) -> Mapping[str, int]:
        """The number of the first class by input: those of texts, which have vocabularies, count from 0."""
        if self.known is not None:
            return self.known.first
        return {
            name: self.settings.first
            for name, spec in self.specs.items()
            if spec.classes is not None and self.settings.first and name not in vocabularies
        }

    def elsewhere(self, known: Preparation) -> Request:
        """The same of another file, which is one part as a whole."""
        settings = replace(self.settings, group=None, order=None, validation=0, test=0)
        return replace(self, settings=settings, known=known, idle={*self.idle, *self.keys})


@dataclass(frozen=True)
class Loaded:
    """What a source holds for a request: arrays by input name, checked, examples first.

    `first` is the number of the first class by input, `keys` the arrays that decide about the parts. The last
    `own_test` examples are the test part that the source was published with.
    """

    origin: Origin
    kind: str
    arrays: Mapping[str, Array]
    lengths: Mapping[str, Array] = field(default_factory=dict)
    first: Mapping[str, int] = field(default_factory=dict)
    spellings: Mapping[str, Spelling] = field(default_factory=dict)
    keys: Mapping[str, Array] = field(default_factory=dict)
    files: tuple[File, ...] = ()
    own_test: int = 0
    lines: Array | None = None
    """Where each example stands in a file of lines."""

    @property
    def count(self) -> int:
        """The number of examples; a spec without inputs has one."""
        return len(next(iter(self.arrays.values()))) if self.arrays else 1

    def table(self, specs: Specs, preparation: Preparation, dtype: npt.DTypeLike) -> Table:
        """The examples, ready to be gathered with real numbers as `dtype`."""
        kinds = {"real": np.dtype(dtype), "int": np.dtype(np.int64), "bool": np.dtype(np.bool_)}
        return Table(
            self.arrays,
            {name: spec.running_lengths for name, spec in specs.items()},
            {name: kinds[spec.type.dtype] for name, spec in specs.items()},
            self.lengths,
            preparation,
            tuple(file for file in self.files if file.held is not None),
            self.origin,
            self.lines,
        )

    def description(self) -> dict[str, Any]:
        """Where the data came from, as JSON knows it; checksums tell whether it is the same later."""
        result: dict[str, Any] = {"source": self.origin.name, "kind": self.kind, "examples": self.count}
        if self.files:
            return {**result, "files": [file.description() for file in self.files]}
        return {**result, "sha256": digest_of({**self.arrays, **self.lengths, **self.keys})}


def read_source(request: Request, source: str, root: Path, span: Span | None = None) -> Loaded:
    """A named set, a file below the root, or a folder of `.npy` files there (`"measured/"`).

    Raises E410 for a name that is none of them, E412 and E413 for a path, and what the kind of file raises.
    """
    origin = Origin(source, span)
    if source in NAMED_TEXTS:
        return _text(request, origin)
    if source in NAMED_SETS:
        return _named_set(request, origin)
    if source.endswith("/"):
        folder = resolve_folder(source, root, span)
        paths = {name: resolve(source + entry.name, root, span) for name, entry in _members(folder, origin)}
        return _arrays(request, ArrayFiles(paths, origin), "folder")
    _check_kind(Path(source), origin)
    return read_path(request, resolve(source, root, span), origin)


def _members(folder: Path, origin: Origin) -> list[tuple[str, Path]]:
    """The arrays of a folder by name. Raises E418."""
    try:
        return sorted((entry.stem, entry) for entry in folder.iterdir() if entry.suffix == ".npy")
    except OSError as error:
        raise fault("E418", f"{origin} cannot be read: {error.strerror}", origin.span) from None


def _check_kind(path: Path, origin: Origin) -> None:
    """Raises E410 for a file that is not of a known kind."""
    if path.suffix.lower() not in SUFFIXES:
        raise fault(
            "E410",
            f"{origin} is neither a named set nor a `.npz`, `.npy`, `.csv` or `.txt` file",
            origin.span,
            help=nearest(origin.name, NAMED_SETS) or "named sets: " + ", ".join(NAMED_SETS),
        )


def read_path(request: Request, path: Path, origin: Origin) -> Loaded:
    """A file of a known kind, or a folder of `.npy` files. Raises E410 for another kind."""
    suffix = path.suffix.lower()
    if path.is_dir():
        paths = dict(_members(path, origin))
        return _arrays(request, ArrayFiles(paths, origin), "folder")
    _check_kind(path, origin)
    if suffix == ".csv":
        return _table(request, path, origin)
    if suffix == ".txt":
        return _text(request, origin, path)
    if suffix == ".npy":
        return _arrays(request, ArrayFiles({_only_input(request, origin): path}, origin), "npy")
    with Archive(path, origin) as archive:
        return _arrays(request, archive, "npz")


def read_arrays(request: Request, arrays: Mapping[str, Array], origin: Origin) -> Loaded:
    """Arrays in memory; where a trained model has a vocabulary, texts may stand in them."""
    found = with_classes(request.specs, arrays, request.known, request.settings.rename, origin)
    return _arrays(request, Memory(found, origin), "arrays")


def _arrays(request: Request, source: Arrays, kind: str, *, surplus: bool = False) -> Loaded:
    """Matched, checked and read; what is not asked for is not read."""
    settings, specs, origin = request.settings, request.specs, source.origin
    matching = tables.match(
        specs,
        source.layouts,
        origin,
        rename=settings.rename,
        surplus=surplus,
        others=[*request.keys, *request.idle],
    )
    for key in request.keys:
        if key not in source.layouts:
            near = nearest(key, source.layouts)
            raise fault("E465", f"{origin} has no array `{key}` to make parts by", origin.span, help=near)
    used = [*matching.inputs.values(), *matching.lengths.values(), *request.keys]
    held = sum(source.layouts[name].bytes for name in set(used) if not source.is_mapped(name))
    packed = "arrays that are not packed are mapped: `numpy.savez` instead of `numpy.savez_compressed`"
    check_size(origin, held, packed if kind == "npz" else "")
    lengths = {length: source.read(array) for length, array in matching.lengths.items()}
    arrays = {name: source.read(array) for name, array in matching.inputs.items()}
    first = request.first_classes()
    check_lengths(specs, arrays, lengths, origin)
    check_values(specs, arrays, lengths, origin, first)
    keys = {name: source.read(name) for name in request.keys}
    for name, values in keys.items():
        check_key(name, values, next(map(len, arrays.values()), 1), origin, is_time=name == settings.order)
    spellings = request.known.spellings if request.known else {}
    return Loaded(origin, kind, arrays, lengths, first, spellings, keys, source.files)


def _named_set(request: Request, origin: Origin) -> Loaded:
    found = named_set(origin, request.specs, request.settings.rename)
    loaded = _arrays(request, Memory(found.arrays, origin), "named set", surplus=True)
    return replace(loaded, own_test=found.own_test)


def _table(request: Request, path: Path, origin: Origin) -> Loaded:
    settings, specs = request.settings, request.specs
    found = tabular.read_table(
        path, origin, settings, specs, request.known, request.keys, request.is_sequence
    )
    first = request.first_classes(found.spellings)
    numbers = {name: spec for name, spec in specs.items() if name not in found.spellings}
    check_values(numbers, found.arrays, found.lengths, origin, first, found.lines)
    return Loaded(
        origin,
        "csv",
        found.arrays,
        found.lengths,
        first,
        found.spellings,
        found.keys,
        (found.file,),
        lines=found.lines,
    )


def _text(request: Request, origin: Origin, path: Path | None = None) -> Loaded:
    """A text as one example of characters or words; its vocabulary is its own symbols, sorted.

    Without a path it is a named one.
    """
    specs, known = request.specs, request.known
    spec = next(iter(specs.values())) if len(specs) == 1 else None
    if spec is None or spec.classes is None or len(spec.layout) != 1:
        raise fault(
            "E433",
            f"{origin} is a text, which needs a single input `s[t] : index(V)`; "
            f"the inputs are {', '.join(f'`{name}`' for name in specs) or 'none'}",
            origin.span,
        )
    if known is None and not request.is_sequence:
        raise fault(
            "E436",
            f"{origin} is one long sequence, which trains in chunks",
            origin.span,
            help="say how long they are: `fit { bptt = 64 }`",
        )
    if known is not None and spec.name not in known.vocabularies:
        raise fault("E433", f"{origin} is a text, and the model was trained on class numbers", origin.span)
    text = named_text(origin) if path is None else read_text(path, origin)
    files = () if path is None else (File.of(path, origin),)
    if known is not None:
        spelling = known.spelling(spec.name)
        codes = spelling.encode(text, origin)
    else:
        tokens = request.settings.tokens_of(spec.name)
        if tokens == "numbers":
            raise fault(
                "E468", f"{origin} is a text, and `tokens = numbers` is for cells of numbers", origin.span
            )
        codes, words = distinct(text, tokens)
        spelling = Spelling(words, tokens)
        if request.settings.unknown is None:
            check_room(specs, {spec.name: tokens}, words, origin)
    if not len(codes):
        raise fault("E417", f"{origin} has no words", origin.span)
    return Loaded(origin, "text", {spec.name: codes[None]}, {}, {}, {spec.name: spelling}, {}, files)


def _only_input(request: Request, origin: Origin) -> str:
    names = list(request.specs)
    if len(names) != 1:
        shown = ", ".join(f"`{name}`" for name in names) or "none"
        raise fault(
            "E438",
            f"{origin} is a single array, and the inputs are {shown}",
            origin.span,
            help='one array for each input: `numpy.savez`, or a folder of `.npy` files, `source = "folder/"`',
        )
    return request.settings.rename.get(names[0], names[0])
