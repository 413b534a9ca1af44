"""What a user reads about faults in data and settings, each as a golden text."""

from __future__ import annotations

import os
import pickle
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from graphc.diagnostics import GraphcError, Source
from graphc.errors import catalogue
from graphc.frontend import ast
from graphc.frontend.parser import parse
from graphc.train import archives, origins
from graphc.train.data import Dataset, Flow, Part
from graphc.train.data_settings import DataSettings, read_data
from graphc.train.fit_settings import read_fit
from graphc.train.initializers import draw, read_initializer
from graphc.train.loading import for_prediction, from_arrays, from_batches, load
from graphc.train.overrides import override
from graphc.train.paths import resolve
from graphc.train.trainer import fit
from tests.golden import FOLDER, check_golden
from tests.train.models import Scripted, spec, specs

GOLDEN = FOLDER / "errors" / "data"
INPUTS = specs(spec("x", 2), spec("y", classes=3))
SEQUENCES = specs(spec("x", 2, axes=(("t", "T"),)), spec("y", axes=(("t", "T"),)))
TEXT = specs(spec("s", axes=(("t", "T"),), classes=4))
SOUND = {"x": np.ones((4, 2)), "y": np.array([0, 1, 2, 0])}

Case = Callable[[Path], object]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    CASES[function.__name__] = function
    return function


def settings(text: str) -> ast.Settings:
    (block,) = parse(Source("spec.nn", text + "\n")).statements
    assert isinstance(block, ast.Settings)
    return block


def loaded(text: str, root: Path, inputs: object = INPUTS, bptt: int | None = None) -> object:
    return load(read_data(settings(f"data {{ {text} }}")), inputs, root, bptt=bptt)  # type: ignore[arg-type]


def npz(root: Path, **arrays: object) -> object:
    """What loading an archive of these arrays says; they stand beside sound ones."""
    chosen = {name: value for name, value in (SOUND | arrays).items() if value is not None}
    np.savez(root / "set.npz", **chosen)  # type: ignore[arg-type]
    return loaded('source = "set.npz"', root)


for name, text in {
    "option_unknown": 'source = "iris", validate = 0.1',
    "option_no_text": "source = digits",
    "option_no_name": 'source = "iris", standardize = [x, 3]',
    "option_no_number": 'source = "iris", validation = "a tenth"',
    "fraction_too_large": 'source = "iris", validation = 1.5',
    "fraction_negative": 'source = "iris", validation = -0.1',
    "rename_no_call": 'source = "iris", rename = x',
    "scale_zero": 'source = "iris", scale = 1 - 1',
    "parts_take_all": 'source = "iris", validation = 0.5, test = 0.5',
    "parts_take_all_by_default": 'source = "iris", validation = 0.8',
    "source_missing": "validation = 0.1",
    "source_unknown": 'source = "digit"',
    "source_of_other_kind": 'source = "table.xlsx"',
    "path_upwards": 'source = "../set.npz"',
    "path_absolute": 'source = "/data/set.npz"',
    "path_of_windows": 'source = "C:set.npz"',
    "path_backslash": r'source = "..\set.npz"',
    "path_not_there": 'source = "sets.npz"',
    "standardize_unknown": 'source = "iris", standardize = [x1]',
    "standardize_classes": 'source = "iris", standardize = y',
    "scale_unknown": 'source = "iris", scale = z(2)',
    "rename_unknown": 'source = "iris", rename = names(z = x)',
    "stratify_unfit": 'source = "iris", stratify = x',
    "columns_no_call": 'source = "a.csv", columns = [a, b]',
    "columns_unknown": 'source = "a.csv", columns = names(z = [a, b])',
    "separator_wrong": 'source = "a.csv", separator = "::"',
    "split_unknown": 'source = "iris", split = times',
    "parts_two_ways": 'source = "iris", test = 0.2, order = date, group = patient',
    "parts_stratified_in_time": 'source = "iris", test = 0.2, split = time, stratify = y',
    "folder_not_there": 'source = "measured/"',
}.items():
    CASES[name] = lambda root, text=text: loaded(text, root)  # type: ignore[misc]

