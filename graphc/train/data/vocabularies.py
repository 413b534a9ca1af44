"""Vocabularies: which inputs share one, and which of its words are kept where others become unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from graphc.diagnostics import GraphcError, fault
from graphc.ir.op import Array
from graphc.train.data.cells import Labels, Texts
from graphc.train.data.examples import Part, Stream, Table, inside, row_blocks
from graphc.train.data.origins import Origin
from graphc.train.data.preparation import Preparation
from graphc.train.data.settings import DataSettings
from graphc.train.data.symbols import Spelling
from graphc.train.protocol import InputSpec

Specs = Mapping[str, InputSpec]

_KINDS = {"characters": "characters", "words": "words", "cells": "classes"}


def tokens_of(name: str, settings: DataSettings, known: Preparation | None) -> str:
    """What a step of an input's texts is: as the `data` block says, or as a trained model has it."""
    if known is None:
        return settings.tokens_of(name)
    return known.spelling(name).tokens if name in known.vocabularies else "numbers"


def gathered(
    specs: Specs, texts: Mapping[str, Texts], settings: DataSettings, known: Preparation | None
) -> dict[str, Spelling]:
    """The vocabulary of each input whose cells are texts; those that are class numbers have none.

    Before training they are the texts of the file in sorted order, of all inputs over one dim together.
    Raises E434 for more of them than there are classes, unless some are to become unknown.
    """
    if known is not None:
        return {name: known.spelling(name) for name in texts if name in known.vocabularies}
    found: dict[str, Spelling] = {}
    for group in sharing(specs, texts):
        labels = {name: reader for name in group if isinstance(reader := texts[name], Labels)}
        if len(labels) == len(group):
            group = [name for name, reader in labels.items() if reader.numbers(is_new=True) is None]
        words = tuple(sorted({text for name in group for text in texts[name].texts}))
        own = {name: "cells" if name in labels else settings.tokens_of(name) for name in group}
        for name, tokens in own.items():
            found[name] = Spelling(words, tokens)
        if group and not (settings.unknown and len(labels) < len(group)):
            check_room(specs, own, words, texts[group[0]].file.origin)
    return found


def sharing(specs: Specs, names: Iterable[str]) -> list[list[str]]:
    """Inputs whose classes are those of one dim: they are the same symbols."""
    groups: dict[str, list[str]] = {}
    for name in names:
        groups.setdefault(specs[name].dim or f"the classes of {name}", []).append(name)
    return list(groups.values())


def check_room(specs: Specs, tokens: Mapping[str, str], words: Sequence[str], origin: Origin) -> None:
    """Whether the classes are enough for the words of inputs, of which `tokens` says what they are. E434."""
    name = next(iter(tokens))
    classes = specs[name].classes
    if classes is None or len(words) <= classes:
        return
    kind = _KINDS[max(tokens.values(), key=list(_KINDS).index)]
    shown = ""
    if kind == "classes":
        shown = ": " + ", ".join(f"`{word}`" for word in words[:10]) + (", ..." if len(words) > 10 else "")
    called = " and ".join(f"`{each}`" for each in tokens)
    raise fault(
        "E434",
        f"{origin} has {len(words)} different {kind}, but {called} {'is' if len(tokens) == 1 else 'are'} "
        f"`index({classes})`{shown}",
        origin.span,
        help=f"set the dim to {len(words)}",
    )


def with_unknown(
    settings: DataSettings, specs: Specs, parts: Mapping[str, Part | Stream], origin: Origin
) -> dict[str, Part | Stream]:
    """The parts with what is seldom or never in the training part as the symbol `unknown`.

    The training part's words are kept if they are seen `least` times, and if there are more than there is
    room for, the most frequent of them; the symbol comes behind them. Raises E468 if no input has texts, or
    if the symbol is one of theirs.
    """
    train = parts["train"]
    table = train.table
    prepared = table.preparation
    arrays, spellings = dict(table.arrays), dict(prepared.spellings)
    written = [name for name, found in spellings.items() if found.tokens != "cells"]
    if not written:
        raise _misused(settings, f"{origin} has no texts whose symbols could be unknown")
    for group in sharing(specs, spellings):
        if not set(group) & set(written):
            continue
        words = spellings[group[0]].words
        counts = sum((_counts(train, name, len(words)) for name in group), np.zeros(len(words), np.int64))
        kept = _kept(settings, counts, specs[group[0]].classes or 0, words, origin)
        classes = np.full(len(words), len(kept), np.int32)
        classes[kept] = np.arange(len(kept))
        left = (*(words[number] for number in kept), settings.unknown or "")
        for name in group:
            arrays[name] = classes[arrays[name]]
            spellings[name] = replace(spellings[name], words=left, unknown=settings.unknown)
    changed = replace(table, arrays=arrays, preparation=prepared.spelled(spellings))
    return {name: replace(part, table=changed) for name, part in parts.items()}


def _counts(train: Part | Stream, name: str, words: int) -> Array:
    """How often each word is in the training part."""
    counts = np.zeros(words, np.int64)
    for values in _steps(train, name):
        counts += np.bincount(values, minlength=words)
    return counts


def _steps(train: Part | Stream, name: str) -> Iterable[Array]:
    """The classes of the training part, without padding, block by block."""
    array = train.table.arrays[name]
    if isinstance(train, Stream):
        yield array[train.start : train.stop].ravel()
        return
    table: Table = train.table
    for block in row_blocks(len(train.rows), array[:1].nbytes):
        rows = train.rows[block]
        lengths = {length: own[rows] for length, own in table.lengths.items()}
        yield array[rows][inside(table.axes[name], lengths, array[rows].shape)].ravel()


def _kept(settings: DataSettings, counts: Array, room: int, words: Sequence[str], origin: Origin) -> Array:
    """The numbers of the words that are kept, ascending. Raises E468."""
    if settings.unknown in words:
        raise _misused(settings, f"{origin} has `{settings.unknown}` as a symbol of its own")
    kept = np.flatnonzero(counts >= settings.least)
    # The most frequent, and of equally frequent ones the first.
    most = kept[np.argsort(-counts[kept], kind="stable")][: max(0, room - 1)]
    if not len(most):
        why = (
            f"no symbol is in the training part {settings.least} times" if room > 1 else "there is one class"
        )
        raise _misused(settings, f"{origin}: {why}, so that all would be unknown", "least")
    return np.sort(most)


def _misused(settings: DataSettings, message: str, option: str = "unknown") -> GraphcError:
    return fault("E468", message, settings.spans.get(option, settings.spans.get("unknown")))
