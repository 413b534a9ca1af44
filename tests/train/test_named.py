"""Named sets of sequences: how their files are read, and the parts that they were published with."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from graphc.train.data.examples import Part
from graphc.train.data.loading import load
from graphc.train.data.settings import DataSettings
from tests.train.models import spec, specs
from tests.train.speech import SPEECH, vowels

SEQUENCES = specs(spec("x", 2, axes=(("t", "N"),)), spec("y", classes=2))


def rows(part: object) -> list[int]:
    assert isinstance(part, Part)
    result: list[int] = part.rows.tolist()
    return result


def test_channels_become_elements_of_a_step(tmp_path: Path) -> None:
    dataset = vowels(tmp_path, SPEECH, "@classLabel true a b\n@data\n9,10:11,12:b\n", SEQUENCES)
    assert isinstance(dataset.train, Part)
    assert isinstance(dataset.test, Part)
    batch = dataset.train.table.batch(dataset.train.rows)
    assert batch.lengths["N"].tolist() == [3, 1, 2]
    assert batch.arrays["y"].tolist() == [0, 1, 0]
    assert batch.arrays["x"].tolist() == [
        [[1, 4], [2, 5], [3, 6]],
        [[7, 8], [0, 0], [0, 0]],
        [[0.5, 2.5], [-0.1, 0], [0, 0]],
    ]
    batch = dataset.test.table.batch(dataset.test.rows)
    assert batch.arrays["x"].tolist() == [[[9, 11], [10, 12]]]
    assert batch.arrays["y"].tolist() == [1]


def test_the_published_test_part_is_never_drawn_from(tmp_path: Path) -> None:
    train = SPEECH + "1:2:b\n" * 7
    dataset = vowels(tmp_path / "a", train, SPEECH, SEQUENCES, ", validation = 0.2")
    assert dataset.validation is not None
    assert rows(dataset.test) == [10, 11, 12]
    assert len(rows(dataset.validation)) == 2
    assert sorted(rows(dataset.train) + rows(dataset.validation)) == list(range(10))
    unmeasured = vowels(tmp_path / "b", train, SPEECH, SEQUENCES, ", test = 0")
    assert unmeasured.test is None
    assert rows(unmeasured.train) == list(range(10))


def test_the_japanese_vowels() -> None:
    if importlib.util.find_spec("sktime") is None:
        pytest.skip("sktime, which carries the set, is not installed")
    inputs = specs(spec("x", 12, axes=(("t", "T"),)), spec("y", classes=9))
    dataset = load(DataSettings("japanese_vowels", validation=0.2), inputs, Path())
    assert isinstance(dataset.train, Part)
    assert isinstance(dataset.test, Part)
    assert dataset.validation is not None
    assert [part.count for part in (dataset.train, dataset.validation, dataset.test)] == [216, 54, 370]
    batch = dataset.train.table.batch(np.arange(640))
    assert (batch.lengths["T"].min(), batch.lengths["T"].max()) == (7, 29)
    assert np.bincount(batch.arrays["y"][:270]).tolist() == [30] * 9
    assert np.bincount(batch.arrays["y"][270:]).tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]
    assert batch.arrays["x"][0, 0].tolist()[:2] == [1.860936, -0.207383]
