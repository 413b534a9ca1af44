"""Batches from a caller's iterator: what an epoch is, what is checked, and what training does with them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import graphc
from graphc.diagnostics import GraphcError
from graphc.train.data.batches import batches_in_epoch, evaluation_batches, training_batches
from graphc.train.data.examples import Flow
from graphc.train.data.loading import from_arrays, from_batches
from graphc.train.data.preparation import Preparation, Standardization
from graphc.train.data.settings import DataSettings
from graphc.train.fit_settings import FitSettings
from tests.train.models import spec, specs

INPUTS = specs(spec("x", 2), spec("y", classes=3))
FIT = FitSettings(batch=4)
RAGGED = specs(spec("s", axes=(("t", "T"),)))


def batch(number: int, size: int = 4) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(number)
    return {"x": rng.normal(size=(size, 2)), "y": rng.integers(3, size=size)}


def flow(batches: object, **options: object) -> Flow:
    found = from_batches(INPUTS, batches, **options).train  # type: ignore[arg-type]
    assert isinstance(found, Flow)
    return found


def test_items_are_batches_and_rows_are_counted_on() -> None:
    items = [batch(0), batch(1, 2), tuple(batch(2, 3).values())]
    found = list(training_batches(flow(items), FIT, epoch=1))
    assert [len(b.arrays["x"]) for b in found] == [4, 2, 3]
    assert [b.example_ids.tolist() for b in found] == [[0, 1, 2, 3], [4, 5], [6, 7, 8]]
    assert (found[2].arrays["x"] == batch(2, 3)["x"]).all()
    assert found[0].arrays["y"].dtype == np.int64


def test_an_epoch_begins_again_and_in_its_middle() -> None:
    for again in ([batch(i) for i in range(3)], lambda: (batch(i) for i in range(3))):
        part = flow(again)
        first = list(training_batches(part, FIT, epoch=1))
        later = list(training_batches(part, FIT, epoch=2, start=2))
        assert (later[0].arrays["x"] == first[2].arrays["x"]).all()
        assert later[0].example_ids.tolist() == first[2].example_ids.tolist()
        assert len(list(evaluation_batches(part, FIT))) == 3


def test_the_number_of_batches_is_known_where_there_is_one() -> None:
    assert batches_in_epoch(flow([batch(0)] * 5), FIT) == 5
    assert batches_in_epoch(flow(lambda: [batch(0)]), FIT) is None
    arrays = from_arrays(INPUTS, batch(0, 10)).train
    assert batches_in_epoch(arrays, FIT) == 3 == len(list(training_batches(arrays, FIT, epoch=1)))
    assert batches_in_epoch(arrays, FitSettings(batch=None)) == 1
    sequence = from_arrays(RAGGED, {"s": np.arange(41.0)[None]}, bptt=6).train
    chunked = FitSettings(batch=3, bptt=6)
    assert batches_in_epoch(sequence, chunked) == len(list(training_batches(sequence, chunked, epoch=1)))


def test_what_never_ends_is_judged_by_what_was_trained_on() -> None:
    def endless() -> Iterator[dict[str, np.ndarray]]:
        number = 0
        while True:
            yield batch(number)
            number += 1

    part = flow(endless)
    for _, _ in zip(range(5), training_batches(part, FIT, epoch=1), strict=False):
        pass
    assert 5 <= len(list(evaluation_batches(part, FIT))) <= 6
    assert list(evaluation_batches(flow(endless()), FIT)) == []


def test_ragged_batches_and_a_known_preparation() -> None:
    items = [{"s": np.array([[2.0, 4, 9], [6, 9, 9]]), "lengths_T": [2, 1]}]
    known = Preparation(standardization={"s": Standardization(np.array(2.0), np.array(4.0))})
    dataset = from_batches(RAGGED, items, DataSettings(standardize=("s",)), known=known)
    assert isinstance(dataset.train, Flow)
    (found,) = dataset.train.begin()
    assert found.arrays["s"].tolist() == [[0, 0.5], [1, 0]]
    assert found.lengths["T"].tolist() == [2, 1]


def test_classes_of_batches_are_counted_from_the_first() -> None:
    items = [{"x": np.ones((3, 2)), "y": np.array([1, 3, 2])}]
    part = flow(items, settings=DataSettings(first=1))
    (found,) = part.begin()
    assert found.arrays["y"].tolist() == [0, 2, 1]
    assert part.preparation.undo("y", found.arrays["y"]).tolist() == [1, 3, 2]


SPEC = """
input x : [2], y : index(3)
param W : [3, 2] = 0
p = softmax(W @ x)
minimize cross_entropy(p, y)
fit { optimizer = sgd(lr = 0.5), batch = 8, shuffle = false, epochs = 3 }
"""


def test_training_on_batches_is_training_on_their_arrays() -> None:
    whole = batch(7, 20)
    parts = [{name: array[at : at + 8] for name, array in whole.items()} for at in (0, 8, 16)]
    later = batch(8, 9)
    arrays, batches = (graphc.compile(SPEC, dtype="float64") for _ in range(2))
    known = arrays.fit(whole, validation=later)
    found = batches.fit(parts, validation=[later])
    assert found.steps == known.steps == 9
    assert (batches.params["W"] == arrays.params["W"]).all()
    assert found.metrics["validation"] == known.metrics["validation"]


def test_a_generator_is_enough_for_one_epoch() -> None:
    program = graphc.compile(SPEC, dtype="float64")
    assert program.fit((batch(i) for i in range(3)), epochs=1).steps == 3
    before = program.params["W"].copy()
    with pytest.raises(GraphcError, match="enough for one epoch, not for 10"):
        program.fit((batch(i) for i in range(3)), epochs=10)
    assert (program.params["W"] == before).all()
    with pytest.raises(GraphcError, match="which ended after 3"):
        program.fit((batch(i) for i in range(3)), steps=5)


@pytest.mark.parametrize("data", ["digits", np.ones((3, 2)), 3])
def test_anything_else_is_no_data(data: object) -> None:
    with pytest.raises(GraphcError, match="E525"):
        graphc.compile(SPEC).fit(data)
