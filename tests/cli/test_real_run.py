"""The command line with the real compiler behind it: what other programs read."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import graphc
from tests.cli.conftest import invoke

SPECS = Path(graphc.__file__).parents[1] / "specs"
USES = ("eval", "predict", "runs")


def test_json_without_fit() -> None:
    result = invoke("run", str(SPECS / "sigmoid.nn"), "--json", "--dtype", "float64")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert list(found) == ["values", "gradients", "loss", "backend", "dtype"]
    assert found["backend"] in ("cpu", "reference")
    names = {"x", "w", "t0", "t1", "t01", "t012", "nt", "e", "denom", "f"}
    assert set(found["values"]) == names
    assert set(found["gradients"]) == names
    assert found["loss"] == pytest.approx(0.9525741, abs=5e-8)
    # The spec gives one example: nothing has a batch axis.
    assert found["values"]["x"] == [-1, -2]
    np.testing.assert_allclose(found["gradients"]["w"], [-0.04517666, -0.09035332, 0.04517666], rtol=1e-6)


def test_json_of_a_recurrence() -> None:
    result = invoke("run", str(SPECS / "elman.nn"), "--json")
    found = json.loads(result.stdout)
    assert np.shape(found["values"]["h"]) == (3, 2)
    assert np.shape(found["gradients"]["h"]) == (3, 2)
    assert np.shape(found["gradients"]["U"]) == (2, 2)


def test_json_with_fit() -> None:
    pytest.importorskip("sklearn")
    result = invoke("run", str(SPECS / "digits_mlp.nn"), "--json", "--set", "fit.epochs=2", "--set", "H=16")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert list(found)[:5] == ["metrics", "epochs", "run_dir", "compile_seconds", "train_seconds"]
    assert set(found["metrics"]) == {"train", "validation", "test"}
    assert set(found["metrics"]["test"]) == {"loss", "accuracy"}
    assert found["epochs"] == 2
    assert result.stderr.count("epoch ") == 2


def test_inputs_from_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "a.nn").write_text("input x : [2]\ny = x[0] * x[1]\noutput y\n", encoding="utf-8")
    found = json.loads(invoke("run", str(tmp_path / "a.nn"), "--json", "--input", "x=[3,4]").stdout)
    assert found["values"]["y"] == 12
    assert found["gradients"]["x"] == [4, 3]
    np.save(tmp_path / "x.npy", np.array([[3.0, 4], [5, 6]]))
    found = json.loads(
        invoke("run", str(tmp_path / "a.nn"), "--json", "--input", f"x={tmp_path / 'x.npy'}").stdout
    )
    assert found["values"]["y"] == [12, 30]
    assert found["loss"] == 21


def test_every_spec_is_right() -> None:
    result = invoke("check", str(SPECS))
    assert result.exit_code == 0, result.stdout + result.stderr
    count = len(list(SPECS.glob("*.nn")))
    assert f"{count} of {count} files are right" in result.stdout


def test_a_check_that_fails(tmp_path: Path) -> None:
    file = tmp_path / "a.nn"
    file.write_text("input x = 2\ny = x^2\noutput y\ncheck {\n  y ~= 4.1\n}\n", encoding="utf-8")
    result = invoke("check", str(file))
    assert result.exit_code == 1
    assert "expected  4.1" in result.stdout
    assert "found     4" in result.stdout


def test_faults_end_with_1_and_nothing_on_stdout(tmp_path: Path) -> None:
    file = tmp_path / "a.nn"
    file.write_text("input x = 2\ny = x * z\noutput y\n", encoding="utf-8")
    result = invoke("run", str(file), "--json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{file}:2:9" in result.stderr


def test_fmt_leaves_the_shipped_specs_alone() -> None:
    assert invoke("fmt", "--check", *map(str, sorted(SPECS.glob("*.nn")))).exit_code == 0


@pytest.mark.parametrize("command", ["run", "check", "show", "draw", "fmt", "explain", "doctor", *USES])
def test_every_command_has_a_help(command: str) -> None:
    result = invoke(command, "--help")
    assert result.exit_code == 0
    assert f"Usage: graphc {command} [OPTIONS]" in result.stdout


TRAINED = """
input x : [2] = [1, 2]
param w : [2] = 1
minimize (w @ x - 4)^2
fit { optimizer = sgd(lr = LR), epochs = 40 }
"""


@pytest.mark.parametrize(("rate", "status"), [("0.05", 0), ("1.0", 1)])
def test_the_trained_program_is_kept(tmp_path: Path, rate: str, status: int) -> None:
    (tmp_path / "a.nn").write_text(TRAINED.replace("LR", rate), encoding="utf-8")
    kept = tmp_path / "a.safetensors"
    result = invoke("run", str(tmp_path / "a.nn"), "--save", str(kept))
    assert result.exit_code == status
    weights = graphc.load(kept).params["w"]
    assert np.isfinite(weights).all()
    if status == 0:
        assert weights @ [1, 2] == pytest.approx(4, abs=1e-3)


def test_a_path_that_cannot_be_written_is_found_out_first(tmp_path: Path) -> None:
    (tmp_path / "a.nn").write_text(TRAINED.replace("LR", "0.05"), encoding="utf-8")
    result = invoke("run", str(tmp_path / "a.nn"), "--save", str(tmp_path / "none" / "a.safetensors"))
    assert result.exit_code == 1
    assert "E709" in result.stderr
    assert "epoch" not in result.output


def test_a_training_that_never_begins_leaves_a_saved_program_alone(tmp_path: Path) -> None:
    (tmp_path / "a.nn").write_text(TRAINED.replace("LR", "0.05"), encoding="utf-8")
    kept = tmp_path / "a.safetensors"
    assert invoke("run", str(tmp_path / "a.nn"), "--save", str(kept)).exit_code == 0
    before = kept.read_bytes()
    failed = invoke("run", str(tmp_path / "a.nn"), "--save", str(kept), "--set", "fit.stop=patience(2)")
    assert (failed.exit_code, kept.read_bytes()) == (2, before)
    assert "E503" in failed.stderr


def test_a_training_that_runs_away_says_where_it_is_kept(tmp_path: Path) -> None:
    (tmp_path / "a.nn").write_text(TRAINED.replace("LR", "1.0"), encoding="utf-8")
    failed = invoke("run", str(tmp_path / "a.nn"))
    (folder,) = Path("runs").iterdir()
    assert failed.stderr.index(f"the run is kept in `{folder}`") < failed.stderr.index("error[E501]")
    assert invoke("run", str(tmp_path / "a.nn"), "--set", "fit.stop=patience(2)").exit_code == 2
    assert [*Path("runs").iterdir()] == [folder]
