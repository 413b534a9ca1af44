"""What a user reads about faults in data and settings, each as a golden text."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from graphc.diagnostics import GraphcError
from graphc.errors import catalogue
from tests.golden import FOLDER, check_golden
from tests.train.faults import arrays, parts, sequences, settings, tables, texts  # noqa: F401 (they fill CASES)
from tests.train.faults.arrays import with_header
from tests.train.faults.cases import CASES, SOUND, loaded

GOLDEN = FOLDER / "errors" / "data"


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
