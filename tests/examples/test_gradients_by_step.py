"""`examples/vanishing.py` and the spec behind it: what can be derived of gradients that explode or vanish."""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc

ROOT = Path(graphc.__file__).parents[1]
CLIPPING = ROOT / "specs" / "clipping.nn"
SCRIPT = runpy.run_path(str(ROOT / "examples" / "vanishing.py"))
BACK = np.arange(49, -1, -1)
"""How many steps each step lies before the last one."""


@pytest.fixture(scope="module")
def left() -> Mapping[str, Any]:
    found: Mapping[str, Any] = SCRIPT["left"]()
    return found


@pytest.mark.parametrize(
    ("state", "factor"), [("linear", 1), ("shrinking", 0.9), ("growing", 1.1), ("turning.h", 1)]
)
def test_a_scaled_orthogonal_matrix_scales_each_step(
    left: Mapping[str, Any], state: str, factor: float
) -> None:
    np.testing.assert_allclose(left[state], factor**BACK, rtol=1e-10)


@pytest.mark.parametrize(("state", "slope"), [("sigmoid_1", 0.25), ("tanh_half", 0.5), ("tanh_1", 1)])
def test_a_bounded_slope_bounds_the_gradient(left: Mapping[str, Any], state: str, slope: float) -> None:
    assert np.all(left[state][:-1] < slope ** BACK[:-1])


def test_an_orthogonal_matrix_does_not_help_a_sigmoid(left: Mapping[str, Any]) -> None:
    assert 1e-34 < left["sigmoid_1"][0] < 1e-30


def test_gates_keep_what_tanh_loses_and_large_weights_explode(left: Mapping[str, Any]) -> None:
    assert left["lstm.c"].min() > 100 * left["tanh_1"][0]
    assert left["tanh_8"][0] > 1e6


def test_what_is_printed(left: Mapping[str, Any]) -> None:
    head, first, *_ = SCRIPT["table"](left, 25).splitlines()
    assert head.split() == ["gradient", "at", "step", "1", "25", "50"]
    assert first.split() == ["linear,", "Q", "1.0e+00", "1.0e+00", "1.0e+00"]


def test_a_clipped_step_is_as_long_as_the_rate() -> None:
    program = graphc.compile(CLIPPING, backend="reference", dtype="float64", settings={"fit.epochs": "1"})
    before = {name: np.array(array) for name, array in program.params.items()}
    program.fit()
    moved = sum(np.sum((program.params[name] - before[name]) ** 2) for name in before)
    assert np.sqrt(moved) == pytest.approx(0.05, rel=1e-9)


def test_without_clipping_the_training_runs_away() -> None:
    settings = {"fit.epochs": "3", "fit.clip": "1e30"}
    with pytest.raises(graphc.GraphcError, match="E501"):
        graphc.compile(CLIPPING, backend="reference", settings=settings).fit()
