"""Beam search: the likeliest sequences so far go on, each with every class that could come next."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from graphc.ir.op import Array

Chances = Callable[[], Array]
"""The probabilities of the next class, for each sequence that goes on: [width, V]."""
Grow = Callable[[Array, Array], None]
"""Goes on with these of the sequences, by number, and this next class of each."""


def search(chances: Chances, grow: Grow, width: int, steps: int, stop: int) -> list[int]:
    """The likeliest sequence of at most `steps` classes that is found with `width` sequences at a time.

    A sequence ends with the class `stop` (-1 for none), or after `steps`. Its score is the sum of the
    logarithms of its chances, not divided by its length. With width >= V^(steps-1) nothing is left out.
    """
    # All sequences are the prompt at first: one of them is enough.
    scores = np.where(np.arange(width) == 0, 0.0, -np.inf)
    classes = np.zeros((width, 0), np.int64)
    best, best_score = classes[0], float("-inf")
    for _ in range(steps):
        with np.errstate(divide="ignore"):
            candidates = scores[:, None] + np.log(chances().astype(np.float64))
        order = np.argsort(-candidates, axis=None, kind="stable")[:width]
        parents, symbols = np.divmod(order, candidates.shape[1])
        parents, symbols = _filled(parents, width), _filled(symbols, width)
        scores = candidates[parents, symbols]
        scores[len(order) :] = -np.inf
        classes = np.concatenate([classes[parents], symbols[:, None]], axis=1)
        ended = np.flatnonzero((symbols == stop) & (scores > best_score))
        if ended.size:
            best, best_score = classes[ended[0]], float(scores[ended[0]])
        scores = np.where(symbols == stop, -np.inf, scores)
        # A score only falls: nothing that goes on can pass one that is better already.
        if scores.max() <= best_score:
            break
        grow(parents, symbols)
    if scores.max() > best_score:
        best = classes[int(np.argmax(scores))]
    return [int(symbol) for symbol in best]


def _filled(numbers: Array, width: int) -> Array:
    """As many as there are rows; fewer candidates than rows leave some without a sequence."""
    return np.concatenate([numbers, np.zeros(width - len(numbers), numbers.dtype)])
