"""`graphc run` in a process of its own: stopped by signals, and gone on with."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import graphc
from tests.cli.conftest import invoke

SPEC = """
input x : [3], y : real
param w : [3] ~ normal(1)
yhat = dropout(w @ x, 0.2)
minimize mse(yhat, y)
data { source = "a.npz", validation = 10 }
fit { optimizer = adam(lr = 0.01), batch = 2, epochs = 100 }
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rng = np.random.default_rng(2)
    np.savez(tmp_path / "a.npz", x=rng.normal(size=(60, 3)), y=rng.normal(size=60))
    (tmp_path / "a.nn").write_text(SPEC, encoding="utf-8")
    return tmp_path / "a.nn"


def started(*arguments: str) -> subprocess.Popen[str]:
    """`graphc run` behind its first epoch."""
    code = "import sys; from graphc.cli import main; main(sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "run", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(graphc.__file__).parents[1],
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith("epoch ")
    return process


def test_it_stops_behind_a_step_and_goes_on(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    begun = [str(file), "--backend", "reference", "--run-dir", str(folder)]
    for arguments, number in ((begun, signal.SIGINT), (["--resume", str(folder)], signal.SIGTERM)):
        process = started(*arguments)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 130
        assert err.splitlines()[-1] == f"`graphc run --resume {folder}` goes on"
        assert "(interrupted; the test part was not looked at)" in out
    result = invoke("run", "--resume", str(folder), "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    whole = json.loads(invoke("run", str(file), "--no-run", "--json").stdout)
    assert (found["metrics"], found["epochs"]) == (whole["metrics"], 100)
    assert found["run_dir"] == str(folder)


def test_two_processes_in_one_folder(file: Path, tmp_path: Path) -> None:
    process = started(str(file), "--backend", "reference", "--run-dir", str(tmp_path / "run"))
    try:
        result = invoke("run", "--resume", str(tmp_path / "run"))
        assert (
            f"error[E607]: another process trains in `{tmp_path / 'run'}`: {process.pid} on" in result.stderr
        )
        assert result.exit_code == 1
    finally:
        process.kill()
        process.communicate()
    # The system has freed what the killed process held.
    assert invoke("run", "--resume", str(tmp_path / "run")).exit_code == 0


def test_the_last_run_goes_on(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    assert "E711" in invoke("run", "--resume", "last").stderr
    first = json.loads(invoke("run", "a.nn", "--set", "fit.epochs=1", "--json").stdout)
    result = invoke("run", "--resume", "last", "--set", "fit.epochs=2", "--json")
    assert result.stderr.startswith(f"run {first['run_dir']}\n")
    found = json.loads(result.stdout)
    assert (found["run_dir"], found["epochs"]) == (first["run_dir"], 2)


def test_a_run_goes_on_for_longer(file: Path, tmp_path: Path) -> None:
    folder = str(tmp_path / "run")
    invoke("run", str(file), "--run-dir", folder, "--set", "fit.epochs=2")
    file.unlink()
    longer = invoke("run", "--resume", folder, "--set", "fit.epochs=5", "--json")
    assert json.loads(longer.stdout)["epochs"] == 5
    other = invoke("run", "--resume", folder, "--set", "fit.batch=5")
    assert "`fit.batch` was 2, and is 5" in other.stderr
    assert other.exit_code == 1
    (tmp_path / "a.npz").unlink()
    gone = invoke("run", "--resume", folder, "--set", "fit.epochs=6")
    assert "error[E413]" in gone.stderr
    assert gone.exit_code == 1
