"""A training that was stopped and gone on with, against one that was not: the same bits."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import Program
from graphc.train.reporting import Silent, StepRecord
from graphc.train.runs import checkpoint

RNG = np.random.default_rng(5)
EXAMPLES = {"x": RNG.normal(size=(60, 4)), "y": RNG.integers(0, 3, 60)}
SEQUENCES = {
    "x": RNG.normal(size=(40, 9)),
    "y": RNG.normal(size=40),
    "lengths_T": RNG.integers(1, 10, 40),
}
TEXT = {"s": RNG.integers(0, 5, (1, 101))}

NETWORK = """
dim D = 4, H = 5, K = 3
input x : [D], y : index(K)
param W : [H, D] ~ he, b : [H] = 0, V : [K, H]
frozen param scale : [D] = 1.5
running m = mean[batch](W @ x)
h = dropout(relu(W @ (x * scale) - m + b), 0.3)
p = softmax(V @ h)
minimize cross_entropy(p, y) + 1e-3 * l2(W)
report accuracy(p, y)
data { validation = 12, test = 6, standardize = x }
fit { OPTIONS }
"""
STREAM = """
dim V = 5, H = 4
axis t = 1..T
input s[t] : index(V)
param E : [V, H], U : [H, H] ~ orthogonal, W : [V, H]
h[0] = 0
h[t] = tanh(U @ h[t-1] + E[s[t]])
p[t] = softmax(W @ h[t])
minimize mean[t = 1..T-1](cross_entropy(p[t], s[t+1]))
fit { OPTIONS }
"""
RAGGED = """
axis t = 1..T
input x[t] : real, y : real
param U : [3, 3], v : [3]
h[0] = 0
h[t] = tanh(U @ h[t-1] + v * dropout(x[t], 0.2))
minimize (sum(h[T]) - y)^2
fit { OPTIONS }
"""
ADVERSARIES = """
input x : [4], y : index(3)
param w : [4] ~ normal(1), v : [4] ~ normal(1)
a = w @ x + v @ x
minimize a^2 over w
minimize -a^2 + v @ v over v
fit { OPTIONS }
"""

CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "adam": (NETWORK, "optimizer = adam(lr = 0.02), batch = 7, epochs = 4", EXAMPLES),
    "momentum": (NETWORK, "optimizer = momentum(lr = 0.05), batch = 8, epochs = 4, clip = 0.5", EXAMPLES),
    "patience": (NETWORK, "optimizer = adam(lr = 0.3), batch = 7, epochs = 30, stop = patience(2)", EXAMPLES),
    "steps": (NETWORK, "optimizer = sgd(lr = 0.1), batch = 7, steps = 20, stop = patience(9)", EXAMPLES),
    "ordered": (NETWORK, "optimizer = adam(), batch = 10, epochs = 3, shuffle = false", EXAMPLES),
    "accumulated": (
        NETWORK.replace("mean[batch](W @ x)", "mean[batch](sum(x))"),
        "optimizer = adam(lr = 0.02), batch = 4, accumulate = 2, epochs = 3",
        EXAMPLES,
    ),
    "averaged": (
        NETWORK,
        "optimizer = adam(lr = 0.02 * cosine(step / steps)), batch = 7, epochs = 4, "
        "average = ema(0.9, epoch = 2)",
        EXAMPLES,
    ),
    "judged": (
        NETWORK,
        "optimizer = amsgrad(lr = 0.3 * 0.5^worse * 0.1^stalled), batch = 7, epochs = 6, stall = 1",
        EXAMPLES,
    ),
    "nesterov": (
        NETWORK,
        "optimizer = nesterov(lr = names(0.05, W = 0.01)), batch = 9, epochs = 4, average = mean, "
        "stop = patience(2)",
        EXAMPLES,
    ),
    "buckets": (RAGGED, "optimizer = adam(lr = 0.02), batch = 4, buckets = 3, epochs = 3", SEQUENCES),
    "stream": (STREAM, "optimizer = adam(lr = 0.01), batch = 2, bptt = 6, epochs = 3", TEXT),
    "adversaries": (ADVERSARIES, "optimizer = momentum(lr = 0.01), batch = 9, epochs = 3", EXAMPLES),
}
PROGRAMS: dict[str, Program] = {}


def program(case: str) -> Program:
    """With its initial weights, as after a start of the process."""
    if case not in PROGRAMS:
        text, options, _ = CASES[case]
        PROGRAMS[case] = graphc.compile(text.replace("OPTIONS", options))
    return PROGRAMS[case].fresh()


class Stop(Silent):
    """Ctrl-C while a step is computed."""

    def __init__(self, step: int) -> None:
        self.step = step

    def stepped(self, record: StepRecord) -> None:
        if record.step == self.step:
            os.kill(os.getpid(), signal.SIGINT)


def epochs(folder: Path) -> list[dict[str, Any]]:
    """The record without what depends on the clock."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for line in lines:
        for key in ("seconds", "examples_per_second", "compile_seconds"):
            line.pop(key, None)
    return lines


