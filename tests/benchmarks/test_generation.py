"""The row of generation at a tiny size: rivals compute the same logits, and a wrong one is found out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc
from benchmarks import generation
from benchmarks.generation import RIVALS, Graphc
from benchmarks.measuring import LossesDiffer
from benchmarks.rows import FOLDER

SYMBOLS = np.array([3, 0, 64, 7])


def program() -> Any:
    return graphc.compile(FOLDER / "generation.nn", backend="reference", dims={"H": 4})


@pytest.mark.parametrize("name", RIVALS)
def test_rivals_give_the_same_logits(name: str) -> None:
    pytest.importorskip(name.partition(",")[0].replace("py", ""))
    ours = program()
    theirs = generation._rival(name)(ours.params)
    logits = {"graphc": Graphc(ours).logits(SYMBOLS), name: theirs.logits(SYMBOLS)}
    generation._compare(logits)
    with pytest.raises(LossesDiffer, match="logits"):
        generation._compare({**logits, name: 1.01 * logits[name]})


def test_graphc_gives_the_logits_of_the_whole() -> None:
    ours = program()
    whole = ours.forward({"s": SYMBOLS[None]}, names=["z"])["z"][0]
    np.testing.assert_allclose(Graphc(ours).logits(SYMBOLS), whole, rtol=1e-5, atol=1e-6)
    assert len(Graphc(ours).call()) == generation.STEPS