for name, text in {
    "fit_option_unknown": "epoch = 3",
    "fit_epochs_zero": "epochs = 0",
    "fit_batch_broken": "batch = 1.5",
    "fit_rate_negative": "optimizer = sgd(lr = -0.1)",
    "fit_rate_missing": "optimizer = momentum(beta = 0.5)",
    "fit_optimizer_unknown": "optimizer = adams(lr = 0.1)",
    "fit_optimizer_value_twice": "optimizer = adam(1e-3, lr = 1e-2)",
    "fit_optimizer_option": "optimizer = adam(rate = 0.1)",
    "fit_optimizer_no_call": "optimizer = 0.1",
    "fit_stop_no_call": "stop = 5",
    "fit_flag": "shuffle = 1",
    "fit_memory": "memory = lo",
    "fit_memory_number": "memory = 1",
    "fit_dim_unknown": "batch = 2 * N",
    "fit_no_value": "clip = 1 / 0",
    "fit_several": "epochs = 0, batch = -1, clip = 0, seed = 0.5",
}.items():
    CASES[name] = lambda root, text=text: read_fit(settings(f"fit {{ {text} }}"), {"H": 3})  # type: ignore[misc]

for name, (key, value) in {
    "set_key": ("fit", "3"),
    "set_value": ("fit.epochs", "3 4"),
    "set_nothing": ("fit.epochs", ""),
    "set_range": ("fit.epochs", "0"),
    "set_part": ("fit.stop.n", "3"),
}.items():
    CASES[name] = lambda root, key=key, value=value: read_fit(override(None, key, value))  # type: ignore[misc]

for name, arrays in {
    "input_missing": {"x": None, "X": np.ones((4, 2)), "z": np.ones(3)},
    "array_surplus": {"z": np.ones(4)},
    "array_surplus_lengths": {"lengths_T": np.ones(4, int)},
    "shape_of_element": {"x": np.ones((4, 3))},
    "shape_without_examples": {"x": np.ones(2)},
    "dtype_of_class": {"y": np.array([0.0, 1.0, 2.0, 0.0])},
    "dtype_of_text": {"x": np.full((4, 2), "a")},
    "dtype_complex": {"x": np.ones((4, 2), complex)},
    "value_nan": {"x": np.array([[1, 2], [3, 4], [5, np.nan], [7, 8]])},
    "value_infinite": {"x": np.array([[1, 2], [3, 4], [-np.inf, 6], [7, 8]], np.float32)},
    "class_too_large": {"y": np.array([0, 2, 7, 1])},
    "class_negative": {"y": np.array([0, 2, -1, 1])},
    "class_from_one": {"y": np.array([1, 2, 3, 1])},
    "examples_differ": {"x": np.ones((5, 2))},
    "examples_none": {"x": np.ones((0, 2)), "y": np.zeros(0, int)},
    "several_arrays": {"x": np.ones((5, 3)), "y": np.ones(4), "z": np.ones(3)},
}.items():
    CASES[name] = lambda root, arrays=arrays: npz(root, **arrays)  # type: ignore[misc]

for name, (arrays, lengths) in {
    "lengths_too_long": ({}, [3, 4]),
    "lengths_negative": ({}, [3, -1]),
    "lengths_shape": ({}, [3]),
    "lengths_dtype": ({}, [3.0, 2.0]),
    "length_differs": ({"y": np.ones((2, 4))}, [3, 3]),
    "value_nan_in_sequence": ({"y": np.array([[1, np.nan, 3], [1, 2, np.nan]])}, [1, 3]),
}.items():
    given = {"x": np.ones((2, 3, 2)), "y": np.ones((2, 3))} | arrays
    CASES[name] = lambda root, given=given, lengths=lengths: from_arrays(SEQUENCES, given, {"T": lengths})  # type: ignore[misc]


@case
def path_by_link(root: Path) -> object:
    inside = root / "inside"
    inside.mkdir()
    (root / "set.npz").write_bytes(b"PK")
    (inside / "set.npz").symlink_to(root / "set.npz")
    return loaded('source = "set.npz"', inside)


@case
def path_of_folder(root: Path) -> object:
    (root / "set.npz").mkdir()
    return loaded('source = "set.npz"', root)


