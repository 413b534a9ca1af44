"""Texts as prompts: between the characters or words of a vocabulary and classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from graphc.diagnostics import fault, nearest
from graphc.ir.op import Array
from graphc.train.data.origins import Origin
from graphc.train.data.preparation import Preparation
from graphc.train.data.texts import encode

_ORIGIN = Origin("the prompt", is_quoted=False)


def classes(prepared: Preparation, name: str, text: str) -> Array:
    """The classes of a text's characters, or of its words where the vocabulary has words.

    Raises E443 for an empty text or an input without a vocabulary, E464 for what the vocabulary lacks.
    """
    words = prepared.vocabularies.get(name)
    if words is None:
        raise fault("E443", f"the prompt is a text, and `{name}` has no vocabulary: give it as an array")
    parts = text if _has_characters(words) else text.split()
    if not parts:
        raise fault("E443", "the prompt is empty; it needs at least one step")
    if isinstance(parts, str):
        return encode(text, words, _ORIGIN)
    numbers = {word: number for number, word in enumerate(words)}
    for word in parts:
        if word not in numbers:
            raise fault(
                "E464",
                f"{_ORIGIN} has the word `{word}`, which is none of the {len(words)} "
                "that the model was trained on",
                help=nearest(word, words),
            )
    return np.array([numbers[word] for word in parts])


def pieces(prepared: Preparation, name: str, drawn: Iterable[Array]) -> Iterator[str]:
    """What is drawn as text, to be written behind a prompt."""
    space = "" if _has_characters(prepared.vocabularies[name]) else " "
    for value in drawn:
        yield space + str(prepared.words(name, value))


def _has_characters(words: tuple[str, ...]) -> bool:
    return all(len(word) == 1 for word in words)
