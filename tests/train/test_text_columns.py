"""Columns of `.csv` files whose cells are sequences: texts by characters or words, and rows of numbers."""

from __future__ import annotations

import csv
import io
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphc.diagnostics import GraphcError
from graphc.train.data import origins
from graphc.train.data.examples import Batch, Dataset, Part, Stream
from graphc.train.data.loading import for_prediction, load
from graphc.train.data.preparation import Preparation
from graphc.train.data.settings import DataSettings
from tests.train.models import spec, specs


def text(name: str, axis: str = "t", dim: str = "V", classes: int = 9) -> object:
    """`input NAME[AXIS] : index(V)`"""
    return replace(spec(name, axes=((axis, axis.upper()),), classes=classes), dim=dim)


def table(root: Path, content: str, *inputs: object, **options: object) -> Dataset:
    (root / "a.csv").write_text(content, newline="")
    bptt = options.pop("bptt", None)
    return load(DataSettings("a.csv", **options), specs(*inputs), root, bptt=bptt)  # type: ignore[arg-type]


def whole(part: object) -> Batch:
    assert isinstance(part, Part)
    return part.table.batch(part.rows)


def written(dataset: Dataset, name: str, part: object = None) -> list[list[str]]:
    """The symbols of each example, as far as it goes."""
    batch = whole(part or dataset.train)
    words = dataset.preparation.words(name, batch.arrays[name])
    (axis,) = dataset.train.table.axes[name]  # type: ignore[union-attr]
    lengths = batch.lengths[axis]
    return [row[:end].tolist() for row, end in zip(words, lengths, strict=True)]


PAIRS = 'src,tgt,n\nab,>ba,1\n"c\n,""",>,2\n" a",>x ,3\n'


def test_each_character_of_a_cell_is_a_step(tmp_path: Path) -> None:
    dataset = table(tmp_path, PAIRS, text("src"), text("tgt", "u"))
    assert written(dataset, "src") == [["a", "b"], ["c", "\n", ",", '"'], [" ", "a"]]
    assert written(dataset, "tgt") == [[">", "b", "a"], [">"], [">", "x", " "]]


def test_inputs_over_one_dim_share_a_vocabulary(tmp_path: Path) -> None:
    shared = table(tmp_path, PAIRS, text("src"), text("tgt", "u")).preparation.vocabularies
    assert shared["src"] == shared["tgt"] == ("\n", " ", '"', ",", ">", "a", "b", "c", "x")
    apart = table(tmp_path, PAIRS, text("src"), text("tgt", "u", "W")).preparation.vocabularies
    assert apart["src"] == ("\n", " ", '"', ",", "a", "b", "c")
    assert apart["tgt"] == (" ", ">", "a", "b", "x")


def test_a_class_over_the_same_dim_is_a_symbol(tmp_path: Path) -> None:
    following = replace(spec("y", classes=9), dim="V")
    dataset = table(tmp_path, "s,y\n12,3\n21,1\n", text("s"), following)
    assert dataset.preparation.vocabularies["y"] == ("1", "2", "3")
    assert whole(dataset.train).arrays["y"].tolist() == [2, 0]
    plain = table(tmp_path, "a,y\nq,3\nr,1\n", replace(spec("a", classes=9), dim="V"), following)
    assert plain.preparation.vocabularies == {"a": ("q", "r")}


def test_words_are_runs_of_letters_digits_and_apostrophes(tmp_path: Path) -> None:
    cells = 's\nIt isn\'t 2nd-rate; no!\n"Ää’s x_y\n\n""ok"""\n'
    dataset = table(tmp_path, cells, text("s", classes=20), tokens="words")
    assert written(dataset, "s") == [
        ["It", "isn't", "2nd", "-", "rate", ";", "no", "!"],
        ["Ää’s", "x", "_", "y", '"', "ok", '"'],
    ]


def test_numbers_with_spaces_between_them(tmp_path: Path) -> None:
    ragged = spec("x", axes=(("t", "T"),))
    pairs = spec("z", 2, axes=(("u", "U"),))
    flags = spec("f", axes=(("t", "T"),), dtype="bool")
    content = "x,z,f\n1.5 -2 3e2,1 2,true false 1\n4, 1 2  3 4 ,0\n"
    batch = whole(table(tmp_path, content, ragged, pairs, flags).train)
    assert batch.arrays["x"].tolist() == [[1.5, -2, 300], [4, 0, 0]]
    assert batch.arrays["z"].tolist() == [[[1, 2], [0, 0]], [[1, 2], [3, 4]]]
    assert batch.arrays["f"].tolist() == [[True, False, True], [False, False, False]]
    assert {name: own.tolist() for name, own in batch.lengths.items()} == {"T": [3, 1], "U": [1, 2]}


