"""Two penalties on one model, side by side: one of them leaves weights that are exactly zero."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import graphc

pytest.importorskip("sklearn")
SPECS = Path(__file__).parents[2] / "specs"


def trained(name: str) -> tuple[np.ndarray, float]:
    """The weights, and the accuracy on the test part."""
    program = graphc.compile(SPECS / name)
    found = program.fit(epochs=150)
    return program.params["w"], found.metrics["test"]["accuracy"]


def test_an_l1_penalty_leaves_few_measurements_and_an_l2_penalty_all() -> None:
    sparse, accuracy = trained("sparse.nn")
    assert 15 <= np.count_nonzero(sparse == 0) < 30
    assert accuracy > 0.93
    decayed, accuracy = trained("decayed.nn")
    assert np.count_nonzero(decayed == 0) == 0
    assert accuracy > 0.93
    assert np.abs(decayed).max() < np.abs(sparse).max()
