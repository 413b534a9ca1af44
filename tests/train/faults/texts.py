"""Texts in cells and files: their lengths, their symbols, and the options about them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from graphc.train.data.loading import for_prediction, load
from graphc.train.data.settings import DataSettings
from tests.train.faults.cases import CASES, TEXT, case, loaded
from tests.train.models import spec, specs


def written(name: str, axis: str, classes: int = 9) -> object:
    return replace(spec(name, axes=((axis, axis.upper()),), classes=classes), dim="V")


PAIR = specs(written("src", "t"), written("tgt", "u"))  # type: ignore[arg-type]
SAME = specs(written("src", "t"), written("tgt", "t"))  # type: ignore[arg-type]
NUMBERS = specs(spec("x", axes=(("t", "T"),)), spec("z", 2, axes=(("u", "U"),)))
FIXED = specs(spec("x", axes=(("t", "T"),), fixed={"T": 3}))
FLAGS = specs(spec("x", axes=(("t", "T"),), dtype="bool"))


def cells(root: Path, text: str, inputs: object, options: str = "") -> object:
    (root / "a.csv").write_text(text)
    return loaded(f'source = "a.csv"{options}', root, inputs)


for name, (text, inputs, options) in {
    "texts_empty_cell": ('src,tgt\nab,"c\nd"\nabc,\n', PAIR, ""),
    "texts_cell_without_words": ("src,tgt\nab,c\nabc, \n", PAIR, ", tokens = words"),
    "texts_of_different_lengths": ('src,tgt\nab,cd\n"a\nb",cd\n', SAME, ""),
    "texts_room": ("src,tgt\nabcdef,ghijk\n", PAIR, ""),
    "texts_room_for_words": ("src,tgt\na b c d e f,g h i j k\n", PAIR, ", tokens = words"),
    "texts_unknown_is_a_symbol": ("src,tgt\nabc,a?\n", PAIR, ', unknown = "?"'),
    "texts_least_without_unknown": ("src,tgt\nabc,a\n", PAIR, ", least = 2"),
    "texts_least_of_nothing": ("src,tgt\nabc,de\n", PAIR, ', unknown = "<unk>", least = 2'),
    "texts_unknown_is_no_text": ("src,tgt\nabc,a\n", PAIR, ", unknown = unk"),
    "texts_unknown_without_texts": ("x,z\n1 2,3 4\n", NUMBERS, ', unknown = "<unk>"'),
    "texts_tokens": ("src,tgt\nabc,a\n", PAIR, ", tokens = word"),
    "texts_tokens_of_nothing": ("src,tgt\nabc,a\n", PAIR, ", tokens = names(scr = words)"),
    "texts_as_class_numbers": ("src,tgt\n1 2,3\n4 b,5\n", PAIR, ", tokens = numbers"),
    "texts_negative_class_number": ("src,tgt\n1 2,3\n4 -1,5\n", PAIR, ", tokens = numbers"),
    "numbers_with_commas": ('x,z\n1 2,3 4\n"1,2",3 4\n', NUMBERS, ""),
    "numbers_empty_cell": ("x,z\n1 2,3 4\n ,3 4\n", NUMBERS, ""),
    "numbers_for_half_a_step": ("x,z\n1 2,3 4\n1,3 4 5\n", NUMBERS, ""),
    "numbers_for_an_axis_of_a_size": ("x\n1 2 3\n1 2\n", FIXED, ""),
    "numbers_for_flags": ("x\ntrue false\n1 2\n", FLAGS, ""),
}.items():

    def from_cells(root: Path, text: str = text, inputs: object = inputs, options: str = options) -> object:
        return cells(root, text, inputs, options)

    CASES[name] = from_cells


@case
def text_of_numbers(root: Path) -> object:
    (root / "a.txt").write_text("1 2 3 1 2 3")
    return loaded('source = "a.txt", tokens = numbers', root, TEXT, 2)


@case
def text_without_words(root: Path) -> object:
    (root / "a.txt").write_text(" \n ")
    return loaded('source = "a.txt", tokens = words', root, TEXT, 2)


@case
def texts_to_predict_have_other_words(root: Path) -> object:
    (root / "a.csv").write_text("src,tgt\nno way,no\nthat way,yes\n")
    dataset = load(DataSettings("a.csv", tokens="words"), PAIR, root)
    (root / "b.csv").write_text("src,tgt\nno way,no\nthat ways,no\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        return for_prediction(DataSettings(), PAIR, "b.csv", dataset.preparation)
