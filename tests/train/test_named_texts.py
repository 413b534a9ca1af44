"""The text that comes with Python."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from graphc.train.data.examples import Dataset, Stream
from graphc.train.data.loading import load
from graphc.train.data.settings import DataSettings
from tests.train.models import spec, specs


def topics(classes: int) -> Dataset:
    settings = DataSettings("python_topics", validation=0.1, test=0.1)
    inputs = specs(spec("s", axes=(("t", "T"),), classes=classes))
    return load(settings, inputs, Path(), bptt=8)


def numbers(part: object) -> list[int]:
    assert isinstance(part, Stream)
    found: list[int] = part.table.arrays["s"][part.start : part.stop].tolist()
    return found


def test_topics_stand_in_the_order_of_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    found = SimpleNamespace(topics={"with": "dbdd", "assert": "aabbccaa", "class": "ababacac"})
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", found)  # type: ignore[arg-type]
    dataset = topics(4)
    assert dataset.preparation.vocabularies == {"s": ("a", "b", "c", "d")}
    parts = (dataset.train, dataset.validation, dataset.test)
    text = "".join("abcd"[number] for part in parts for number in numbers(part))
    assert text == "aabbccaaababacacdbdd"
    assert len(numbers(dataset.test)) == 2


def test_the_topics_of_this_python() -> None:
    pytest.importorskip("pydoc_data.topics")
    dataset = topics(1000)
    (vocabulary,) = dataset.preparation.vocabularies.values()
    train, test = (np.array(numbers(part)) for part in (dataset.train, dataset.test))
    assert len(train) > 7 * len(test) > 100_000
    assert vocabulary[train[0]] + vocabulary[train[1]] == "Th"  # of `The "assert" statement`
    assert dataset.description["kind"] == "text"
