"""What is kept with a trained model: statistics and vocabularies, applied to other data later."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from graphc.train.data.examples import Batch, Part, Stream
from graphc.train.data.loading import for_prediction, from_arrays, load
from graphc.train.data.preparation import Preparation
from graphc.train.data.settings import DataSettings
from tests.train.models import spec, specs

INPUTS = specs(spec("x", 2), spec("y"), spec("k", classes=3))
TEXT = "x_0,x_1,y,k\n1,10,100,b\n3,30,300,c\n5,50,500,a\n7,20,200,b\n"


@pytest.fixture
def trained(tmp_path: Path) -> Preparation:
    (tmp_path / "a.csv").write_text(TEXT)
    settings = DataSettings("a.csv", standardize=("x", "y"), scale={"y": 0.01}, test=1)
    return load(settings, INPUTS, tmp_path).preparation


def whole(part: Part | Stream) -> Batch:
    assert isinstance(part, Part)
    return part.table.batch(part.rows)


def test_a_preparation_comes_back_as_it_was(trained: Preparation) -> None:
    kept = json.loads(json.dumps(trained.settings()))
    again = Preparation.restored(trained.state(), kept)
    assert again.settings() == trained.settings()
    assert again.vocabularies == {"k": ("a", "b", "c")}
    values = np.random.default_rng(0).normal(size=(5, 2))
    assert (again.apply("x", values) == trained.apply("x", values)).all()


def test_undo_is_the_inverse_of_apply(trained: Preparation) -> None:
    targets = np.array([100.0, -3.5, 0])
    np.testing.assert_allclose(
        trained.undo("y", trained.apply("y", targets)), targets, rtol=1e-12, atol=1e-10
    )


def test_what_was_learned_holds_for_other_data(trained: Preparation, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("k,x_1,x_0,other\nc,1000,9,?\n")
    part = for_prediction(DataSettings(), INPUTS, tmp_path / "b.csv", trained, needed=["x", "k"])
    batch = whole(part)
    assert set(batch.arrays) == {"x", "k"}
    assert batch.arrays["k"].tolist() == [2]
    assert (batch.arrays["x"] == trained.apply("x", np.array([[9.0, 1000.0]]))).all()
    np.savez(tmp_path / "b.npz", x=np.array([[9.0, 1000.0]]), y=np.ones(1))
    found = whole(for_prediction(DataSettings(), INPUTS, tmp_path / "b.npz", trained, needed=["x"]))
    assert (found.arrays["x"] == batch.arrays["x"]).all()
    given = whole(for_prediction(DataSettings(), INPUTS, {"x": [[9, 1000]]}, trained, needed=["x"]))
    assert (given.arrays["x"] == batch.arrays["x"]).all()


def test_options_of_parts_do_not_count(trained: Preparation, tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text(TEXT)
    settings = DataSettings("a.csv", validation=0.5, test="gone.csv", group="patient")
    part = for_prediction(settings, INPUTS, tmp_path / "b.csv", trained)
    assert part.count == 4


def test_arrays_that_made_the_parts_may_be_there(tmp_path: Path) -> None:
    inputs = specs(spec("x"))
    np.savez(tmp_path / "a.npz", x=np.arange(4.0), patient=np.array([0, 0, 1, 2]))
    settings = DataSettings("a.npz", validation="a.npz", test=1, group="patient")
    dataset = load(settings, inputs, tmp_path)
    assert dataset.validation is not None
    assert dataset.validation.count == 4
    part = for_prediction(settings, inputs, tmp_path / "a.npz", dataset.preparation)
    assert part.count == 4


def test_loading_again_with_a_known_preparation_computes_nothing(
    trained: Preparation, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text(TEXT + "1000,1000,1000,a\n")
    settings = DataSettings("a.csv", standardize=("x", "y"), scale={"y": 0.01}, test=1)
    again = load(settings, INPUTS, tmp_path, known=trained)
    assert again.preparation is trained


def test_numbers_of_classes_are_counted_as_in_training(tmp_path: Path) -> None:
    inputs = specs(spec("x"), spec("k", classes=3))
    settings = DataSettings("a.csv", first=1)
    (tmp_path / "a.csv").write_text("x,k\n1,3\n2,1\n")
    numbers = load(settings, inputs, tmp_path).preparation
    (tmp_path / "a.csv").write_text("x,k\n1,c\n2,a\n3,b\n")
    texts = load(settings, inputs, tmp_path).preparation
    given = {"x": [1.0], "k": [2]}
    assert whole(for_prediction(settings, inputs, given, numbers)).arrays["k"] == [1]
    assert whole(for_prediction(settings, inputs, given, texts)).arrays["k"] == [2]


def test_a_text_with_a_known_vocabulary(tmp_path: Path) -> None:
    inputs = specs(spec("s", axes=(("t", "T"),), classes=5))
    (tmp_path / "a.txt").write_text("abcd" * 5)
    known = load(DataSettings("a.txt"), inputs, tmp_path, bptt=4).preparation
    (tmp_path / "b.txt").write_text("dbd")
    batch = whole(for_prediction(DataSettings(), inputs, tmp_path / "b.txt", known))
    assert batch.arrays["s"].tolist() == [[3, 1, 3]]
    assert known.words("s", batch.arrays["s"][0]).tolist() == ["d", "b", "d"]
    stream = for_prediction(DataSettings(), inputs, tmp_path / "b.txt", known, bptt=4)
    assert isinstance(stream, Stream)
    assert stream.count == 3
    part = load(DataSettings("a.txt", validation="b.txt"), inputs, tmp_path, bptt=4).validation
    assert isinstance(part, Stream)
    assert part.table.arrays["s"].tolist() == [3, 1, 3]


def test_a_description_tells_data_apart(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(TEXT)
    first = load(DataSettings("a.csv", test=1), INPUTS, tmp_path).description
    assert first["kind"] == "csv"
    assert first["examples"] == 4
    assert first["parts"] == {"train": 3, "test": 1}
    assert json.loads(json.dumps(first)) == first
    (tmp_path / "a.csv").write_text(TEXT.replace("50", "51"))
    second = load(DataSettings("a.csv", test=1), INPUTS, tmp_path).description
    assert first["files"][0]["sha256"] != second["files"][0]["sha256"]
    one, two = (from_arrays(specs(spec("x")), {"x": [1.0, value]}).description for value in (2, 3))
    assert one["sha256"] != two["sha256"]