@case
def path_nearly_right(root: Path) -> object:
    (root / "measured.npz").write_bytes(b"")
    return loaded('source = "mesured.npz"', root)


@case
def path_in_a_circle(root: Path) -> object:
    (root / "set.npz").symlink_to(root / "set.npz")
    return loaded('source = "set.npz"', root)


@case
def path_with_nul(root: Path) -> object:
    return resolve("a\0b.npz", root)


@case
def file_cut_short(root: Path) -> object:
    np.savez(root / "set.npz", **SOUND)
    content = (root / "set.npz").read_bytes()
    (root / "set.npz").write_bytes(content[: len(content) // 2])
    return loaded('source = "set.npz"', root)


@case
def file_altered(root: Path) -> object:
    np.savez(root / "set.npz", x=np.full((4, 2), 3.0), y=SOUND["y"])
    content = bytearray((root / "set.npz").read_bytes())
    content[content.index(np.float64(3).tobytes()) + 6] ^= 1
    (root / "set.npz").write_bytes(content)
    return loaded('source = "set.npz"', root)


def with_header(root: Path, shape: str) -> object:
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117).encode() + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(64)
    with zipfile.ZipFile(root / "set.npz", "w") as archive:
        archive.writestr("x.npy", content)
    return loaded('source = "set.npz"', root, specs(spec("x", 2)))


@case
def header_promises_too_much(root: Path) -> object:
    return with_header(root, "(1000000000000, 2)")


@case
def file_of_one_array(root: Path) -> object:
    np.save(root / "set.npy", SOUND["x"])
    (root / "set.npy").rename(root / "set.npz")
    return loaded('source = "set.npz"', root)


@case
def file_of_something_else(root: Path) -> object:
    (root / "set.npz").write_text("x,y\n1,2\n")
    return loaded('source = "set.npz"', root)


@case
def file_empty(root: Path) -> object:
    (root / "set.npz").touch()
    return loaded('source = "set.npz"', root)


class Bomb:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("/nowhere/run-by-a-pickle",)


@case
def file_pickled(root: Path) -> object:
    (root / "set.npz").write_bytes(pickle.dumps(Bomb()))
    return loaded('source = "set.npz"', root)


@case
def array_pickled(root: Path) -> object:
    return npz(root, x=np.array([Bomb(), Bomb()], dtype=object))


@case
def file_forbidden(root: Path) -> object:
    np.savez(root / "set.npz", **SOUND)
    refuse = PermissionError(13, "Permission denied")

    def refused(*_: object) -> None:
        raise refuse

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", refused)
        return loaded('source = "set.npz"', root)


@case
def file_too_large(root: Path) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(origins, "memory_limit", lambda: 50)
        return npz(root)


@case
def package_missing(root: Path) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "sklearn.datasets", None)  # type: ignore[arg-type]
        return loaded('source = "digits"', root)


@case
def named_set_without_input(root: Path) -> object:
    pytest.importorskip("sklearn")
    return loaded('source = "iris"', root, specs(spec("image", 4), spec("y", classes=3)))


@case
def named_set_of_other_shape(root: Path) -> object:
    pytest.importorskip("sklearn")
    return loaded('source = "iris"', root, specs(spec("x", 5), spec("y", classes=2)))


@case
def parts_leave_nothing(root: Path) -> object:
    np.savez(root / "set.npz", **SOUND)
    return loaded('source = "set.npz", validation = 2, test = 2', root)


def text_file(root: Path, content: bytes, inputs: object = TEXT, bptt: int | None = 8) -> object:
    (root / "a.txt").write_bytes(content)
    return loaded('source = "a.txt", validation = 0.1', root, inputs, bptt)


def table(root: Path, text: str | bytes, options: str = "", inputs: object = INPUTS) -> object:
    """What loading a `.csv` file of this text says."""
    (root / "a.csv").write_bytes(text.encode() if isinstance(text, str) else text)
    return loaded(f'source = "a.csv"{options}', root, inputs)


