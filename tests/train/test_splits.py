"""Parts are exact, apart, stratified, and the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from graphc.diagnostics import GraphcError
from graphc.train.data.splits import Split, split, split_by_group, split_by_time, split_in_time


def assert_disjoint_and_complete(parts: Split, count: int) -> None:
    rows = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(rows.tolist()) == list(range(count))


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
    wanted = [max(1, round(count * share)) if share else 0 for share in (validation, test)]
    # Two small sets can take all between them, which is refused.
    assume(sum(wanted) < count)
    labels = np.random.default_rng(seed).integers(classes, size=count)
    parts = split(count, validation, test, seed=seed, classes=labels)
    assert_disjoint_and_complete(parts, count)
    assert [len(parts.validation), len(parts.test)] == wanted
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


@given(
    times=st.lists(st.integers(0, 30), min_size=2, max_size=100),
    validation=st.floats(0, 0.3),
    test=st.floats(0, 0.3),
)
def test_parts_by_time_follow_each_other(times: list[int], validation: float, test: float) -> None:
    count = len(times)
    wanted = [max(1, round(count * share)) if share else 0 for share in (validation, test)]
    assume(sum(wanted) < count)
    parts = split_by_time(np.array(times), validation, test)
    assert_disjoint_and_complete(parts, count)
    assert [len(parts.validation), len(parts.test)] == wanted
    ordered = [[times[row] for row in part] for part in (parts.train, parts.validation, parts.test)]
    for earlier, later in ((0, 1), (1, 2), (0, 2)):
        assert max(ordered[earlier], default=0) <= min(ordered[later], default=30)


@given(
    groups=st.lists(st.integers(0, 12), min_size=3, max_size=120),
    validation=st.floats(0, 0.3),
    test=st.floats(0, 0.3),
    seed=st.integers(0, 2**40),
)
def test_groups_stay_whole(groups: list[int], validation: float, test: float, seed: int) -> None:
    count, labels = len(groups), np.array(groups)
    assume(len(set(groups)) > 2)
    parts = split_by_group(labels, validation, test, seed=seed)
    assert_disjoint_and_complete(parts, count)
    left = list(labels)
    for part, share in ((parts.test, test), (parts.validation, validation)):
        smallest = min(left.count(group) for group in left)
        asked = max(1, round(count * share)) if share else 0
        held = set(labels[part].tolist())
        assert len(part) == sum(left.count(group) for group in held)
        assert bool(len(part)) == bool(asked)
        # One group at least, however large: only then is a part larger than asked.
        assert len(part) <= asked or (len(held) == 1 and len(part) == smallest)
        left = [group for group in left if group not in held]
    assert left
    assert sorted(left) == sorted(labels[parts.train].tolist())
    again = split_by_group(labels, validation, test, seed=seed)
    assert all((a == b).all() for a, b in zip(parts_of(parts), parts_of(again), strict=True))


def parts_of(parts: Split) -> list[np.ndarray]:
    return [parts.train, parts.validation, parts.test]


def test_groups_of_one_are_divided_exactly() -> None:
    parts = split_by_group(np.arange(100), 0.2, 30, seed=1)
    assert [len(part) for part in parts_of(parts)] == [50, 20, 30]
    assert parts.test.tolist() != split_by_group(np.arange(100), 0.2, 30, seed=2).test.tolist()
    assert parts.test.tolist() == split_by_group(np.arange(100), 0.1, 30, seed=1).test.tolist()
