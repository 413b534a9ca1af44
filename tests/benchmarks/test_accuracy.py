"""Trained accuracy beside PyTorch's at tiny sizes: that both train, on the same rows, and what is printed."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import numpy as np
import pytest

import graphc
from graphc.driver.training import fit_settings

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from benchmarks import torch_training, trained
from benchmarks.trained import TASKS, Figures

BACKEND = "reference"
by_task = pytest.mark.parametrize("task", TASKS, ids=[task.name for task in TASKS])


@by_task
def test_parts_have_each_example_once(task: trained.Task) -> None:
    first, second = trained.parts(task, 0), trained.parts(task, 1)
    assert len(first.test["y"]) == pytest.approx(
        trained.TEST * (len(first.train["y"]) + len(first.test["y"])), abs=1
    )
    both = [np.sort(np.concatenate([part.train["x"], part.test["x"]]), axis=0) for part in (first, second)]
    np.testing.assert_array_equal(*both)
    assert not np.array_equal(first.test["x"], second.test["x"])


@by_task
def test_first_weights_have_the_same_spread(task: trained.Task) -> None:
    """The distributions' deviations agree; each side draws for itself. Inputs of zero do not move `W1`."""
    dims = {name: 40 if name == "H" else size for name, size in task.dims.items()}
    program = graphc.compile(task.spec, backend=BACKEND, dims=dims)
    fit = fit_settings(program, {"epochs": 1})
    y = np.zeros(1, np.int64 if task.has_classes else np.float32)
    net = torch_training.trained(dims, fit, {"x": np.zeros((1, dims["D"]), np.float32), "y": y}, 0)
    weights = [p.detach().numpy() for p in net.parameters()]
    assert [w.shape for w in weights] == [program.params[name].shape for name in ("W1", "b1", "W2", "b2")]
    assert weights[0].std() == pytest.approx(program.params["W1"].std(), rel=0.15)


@by_task
def test_both_learn(task: trained.Task) -> None:
    found = trained.measure(task, 2, BACKEND, epochs=4)
    chance = 0.0 if not task.has_classes else 1.2 / task.dims["K"]
    assert min(*found.graphc, *found.pytorch) > chance
    assert abs(statistics.mean(found.graphc) - statistics.mean(found.pytorch)) < 0.15


def test_the_difference_is_told_in_deviations() -> None:
    found = Figures(TASKS[0], [0.9, 0.92], [0.93, 0.95])
    # Both deviations are 0.01 * sqrt(2), the means 0.03 apart.
    assert found.gap == pytest.approx(-3 / 2**0.5)
    assert "| digits | accuracy | 0.9100 ± 0.0141 | 0.9400 ± 0.0141 | -2.12 |" in trained.report([found])


@pytest.mark.parametrize(("theirs", "status"), [([0.5, 0.6], 0), ([0.8, 0.9], 1)])
def test_the_status_says_whether_they_agree(
    theirs: list[float],
    status: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(trained, "measure", lambda task, *rest: Figures(task, [0.51, 0.61], theirs))
    file = tmp_path / "figures.json"
    assert trained.main(["--tasks", "diabetes", "--json", str(file)]) == status
    (row,) = json.loads(file.read_text())
    assert (row["task"], row["figure"], row["pytorch"]) == ("diabetes", "R2", theirs)
    assert capsys.readouterr().out.startswith("| set | figure on the test part | graphc | PyTorch |")


def test_one_seed_has_no_deviation(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        trained.main(["--seeds", "1"])
    assert "two seeds at least" in capsys.readouterr().err