for name, text in {
    "csv_empty": "",
    "csv_blank_header": "\nx_0,x_1,y\n1,2,0\n",
    "csv_without_header": "1,2,0\n3,4,1\n",
    "csv_semicolons": "x_0;x_1;y\n1;2;0\n",
    "csv_columns_twice": "x_0,y,x_0\n1,0,2\n",
    "csv_rows_none": "x_0,x_1,y\n",
    "csv_cells_missing": "x_0,x_1,y\n1,2,0\n\n3,4\n",
    "csv_cells_surplus": "x_0,x_1,y\n1,2,0\n3,4,1,\n",
    "csv_quote_open": 'x_0,x_1,y\n1,2,0\n3,"4,1\n5,6,1\n',
    "csv_quote_broken": 'x_0,x_1,y\n1,"2"3,0\n',
    "csv_gap": "x_0,x_1,y\n1,2,0\n3,,1\n",
    "csv_gap_with_a_name": "x_0,x_1,y\n1,2,0\n3,NaN,1\n",
    "csv_gap_of_class": "x_0,x_1,y\n1,2,a\n3,4,\n",
    "csv_text_for_number": 'x_0,x_1,y\n"1\n",2,0\n3,four,1\n',
    "csv_infinite": "x_0,x_1,y\n1,1e999,0\n",
    "csv_classes_mixed": "x_0,x_1,y\n1,2,0\n3,4,1\n5,6,b\n",
    "csv_classes_many": "x_0,x_1,y\n1,2,a\n1,2,b\n1,2,c\n1,2,d\n",
    "csv_class_too_large": "x_0,x_1,y\n1,2,0\n\n1,2,3\n",
    "csv_column_missing": "x_0,x_1,Y\n1,2,0\n",
    "csv_columns_none": "a,b,y\n1,2,0\n",
    "csv_columns_many": "x_0,x_1,x_2,y\n1,2,3,0\n",
}.items():
    CASES[name] = lambda root, text=text: table(root, text)  # type: ignore[misc]

for name, (text, options) in {
    "csv_decimal_comma": ("x_0;x_1;y\n1,5;2;0\n", ', separator = ";"'),
    "csv_columns_misspelt": ("length,width,y\n1,2,0\n", ", columns = names(x = [lenght, width])"),
    "csv_columns_few": ("length,width,y\n1,2,0\n", ", columns = names(x = length)"),
    "csv_group_unknown": ("x_0,x_1,y\n1,2,0\n", ", group = patient"),
    "csv_date_broken": ("x_0,x_1,y,t\n1,2,0,2024-02-28\n1,2,0,2024-02-30\n", ", order = t"),
    "csv_date_among_numbers": ("x_0,x_1,y,t\n1,2,0,2023\n1,2,0,2024-02-28\n", ", order = t"),
    "csv_other_file_of_other_classes": ("x_0,x_1,y\n1,2,a\n1,2,b\n", ', test = "b.csv"'),
}.items():

    def other(root: Path, text: str = text, options: str = options) -> object:
        (root / "b.csv").write_text("x_0,x_1,y\n1,2,b\n1,2,c\n")
        return table(root, text, options)

    CASES[name] = other


@case
def csv_truth(root: Path) -> object:
    return table(root, "f\ntrue\nyes\n", "", specs(spec("f", dtype="bool")))


@case
def csv_no_utf8(root: Path) -> object:
    return table(root, "x_0,x_1,y\n1,2,ä\n".encode("latin1"))


@case
def csv_utf16(root: Path) -> object:
    return table(root, "x_0,x_1,y\n1,2,0\n".encode("utf-16"))


