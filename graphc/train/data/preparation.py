"""What happens to values between a source and a model, as a trained model keeps it for prediction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from graphc.ir.op import Array
from graphc.train.data.symbols import SPLIT, Spelling


@dataclass(frozen=True)
class Standardization:
    """Mean and deviation of each element of an input, in its shape, from the training part alone."""

    mean: Array
    deviation: Array

    def apply(self, values: Array) -> Array:
        result: Array = (values - self.mean) / self.deviation
        return result

    def undo(self, values: Array) -> Array:
        result: Array = values * self.deviation + self.mean
        return result


@dataclass(frozen=True)
class Preparation:
    """By input: a factor, mean and deviation, the number of the first class, the texts of the classes.

    `tokens` says what a step of a text is and `unknown` which word stands for all that the vocabulary lacks:
    see `Spelling`. An input that is not named in one of them is left as it is in that respect.

    `state` and `settings` together are all of it: arrays for a checkpoint's tensors and a table that fits
    into JSON; `restored` is their inverse.
    """

    scale: Mapping[str, float] = field(default_factory=dict)
    standardization: Mapping[str, Standardization] = field(default_factory=dict)
    first: Mapping[str, int] = field(default_factory=dict)
    vocabularies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tokens: Mapping[str, str] = field(default_factory=dict)
    unknown: Mapping[str, str] = field(default_factory=dict)

    def spelled(self, spellings: Mapping[str, Spelling]) -> Preparation:
        """The same with texts as these say."""
        return replace(
            self,
            vocabularies={name: found.words for name, found in spellings.items()},
            tokens={name: found.tokens for name, found in spellings.items()},
            unknown={name: found.unknown for name, found in spellings.items() if found.unknown is not None},
        )

    def spelling(self, name: str) -> Spelling:
        """How the texts of an input become classes, of one that has a vocabulary."""
        words = self.vocabularies[name]
        # Models that were kept before there were words do not say what a step is.
        older = "characters" if all(len(word) == 1 for word in words) else "cells"
        return Spelling(words, self.tokens.get(name, older), self.unknown.get(name))

    @property
    def spellings(self) -> dict[str, Spelling]:
        return {name: self.spelling(name) for name in self.vocabularies}

    def apply(self, name: str, values: Array) -> Array:
        """Values as they were read, for the model; the array itself if nothing happens to them."""
        if name in self.first:
            values = values.astype(np.int64) - self.first[name]
        if name in self.scale:
            values = values * self.scale[name]
        if name in self.standardization:
            values = self.standardization[name].apply(values)
        return values

    def undo(self, name: str, values: Array) -> Array:
        """What the model predicts of an input, in the units and class numbers of the source."""
        if name in self.standardization:
            values = self.standardization[name].undo(values)
        if name in self.scale:
            values = values / self.scale[name]
        if name in self.first:
            values = values + self.first[name]
        return values

    def words(self, name: str, classes: Array) -> Array:
        """The texts of class numbers, from 0, of an input with a vocabulary; an array of texts.

        A class that the vocabulary has no word for (`index(K)` with a larger K) is its number.
        """
        known = self.vocabularies[name]
        top = max(len(known), int(classes.max(initial=0)) + 1)
        table = np.array([*known, *map(str, range(len(known), top))], dtype=np.str_)
        result: Array = table[classes]
        return result

    def state(self) -> dict[str, Array]:
        """The statistics as arrays by name: `x/mean`, `x/deviation`."""
        return {
            f"{name}/{what}": array
            for name, found in self.standardization.items()
            for what, array in (("mean", found.mean), ("deviation", found.deviation))
        }

    def settings(self) -> dict[str, Any]:
        """Everything else, as JSON knows it."""
        return {
            "scale": dict(self.scale),
            "first": dict(self.first),
            "vocabularies": {name: list(words) for name, words in self.vocabularies.items()},
            "tokens": dict(self.tokens),
            "unknown": dict(self.unknown),
        }

    @classmethod
    def restored(cls, state: Mapping[str, Array], settings: Mapping[str, Any]) -> Preparation:
        """What `state` and `settings` were taken of.

        Raises KeyError, TypeError, ValueError or AttributeError for what they cannot have been.
        """
        names = [name.removesuffix("/mean") for name in state if name.endswith("/mean")]
        return cls(
            dict(settings["scale"]),
            {n: Standardization(state[f"{n}/mean"], state[f"{n}/deviation"]) for n in names},
            dict(settings["first"]),
            {name: tuple(map(_text, words)) for name, words in settings["vocabularies"].items()},
            {name: _text(tokens, SPLIT) for name, tokens in settings.get("tokens", {}).items()},
            {name: _text(symbol) for name, symbol in settings.get("unknown", {}).items()},
        )


def _text(value: object, known: Collection[str] | None = None) -> str:
    """A text, one of those that are `known`. Raises ValueError for anything else."""
    if not isinstance(value, str) or (known is not None and value not in known):
        raise ValueError(f"{value!r} is no such text")
    return value
