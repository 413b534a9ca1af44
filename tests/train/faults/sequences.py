"""Texts and other long sequences."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from graphc.train.data.loading import for_prediction, from_arrays, load
from graphc.train.data.settings import DataSettings
from tests.train.faults.cases import INPUTS, SEQUENCES, TEXT, case, loaded


def text_file(root: Path, content: bytes, inputs: object = TEXT, bptt: int | None = 8) -> object:
    (root / "a.txt").write_bytes(content)
    return loaded('source = "a.txt", validation = 0.1', root, inputs, bptt)


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
def text_of_another_python(root: Path) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "pydoc_data.topics", None)  # type: ignore[arg-type]
        return loaded('source = "python_topics"', root, TEXT, bptt=8)


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
