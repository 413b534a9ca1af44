"""Beam search: the likeliest sequences so far go on, each with every class that could come next."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphc.ir.op import Array

Chances = Callable[[], Array]
"""The probabilities of the next class, for each sequence that goes on: [batch, width, V]."""
Grow = Callable[[Array, Array], None]
"""Goes on with these of each beam's sequences, by number, and this next class of each: [batch, width]."""


def search(chances: Chances, grow: Grow, prompts: Array, given: Array, width: int, stop: int) -> list[Array]:
    """The likeliest sequences that are found with `width` at a time for each example of a batch.

    `prompts` are classes [steps, batch]; where they are `given` they are part of every sequence, and left out
    of the result. A sequence ends with the class `stop` (-1 for none), or after all steps. Its score
    is the sum of the logarithms of its chances, not divided by its length. With width >= V^(steps-1) nothing
    is left out.
    """
    beams = _Beams(prompts.shape[1], width, stop)
    for prompt, is_given in zip(prompts, given, strict=True):
        parents, symbols = beams.step(chances(), prompt, is_given)
        if not beams.go_on.any():
            break
        grow(parents, symbols)
    return beams.found()


class _Beams:
    """The sequences that go on, and the best one that has ended, for each example."""

    def __init__(self, batch: int, width: int, stop: int) -> None:
        self._width, self._stop = width, stop
        # All sequences are the prompt at first: one of them is enough.
        self._scores = np.tile(np.where(np.arange(width) == 0, 0.0, -np.inf), (batch, 1))
        self._classes = np.zeros((batch, width, 0), np.int64)
        self._best: list[Array] = [np.zeros(0, np.int64)] * batch
        self._best_scores = np.full(batch, -np.inf)

    @property
    def go_on(self) -> Array:
        """The examples for which something better may come: a score only falls."""
        found: Array = self._scores.max(axis=1) > self._best_scores
        return found

    def step(self, chances: Array, prompt: Array, is_given: Array) -> tuple[Array, Array]:
        """Choose what goes on: the numbers of the sequences and their next classes, [batch, width]."""
        parents, symbols, scores = self._likeliest(chances)
        own = np.arange(self._width)
        parents = np.where(is_given[:, None], own, parents)
        symbols = np.where(is_given[:, None], prompt[:, None], symbols)
        self._scores = np.where(is_given[:, None], self._scores, scores)
        before = np.take_along_axis(self._classes, parents[:, :, None], axis=1)
        self._classes = np.concatenate([before, symbols[:, :, None]], axis=2)
        # Classes of a prompt are marked, and left out of what is found.
        self._classes[is_given, :, -1] = -1
        self._end((symbols == self._stop) & ~is_given[:, None])
        return parents, symbols

    def _likeliest(self, chances: Array) -> tuple[Array, Array, Array]:
        with np.errstate(divide="ignore"):
            candidates = self._scores[:, :, None] + np.log(chances.astype(np.float64))
        flat = candidates.reshape(len(candidates), -1)
        order = np.argsort(-flat, axis=1, kind="stable")[:, : self._width]
        scores = np.take_along_axis(flat, order, axis=1)
        # Fewer candidates than the beam is wide leave some places without a sequence.
        missing = self._width - order.shape[1]
        order = np.pad(order, ((0, 0), (0, missing)))
        scores = np.pad(scores, ((0, 0), (0, missing)), constant_values=-np.inf)
        return *np.divmod(order, chances.shape[2]), scores

    def _end(self, ended: Array) -> None:
        """Take out what has ended; the first is the likeliest, since sequences stand in this order."""
        scores = np.where(ended, self._scores, -np.inf)
        for example in np.flatnonzero(scores.max(axis=1) > self._best_scores):
            self._keep(int(example), scores[example])
        self._scores = np.where(ended, -np.inf, self._scores)

    def _keep(self, example: int, scores: Array) -> None:
        place = int(np.argmax(scores))
        classes = self._classes[example, place]
        self._best[example], self._best_scores[example] = classes[classes >= 0], scores[place]

    def found(self) -> list[Array]:
        """The best of each example, ended or not."""
        for example in np.flatnonzero(self.go_on):
            self._keep(int(example), self._scores[example])
        return self._best
