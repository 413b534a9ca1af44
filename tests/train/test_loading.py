"""From files and sets to parts: what is converted, scaled and standardized, and from what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graphc.train.data.examples import Part, Stream
from graphc.train.data.loading import from_arrays, load
from graphc.train.data.paths import resolve
from graphc.train.data.settings import DataSettings
from tests.train.models import spec, specs

HERE = Path()


def rows(part: object) -> np.ndarray:
    assert isinstance(part, Part)
    return part.rows


def test_statistics_come_from_the_training_part_alone() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(5, 3, size=(100, 3)) + np.array([0, 10, 0])
    x[:, 2] = 0.1
    settings = DataSettings(validation=20, test=30, standardize=("x",))
    dataset = from_arrays(specs(spec("x", 3)), {"x": x}, settings=settings)
    train = rows(dataset.train)
    statistics = dataset.preparation.standardization["x"]
    np.testing.assert_allclose(statistics.mean, x[train].mean(axis=0), rtol=1e-14)
    np.testing.assert_allclose(statistics.deviation, [*x[train].std(axis=0)[:2], 1], rtol=1e-14)
    # What the other parts hold has no say: change it, and nothing changes.
    others = np.setdiff1d(np.arange(100), train)
    changed = x.copy()
    changed[others] = 1e6
    again = from_arrays(specs(spec("x", 3)), {"x": changed}, settings=settings)
    assert (again.preparation.standardization["x"].mean == statistics.mean).all()
    assert isinstance(dataset.test, Part)
    batch = dataset.test.table.batch(dataset.test.rows)
    np.testing.assert_allclose(batch.arrays["x"], statistics.apply(x[dataset.test.rows]), rtol=1e-14)
    np.testing.assert_allclose(statistics.undo(batch.arrays["x"]), x[dataset.test.rows], rtol=1e-13)


def test_statistics_of_ragged_inputs_see_no_padding() -> None:
    x = np.array([[1.0, 3.0, np.nan], [5.0, np.inf, 7.0]])
    inputs = specs(spec("x", axes=(("t", "T"),)))
    settings = DataSettings(standardize=("x",))
    dataset = from_arrays(inputs, {"x": x}, {"T": np.array([2, 1])}, settings)
    assert dataset.preparation.standardization["x"].mean == 3
    assert dataset.preparation.standardization["x"].deviation == pytest.approx(np.std([1, 3, 5]))


def test_scale_comes_before_standardization() -> None:
    x = np.array([16, 0, 8], dtype=np.uint8)
    inputs = specs(spec("x"))
    table = from_arrays(inputs, {"x": x}, settings=DataSettings(scale=1 / 16)).train.table
    assert table.batch(np.arange(3)).arrays["x"].tolist() == [1, 0, 0.5]
    both = from_arrays(inputs, {"x": x}, settings=DataSettings(scale={"x": 1 / 16}, standardize=("x",)))
    assert both.preparation.standardization["x"].mean == 0.5


def test_without_settings_every_example_trains_in_order() -> None:
    dataset = from_arrays(specs(spec("x")), {"x": [1, 2, 3]})
    assert rows(dataset.train).tolist() == [0, 1, 2]
    assert dataset.validation is None
    assert dataset.test is None


def test_npz(tmp_path: Path) -> None:
    lengths = np.array([2, 3, 1, 3], dtype=np.uint8)
    inputs = specs(spec("x", 2, axes=(("t", "T"),)), spec("y", classes=3), spec("flag", dtype="bool"))
    arrays = {"x": np.ones((4, 3, 2), np.float32), "label": np.array([1, 2, 3, 1]), "flag": np.ones(4, bool)}
    (tmp_path / "sub").mkdir()
    for lengths_name in ("lengths_T", "T"):
        np.savez_compressed(tmp_path / "sub" / "a.npz", **arrays, **{lengths_name: lengths})
        settings = DataSettings("sub/a.npz", rename={"y": "label"}, first=1)
        dataset = load(settings, inputs, tmp_path, dtype="float32")
        batch = dataset.train.table.batch(np.arange(4))
        assert batch.arrays["x"].dtype == np.float32
        assert batch.arrays["y"].tolist() == [0, 1, 2, 0]
        assert batch.arrays["y"].dtype == np.int64
        assert batch.arrays["flag"].dtype == bool
        assert batch.lengths["T"].tolist() == lengths.tolist()


def test_an_array_that_is_not_asked_for_is_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.ones(3))
    dataset = load(DataSettings("a.npz"), specs(spec("x")), tmp_path)
    assert dataset.train.count == 3


def test_digits() -> None:
    pytest.importorskip("sklearn")
    inputs = specs(spec("x", 64), spec("y", classes=10))
    settings = DataSettings("digits", validation=0.2, standardize=("x",))
    dataset = load(settings, inputs, HERE)
    assert [part.count for part in (dataset.train, dataset.validation, dataset.test) if part] == [
        1079,
        359,
        359,
    ]
    train = dataset.train.table.batch(rows(dataset.train)).arrays["x"]
    np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-12)
    assert set(np.round(train.std(axis=0), 9)) == {0, 1}
    assert isinstance(dataset.test, Part)
    test_classes = dataset.test.table.batch(dataset.test.rows).arrays["y"]
    assert np.ptp(np.bincount(test_classes)) <= 2


def test_named_sets_take_the_layout_of_the_input() -> None:
    pytest.importorskip("sklearn")
    settings = DataSettings("digits", rename={"image": "x"})
    flat = load(settings, specs(spec("image", 64)), HERE).train.table.batch(np.array([3])).arrays["image"]
    for item, shape in (
        (spec("image", 1, 8, 8), (1, 1, 8, 8)),
        (spec("image", 4, axes=(("t", "T"),)), (1, 16, 4)),
        (spec("image", 8, axes=(("t", "T"),), fixed={"T": 8}), (1, 8, 8)),
    ):
        batch = load(settings, specs(item), HERE).train.table.batch(np.array([3]))
        assert batch.arrays["image"].shape == shape
        assert (batch.arrays["image"].ravel() == flat.ravel()).all()


def test_regression_targets_and_scale() -> None:
    pytest.importorskip("sklearn")
    inputs = specs(spec("x", 10), spec("y"))
    settings = DataSettings("diabetes", test=0, scale=100, standardize=("y",))
    dataset = load(settings, inputs, HERE)
    assert dataset.train.count == 442
    assert dataset.train.table.preparation.scale == {"x": 100}
    assert dataset.preparation.standardization["y"].mean == pytest.approx(152.133, abs=1e-3)


def test_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("ab\r\nz é a".encode())
    inputs = specs(spec("s", axes=(("t", "T"),), classes=9))
    dataset = load(DataSettings("a.txt", validation=2, test=2), inputs, tmp_path, bptt=3)
    assert dataset.preparation.vocabularies["s"] == ("\n", "\r", " ", "a", "b", "z", "é")
    assert isinstance(dataset.train, Stream)
    codes = dataset.train.table.arrays["s"]
    assert "".join(dataset.preparation.vocabularies["s"][code] for code in codes) == "ab\r\nz é a"
    parts = [
        (part.start, part.stop)
        for part in (dataset.train, dataset.validation, dataset.test)
        if isinstance(part, Stream)
    ]
    assert parts == [(0, 5), (5, 7), (7, 9)]


def test_one_long_example_is_a_stream() -> None:
    inputs = specs(spec("x", 2, axes=(("t", "T"),)), spec("y", axes=(("t", "T"),)))
    arrays = {"x": np.arange(40.0).reshape(1, 20, 2), "y": np.arange(20.0)[None]}
    settings = DataSettings(validation=0.25, standardize=("x",))
    dataset = from_arrays(inputs, arrays, {"T": [18]}, settings, bptt=4)
    assert isinstance(dataset.train, Stream)
    assert (dataset.train.count, dataset.validation and dataset.validation.count) == (14, 4)
    assert dataset.preparation.standardization["x"].mean.tolist() == [13, 14]


def test_links_inside_the_root_are_followed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("a")
    (tmp_path / "link.txt").symlink_to("data/a.txt")
    assert resolve("link.txt", tmp_path) == (tmp_path / "data" / "a.txt").resolve()
