"""Tables: which columns an input takes, what their cells become, and where a long sequence is one."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphc.diagnostics import GraphcError
from graphc.train.data import csv_files
from graphc.train.data.examples import Batch, Dataset, Part, Stream
from graphc.train.data.loading import load
from graphc.train.data.settings import DataSettings
from tests.train.models import spec, specs

PAIR = specs(spec("x", 2), spec("y", classes=3))


def table(root: Path, text: str | bytes, inputs: object = PAIR, **options: object) -> Dataset:
    (root / "a.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    bptt = options.pop("bptt", None)
    settings = DataSettings("a.csv", **options)  # type: ignore[arg-type]
    return load(settings, inputs, root, bptt=bptt)  # type: ignore[arg-type]


def whole(dataset: Dataset) -> Batch:
    assert isinstance(dataset.train, Part)
    return dataset.train.table.batch(dataset.train.rows)


@pytest.mark.parametrize(
    "header",
    ["x_0,x_1,y", "x[0],x[1],y", "x0,x1,y", "x.width,x.height,y", "x (cm),x (mm),y", " x_0 , x_1 ,y"],
)
def test_a_vector_takes_the_columns_that_begin_with_its_name(header: str, tmp_path: Path) -> None:
    batch = whole(table(tmp_path, f"{header}\n1,2,0\n3,4.5,2\n"))
    assert batch.arrays["x"].tolist() == [[1, 2], [3, 4.5]]
    assert batch.arrays["y"].tolist() == [0, 2]


def test_columns_stand_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    names = [f"x_{i}" for i in (10, 2, 0, 1, 11, 3, 4, 5, 6, 7, 8, 9)]
    cells = [name.removeprefix("x_") for name in names]
    batch = whole(table(tmp_path, f"{','.join(names)}\n{','.join(cells)}\n", specs(spec("x", 12))))
    assert batch.arrays["x"].tolist() == [list(range(12))]
    matrix = "m[1,0];m[0,1];m[0,0];m[1,1]\n3;2;1;4\n"
    batch = whole(table(tmp_path, matrix, specs(spec("m", 2, 2)), separator=";"))
    assert batch.arrays["m"].tolist() == [[[1, 2], [3, 4]]]


def test_a_column_belongs_to_the_longest_name(tmp_path: Path) -> None:
    inputs = specs(spec("x", 2), spec("x_mean"), spec("x_a", 1), spec("xylose"))
    text = "x_mean,x_1,xylose,x_a_0,x_2,id\n9,1,7,5,2,ignored\n"
    arrays = whole(table(tmp_path, text, inputs)).arrays
    assert {name: array.tolist() for name, array in arrays.items()} == {
        "x": [[1, 2]],
        "x_mean": [9],
        "x_a": [[5]],
        "xylose": [7],
    }


def test_columns_that_are_named(tmp_path: Path) -> None:
    text = "kind,petal width,length\n1,2,3\n"
    columns = {"x": ("length", "petal width"), "y": ("kind",)}
    batch = whole(table(tmp_path, text, columns=columns))
    assert batch.arrays["x"].tolist() == [[3, 2]]
    renamed = whole(table(tmp_path, "a_0,a_1,k\n1,2,2\n", rename={"x": "a", "y": "k"}))
    assert renamed.arrays["x"].tolist() == [[1, 2]]
    assert renamed.arrays["y"].tolist() == [2]


def test_what_a_file_may_look_like(tmp_path: Path) -> None:
    plain = whole(table(tmp_path, "x_0,x_1,y\n1,2,0\n3,4,1\n")).arrays
    for text in (
        b"\xef\xbb\xbfx_0,x_1,y\r\n1,2,0\r\n3,4,1",
        b'"x_0","x_1","y"\n"1","2","0"\n\n3, 4 ,1\n\n',
        b"x_0,x_1,y\r1,2,0\r3,4,1\r",
        b'note,x_0,x_1,y\n"two\nlines, ""quoted""",1,2,0\n,3e0,+4.0,1\n',
    ):
        arrays = whole(table(tmp_path, text)).arrays
        assert all((arrays[name] == plain[name]).all() for name in plain)
    for separator in (";", "\t", "|"):
        text = "x_0,x_1,y\n1,2,0\n3,4,1\n".replace(",", separator)
        arrays = whole(table(tmp_path, text, separator=separator)).arrays
        assert all((arrays[name] == plain[name]).all() for name in plain)


