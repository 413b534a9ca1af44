"""Parts, and batches that come from an iterator."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphc.train.data.examples import Flow
from graphc.train.data.loading import from_batches
from graphc.train.data.settings import read_data
from tests.train.faults.cases import CASES, INPUTS, SOUND, case, loaded, settings


@case
def parts_leave_nothing(root: Path) -> object:
    np.savez(root / "set.npz", **SOUND)
    return loaded('source = "set.npz", validation = 2, test = 2', root)


@case
def part_not_there(root: Path) -> object:
    np.savez(root / "set.npz", **SOUND)
    return loaded('source = "set.npz", validation = "sets.npz"', root)


@case
def groups_too_few(root: Path) -> object:
    np.savez(root / "set.npz", **SOUND, g=np.array([0, 0, 1, 1]))
    return loaded('source = "set.npz", validation = 0.25, test = 0.25, group = g', root)


@case
def group_of_other_kind(root: Path) -> object:
    np.savez(root / "set.npz", **SOUND, g=np.ones((4, 2)))
    return loaded('source = "set.npz", test = 0.25, group = g', root)


@case
def time_unknown(root: Path) -> object:
    np.savez(
        root / "set.npz", **SOUND, t=np.array(["2024-01-01", "NaT", "2024-01-02", "2024-01-03"], "M8[D]")
    )
    return loaded('source = "set.npz", test = 0.25, order = t', root)


def taken(batches: object, **options: object) -> object:
    dataset = from_batches(INPUTS, batches, **options)  # type: ignore[arg-type]
    assert isinstance(dataset.train, Flow)
    return [list(dataset.train.begin()) for _ in range(2)]


for name, make in {
    "batches_once": lambda: (SOUND for _ in range(3)),
    "batches_none": list,
    "batch_of_other_kind": lambda: [SOUND["x"]],
    "batch_too_short": lambda: [(SOUND["x"],)],
    "batch_at_fault": lambda: [SOUND, SOUND | {"y": np.array([0, 1, 2, 3])}],
    "batch_of_ragged_lists": lambda: [{"x": [[1, 2], [3]], "y": [0, 1]}],
}.items():
    CASES[name] = lambda root, make=make: taken(make())  # type: ignore[misc]


@case
def batches_to_judge_by_come_once(root: Path) -> object:
    return from_batches(INPUTS, [SOUND], validation=iter([SOUND]))


@case
def batches_cannot_be_split(root: Path) -> object:
    return from_batches(INPUTS, [SOUND], read_data(settings("data { validation = 0.2 }")))


@case
def batches_cannot_be_standardized(root: Path) -> object:
    return from_batches(INPUTS, [SOUND], read_data(settings("data { standardize = x }")))


@case
def part_at_fault(root: Path) -> object:
    validation = [SOUND | {"y": np.array([0, 1, 2, 3])}]
    dataset = from_batches(INPUTS, [SOUND], validation=validation)
    assert isinstance(dataset.validation, Flow)
    assert dataset.validation.again is not None
    return list(dataset.validation.again())
