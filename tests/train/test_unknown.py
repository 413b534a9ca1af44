"""What the vocabulary lacks becomes one symbol wherever a text is read, and which symbols that concerns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from graphc.diagnostics import GraphcError
from graphc.driver.vocabulary import classes, pieces
from graphc.train.data.examples import Dataset, Part, Stream
from graphc.train.data.loading import for_prediction, load
from graphc.train.data.preparation import Preparation
from graphc.train.data.settings import DataSettings
from tests.train.models import spec, specs
from tests.train.test_text_columns import text, whole, written

OTHER = "<unk>"


def table(root: Path, rows: list[str], *inputs: object, **options: object) -> Dataset:
    (root / "a.csv").write_text("\n".join(["s", *rows]) + "\n")
    settings = DataSettings("a.csv", unknown=OTHER, **options)  # type: ignore[arg-type]
    return load(settings, specs(*inputs or [text("s", classes=20)]), root)  # type: ignore[arg-type]


def test_the_vocabulary_is_that_of_the_training_part(tmp_path: Path) -> None:
    dataset = table(tmp_path, ["ab", "ba", "bc", "dab"], validation=1, test=1, by_time=True)
    assert dataset.preparation.vocabularies["s"] == ("a", "b", OTHER)
    assert written(dataset, "s") == [["a", "b"], ["b", "a"]]
    assert written(dataset, "s", dataset.validation) == [["b", OTHER]]
    assert written(dataset, "s", dataset.test) == [[OTHER, "a", "b"]]


def test_what_is_seldom_is_unknown(tmp_path: Path) -> None:
    dataset = table(tmp_path, ["a b a", "c a b", "c d"], tokens="words", least=2)
    assert dataset.preparation.vocabularies["s"] == ("a", "b", "c", OTHER)
    assert written(dataset, "s")[2] == ["c", OTHER]


def test_the_most_frequent_are_kept_where_there_is_little_room(tmp_path: Path) -> None:
    # Padding does not count: the class of `z` would be 0, that of `a`, in five of the places behind the ends.
    dataset = table(tmp_path, ["zzzyyx", "a"], text("s", classes=3))
    assert dataset.preparation.vocabularies["s"] == ("y", "z", OTHER)
    assert written(dataset, "s") == [["z", "z", "z", "y", "y", OTHER], [OTHER]]


def test_inputs_over_one_dim_count_together(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("s,r,k\nab,b,x\nac,d,y\n")
    settings = DataSettings("a.csv", unknown=OTHER, least=2)
    inputs = specs(text("s"), text("r", "u"), spec("k", classes=2))  # type: ignore[arg-type]
    dataset = load(settings, inputs, tmp_path)
    # Classes without an axis are no symbols of texts.
    assert dataset.preparation.vocabularies == {
        "s": ("a", "b", OTHER),
        "r": ("a", "b", OTHER),
        "k": ("x", "y"),
    }
    assert written(dataset, "r") == [["b"], [OTHER]]
    assert whole(dataset.train).arrays["k"].tolist() == [0, 1]


def test_other_files_and_prompts(tmp_path: Path) -> None:
    dataset = table(tmp_path, ["good day", "bad day"], tokens="words")
    prepared = Preparation.restored(dataset.preparation.state(), dataset.preparation.settings())
    assert prepared == dataset.preparation
    (tmp_path / "b.csv").write_text("s\na good night\n")
    inputs = specs(text("s", classes=20))  # type: ignore[arg-type]
    part = for_prediction(DataSettings(), inputs, tmp_path / "b.csv", prepared)
    assert written(dataset, "s", part) == [[OTHER, "good", OTHER]]
    found = classes(prepared, "s", "a bad  day!")
    assert prepared.words("s", found).tolist() == [OTHER, "bad", "day", OTHER]
    assert "".join(pieces(prepared, "s", found)) == " <unk> bad day <unk>"


def test_parts_in_other_files(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("s\nxa\n")
    dataset = table(tmp_path, ["ab", "b"], test="b.csv")
    assert written(dataset, "s", dataset.test) == [[OTHER, "a"]]


def test_one_long_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abcabcabcd" + "aebx")
    settings = DataSettings("a.txt", unknown=OTHER, least=2, validation=4)
    dataset = load(settings, specs(text("s", classes=5)), tmp_path, bptt=3)  # type: ignore[arg-type]
    assert dataset.preparation.vocabularies["s"] == ("a", "b", "c", OTHER)
    assert isinstance(dataset.validation, Stream)
    codes = dataset.validation.table.arrays["s"][dataset.validation.start :]
    assert dataset.preparation.words("s", codes).tolist() == ["a", OTHER, "b", OTHER]
    assert isinstance(
        for_prediction(settings, specs(text("s")), tmp_path / "a.txt", dataset.preparation), Part
    )  # type: ignore[arg-type]


def test_without_a_symbol_for_it_it_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('s\n"a\nb"\n')
    prepared = load(DataSettings("a.csv"), specs(text("s")), tmp_path).preparation  # type: ignore[arg-type]
    with pytest.raises(GraphcError, match="the prompt has the character 'x' in line 2, column 1"):
        classes(prepared, "s", "a\nx")


def test_texts_for_an_axis_of_a_size(tmp_path: Path) -> None:
    fixed = specs(replace(spec("s", axes=(("t", "T"),), classes=9, fixed={"T": 2}), dim="V"))
    (tmp_path / "a.csv").write_text("s\nab\nba\n")
    prepared = load(DataSettings("a.csv"), fixed, tmp_path).preparation
    found = whole(for_prediction(DataSettings(), fixed, {"s": ["bb", "ab"]}, prepared))
    assert found.arrays["s"].tolist() == [[1, 1], [0, 1]]
    assert found.lengths == {}
    with pytest.raises(GraphcError, match="the texts are not as long as `T` is"):
        for_prediction(DataSettings(), fixed, {"s": ["b", "ab"]}, prepared)
