"""A batch of sequences while they are drawn: what their steps read, what comes out, and when they end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graphc.driver.arrays import Feed, to_declared
from graphc.driver.generation import beam
from graphc.driver.generation.looped import ROUND, along, by_round
from graphc.driver.generation.one_step import NOW
from graphc.driver.generation.sampling import CHANCES
from graphc.driver.generation.stepping import Track
from graphc.frontend.generation import GIVEN, PROMPT
from graphc.ir.op import Array

if TYPE_CHECKING:
    from graphc.driver.generation.generating import Generator

_LEAST, _MOST = 8, 128
"""Steps that are drawn in one call: few at first where they are shown as they come."""


@dataclass(frozen=True)
class Prompts:
    """How the sequences of a batch begin: `array` is [batch, longest, ...], zeros behind shorter ones."""

    array: Array
    lengths: Array

    @classmethod
    def of(cls, each: list[Array]) -> Prompts:
        """From the prompts, steps first."""
        lengths = np.array([len(prompt) for prompt in each])
        array = np.zeros((len(each), lengths.max(), *each[0].shape[1:]), each[0].dtype)
        for number, prompt in enumerate(each):
            array[number, : len(prompt)] = prompt
        return cls(array, lengths)

    def steps(self, first: int, count: int) -> tuple[Array, Array]:
        """The steps behind the first `first` ones, [batch, count, ...], and which are of a prompt."""
        found = np.zeros((len(self.array), count, *self.array.shape[2:]), self.array.dtype)
        known = self.array[:, first : first + count]
        found[:, : known.shape[1]] = known
        return found, np.arange(first, first + count) < self.lengths[:, None]


class Drawing:
    """The sequences of a batch from their first step on."""

    def __init__(self, of: Generator, track: Track, prompts: Prompts, sequences: Feed) -> None:
        self._of, self._track, self._prompts, self._sequences = of, track, prompts, sequences
        self._leaves = of.step.system.leaves
        self._width = track.batch // len(prompts.lengths)
        self._info = of.spec.inputs[PROMPT]
        self._stop = of.stop

    def _steps(self) -> Iterator[Array]:
        """The steps one by one, [batch, ...], prompts included, until all sequences have ended."""
        going = np.ones(self._track.batch, np.bool_)
        count, stop, end = int(self._prompts.lengths.max()), self._of.found.stop, self._of.end
        while self._track.position < end and going.any():
            first, count = self._track.position, min(count, end - self._track.position)
            values, given = self._prompts.steps(first, count)
            for place, step in enumerate(self._advance(values, given)):
                yield step
                if stop is not None and step.ndim == 1:
                    going &= given[:, place] | (step != stop)
                if not going.any():
                    return
            count = min(2 * count, _MOST) if first else min(8, _MOST)

    @property
    def batch(self) -> int:
        """How many sequences are drawn."""
        return len(self._prompts.lengths)

    def first(self) -> Iterator[Array]:
        """What follows the prompt of the only sequence, step by step as it is drawn, [...]."""
        if self._of.choice.beam is not None:
            yield from self._likeliest()[0]
            return
        for steps, drawn in self._rounds(_LEAST):
            own = steps[0, drawn[0]]
            yield from own[: _end(own, self._stop)]

    def whole(self) -> list[Array]:
        """What follows each prompt, [steps, ...], up to its own end."""
        if self._of.choice.beam is not None:
            return self._likeliest()
        rounds = list(self._rounds(_MOST))
        steps = np.concatenate([steps for steps, _ in rounds], axis=1)
        drawn = np.concatenate([drawn for _, drawn in rounds], axis=1)
        each = [own[is_drawn] for own, is_drawn in zip(steps, drawn, strict=True)]
        return [own[: _end(own, self._stop)] for own in each]

    def _rounds(self, count: int) -> Iterator[tuple[Array, Array]]:
        """Some steps at a time, [batch, steps, ...], and which are drawn, until all sequences have ended.

        `count` steps are drawn at first, together with those of the prompts, and then more at a time.
        """
        going = np.ones(self.batch, np.bool_)
        drawn, count = count, count + int(self._prompts.lengths.max())
        while going.any() and (left := self._of.end - self._track.position) > 0:
            values, given = self._prompts.steps(self._track.position, min(count, left))
            steps = self._advance(values, given)
            yield steps, ~given
            if self._stop is not None:
                going &= ~np.any((steps == self._stop) & ~given, axis=1)
            drawn = count = min(2 * drawn, _MOST)

    def _likeliest(self) -> list[Array]:
        """The sequences that a beam finds, without their prompts."""
        shortest = int(self._prompts.lengths.min())
        self._advance(*(np.repeat(part, self._width, axis=0) for part in self._prompts.steps(0, shortest)))
        values, given = self._prompts.steps(shortest, self._of.end - shortest)
        stop = -1 if self._stop is None else self._stop
        return beam.search(self._chances, self._grow, values.T, given.T, self._width, stop)

    def _advance(self, prompts: Array, given: Array) -> Array:
        """Do steps, with the values of prompts [batch, steps, ...] where they are given; what they are."""
        count, name = given.shape[1], self._of.found.prompted
        leaves = {PROMPT: np.moveaxis(prompts, 1, along(self._leaves[PROMPT].type)), GIVEN: given}
        values = self._track.advance({**leaves, **self._now(count)}, count)[name]
        return to_declared(values, by_round(self._info.type), (ROUND, *self._info.axes))

    def _now(self, count: int) -> Mapping[str, Array]:
        """The next steps of the sequences that are not drawn."""
        places = np.arange(self._track.position, self._track.position + count)
        found = {}
        for name, array in self._sequences.arrays.items():
            at = self._of.spec.inputs[name].type.axes.index(self._of.step.axis)
            steps = np.take(array, places, axis=at)
            found[name + NOW] = np.moveaxis(steps, at, along(self._leaves[name + NOW].type))
        return found

    # ---------------------------------------------------------------------------------------- beams

    def _chances(self) -> Array:
        """The probabilities of the next class, [batch, width, V]."""
        name = self._of.found.prompted + CHANCES
        batch, empty = self._track.batch, self._prompts.array[:, 0]
        rows = {PROMPT: np.repeat(empty, self._width, axis=0), GIVEN: np.zeros(batch, np.bool_)}
        now = self._now(1).items()
        here = {leaf: np.take(array, 0, along(self._leaves[leaf].type)) for leaf, array in now}
        found = self._track.ask([name], {**rows, **here})[name]
        return np.reshape(found, (-1, self._width, found.shape[-1]))

    def _grow(self, parents: Array, symbols: Array) -> None:
        """Go on with these sequences of each beam, [batch, width], and their next classes."""
        first = np.arange(0, self._track.batch, self._width)
        self._track.take((first[:, None] + parents).ravel())
        self._advance(symbols.reshape(-1, 1), np.ones((self._track.batch, 1), np.bool_))


def _end(steps: Array, stop: int | None) -> int:
    """How long a sequence is that ends with a class."""
    if stop is None or stop not in steps:
        return len(steps)
    return int(np.argmax(steps == stop)) + 1
