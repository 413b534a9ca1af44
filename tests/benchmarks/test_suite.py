"""The benchmark suite at tiny sizes: that competitors compute the same, and what its tables hold."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import command
from benchmarks.competitor import GRAPHC, rival
from benchmarks.graphc_side import graphc_side
from benchmarks.measuring import LossesDiffer, Timing, compare, first_losses
from benchmarks.report import report, seconds
from benchmarks.results import Result
from benchmarks.rows import ROWS, Row, Workload, prepare
from benchmarks.stepping import step_row

BACKEND = "reference"
by_row = pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])


def both(row: Row, name: str) -> dict[str, list[float]]:
    program, workload = prepare(row.shrunk(), BACKEND)
    ours = first_losses(graphc_side(program, workload))
    return {GRAPHC: ours, name: first_losses(rival(name)(workload))}


@by_row
def test_pytorch_computes_the_same(row: Row) -> None:
    pytest.importorskip("torch")
    compare(both(row, "pytorch"))


@by_row
def test_jax_computes_the_same(row: Row) -> None:
    pytest.importorskip("jax")
    compare(both(row, "jax"))


@pytest.mark.parametrize("name", ["pytorch", "jax"])
def test_restart_puts_the_first_weights_back(name: str) -> None:
    pytest.importorskip("torch" if name == "pytorch" else name)
    row = next(row for row in ROWS if row.name == "elman").shrunk()
    competitor = rival(name)(prepare(row, BACKEND)[1])
    first = float(competitor.call())
    moved = float(competitor.call())
    competitor.restart()
    assert float(competitor.call()) == first != moved


def test_graphc_restarts() -> None:
    row = next(row for row in ROWS if row.name == "elman").shrunk()
    competitor = graphc_side(*prepare(row, BACKEND))
    first, moved = competitor.call(), competitor.call()
    competitor.restart()
    assert competitor.call() == first != moved


TRAINING = [row for row in ROWS if not row.wrt]


@pytest.mark.parametrize("row", TRAINING, ids=[row.name for row in TRAINING])
def test_training_moves_the_loss(row: Row) -> None:
    """Equal losses say something about the update only if it changes them by more than the tolerance."""
    losses = first_losses(graphc_side(*prepare(row.shrunk(), BACKEND)))
    assert abs(losses[5] / losses[0] - 1) > 1e-3


def test_different_losses_are_named() -> None:
    ours, theirs = [1.0] * 6, [1.0] * 5 + [1.001]
    with pytest.raises(LossesDiffer, match=r"after 5 steps is 1 in graphc and 1\.001 in jax"):
        compare({GRAPHC: ours, "jax": theirs})


class Wrong:
    """A rival that computes something else."""

    def __init__(self, workload: Workload) -> None:
        pass

    def call(self) -> float:
        return 17.0

    def restart(self) -> None:
        pass


def test_a_row_with_different_losses_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.stepping.available", lambda names: (list(names), {}))
    monkeypatch.setattr("benchmarks.stepping.rival", lambda name: Wrong)
    result = step_row(ROWS[1].shrunk(), ("jax",), BACKEND, 1)
    assert result.times == {}
    assert result.error is not None
    assert "17 in jax" in result.error


def broken(workload: Workload) -> Any:
    raise RuntimeError("no compiler")


def test_a_rival_that_cannot_run_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "benchmarks.stepping.available", lambda names: (["jax"], {"pytorch": "not installed"})
    )
    monkeypatch.setattr("benchmarks.stepping.rival", lambda name: broken)
    result = step_row(ROWS[1].shrunk(), ("pytorch", "jax"), BACKEND, 1)
    assert result.absent == {"pytorch": "not installed", "jax": "RuntimeError: no compiler"}
    assert list(result.times) == [GRAPHC]
    assert (result.best_rival, result.ratio) == (None, None)
    assert "JAX is absent: RuntimeError: no compiler" in report([result], "")


def test_the_best_rival_and_the_ratio() -> None:
    times = {GRAPHC: 2e-3, "pytorch": 8e-3, "jax": 5e-3}
    timings = {name: Timing(t, 0.9 * t, 1.1 * t, 0.8 * t) for name, t in times.items()}
    result = Result("mlp", ("pytorch", "torch.compile", "jax"), timings, floor=1e-3)
    row = result.json()
    assert (row["best_rival"], row["ratio"], row["floor"]) == ("jax", 2.5, 1e-3)
    assert (row["graphc"], row["pytorch"], row["torch.compile"]) == (2e-3, 8e-3, None)
    assert "| mlp | 2.00 ms ±10% | 8.00 ms ±10% |  | 5.00 ms ±10% | 2.50 | 1.00 ms |" in report([result], "")


def test_floors_count_the_products() -> None:
    """1.7 GFLOP for the LSTM, 0.064 for the classifier: each product forward, and backward twice or once."""
    flops = {row.name: row.flops(row.sizes) for row in ROWS if row.flops is not None}
    assert flops["lstm_lm"] == 64 * 32 * 6 * (8 * 128 * 128 + 64 * 128)
    assert flops["mlp"] == 64 * (4 * 784 * 256 + 6 * (256 * 128 + 128 * 10))
    cells = 4 * 4 * 64 * (64 + 64)  # of both layers and directions, if the upper one had as few inputs
    more = 2 * 4 * 64 * 64 + 2 * 64 * 10
    assert flops["bilstm"] == 64 * 32 * (6 * (cells + more) - 2 * 2 * 4 * 64 * 64)
    assert flops["attention"] == 32 * 6 * 32 * (2 * 4 * 128 * 192 + 128 * 128 + 2 * 128 * 32 + 64 * 128)
    assert flops["causal"] == 32 * 6 * (64 * 4 * 64 * 64 + 2 * 64 * 64 * 64 / 2)


def test_the_command_writes_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, before = tmp_path / "rows.json", dict(os.environ)
    options = [
        "--small",
        "--rounds",
        "1",
        "--rows",
        "sigmoid,elman",
        "--backend",
        BACKEND,
        "--json",
        str(file),
    ]
    assert command.main([*options, "--rivals", ""]) == 0
    assert dict(os.environ) == before
    rows = json.loads(file.read_text())
    assert [row["row"] for row in rows] == ["sigmoid", "elman"]
    assert all(row["graphc"] > 0 for row in rows)
    assert {"best_rival", "ratio", "floor", "quartiles", "first_call", "memory", "absent"} <= rows[0].keys()
    assert "| row | graphc | best rival / graphc | floor |" in capsys.readouterr().out


def test_an_unknown_row_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        command.main(["--rows", "cnn"])
    assert stopped.value.code == 2
    assert "`cnn` is none of sigmoid, mlp_small" in capsys.readouterr().err


def test_inputs_are_drawn_within_their_kinds() -> None:
    row = next(row for row in ROWS if row.name == "lstm_lm").shrunk()
    _, workload = prepare(row, BACKEND)
    s = workload.inputs["s"]
    assert s.shape == (row.sizes["batch"], row.sizes["T"])
    assert s.dtype == np.int64
    assert set(s.flat) <= set(range(row.sizes["V"]))


@pytest.mark.parametrize(
    ("value", "shown"), [(9.02e-6, "9.02 us"), (1.14e-4, "114 us"), (1.02e-2, "10.2 ms"), (3.0, "3.00 s")]
)
def test_seconds(value: float, shown: str) -> None:
    assert seconds(value) == shown