def test_texts_become_classes_in_their_sorted_order(tmp_path: Path) -> None:
    dataset = table(tmp_path, "x_0,x_1,y\n1,2,wren\n1,2,Owl\n1,2,wren\n1,2,gull\n", first=1)
    assert dataset.preparation.vocabularies == {"y": ("Owl", "gull", "wren")}
    classes = whole(dataset).arrays["y"]
    assert classes.tolist() == [2, 0, 2, 1]
    assert dataset.preparation.words("y", classes).tolist() == ["wren", "Owl", "wren", "gull"]
    assert dataset.preparation.undo("y", classes).tolist() == [2, 0, 2, 1]


def test_whole_numbers_are_classes_themselves(tmp_path: Path) -> None:
    dataset = table(tmp_path, "x_0,x_1,y\n1,2,3\n1,2,1.0\n", first=1)
    assert dataset.preparation.vocabularies == {}
    assert whole(dataset).arrays["y"].tolist() == [2, 0]
    assert dataset.preparation.undo("y", np.array([2, 0])).tolist() == [3, 1]


def test_a_vector_of_classes_has_one_vocabulary(tmp_path: Path) -> None:
    dataset = table(tmp_path, "w_0,w_1\nb,a\nc,b\n", specs(spec("w", 2, classes=4)))
    assert dataset.preparation.vocabularies == {"w": ("a", "b", "c")}
    assert whole(dataset).arrays["w"].tolist() == [[1, 0], [2, 1]]
    assert dataset.preparation.words("w", np.array([3, 1])).tolist() == ["3", "b"]


def test_truth_values(tmp_path: Path) -> None:
    dataset = table(tmp_path, "f\ntrue\nFALSE\n1\n0\n", specs(spec("f", dtype="bool")))
    assert whole(dataset).arrays["f"].tolist() == [True, False, True, False]


def test_steps_in_columns_and_steps_in_rows(tmp_path: Path) -> None:
    inputs = specs(spec("s", axes=(("t", "T"),)))
    batch = whole(table(tmp_path, "s_1,s_2,s_3\n1,2,3\n4,5,6\n", inputs))
    assert batch.arrays["s"].tolist() == [[1, 2, 3], [4, 5, 6]]
    both = specs(spec("x", 2, axes=(("t", "T"),)), spec("y", axes=(("t", "T"),)))
    text = "x_0,x_1,y\n" + "".join(f"{i},{-i},{i * i}\n" for i in range(10))
    dataset = table(tmp_path, text, both, bptt=4, validation=0.3)
    assert isinstance(dataset.train, Stream)
    assert (dataset.train.start, dataset.train.stop) == (0, 7)
    assert dataset.train.table.arrays["x"][3].tolist() == [3, -3]
    assert dataset.train.table.arrays["y"].tolist() == [i * i for i in range(10)]


