"""`examples/bigram.py` against figures by hand."""

from __future__ import annotations

import math
import runpy
from pathlib import Path

import numpy as np
import pytest

import graphc

SCRIPT = runpy.run_path(str(Path(graphc.__file__).parents[1] / "examples" / "bigram.py"))


def test_chances_by_hand() -> None:
    counts = SCRIPT["pairs"](np.array([0, 1, 0, 1, 1]), 3)
    np.testing.assert_array_equal(counts, [[0, 2, 0], [1, 1, 0], [0, 0, 0]])
    np.testing.assert_allclose(SCRIPT["add_one"](counts), [[0.2, 0.6, 0.2], [0.4, 0.4, 0.2], [1 / 3] * 3])
    # Of the characters that follow another one, 1 is `0`, 3 are `1`; each counts once more.
    anywhere = np.array([2, 4, 1]) / 7
    mixed = [[0.5 * 0, 0.5 * 1, 0], [0.5 * 0.5, 0.5 * 0.5, 0], 0.5 * anywhere] + 0.5 * anywhere
    np.testing.assert_allclose(SCRIPT["interpolated"](counts, 0.5), mixed)


def test_the_figure_is_of_the_last_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    # 80 characters are counted: 40 pairs `ab` and 39 `ba`. The test part has 9 pairs, `bb` each time.
    found = SCRIPT["main"]("ab" * 45 + "b" * 10)
    assert found["add-one"] == pytest.approx(math.log(41))
    assert "100 characters, 2 different ones; 10 in the test part" in capsys.readouterr().out
