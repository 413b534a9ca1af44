"""What texts are made of, characters or words, and their numbers in a vocabulary."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from graphc.diagnostics import fault, nearest
from graphc.ir.op import Array
from graphc.train.data.origins import Origin

TOKENS = ("characters", "words", "numbers")
"""What a step of a text is: a character, a word, or a class number that stands in it."""

SPLIT = ("characters", "words", "cells")
"""How a text is split: `cells` are names of classes with spaces between them."""

_WORD = re.compile(r"(?:[^\W_]|['’])+|\S")
"""A run of letters, digits and apostrophes, or any other character that is no white space."""


@dataclass(frozen=True)
class Spelling:
    """How texts become classes: the words of the vocabulary by class, and what a step of a text is.

    `tokens` is one of `SPLIT`. `unknown` is the word for what the vocabulary lacks; without it that is an
    error.
    """

    words: tuple[str, ...]
    tokens: str
    unknown: str | None = None

    def classes(self, symbols: Sequence[str]) -> Array:
        """The class of each symbol; -1 for one that there is no word for."""
        order = {word: number for number, word in enumerate(self.words)}
        lacking = -1 if self.unknown is None else order[self.unknown]
        return np.array([order.get(symbol, lacking) for symbol in symbols], np.int32)

    def encode(self, text: str, origin: Origin) -> Array:
        """The class of each step of a text. Raises E464 at a symbol that is not known."""
        codes, symbols = distinct(text, self.tokens)
        classes = self.classes(symbols)
        if (classes < 0).any():
            at = int((classes[codes] < 0).argmax())
            self._fail(text, at, symbols[codes[at]], origin)
        result: Array = classes[codes]
        return result

    def _fail(self, text: str, at: int, symbol: str, origin: Origin) -> None:
        start, count = _start(text, at, self.tokens), len(self.words)
        line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
        what = self.called(symbol)
        raise fault(
            "E464",
            f"{origin} has {what} in line {line}, column {column}, which is none of the {count} "
            "that the model was trained on",
            origin.span,
            help="" if self.tokens == "characters" else nearest(symbol, self.words),
        )

    def called(self, symbol: str) -> str:
        """A symbol in messages, with its kind."""
        return f"the character {symbol!r}" if self.tokens == "characters" else f"the word `{symbol}`"


def symbols_of(text: str, tokens: str) -> Sequence[str]:
    """The symbols of a text, one for each step."""
    if tokens == "characters":
        return text
    return _WORD.findall(text) if tokens == "words" else text.split()


def distinct(text: str, tokens: str) -> tuple[Array, tuple[str, ...]]:
    """The steps of a text as numbers of its different symbols, and these, in sorted order."""
    if tokens == "characters":
        # Strings of Python may hold halves of characters, which have code points too.
        points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
        present = np.flatnonzero(np.bincount(points))
        codes = np.zeros(present.max(initial=0) + 1, np.int32)
        codes[present] = np.arange(len(present))
        return codes[points], tuple(map(chr, present.tolist()))
    seen: dict[str, int] = {}
    steps = _WORD.finditer(text) if tokens == "words" else re.finditer(r"\S+", text)
    found = np.fromiter((seen.setdefault(step[0], len(seen)) for step in steps), np.int32)
    order = sorted(seen)
    rank = np.zeros(len(seen), np.int32)
    rank[[seen[symbol] for symbol in order]] = np.arange(len(seen))
    return rank[found], tuple(order)


def _start(text: str, at: int, tokens: str) -> int:
    """Where in a text a step begins."""
    if tokens == "characters":
        return at
    steps = _WORD.finditer(text) if tokens == "words" else re.finditer(r"\S+", text)
    return next(step.start() for place, step in enumerate(steps) if place == at)
