"""A spec with an optimizer of its own, a schedule, groups and an average: kept, gone on with, loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.diagnostics import GraphcError

SPEC = """
dim D = 3
input x : [D], y : real
param W : [D] = 0, b = 0
minimize half_squared_error(W @ x + b, y)
optimizer mine(lr : positive, beta : fraction = 0.9) {
  v[0] = 0
  v[k] = beta * v[k-1] + g[k]
  w[k] = w[k-1] - lr * v[k]
}
data { source = "points.npz", validation = 0.25 }
fit {
  optimizer = mine(lr = names(0.05 * cosine(step / steps) * 0.5^worse, b = 0.1))
  average   = mean(epoch = 3)
  epochs    = 8, batch = 8, clip = 1
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(5)
    x = random.normal(size=(64, 3))
    np.savez(tmp_path / "points.npz", x=x, y=x @ [1.0, -2.0, 0.5] + 3 + random.normal(size=64))
    (tmp_path / "spec.nn").write_text(SPEC)
    return tmp_path


def program(folder: Path) -> Any:
    return graphc.compile(folder / "spec.nn", dtype="float64")


def test_a_run_is_loaded_with_its_average(folder: Path) -> None:
    trained = program(folder)
    trained.fit(run_dir=folder / "run")
    loaded = graphc.load(folder / "run" / "checkpoints" / "last.safetensors")
    for name in ("W", "b"):
        np.testing.assert_array_equal(loaded.params[name], trained.params[name])


def test_an_interrupted_run_goes_on_with_the_same_bits(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = program(folder)
    whole.fit(run_dir=folder / "whole")
    broken, count = program(folder), 0
    taken = broken.losses.gradients

    def gradients(*args: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        if count == 29:
            raise MemoryError
        return taken(*args, **options)

    monkeypatch.setattr(broken.losses, "gradients", gradients)
    with pytest.raises(MemoryError):
        broken.fit(run_dir=folder / "broken", save="3")
    resumed = program(folder)
    resumed.fit(run_dir=folder / "broken", resume=True, save="3")
    for name in ("W", "b"):
        np.testing.assert_array_equal(resumed.params[name], whole.params[name])


def test_faults_of_its_own_optimizer_stop_a_spec_that_is_not_even_trained() -> None:
    with pytest.raises(GraphcError) as caught:
        graphc.compile(SPEC.replace("v[0] = 0\n", "").replace("g[k]", "slope[k]"))
    assert [found.code for found in caught.value.diagnostics] == ["E304", "E220"]
