"""Mini-batches: every example once an epoch, any epoch again, ragged ends trimmed; chunks of a stream."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest

from graphc.train.data.batches import chunks, epoch_order, ordered_batches, shuffled_batches
from graphc.train.data.examples import Dataset, Part, Stream
from graphc.train.data.loading import from_arrays
from tests.train.models import spec, specs


def numbers(count: int) -> Part:
    dataset = from_arrays(specs(spec("x")), {"x": np.arange(count) * 10.0})
    assert isinstance(dataset.train, Part)
    return dataset.train


def test_an_epoch_has_every_example_once_and_a_short_last_batch() -> None:
    batches = list(shuffled_batches(numbers(10), 4, seed=0, epoch=1))
    assert [batch.size for batch in batches] == [4, 4, 2]
    ids = np.concatenate([batch.example_ids for batch in batches])
    values = np.concatenate([batch.arrays["x"] for batch in batches])
    assert sorted(ids.tolist()) == list(range(10))
    assert values.tolist() == (ids * 10.0).tolist()
    assert ids.dtype == np.uint64


def test_any_epoch_can_be_had_again_from_any_batch() -> None:
    part = numbers(23)
    later = [[b.example_ids.tolist() for b in shuffled_batches(part, 5, seed=7, epoch=e)] for e in (1, 2, 3)]
    assert later[2] == [b.example_ids.tolist() for b in shuffled_batches(part, 5, seed=7, epoch=3)]
    assert later[2][3:] == [
        b.example_ids.tolist() for b in shuffled_batches(part, 5, seed=7, epoch=3, start=3)
    ]
    assert later[0] != later[1]
    assert later[0] != [b.example_ids.tolist() for b in shuffled_batches(part, 5, seed=8, epoch=1)]


def test_shuffling_is_unbiased() -> None:
    orders = Counter(tuple(epoch_order(4, seed=5, epoch=epoch).tolist()) for epoch in range(4800))
    assert set(orders) == set(itertools.permutations(range(4)))
    # 24 orders, 200 of each expected: chi-square with 23 degrees of freedom is above 58 once in 10,000.
    assert sum((seen - 200) ** 2 / 200 for seen in orders.values()) < 58


def test_all_at_once() -> None:
    (batch,) = ordered_batches(numbers(7), None)
    assert batch.example_ids.tolist() == list(range(7))


def ragged() -> Part:
    x = np.arange(4 * 5 * 2, dtype=float).reshape(4, 5, 2)
    y = np.tile(np.arange(5), (4, 1))
    lengths = np.array([2, 5, 0, 3])
    x[0, 2:] = np.nan
    y[0, 2:] = 99
    inputs = specs(spec("x", 2, axes=(("t", "T"),)), spec("y", axes=(("t", "T"),), classes=5))
    part = from_arrays(inputs, {"x": x, "y": y}, {"T": lengths}).train
    assert isinstance(part, Part)
    return part


def test_ragged_batches_are_as_long_as_their_longest_example() -> None:
    part = ragged()
    batch = part.table.batch(np.array([0, 3]))
    assert batch.arrays["x"].shape == (2, 3, 2)
    assert batch.lengths["T"].tolist() == [2, 3]
    assert batch.lengths["T"].dtype == np.int64
    assert batch.arrays["x"].flags.c_contiguous


def test_padding_is_zero_whatever_stood_there() -> None:
    batch = ragged().table.batch(np.array([0, 3]))
    assert batch.arrays["x"][0, 2].tolist() == [0, 0]
    assert batch.arrays["y"][0].tolist() == [0, 1, 0]
    assert batch.arrays["y"][1].tolist() == [0, 1, 2]


def test_two_axes_are_trimmed_apart() -> None:
    inputs = specs(spec("a", axes=(("u", "N"), ("t", "T"))))
    lengths = {"N": np.array([1, 2]), "T": np.array([4, 3])}
    part = from_arrays(inputs, {"a": np.ones((2, 3, 6))}, lengths).train
    assert isinstance(part, Part)
    batch = part.table.batch(np.array([0, 1]))
    assert batch.arrays["a"].tolist() == [[[1, 1, 1, 1], [0, 0, 0, 0]], [[1, 1, 1, 0], [1, 1, 1, 0]]]


def stream(count: int) -> Stream:
    dataset: Dataset = from_arrays(
        specs(spec("x", axes=(("t", "T"),))), {"x": np.arange(count)[None]}, bptt=4
    )
    assert isinstance(dataset.train, Stream)
    return dataset.train


def test_chunks_overlap_by_one_step() -> None:
    found = list(chunks(stream(12), 1, 4))
    assert [batch.arrays["x"][0].tolist() for batch in found] == [
        [0, 1, 2, 3, 4],
        [4, 5, 6, 7, 8],
        [8, 9, 10, 11],
    ]
    assert [batch.first for batch in found] == [True, False, False]
    assert [b.arrays["x"].tolist() for b in chunks(stream(12), 1, 4, start=1)] == [
        b.arrays["x"].tolist() for b in found[1:]
    ]


@pytest.mark.parametrize(("count", "streams", "steps"), [(100, 3, 7), (101, 4, 5), (10, 9, 1), (3, 8, 64)])
def test_each_prediction_is_made_once(count: int, streams: int, steps: int) -> None:
    pairs = Counter(
        (a, b)
        for batch in chunks(stream(count), streams, steps)
        for row in batch.arrays["x"]
        for a, b in itertools.pairwise(row.astype(int).tolist())
    )
    width = min(streams, count - 1)
    assert set(pairs) == {(i, i + 1) for i in range((count - 1) // width * width)}
    assert set(pairs.values()) == {1}