@case
def csv_to_predict_has_other_classes(root: Path) -> object:
    (root / "a.csv").write_text("x_0,x_1,y\n1,2,a\n3,4,b\n")
    dataset = from_path(root)
    (root / "b.csv").write_text("x_0,x_1,y\n1,2,a\n3,4,d\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        return for_prediction(DataSettings(), INPUTS, "b.csv", dataset.preparation)


def from_path(root: Path) -> Dataset:
    return load(DataSettings("a.csv"), INPUTS, root)


@case
def text_to_predict_has_other_characters(root: Path) -> object:
    (root / "a.txt").write_text("ab\nba")
    dataset = load(DataSettings("a.txt"), TEXT, root, bptt=8)
    (root / "b.txt").write_text("ab\nbca")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        return for_prediction(DataSettings(), TEXT, "b.txt", dataset.preparation)


@case
def text_for_a_model_of_numbers(root: Path) -> object:
    dataset = from_arrays(TEXT, {"s": np.zeros((1, 9), int)}, bptt=4)
    (root / "b.txt").write_text("ab")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        return for_prediction(DataSettings(), TEXT, "b.txt", dataset.preparation)


@case
def array_for_several_inputs(root: Path) -> object:
    np.save(root / "a.npy", SOUND["x"])
    return loaded('source = "a.npy"', root)


@case
def array_cut_short(root: Path) -> object:
    np.save(root / "a.npy", SOUND["x"])
    (root / "a.npy").write_bytes((root / "a.npy").read_bytes()[:-8])
    return loaded('source = "a.npy"', root, specs(spec("x", 2)))


@case
def array_of_something_else(root: Path) -> object:
    (root / "a.npy").write_text("1 2\n3 4\n")
    return loaded('source = "a.npy"', root, specs(spec("x", 2)))


@case
def folder_without_input(root: Path) -> object:
    (root / "measured").mkdir()
    np.save(root / "measured" / "x.npy", SOUND["x"])
    return loaded('source = "measured/"', root)


@case
def part_not_there(root: Path) -> object:
    np.savez(root / "set.npz", **SOUND)
    return loaded('source = "set.npz", validation = "sets.npz"', root)


@case
def part_at_fault(root: Path) -> object:
    validation = [SOUND | {"y": np.array([0, 1, 2, 3])}]
    dataset = from_batches(INPUTS, [SOUND], validation=validation)
    assert isinstance(dataset.validation, Flow)
    assert dataset.validation.again is not None
    return list(dataset.validation.again())


@case
def groups_too_few(root: Path) -> object:
    np.savez(root / "set.npz", **SOUND, g=np.array([0, 0, 1, 1]))
    return loaded('source = "set.npz", validation = 0.25, test = 0.25, group = g', root)


@case
def group_of_other_kind(root: Path) -> object:
    np.savez(root / "set.npz", **SOUND, g=np.ones((4, 2)))
    return loaded('source = "set.npz", test = 0.25, group = g', root)


@case
def time_unknown(root: Path) -> object:
    np.savez(
        root / "set.npz", **SOUND, t=np.array(["2024-01-01", "NaT", "2024-01-02", "2024-01-03"], "M8[D]")
    )
    return loaded('source = "set.npz", test = 0.25, order = t', root)


@case
def file_changed(root: Path) -> object:
    np.save(root / "a.npy", SOUND["x"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(archives, "MAPPED_FROM", 1)
        dataset = load(DataSettings("a.npy"), specs(spec("x", 2)), root)
    (root / "a.npy").write_bytes(b"")
    assert isinstance(dataset.train, Part)
    return dataset.train.table.batch(np.arange(2))


def taken(batches: object, **options: object) -> object:
    dataset = from_batches(INPUTS, batches, **options)  # type: ignore[arg-type]
    assert isinstance(dataset.train, Flow)
    return [list(dataset.train.begin()) for _ in range(2)]


for name, make in {
    "batches_once": lambda: (SOUND for _ in range(3)),
    "batches_none": list,
    "batch_of_other_kind": lambda: [SOUND["x"]],
    "batch_too_short": lambda: [(SOUND["x"],)],
    "batch_at_fault": lambda: [SOUND, SOUND | {"y": np.array([0, 1, 2, 3])}],
    "batch_of_ragged_lists": lambda: [{"x": [[1, 2], [3]], "y": [0, 1]}],
}.items():
    CASES[name] = lambda root, make=make: taken(make())  # type: ignore[misc]


@case
def batches_to_judge_by_come_once(root: Path) -> object:
    return from_batches(INPUTS, [SOUND], validation=iter([SOUND]))


@case
def batches_cannot_be_split(root: Path) -> object:
    return from_batches(INPUTS, [SOUND], read_data(settings("data { validation = 0.2 }")))


@case
def batches_cannot_be_standardized(root: Path) -> object:
    return from_batches(INPUTS, [SOUND], read_data(settings("data { standardize = x }")))


@case
def text_no_utf8(root: Path) -> object:
    return text_file(root, b"abc\xff")


@case
def text_empty(root: Path) -> object:
    return text_file(root, b"")


@case
def text_for_numbers(root: Path) -> object:
    return text_file(root, b"abc", INPUTS)


@case
def text_without_bptt(root: Path) -> object:
    return text_file(root, b"abc", bptt=None)


@case
def text_vocabulary(root: Path) -> object:
    return text_file(root, b"abcde")


@case
def text_part_too_short(root: Path) -> object:
    return text_file(root, b"abcabc")


@case
def bptt_of_many_examples(root: Path) -> object:
    return from_arrays(SEQUENCES, {"x": np.ones((3, 5, 2)), "y": np.ones((3, 5))}, bptt=2)


@case
def stop_without_validation(root: Path) -> object:
    dataset = from_arrays(specs(spec("x")), {"x": [1.0]})
    return fit(Scripted(lambda w: w), dataset, read_fit(settings("fit { stop = patience(2) }")))


@case
def loss_not_finite(root: Path) -> object:
    dataset = from_arrays(specs(spec("x")), {"x": [1.0]})
    model = Scripted(lambda w: w, training=lambda w: float("nan") if w > 2 else 1.0)
    return fit(model, dataset, read_fit(settings("fit { optimizer = sgd(1), epochs = 9 }")))


@case
def gradient_not_finite(root: Path) -> object:
    dataset = from_arrays(specs(spec("x")), {"x": [1.0]})
    model = Scripted(lambda w: w, gradient=lambda w: float("inf"))
    return fit(model, dataset, read_fit(settings("fit { epochs = 9 }")))


def drawn(text: str, shape: tuple[int, ...]) -> object:
    (statement,) = parse(Source("spec.nn", f"param W : [3, 4] ~ {text}\n")).statements
    assert isinstance(statement, ast.ParamDeclaration)
    expression = statement.items[0].draw
    assert expression is not None
    return draw(read_initializer(expression), shape, 4, 3, 0, "W")


for name, text in {
    "initializer_unknown": "orthogonl(2)",
    "initializer_numbers": "normal(1, 2, 3)",
    "initializer_shape": "identity",
}.items():
    CASES[name] = lambda root, text=text: drawn(text, (3, 4))  # type: ignore[misc]


@pytest.mark.parametrize("name", sorted(CASES))
def test_golden(name: str, tmp_path: Path, update_goldens: bool) -> None:
    with pytest.raises(GraphcError) as caught:
        CASES[name](tmp_path)
    text = f"{caught.value}\n"
    assert str(tmp_path) not in text
    check_golden(GOLDEN / f"{name}.txt", text, update_goldens)


def test_goldens_show_every_code() -> None:
    shown = "".join(path.read_text(encoding="utf-8") for path in (FOLDER / "errors").glob("*/*.txt"))
    codes = {code for code, entry in catalogue().items() if entry.file in ("data", "training")}
    assert codes <= set(re.findall(r"error\[(E\d+)\]", shown))


def test_no_golden_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(CASES)


def test_a_huge_array_is_refused_before_it_is_allocated(tmp_path: Path) -> None:
    with pytest.raises(GraphcError, match="needs 16000000000000 bytes, found 64"):
        with_header(tmp_path, "(1000000000000, 2)")


@pytest.mark.parametrize("shape", ["(-1, 2)", "(2,", "'a'", "(1e9, 2)", "(True, 2)"])
def test_broken_headers(shape: str, tmp_path: Path) -> None:
    with pytest.raises(GraphcError) as caught:
        with_header(tmp_path, shape)
    assert caught.value.diagnostics[0].code in ("E414", "E422")


def test_every_cut_is_refused(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "set.npz", **SOUND)
    content = (tmp_path / "set.npz").read_bytes()
    for end in range(0, len(content), 7):
        (tmp_path / "set.npz").write_bytes(content[:end])
        with pytest.raises(GraphcError, match="E414"):
            loaded('source = "set.npz"', tmp_path)
