"""A small stand-in for the package that carries the Japanese vowels: two channels, two speakers."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphc.train.data.examples import Dataset
from graphc.train.data.loading import load
from graphc.train.data.settings import read_data
from graphc.train.data.sources import Specs
from tests.train.faults.cases import INPUTS, settings

SPEECH = """#two speakers
@problemName Small
@classLabel true a b
@data
1,2,3:4,5,6:a
7:8:b
0.5,-1E-1:2.5,0:a
"""


def vowels(root: Path, train: str, test: str | None, inputs: Specs = INPUTS, options: str = "") -> Dataset:
    """The set `japanese_vowels`, made of these texts instead of the published files."""
    folder = root / "sktime" / "datasets" / "data" / "JapaneseVowels"
    folder.mkdir(parents=True)
    (root / "sktime" / "__init__.py").write_text(
        "raise AssertionError('the package is not to be imported')\n"
    )
    (folder / "JapaneseVowels_TRAIN.ts").write_text(train)
    if test is not None:
        (folder / "JapaneseVowels_TEST.ts").write_text(test)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(root)
        return load(read_data(settings(f'data {{ source = "japanese_vowels"{options} }}')), inputs, root)
