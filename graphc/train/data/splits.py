"""Which examples train, which choose when to stop, and which only judge at the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from graphc.diagnostics import Span, fault
from graphc.train.data.examples import Array
from graphc.train.randomness import keyed

Share = float | int


@dataclass(frozen=True)
class Split:
    """Rows of the three parts, each in ascending order; `validation` and `test` may be empty."""

    train: Array
    validation: Array
    test: Array


def sizes(count: int, validation: Share, test: Share, span: Span | None = None) -> tuple[int, int]:
    """How many examples the validation and the test part get; at least one must be left to train on."""
    held = _size(count, validation), _size(count, test)
    if sum(held) >= count and any(held):
        raise fault(
            "E430",
            f"of {count} examples, validation ({held[0]}) and test ({held[1]}) leave none to train on",
            span,
            help="make `validation` or `test` smaller; each is a count or a fraction of all examples",
        )
    return held


def _size(count: int, share: Share) -> int:
    if isinstance(share, int):
        return share
    # A part that was asked for is never rounded away.
    return max(1, round(count * share)) if share > 0 else 0


def split(
    count: int,
    validation: Share,
    test: Share,
    *,
    seed: int,
    classes: Array | None = None,
    span: Span | None = None,
) -> Split:
    """Shuffled parts of exact sizes. With `classes`, each part has each class in its due share.

    The test part is drawn first, so that it stays the same when `validation` changes.
    """
    validation_size, test_size = sizes(count, validation, test, span)
    labels = None if classes is None else np.asarray(classes)
    order = keyed(seed, "split").permutation(count)
    test_rows, rest = _draw(order, labels, test_size)
    validation_rows, train_rows = _draw(rest, labels, validation_size)
    return Split(np.sort(train_rows), np.sort(validation_rows), np.sort(test_rows))


def _draw(order: Array, labels: Array | None, size: int) -> tuple[Array, Array]:
    """The first `size` rows of `order` such that each label has its share, and the others."""
    if labels is None:
        return order[:size], order[size:]
    values, kinds, counts = np.unique(labels[order], return_inverse=True, return_counts=True)
    quota = _apportion(counts, size)
    # The rank of each row among those of its own label.
    by_kind = np.argsort(kinds, kind="stable")
    first = np.cumsum(counts) - counts
    rank = np.empty(len(order), dtype=np.int64)
    rank[by_kind] = np.arange(len(order)) - np.repeat(first, counts)
    taken = rank < quota[kinds] if len(values) else np.zeros(0, dtype=bool)
    return order[taken], order[~taken]


def _apportion(counts: Array, size: int) -> Array:
    """Whole shares of `size` in proportion to `counts`: the largest remainders are rounded up."""
    total = int(counts.sum())
    # In whole numbers, so that a share that is exact is not lost to rounding.
    quota = counts.astype(np.int64) * size // max(total, 1)
    remainder = counts.astype(np.int64) * size - quota * total
    missing = size - int(quota.sum())
    quota[np.argsort(-remainder, kind="stable")[:missing]] += 1
    return quota


def split_in_time(count: int, validation: Share, test: Share, span: Span | None = None) -> tuple[int, int]:
    """Where the validation and the test part of a sequence begin: the end judges, nothing is shuffled."""
    validation_size, test_size = sizes(count, validation, test, span)
    return count - validation_size - test_size, count - test_size


def split_by_time(times: Array, validation: Share, test: Share, span: Span | None = None) -> Split:
    """The earliest examples train, the latest test; among equal times the order of the source counts."""
    order = np.argsort(times, kind="stable")
    begin, end = split_in_time(len(times), validation, test, span)
    return Split(np.sort(order[:begin]), np.sort(order[begin:end]), np.sort(order[end:]))


def split_by_group(
    groups: Array, validation: Share, test: Share, *, seed: int, span: Span | None = None
) -> Split:
    """Parts of whole groups. Equal values of `groups` are a group.

    Groups are drawn in an order by the seed; each one goes into a part that it fits into, the test part
    first, so that no part is larger than asked. A part that no group fits into gets the smallest one.
    """
    count = len(groups)
    _, kinds, counts = np.unique(groups, return_inverse=True, return_counts=True)
    asked = {2: _size(count, test), 1: _size(count, validation)}
    needed = 1 + sum(size > 0 for size in asked.values())
    if needed > len(counts) and needed > 1:
        raise fault(
            "E430",
            f"{len(counts)} {'group is' if len(counts) == 1 else 'groups are'} too few for {needed} parts",
            span,
            help="leave `validation` or `test` out; a part has one group at least",
        )
    part = np.zeros(len(counts), dtype=np.int64)
    order = keyed(seed, "split").permutation(len(counts))
    for number, size in asked.items():
        rest = order[part[order] == 0]
        if size:
            needed -= 1
            part[rest[_filling(counts[rest], size, len(rest) - needed)]] = number
    of_row = part[kinds]
    train, held, last = (np.flatnonzero(of_row == number) for number in range(3))
    return Split(train, held, last)


def _filling(counts: Array, size: int, most: int) -> list[int]:
    """Places of at most `most` groups that fit into `size` examples, in order; the smallest if none does."""
    taken: list[int] = []
    room = size
    for place, count in enumerate(counts.tolist()):
        if count <= room and len(taken) < most:
            taken.append(place)
            room -= count
    return taken or [int(counts.argmin())]