def test_rows_in_blocks_are_rows_in_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "x_0,x_1,y\n" + "".join(f"{i},{i / 7},{'abc'[i % 3]}\n" for i in range(50))
    plain = table(tmp_path, text)
    monkeypatch.setattr(csv_files, "_AT_ONCE", 7)
    blocks = table(tmp_path, text)
    for name, array in whole(plain).arrays.items():
        assert (whole(blocks).arrays[name] == array).all()
    assert blocks.preparation.vocabularies == plain.preparation.vocabularies


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_numbers_come_back_exactly(values: list[float]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = "x\n" + "".join(f"{value!r}\n" for value in values)
        assert whole(table(Path(folder), text, specs(spec("x")))).arrays["x"].tolist() == values


@given(st.lists(st.sampled_from([*',;\t\n\r"\0 -.', "x_0", "x_1", "y", "1", "2.5", "nan", "ä"]), max_size=40))
def test_any_text_is_data_or_a_fault(words: list[str]) -> None:
    found: Dataset | str
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = table(Path(folder), "".join(["x_0,x_1,y\n", *words]))
        except GraphcError as error:
            found = error.diagnostics[0].code
    if isinstance(found, Dataset):
        arrays = whole(found).arrays
        assert np.isfinite(arrays["x"]).all()
        assert ((arrays["y"] >= 0) & (arrays["y"] < 3)).all()
    else:
        assert found in ("E425", "E429", "E434", "E460", "E461", "E462", "E463")


@given(st.binary(max_size=60))
def test_any_bytes_are_data_or_a_fault(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.raises(GraphcError):
        table(Path(folder), content)


def test_groups_and_times_need_not_be_inputs(tmp_path: Path) -> None:
    rows = [f"{i},{i},{i % 3},p{i // 5},2024-{12 - i // 3:02}-{1 + i % 3:02}" for i in range(30)]
    text = "x_0,x_1,y,patient,day\n" + "\n".join(rows)
    grouped = table(tmp_path, text, test=5, validation=10, group="patient")
    for part in (grouped.train, grouped.validation, grouped.test):
        assert isinstance(part, Part)
        assert part.count == 5 * len({row // 5 for row in part.rows.tolist()})
    timed = table(tmp_path, text, test=3, validation=3, order="day", by_time=True)
    assert isinstance(timed.test, Part)
    assert isinstance(timed.validation, Part)
    # The months run backwards, the days within a month forwards.
    assert timed.test.rows.tolist() == [0, 1, 2]
    assert timed.validation.rows.tolist() == [3, 4, 5]
    in_file = table(tmp_path, text, test=3, by_time=True)
    assert isinstance(in_file.test, Part)
    assert in_file.test.rows.tolist() == [27, 28, 29]


def test_parts_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "late.csv").write_text("y,x_1,x_0\nb,4,3\n")
    np.savez(tmp_path / "later.npz", x=np.array([[5.0, 6.0]]), y=np.array([0]))
    text = "x_0,x_1,y\n1,2,a\n3,6,b\n"
    dataset = table(tmp_path, text, validation="late.csv", test="later.npz", standardize=("x",))
    assert dataset.train.count == 2
    assert dataset.preparation.standardization["x"].mean.tolist() == [2, 4]
    parts = [dataset.validation, dataset.test]
    found = [part.table.batch(part.rows).arrays for part in parts if isinstance(part, Part)]
    assert [arrays["x"].tolist() for arrays in found] == [[[1, 0]], [[3, 1]]]
    assert [arrays["y"].tolist() for arrays in found] == [[1], [0]]
    described = dataset.description
    assert described["parts"] == {"train": 2, "validation": 1, "test": 1}
    assert described["validation"]["files"][0]["name"] == "late.csv"


def test_the_irises() -> None:
    inputs = specs(spec("x", 4), spec("species", classes=3))
    names = ("sepal_length", "sepal_width", "petal_length", "petal_width")
    root = Path(__file__).parents[2] / "specs"
    dataset = load(DataSettings("data/iris.csv", columns={"x": names}), inputs, root)
    assert dataset.preparation.vocabularies["species"] == ("setosa", "versicolor", "virginica")
    batch = whole(dataset)
    assert np.bincount(batch.arrays["species"]).tolist() == [50, 50, 50]
    sklearn = pytest.importorskip("sklearn.datasets").load_iris()
    assert (batch.arrays["x"] == sklearn.data).all()
    assert (batch.arrays["species"] == sklearn.target).all()