def test_class_numbers_with_spaces_between_them(tmp_path: Path) -> None:
    dataset = table(tmp_path, "s\n1 2\n9\n", text("s"), tokens="numbers", first=1)
    assert dataset.preparation.vocabularies == {}
    assert whole(dataset.train).arrays["s"].tolist() == [[0, 1], [8, 0]]
    mixed = table(tmp_path, "s,w\n1 2,ab\n8,b\n", text("s"), text("w"), tokens={"s": "numbers"})
    assert mixed.preparation.vocabularies == {"w": ("a", "b")}


def test_an_axis_of_a_size(tmp_path: Path) -> None:
    fixed = spec("x", axes=(("t", "T"),), fixed={"T": 3})
    batch = whole(table(tmp_path, "x\n1 2 3\n4 5 6\n", fixed).train)
    assert batch.arrays["x"].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert batch.lengths == {}


def test_columns_of_other_names_are_no_part_of_a_sequence(tmp_path: Path) -> None:
    dataset = table(tmp_path, "s,s_length,a b\nab,2,c\n", text("s"))
    assert written(dataset, "s") == [["a", "b"]]
    named = table(tmp_path, "s,s_length,a b\nab,2,c\n", text("s"), columns={"s": ("a b",)})
    assert written(named, "s") == [["c"]]


def test_a_trained_model_reads_other_files_in_its_own_way(tmp_path: Path) -> None:
    dataset = table(tmp_path, "s\nno way\nyes\n", text("s"), tokens="words")
    again = Preparation.restored(dataset.preparation.state(), dataset.preparation.settings())
    assert again == dataset.preparation
    (tmp_path / "b.csv").write_text("s\nyes no\n")
    part = for_prediction(DataSettings(), specs(text("s")), tmp_path / "b.csv", again)  # type: ignore[arg-type]
    assert written(dataset, "s", part) == [["yes", "no"]]
    (tmp_path / "b.csv").write_text("s\nyes no\nyes maybe\n")
    with pytest.raises(GraphcError, match=r"line 3 of .*column `s`: the word `maybe` is none of the 3"):
        for_prediction(DataSettings(), specs(text("s")), tmp_path / "b.csv", again)  # type: ignore[arg-type]


def test_a_text_of_words(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the sea,\nthe sky. " * 4)
    dataset = load(DataSettings("a.txt", tokens="words"), specs(text("s")), tmp_path, bptt=4)  # type: ignore[arg-type]
    assert isinstance(dataset.train, Stream)
    codes = dataset.train.table.arrays["s"]
    assert dataset.preparation.words("s", codes[:6]).tolist() == ["the", "sea", ",", "the", "sky", "."]
    assert codes.shape == (24,)


def test_one_long_cell_is_not_padded_beyond_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = "s\n" + "a\n" * 1000 + "a" * 1000 + "\n"
    monkeypatch.setattr(origins, "memory_limit", lambda: 1_000_000)
    with pytest.raises(GraphcError, match="E416"):
        table(tmp_path, content, text("s"))


CELLS = st.sampled_from(["", " ", "a", "ä’ b", '"', "1", "-2.5 3", "nan", "1,2", "x\ny", "\0", "7 8 9"])


@given(st.lists(st.tuples(CELLS, CELLS, CELLS), min_size=1, max_size=6))
def test_any_cells_are_data_or_a_fault(rows: list[tuple[str, str, str]]) -> None:
    inputs = text("s", classes=20), text("w", "u", "W"), spec("x", axes=(("k", "K"),))
    content = io.StringIO()
    csv.writer(content).writerows([("s", "w", "x"), *rows])
    found: Dataset | str
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = table(Path(folder), content.getvalue(), *inputs, tokens={"w": "words"})
        except GraphcError as error:
            found = error.diagnostics[0].code
    is_sound = all(s and w.strip() and x.strip() in ("1", "-2.5 3", "7 8 9") for s, w, x in rows)
    assert isinstance(found, Dataset) == is_sound
    if isinstance(found, Dataset):
        assert ["".join(row) for row in written(found, "s")] == [s for s, _, _ in rows]
        assert ["".join(row) for row in written(found, "w")] == ["".join(w.split()) for _, w, _ in rows]
    else:
        assert found == "E462"
