"""Texts as prompts: between the characters or words of a vocabulary and classes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graphc.diagnostics import fault
from graphc.ir.op import Array
from graphc.train.data.origins import Origin
from graphc.train.data.preparation import Preparation

_ORIGIN = Origin("the prompt", is_quoted=False)


def classes(prepared: Preparation, name: str, text: str, origin: Origin = _ORIGIN) -> Array:
    """The classes of a text's steps, of shape (steps,), split as the texts that the model was trained on.

    Raises E443 for an empty text or an input without a vocabulary, E464 for what the vocabulary lacks.
    """
    if name not in prepared.vocabularies:
        raise fault("E443", f"{origin} is a text, and `{name}` has no vocabulary: give it as an array")
    found = prepared.spelling(name).encode(text, origin)
    if not len(found):
        raise fault("E443", f"{origin} is empty; it needs at least one step")
    return found


def pieces(prepared: Preparation, name: str, drawn: Iterable[Array]) -> Iterator[str]:
    """What is drawn as text, to be written behind a prompt: words with spaces between them."""
    space = "" if prepared.spelling(name).tokens == "characters" else " "
    for value in drawn:
        yield space + str(prepared.words(name, value))
