"""The character models of `python_topics`, made small: they learn, and see as far back as they should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import graphc
from graphc.driver.program import Program

SPECS = Path(graphc.__file__).parents[1] / "specs"
SMALL = {"V": 8, "E": 4, "H": 12}
QUICK = {"fit.bptt": "8", "fit.batch": "4", "fit.epochs": "4"}


def small(name: str) -> Program:
    return graphc.compile(SPECS / f"{name}.nn", backend="reference", dims=SMALL, settings=QUICK)


@pytest.mark.parametrize("name", ["charlm_topics", "fixed_context"])
def test_it_learns_a_rhyme(name: str) -> None:
    rhyme = np.tile([0, 3, 1, 4, 1, 5, 2, 6], 60)[None]
    records = small(name).fit({"s": rhyme}).records
    losses = [record.metrics["train"]["nats"] for record in records]
    assert losses[0] < np.log(8)
    assert losses[-1] < losses[0] - 0.1
    # The same figure in three units.
    last = records[-1].metrics["train"]
    assert last["perplexity"] == pytest.approx(np.exp(last["nats"]), rel=1e-5)
    assert last["bits"] == pytest.approx(last["nats"] / np.log(2), rel=1e-5)


@pytest.mark.parametrize(("name", "reach"), [("charlm_topics", 12), ("fixed_context", 5)])
def test_how_far_back_it_sees(name: str, reach: int) -> None:
    program = small(name)
    text = np.arange(12)[None] % 8
    chances = program.forward({"s": text})["p"][0, -1]
    for back in range(12):
        other = text.copy()
        other[0, 11 - back] = (other[0, 11 - back] + 1) % 8
        changed = bool(np.any(program.forward({"s": other})["p"][0, -1] != chances))
        assert changed == (back < reach)
