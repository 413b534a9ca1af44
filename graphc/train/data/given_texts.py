"""Texts in memory as a trained model reads them: lists of texts become arrays of classes, with lengths."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from graphc.diagnostics import fault
from graphc.ir.op import Array
from graphc.train.data.origins import Origin
from graphc.train.data.preparation import Preparation
from graphc.train.data.symbols import Spelling
from graphc.train.protocol import InputSpec


def with_classes(
    specs: Mapping[str, InputSpec],
    arrays: Mapping[str, Array],
    known: Preparation | None,
    rename: Mapping[str, str],
    origin: Origin,
) -> dict[str, Array]:
    """The arrays, with classes in place of texts where the model has a vocabulary for them.

    A text of an input with an axis is a sequence of its own length, any other one a class. Raises E417 for an
    empty text, E428 for inputs that differ in their lengths, E464 for what a vocabulary lacks.
    """
    found = dict(arrays)
    for name, spec in specs.items():
        array = found.get(rename.get(name, name))
        if array is None or array.dtype.kind != "U" or known is None or name not in known.vocabularies:
            continue
        spelling, texts = known.spelling(name), Origin(f"`{name}` in {origin}", origin.span, is_quoted=False)
        if spec.axes and array.ndim == 1:
            length, size = spec.lengths[0], spec.length(spec.axes[0]).size
            classes, lengths = _sequences(array, spelling, texts)
            if size is None:
                expected = found.setdefault(f"lengths_{length}", lengths)
            else:
                expected = np.full(len(lengths), size.value)
            if not np.array_equal(expected, lengths):
                raise fault("E428", f"{texts}: the texts are not as long as `{length}` is", origin.span)
        else:
            classes = _labels(array, spelling, texts)
        found[rename.get(name, name)] = classes
    return found


def _sequences(texts: Array, spelling: Spelling, origin: Origin) -> tuple[Array, Array]:
    rows = []
    for number, text in enumerate(texts.tolist()):
        own = Origin(f"example {number} of {origin}", origin.span, is_quoted=False)
        rows.append(spelling.encode(text, own))
        if not len(rows[-1]):
            raise fault("E417", f"{own} is empty", origin.span)
    lengths = np.array([len(row) for row in rows], np.int64)
    padded = np.zeros((len(rows), lengths.max(initial=0)), np.int64)
    for place, row in zip(padded, rows, strict=True):
        place[: len(row)] = row
    return padded, lengths


def _labels(texts: Array, spelling: Spelling, origin: Origin) -> Array:
    classes = spelling.classes(texts.ravel().tolist()).astype(np.int64)
    if (classes < 0).any():
        text = texts.ravel()[int((classes < 0).argmax())]
        known = ", ".join(f"`{word}`" for word in spelling.words[:10])
        raise fault(
            "E464", f"{origin}: `{text}` is none of the classes of the training: {known}", origin.span
        )
    result: Array = classes.reshape(texts.shape)
    return result
