"""Parts are exact, apart, stratified, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphc.diagnostics import GraphcError
from graphc.train.splits import split, split_in_time


@given(
    count=st.integers(3, 200),
    validation=st.floats(0, 0.45),
    test=st.floats(0, 0.45),
    classes=st.integers(1, 12),
    seed=st.integers(0, 2**40),
)
def test_every_example_is_in_one_part(
    count: int, validation: float, test: float, classes: int, seed: int
) -> None:
    labels = np.random.default_rng(seed).integers(classes, size=count)
    parts = split(count, validation, test, seed=seed, classes=labels)
    rows = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(rows.tolist()) == list(range(count))
    for part, share in ((parts.validation, validation), (parts.test, test)):
        assert len(part) == (max(1, round(count * share)) if share else 0)
    exact = np.bincount(labels, minlength=classes) * len(parts.test) / count
    assert (abs(np.bincount(labels[parts.test], minlength=classes) - exact) < 1).all()


def test_stratified_by_default_share() -> None:
    labels = np.repeat([0, 1, 2], [60, 30, 10])
    parts = split(100, 0.1, 20, seed=3, classes=labels)
    assert np.bincount(labels[parts.test]).tolist() == [12, 6, 2]
    assert np.bincount(labels[parts.validation]).tolist() == [6, 3, 1]
    assert np.bincount(labels[parts.train]).tolist() == [42, 21, 7]


def test_seed_decides_and_validation_leaves_the_test_part_alone() -> None:
    first = split(50, 0.2, 0.2, seed=1)
    assert first.test.tolist() == split(50, 0, 0.2, seed=1).test.tolist()
    assert first.train.tolist() == split(50, 0.2, 0.2, seed=1).train.tolist()
    assert first.test.tolist() != split(50, 0.2, 0.2, seed=2).test.tolist()


def test_each_example_is_held_out_equally_often() -> None:
    counts = np.zeros(10)
    for seed in range(2000):
        counts[split(10, 0, 3, seed=seed).test] += 1
    # Standard deviation of each count is sqrt(2000 * 0.3 * 0.7) = 20.5.
    assert (abs(counts - 600) < 5 * 20.5).all()


def test_something_is_left_to_train_on() -> None:
    with pytest.raises(GraphcError, match="E430"):
        split(5, 3, 2, seed=0)
    with pytest.raises(GraphcError, match="E430"):
        split(1, 0.0, 0.01, seed=0)
    assert len(split(1, 0, 0, seed=0).train) == 1


def test_time_is_not_shuffled() -> None:
    assert split_in_time(100, 0.1, 20) == (70, 80)
