"""The scripts in `examples/` do what they say."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import graphc

EXAMPLES = Path(graphc.__file__).parents[1] / "examples"


def test_own_cell(capsys: pytest.CaptureFixture[str]) -> None:
    """A few seconds of training explain most of what a guess of the mean leaves open."""
    main = runpy.run_path(str(EXAMPLES / "own_cell.py"))["main"]
    error = main(steps=300)
    shown = capsys.readouterr().out
    guess = float(shown.split("the error ")[1].split()[0])
    assert error < 0.5 * guess
    assert "|d loss / d cell.h[1]|" in shown


def test_own_cell_as_a_script() -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "own_cell.py"), "--steps", "2"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(EXAMPLES.parent), "PATH": ""},
    )
    assert done.returncode == 0, done.stderr
    assert "step    1: error" in done.stdout
