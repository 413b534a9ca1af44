"""How a command starts: what it has compiled once is loaded, and what it does not need is not imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import graphc

ROOT = Path(graphc.__file__).parents[1]
SLOW = ("numba", "scipy", "rich")
"""What takes a good part of the time of a start."""


def test_a_warm_start_imports_neither_numba_nor_what_terminals_need(tmp_path: Path) -> None:
    command = ["run", "specs/sigmoid.nn", "--backend", "cpu"]
    cold, warm = modules_after(command, tmp_path), modules_after(command, tmp_path)
    assert "numba" in cold
    assert "llvmlite" in warm
    assert not warm & set(SLOW)


def test_code_is_shown_without_numba(tmp_path: Path) -> None:
    for stage in ("schedule", "kernel"):
        assert "numba" not in modules_after(["show", "specs/elman.nn", "--stage", stage], tmp_path)


def test_the_reference_backend_needs_no_compiler(tmp_path: Path) -> None:
    found = modules_after(["run", "specs/elman.nn", "--backend", "reference"], tmp_path)
    assert not found & {*SLOW, "llvmlite"}


def modules_after(command: list[str], cache: Path) -> set[str]:
    """What has been imported when a command ends, with a cache folder of its own."""
    code = (
        "import atexit, sys\n"
        "from graphc.cli import main\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command],
        cwd=ROOT,
        env={**os.environ, "GRAPHC_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stderr.splitlines()[-1].split())
