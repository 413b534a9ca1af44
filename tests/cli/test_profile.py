"""`graphc profile` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import graphc
from tests.cli.conftest import invoke

SPEC = """
dim D = 3
axis t = 1..T
input x[t] : [D], y : real
param w : [D] = 0
s = mean[t](w @ x[t])
minimize (s - y)^2
fit { optimizer = sgd(lr = 0.1), batch = 4, epochs = 1 }
"""


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "model.nn"
    path.write_text(SPEC, encoding="utf-8")
    return str(path)


def test_random_examples_as_json(model: str) -> None:
    result = invoke("profile", model, "--batch", "8", "--length", "T=5", "--seconds", "0", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["subject"] == "model.nn: a training step on 8 random examples, T = 5"
    assert found["backend"] == "reference"
    assert {row["part"] for row in found["rows"]} > {"loss and gradients", "update of the weights"}


def test_a_table(model: str) -> None:
    result = invoke("profile", model, "--batch", "2", "--seconds", "0", "--forward")
    assert result.exit_code == 0, result.stderr
    first, *rest = result.stdout.splitlines()
    assert first == "model.nn: the values on 2 random examples, T = 100; reference, float32, 1 worker"
    assert "values" in rest
    assert rest[-1].startswith("all rows")


def test_the_folder_of_a_run(model: str) -> None:
    data = {"x": np.ones((8, 4, 3)), "y": np.ones(8)}
    graphc.compile(model).fit(data, run_dir="first")
    result = invoke("profile", "first", "--batch", "2", "--seconds", "0")
    assert result.exit_code == 0, result.stderr
    assert "a training step on 2 random examples" in result.stdout
    refused = invoke("profile", "first", "--batch", "2", "--set", "D=4")
    assert refused.exit_code == 2
    assert "E707" in refused.stderr


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--length", "T"], "E702"),
        (["--length", "T=x"], "E702"),
        (["--length", "T=0"], "E702"),
        (["--length", "T=3", "--length", "T=4"], "E702"),
        (["--compile"], "E707"),
    ],
)
def test_options_that_cannot_be_meant(model: str, options: list[str], code: str) -> None:
    result = invoke("profile", model, "--batch", "2", *options)
    assert result.exit_code == 2
    assert code in result.stderr


def test_nothing_to_measure_on(model: str) -> None:
    result = invoke("profile", model)
    assert result.exit_code == 1
    assert "E726" in result.stderr
