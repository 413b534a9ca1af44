"""Batches of similar lengths: every example once an epoch, less padding, and orders that can be had again."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from graphc.train.data.batches import batches_in_epoch, evaluation_batches, training_batches
from graphc.train.data.examples import Array, Batch, Part
from graphc.train.data.loading import from_arrays
from graphc.train.fit_settings import FitSettings
from tests.train.models import spec, specs

LENGTHS = np.random.default_rng(3).integers(1, 40, 103)
SETTINGS = FitSettings(batch=8, buckets=5)


def sequences(others: Array = LENGTHS) -> Part:
    """Each step of an example is its number; along a second axis they are as long as `others` says."""
    inputs = specs(spec("x", axes=(("t", "T"),)), spec("y", axes=(("u", "U"),)))
    x = np.repeat(np.arange(len(LENGTHS))[:, None], 40, axis=1)
    part = from_arrays(inputs, {"x": x, "y": np.ones(x.shape)}, {"T": LENGTHS, "U": others}).train
    assert isinstance(part, Part)
    return part


def ids(batches: list[Batch]) -> list[list[int]]:
    return [batch.example_ids.tolist() for batch in batches]


def padding(batches: list[Batch]) -> int:
    return sum(batch.arrays["x"].size - int(batch.lengths["T"].sum()) for batch in batches)


def epoch(part: Part, settings: FitSettings = SETTINGS, number: int = 1, start: int = 0) -> list[Batch]:
    return list(training_batches(part, settings, epoch=number, start=start))


def test_every_example_comes_once_an_epoch() -> None:
    batches = epoch(sequences())
    assert sorted(itertools.chain(*ids(batches))) == list(range(len(LENGTHS)))
    assert sorted(batch.size for batch in batches) == [7] + [8] * 12
    assert len(batches) == batches_in_epoch(sequences(), SETTINGS)
    for batch in batches:
        assert batch.lengths["T"].tolist() == LENGTHS[batch.example_ids.astype(int)].tolist()
        assert batch.arrays["x"].shape == (batch.size, batch.lengths["T"].max())
        assert (batch.arrays["x"][:, 0] == batch.example_ids).all()


def test_there_is_less_padding_the_longer_the_runs_are() -> None:
    part = sequences()
    plain, short, long = (
        padding(epoch(part, replace(SETTINGS, buckets=buckets))) for buckets in (None, 3, 13)
    )
    assert short < 0.6 * plain
    assert long < 0.5 * short


def test_runs_differ_from_epoch_to_epoch_and_can_be_had_again() -> None:
    part = sequences()
    first, second = ids(epoch(part)), ids(epoch(part, number=2))
    assert {frozenset(batch) for batch in first}.isdisjoint(frozenset(batch) for batch in second)
    assert ids(epoch(part, number=2)) == second
    assert ids(epoch(part, number=2, start=5)) == second[5:]
    assert ids(epoch(part, replace(SETTINGS, seed=1))) != first


def test_short_examples_do_not_come_first() -> None:
    longest = [batch.lengths["T"].max() for batch in epoch(sequences(), replace(SETTINGS, buckets=13))]
    assert longest != sorted(longest)
    assert longest != sorted(longest, reverse=True)


@pytest.mark.parametrize("settings", [SETTINGS, replace(SETTINGS, accumulate=3)])
def test_a_step_on_several_batches_takes_examples_of_one_run(settings: FitSettings) -> None:
    batches = epoch(sequences(), settings)
    assert len(batches) == batches_in_epoch(sequences(), settings)
    assert max(batch.size for batch in batches) == settings.per_step


def test_both_axes_count() -> None:
    part = sequences(41 - LENGTHS)
    # All examples are 41 steps in all, so that nothing is sorted.
    plain = ids(epoch(part, replace(SETTINGS, buckets=None)))
    assert {frozenset(batch) for batch in ids(epoch(part))} == {frozenset(batch) for batch in plain}


def test_evaluation_takes_all_examples_by_length() -> None:
    batches = list(evaluation_batches(sequences(), replace(SETTINGS, batch=300, buckets=5)))
    (lengths,) = [batch.lengths["T"].tolist() for batch in batches]
    assert lengths == sorted(LENGTHS.tolist())
