"""The stages of specs as text, to the letter. Names, order and numbers follow from the spec alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import graphc
from graphc import schedule as scheduling
from graphc.backend.cpu.assemble import assemble
from graphc.diagnostics import GraphcError
from graphc.driver.stages import training_graphs
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
        "print(*(program.show(stage) for stage in sys.argv[1:]), program.draw().dot(), sep='\\n')"
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


@pytest.mark.parametrize("stage", ["schedule", "kernel"])
@pytest.mark.parametrize("name", ["elman", "lstm", "digits_mlp"])
def test_stage_of_the_cpu(name: str, stage: str, update_goldens: bool) -> None:
    shown = graphc.compile(ROOT / "specs" / f"{name}.nn").show(stage) + "\n"
    check_golden(FOLDER / "stages" / f"{name}.{stage}.txt", shown, update_goldens)


SEVERAL = """
input x : [2] = [1, 2], z : [2] = [0.5, 1]
param G : [2, 2] = 0.5, d : [2] = 1
minimize softplus(-(d @ x)) + softplus(d @ G @ z) over d
minimize softplus(-(d @ G @ z)) over G
"""


def test_each_of_several_losses_has_a_part(tmp_path: Path) -> None:
    path = tmp_path / "several.nn"
    path.write_text(SEVERAL)
    program = graphc.compile(path)
    graphs = program.show("grad").split("\n\n")
    assert [re.findall("output (grad:.)", text) for text in graphs] == [["grad:d"], ["grad:G"]]
    parts = program.show("schedule").split("# Part ")[1:]
    assert [re.findall("output `gradient of (.)`", text) for text in parts] == [["d"], ["G"]]


@pytest.mark.parametrize(
    "name", ["attention", "charlm", "conv", "dropout", "losses", "residual_stack", "softmax"]
)
def test_the_source_defines_what_it_calls(name: str) -> None:
    shown = graphc.compile(ROOT / "specs" / f"{name}.nn").show("kernel")
    for part in re.split("^# Part ", shown, flags=re.MULTILINE):
        defined = re.findall(r"^def (kernel_\d+|part_\d+)\(", part, re.MULTILINE)
        called = re.findall(r"^ +(kernel_\d+|part_\d+)\(", part, re.MULTILINE)
        assert len(defined) == len(set(defined))
        assert set(defined) == set(called)


def test_bytes_are_those_of_the_spec_s_own_examples_or_of_a_batch_of_its_data() -> None:
    assert row("digits_mlp", "x") == ["x", "float32", "n_batch * 64", "8192", "input `x`"]
    assert row("elman", "x", "float64") == ["x", "float64", "n_T * n_batch * 2", "48", "input `x`"]


def row(name: str, buffer: str, dtype: str = "float32") -> list[str]:
    lines = (re.split(" {2,}", line.strip()) for line in schedule(name, dtype).splitlines())
    return next(line for line in lines if line[0] == buffer)


def test_what_is_moved_out_of_a_loop_is_said() -> None:
    shown = schedule("lstm")
    assert re.search(r"# (\w+) is W\w, W\w, W\w, W\w side by side", shown)
    assert re.search(
        r"loop t0 from 0 to n_T - 1: each worker.*\n +# computed in front of it, for all steps", shown
    )
    assert re.search(r"loop t0 from n_T - 1 to 0: each worker.*\n(.*\n)? +# kept by a loop before: ", shown)


def schedule(name: str, dtype: str = "float32") -> str:
    return graphc.compile(ROOT / "specs" / f"{name}.nn", dtype=dtype).show("schedule")


def test_a_stage_that_does_not_exist() -> None:
    program = graphc.compile("input x = 1\noutput x + 1\n")
    with pytest.raises(GraphcError, match="unknown stage `asm`"):
        program.show("asm")


def test_steps_are_unrolled_to_the_length_of_the_examples() -> None:
    shown = graphc.compile(ROOT / "specs" / "elman.nn").show("unrolled")
    assert "loop" not in shown
    assert shown.count("sigmoid %") == 3


def test_names_are_in_no_text_that_is_compiled() -> None:
    """A spec with other names, and one that is written with other spaces, has the same units."""
    spec = (ROOT / "specs" / "elman.nn").read_text()
    renamed = re.sub(r"\bh\b", "state", re.sub(r"\bU\b", "Recurrent", spec)).replace("V @ x[t]", "V  @  x[t]")
    one, other = (
        [
            assemble(scheduling.schedule(graph, dense=True), "float32")
            for graph in training_graphs(graphc.compile(text))
        ]
        for text in (spec, renamed)
    )
    assert [unit.key for unit in one] == [unit.key for unit in other]