def same(found: Program, expected: Program) -> None:
    for name in expected.params:
        assert found.params[name].tobytes() == expected.params[name].tobytes(), name


def check(case: str, stops: list[int], folder: Path) -> None:
    """Stop after these steps, go on each time, and compare the end."""
    data = CASES[case][2]
    whole = program(case)
    expected = whole.fit(data, run_dir=folder / "whole")
    part = program(case)
    for number, step in enumerate(stops):
        found = part.fit(data, run_dir=folder / "part", resume=number > 0, reporter=Stop(step))
        assert (found.ending, found.steps) == ("interrupt", step)
        part = program(case)
    found = part.fit(data, run_dir=folder / "part", resume=True)
    same(part, whole)
    assert (found.metrics, found.epochs, found.steps, found.best_epoch, found.ending) == (
        expected.metrics,
        expected.epochs,
        expected.steps,
        expected.best_epoch,
        expected.ending,
    )
    assert epochs(folder / "part") == epochs(folder / "whole")
    left, right = (checkpoint.read(folder / n / "checkpoints/last.safetensors") for n in ("part", "whole"))
    assert left.tensors.keys() == right.tensors.keys()
    for name, array in right.tensors.items():
        assert left.tensors[name].tobytes() == array.tobytes(), name


def last_step(case: str, folder: Path) -> int:
    """How many steps the training takes; a stop behind the last one is none."""
    return program(case).fit(CASES[case][2], run_dir=folder / "count").steps


@pytest.mark.parametrize("case", CASES)
def test_going_on_gives_the_same_bits(case: str, tmp_path: Path) -> None:
    count = last_step(case, tmp_path)
    steps = sorted(np.random.default_rng(len(case)).choice(np.arange(1, count), 3, replace=False).tolist())
    check(case, steps, tmp_path)


class Kill(Stop):
    """SIGKILL while a step is computed."""

    def stepped(self, record: StepRecord) -> None:
        if record.step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("case", ["adam", "stream"])
def test_a_process_that_is_killed_goes_on_from_its_last_checkpoint(case: str, tmp_path: Path) -> None:
    data, whole, part = CASES[case][2], program(case), program(case)
    whole.fit(data, run_dir=tmp_path / "whole")
    child = os.fork()
    if child == 0:
        part.fit(data, run_dir=tmp_path / "part", save=3, reporter=Kill(14))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    last = checkpoint.read(tmp_path / "part" / "checkpoints" / "last.safetensors")
    assert last.about["training"]["step"] == 12
    part.fit(data, run_dir=tmp_path / "part", resume=True)
    same(part, whole)
    assert epochs(tmp_path / "part") == epochs(tmp_path / "whole")


def test_compiled_code_goes_on_with_the_same_bits(tmp_path: Path) -> None:
    pytest.importorskip("numba")
    text, options, _ = CASES["patience"]
    PROGRAMS["cpu"] = graphc.compile(text.replace("OPTIONS", options), backend="cpu")
    CASES["cpu"] = CASES["patience"]
    try:
        check("cpu", [3, 11], tmp_path)
    finally:
        del CASES["cpu"], PROGRAMS["cpu"]


def test_a_move_can_be_taken_back_after_a_pause(tmp_path: Path) -> None:
    """The loss of the next step shows that the last one went too far, and that step was before the pause."""
    text = "input x : [2]\nparam w : [2] = 1\nminimize exp(w @ x) + sum(w)\nfit { OPTIONS }\n"
    text = text.replace("OPTIONS", "optimizer = sgd(lr = 1), batch = 1, epochs = 1, shuffle = false")
    data = {"x": np.array([[1.0, 1], [-1, -1], [1e3, 1e3]])}
    whole, part = graphc.compile(text), graphc.compile(text)
    with pytest.raises(graphc.GraphcError, match="E501"):
        whole.fit(data)
    assert part.fit(data, run_dir=tmp_path / "a", reporter=Stop(2)).steps == 2
    part = graphc.compile(text)
    with pytest.raises(graphc.GraphcError, match="E501"):
        part.fit(data, run_dir=tmp_path / "a", resume=True)
    same(part, whole)
    assert (part.params["w"] != 1).any()
