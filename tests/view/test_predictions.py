"""Predictions as CSV, JSON and archives: what other programs read."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from graphc.diagnostics import GraphcError
from graphc.view.predictions import Predicted, Predictions

RAGGED = Predicted("h", np.arange(12, dtype=np.float32).reshape(2, 3, 2), ("t",), ("T",))
LENGTHS = {"T": np.array([2, 3])}


def of(*outputs: Predicted, **lengths: list[int]) -> Predictions:
    own = {name: np.array(values) for name, values in lengths.items()}
    return Predictions(outputs, own, 2)


def table(found: Predictions) -> list[list[str]]:
    return list(csv.reader(io.StringIO(found.encoded(".csv").decode())))


def test_a_row_for_each_example() -> None:
    found = of(
        Predicted("y", np.array([0.1, np.nan], np.float32)),
        Predicted("p", np.array([[0.25, 0.75], [1, 0]]), labels=("no", "yes, sure")),
        Predicted("A", np.array([[[1, 2]], [[3, 4]]])),
        Predicted("ok", np.array([True, False])),
        Predicted("word", np.array(["a", 'say "b"'])),
        Predicted("w", np.array([7, 8]), varies=False),
    )
    assert table(found) == [
        ["y", "p[no]", "p[yes, sure]", "A[0,0]", "A[0,1]", "ok", "word", "w[0]", "w[1]"],
        ["0.1", "0.25", "0.75", "1", "2", "true", "a", "7", "8"],
        ["nan", "1.0", "0.0", "3", "4", "false", 'say "b"', "7", "8"],
    ]


def test_numbers_can_be_read_again() -> None:
    values = np.random.default_rng(0).normal(size=200).astype(np.float32) * np.float32(1e-12)
    rows = table(Predictions((Predicted("y", values),), {}, 200))
    assert (np.array([row[0] for row in rows[1:]], np.float32) == values).all()


def test_a_row_for_each_step_within_the_lengths() -> None:
    found = of(RAGGED, Predicted("last", np.array([2, 5])), T=[2, 3])
    assert table(found) == [
        ["example", "t", "h[0]", "h[1]", "last"],
        ["0", "1", "0.0", "1.0", "2"],
        ["0", "2", "2.0", "3.0", "2"],
        ["1", "1", "6.0", "7.0", "5"],
        ["1", "2", "8.0", "9.0", "5"],
        ["1", "3", "10.0", "11.0", "5"],
    ]


def test_two_axes() -> None:
    found = of(Predicted("a", np.arange(8).reshape(2, 2, 2), ("u", "t"), ("", "T")), T=[1, 2])
    assert table(found)[:4] == [
        ["example", "u", "t", "a"],
        ["0", "1", "1", "0"],
        ["0", "2", "1", "2"],
        ["1", "1", "1", "4"],
    ]


def test_a_table_over_steps_that_no_example_changes() -> None:
    found = of(Predicted("pos", np.array([[1.0], [2.0]]), ("t",), ("",), varies=False))
    assert table(found)[1:] == [["0", "1", "1.0"], ["0", "2", "2.0"], ["1", "1", "1.0"], ["1", "2", "2.0"]]


def test_different_axes_are_no_table() -> None:
    other = Predicted("g", np.zeros((2, 4)), ("u",), ("N",))
    with pytest.raises(GraphcError, match=r"`h` \(t\) and `g` \(u\) run along different axes") as caught:
        of(RAGGED, other).encoded(".csv")
    assert caught.value.diagnostics[0].code == "E632"
    assert set(of(RAGGED, other).arrays()) == {"h", "g"}


def test_archives_hold_arrays_by_name() -> None:
    with np.load(io.BytesIO(of(RAGGED, T=[2, 3]).encoded(".npz"))) as archive:
        assert set(archive) == {"h", "lengths_T"}
        np.testing.assert_array_equal(archive["h"], RAGGED.array)


def test_json_has_no_numbers_that_are_none() -> None:
    found = of(Predicted("y", np.array([0.5, np.inf])))
    assert json.loads(found.encoded(".json")) == {"y": [0.5, "inf"]}
