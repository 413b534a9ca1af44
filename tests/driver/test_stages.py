"""Every stage of five specs as text, to the letter. Names, order and numbers follow from the spec alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import graphc
from graphc.diagnostics import GraphcError
from tests.golden import FOLDER, check_golden

ROOT = Path(graphc.__file__).parents[1]
NAMES = ("sigmoid", "elman", "lstm", "attention", "digits_mlp")
STAGES = ("ast", "ir", "grad", "unrolled")


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", NAMES)
def test_stage(name: str, stage: str, update_goldens: bool) -> None:
    shown = graphc.compile(ROOT / "specs" / f"{name}.nn").show(stage).rstrip("\n") + "\n"
    check_golden(FOLDER / "stages" / f"{name}.{stage}.txt", shown, update_goldens)


@pytest.mark.parametrize("seed", ["1", "20261"])
def test_the_order_of_sets_shows_nowhere(seed: str) -> None:
    """Another seed of Python's hashes, another order of sets: the same text."""
    code = (
        "import sys, graphc\n"
        "program = graphc.compile('specs/lstm.nn')\n"
        "print(*(program.show(stage) for stage in sys.argv[1:]), program.dot(), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *STAGES],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        check=True,
    )
    for stage in STAGES:
        golden = (FOLDER / "stages" / f"lstm.{stage}.txt").read_text(encoding="utf-8")
        assert golden.rstrip("\n") in done.stdout


def test_a_stage_that_does_not_exist() -> None:
    program = graphc.compile("input x = 1\noutput x + 1\n")
    with pytest.raises(GraphcError, match="unknown stage `asm`"):
        program.show("asm")


def test_steps_are_unrolled_to_the_length_of_the_examples() -> None:
    shown = graphc.compile(ROOT / "specs" / "elman.nn").show("unrolled")
    assert "loop" not in shown
    assert shown.count("sigmoid %") == 3
