"""A `.csv` file as arrays by input: columns matched by name, cells converted, texts numbered."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graphc.diagnostics import fault
from graphc.ir.op import Array
from graphc.train.data.cell_sequences import Sequences, TextSequences, lengths_of, padded
from graphc.train.data.cells import Cells, Flags, Labels, Reals, Texts, Times
from graphc.train.data.columns import holds_sequences, match_columns
from graphc.train.data.csv_files import CsvFile
from graphc.train.data.origins import File, Origin
from graphc.train.data.preparation import Preparation
from graphc.train.data.settings import DataSettings
from graphc.train.data.symbols import Spelling
from graphc.train.data.vocabularies import gathered, tokens_of
from graphc.train.protocol import InputSpec


@dataclass(frozen=True)
class TableFile:
    """Arrays by input, how texts became classes, lengths, keys of the parts, the line of each row."""

    arrays: Mapping[str, Array]
    spellings: Mapping[str, Spelling]
    lengths: Mapping[str, Array]
    keys: Mapping[str, Array]
    lines: Array
    file: File


def read_table(
    path: Path,
    origin: Origin,
    settings: DataSettings,
    specs: Mapping[str, InputSpec],
    known: Preparation | None,
    keys: Collection[str],
    is_sequence: bool,
) -> TableFile:
    """The columns that the inputs ask for; others are not looked at.

    `known` is the preparation of a trained model (None before training), `keys` further columns by name:
    `order` as times, `group` as numbers of its texts. A sequence has its steps as rows, and gets the one
    example as a first dim.
    """
    file = CsvFile(path, origin, settings.separator)
    found = match_columns(specs, file, settings, by_step=is_sequence)
    readers = {
        name: _reader(file, found[name], spec, None if is_sequence else tokens_of(name, settings, known))
        for name, spec in specs.items()
    }
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
    sequences = {name: reader for name, reader in readers.items() if isinstance(reader, Sequences)}
    lengths = lengths_of(sequences.values(), lines)
    arrays, spellings = _values(specs, readers, settings, known)
    for name, spec in specs.items():
        if name in sequences:
            arrays[name] = padded(sequences[name], arrays[name], lengths)
        else:
            arrays[name] = _laid_out(spec, arrays[name], is_sequence)
    numbers = {key: reader.result()[:, 0] for key, reader in extra.items()}
    return TableFile(arrays, spellings, lengths, numbers, np.array(lines, np.int64), file.file)


_KINDS: dict[str, type[Cells]] = {"real": Reals, "bool": Flags, "class": Labels}


def _reader(file: CsvFile, columns: Sequence[int], spec: InputSpec, tokens: str | None) -> Cells:
    """What converts the cells of an input; `tokens` None if each cell is one value."""
    if tokens is None or not holds_sequences(spec, columns):
        return _KINDS[_kind(spec)](file, columns)
    if spec.classes is None or tokens == "numbers":
        return Sequences(file, columns[0], spec)
    return TextSequences(file, columns[0], spec, tokens)


def _values(
    specs: Mapping[str, InputSpec],
    readers: Mapping[str, Cells],
    settings: DataSettings,
    known: Preparation | None,
) -> tuple[dict[str, Array], Mapping[str, Spelling]]:
    """What was read, and how texts among it became classes."""
    texts = {name: reader for name, reader in readers.items() if isinstance(reader, Texts)}
    spellings = gathered(specs, texts, settings, known)
    arrays: dict[str, Array] = {}
    for name, reader in readers.items():
        if isinstance(reader, Texts) and name in spellings:
            arrays[name] = reader.classes(spellings[name])
        elif isinstance(reader, Labels) and (numbers := reader.numbers(is_new=known is None)) is not None:
            arrays[name] = numbers
        else:
            arrays[name] = reader.result()
    return arrays, spellings


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
