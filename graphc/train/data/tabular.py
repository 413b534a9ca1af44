"""A `.csv` file as arrays by input: columns matched by name, cells converted, texts numbered."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graphc.diagnostics import fault
from graphc.ir.op import Array
from graphc.train.data.cells import Cells, Flags, Labels, Reals, Times
from graphc.train.data.columns import match_columns
from graphc.train.data.csv_files import CsvFile
from graphc.train.data.origins import File, Origin
from graphc.train.data.settings import DataSettings
from graphc.train.protocol import InputSpec


@dataclass(frozen=True)
class TableFile:
    """Arrays by input, what the classes of texts are called, keys of the parts, the line of each row."""

    arrays: Mapping[str, Array]
    vocabularies: Mapping[str, tuple[str, ...]]
    keys: Mapping[str, Array]
    lines: Array
    file: File


def read_table(
    path: Path,
    origin: Origin,
    settings: DataSettings,
    specs: Mapping[str, InputSpec],
    known: Mapping[str, tuple[str, ...]] | None,
    keys: Collection[str],
    is_sequence: bool,
) -> TableFile:
    """The columns that the inputs ask for; others are not looked at.

    `known` are the vocabularies of a trained model (None before training), `keys` further columns by name:
    `order` as times, `group` as numbers of its texts. A sequence has its steps as rows, and gets the one
    example as a first dim.
    """
    file = CsvFile(path, origin, settings.separator)
    found = match_columns(specs, file, settings, by_step=is_sequence)
    readers: dict[str, Cells] = {name: _KINDS[_kind(spec)](file, found[name]) for name, spec in specs.items()}
    extra: dict[str, Cells] = {
        key: (Times if key == settings.order else Labels)(file, [_key(file, key)]) for key in keys
    }
    lines: list[int] = []
    for block in file.blocks():
        lines += [line for line, _ in block]
        for reader in (*readers.values(), *extra.values()):
            reader.add(block)
    if not lines:
        raise fault("E429", f"{origin} has no examples", origin.span)
    arrays: dict[str, Array] = {}
    vocabularies: dict[str, tuple[str, ...]] = {}
    for name, spec in specs.items():
        values, words = _values(readers[name], None if known is None else known.get(name), known is None)
        if words:
            _check_room(spec, words, origin)
            vocabularies[name] = words
        arrays[name] = _laid_out(spec, values, is_sequence)
    numbers = {key: reader.result()[:, 0] for key, reader in extra.items()}
    return TableFile(arrays, vocabularies, numbers, np.array(lines, np.int64), file.file)


_KINDS: dict[str, type[Cells]] = {"real": Reals, "bool": Flags, "class": Labels}


def _values(reader: Cells, known: tuple[str, ...] | None, is_new: bool) -> tuple[Array, tuple[str, ...]]:
    """What was read, and the vocabulary of classes that are texts."""
    if isinstance(reader, Labels):
        return reader.classes(known, is_new=is_new)
    return reader.result(), ()


def _kind(spec: InputSpec) -> str:
    return "class" if spec.type.dtype == "int" else spec.type.dtype


def _key(file: CsvFile, key: str) -> int:
    if key not in file.names:
        raise fault("E465", f"{file.origin} has no column `{key}` to make parts by", file.origin.span)
    return file.names.index(key)


def _laid_out(spec: InputSpec, values: Array, is_sequence: bool) -> Array:
    """Rows as elements of the input: (rows, columns) to (examples, axes, dims)."""
    if is_sequence:
        return values.reshape(1, len(values), *spec.type.sizes)
    fixed = [size for size in spec.layout if isinstance(size, int)]
    running = values.shape[1] // max(1, int(np.prod(fixed, dtype=np.int64)))
    shape = [running if isinstance(size, str) else size for size in spec.layout]
    return values.reshape(len(values), *shape)


def _check_room(spec: InputSpec, words: tuple[str, ...], origin: Origin) -> None:
    if spec.classes is not None and len(words) > spec.classes:
        shown = ", ".join(f"`{word}`" for word in words[:10]) + (", ..." if len(words) > 10 else "")
        raise fault(
            "E434",
            f"{origin} has {len(words)} different classes, but `{spec.name}` is `index({spec.classes})`: "
            f"{shown}",
            origin.span,
            help=f"set the dim to {len(words)}",
        )
