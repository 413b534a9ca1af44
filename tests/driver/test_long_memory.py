"""The adding problem and copy memory: data as the papers say, and small ones are learned."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc

SPECS = Path(graphc.__file__).parents[1] / "specs"
PARTS = {"data.validation": "100", "data.test": "0"}


def made(name: str, **sizes: int) -> dict[str, Any]:
    """What `specs/data/make_NAME.py` makes, in other sizes."""
    return dict(runpy.run_path(str(SPECS / "data" / f"make_{name}.py"))[name](**sizes))


def test_two_numbers_are_marked_one_in_each_half() -> None:
    data = made("adding", examples=4000, steps=12)
    values, markers = data["x"][..., 0], data["x"][..., 1]
    assert set(np.unique(markers)) == {0, 1}
    assert np.all(markers[:, :6].sum(axis=1) == 1)
    assert np.all(markers[:, 6:].sum(axis=1) == 1)
    np.testing.assert_allclose(data["y"], (values * markers).sum(axis=1), rtol=1e-6)
    # The variance of the sum of two even draws: what the constant answer 1 leaves.
    assert np.mean((data["y"] - 1) ** 2) == pytest.approx(1 / 6, rel=0.1)


def test_ten_symbols_are_to_be_repeated_behind_the_delimiter() -> None:
    data = made("copy_memory", examples=50, wait=7)
    s, y = data["s"], data["y"]
    assert s.shape == y.shape == (50, 27)
    assert set(np.unique(s[:, :10])) == set(range(8))
    np.testing.assert_array_equal(y[:, -10:], s[:, :10])
    # Eleven steps before the end stands the delimiter, behind it and before it blanks.
    assert np.all(s[:, -11] == 9)
    assert np.all(s[:, 10:-11] == 8)
    assert np.all(s[:, -10:] == 8)
    assert np.all(y[:, :-10] == 8)


def test_marked_numbers_are_added() -> None:
    settings = {**PARTS, "fit.optimizer.lr": "0.02"}
    program = graphc.compile(SPECS / "adding.nn", dims={"H": 12}, backend="reference", settings=settings)
    result = program.fit(made("adding", examples=600, steps=6), epochs=4, batch=20)
    assert result.metrics["validation"]["loss"] < 0.5 / 6


def test_symbols_are_recalled() -> None:
    """Below what is left to one who knows when to answer, which takes a memory of the symbols."""
    settings = {**PARTS, "fit.optimizer.lr": "0.01"}
    program = graphc.compile(SPECS / "copy_memory.nn", dims={"H": 32}, backend="reference", settings=settings)
    found = program.fit(made("copy_memory", examples=600, wait=2), epochs=4, batch=20).metrics["validation"]
    assert found["loss"] < 0.5 * 10 * np.log(8) / 22
    assert found["recalled"] > 0.5


def test_side_by_side_is_each_alone() -> None:
    """Two steps of the LSTM among other cells are those of the LSTM alone, if nothing is clipped."""
    data = made("adding", examples=6, steps=5)
    side, alone = (
        graphc.compile(SPECS / name, dims={"H": 4}, backend="reference", dtype="float64", settings=settings)
        for name, settings in (("adding_cells.nn", {}), ("adding.nn", {"fit.clip": "1e9"}))
    )
    for name in alone.params:
        own = side.params[name.replace("rnn.", "lstm.")]
        alone.params[name] = own if "." in name else own[0]
    for _ in range(2):
        side.step(data)
        alone.step(data)
    for name in alone.params:
        own = side.params[name.replace("rnn.", "lstm.")]
        np.testing.assert_allclose(
            alone.params[name], own if "." in name else own[0], rtol=1e-9, err_msg=name
        )
