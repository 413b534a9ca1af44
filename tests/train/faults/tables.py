"""Tables: headers, lines, cells and columns."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphc.train.data.examples import Dataset
from graphc.train.data.loading import for_prediction, load
from graphc.train.data.settings import DataSettings
from tests.train.faults.cases import CASES, INPUTS, case, loaded
from tests.train.models import spec, specs


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


@case
def csv_to_predict_is_gone(root: Path) -> object:
    (root / "a.csv").write_text("x_0,x_1,y\n1,2,a\n3,4,b\n")
    dataset = from_path(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        return for_prediction(DataSettings(), INPUTS, "aa.csv", dataset.preparation)


def from_path(root: Path) -> Dataset:
    return load(DataSettings("a.csv"), INPUTS, root)
