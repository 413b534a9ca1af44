"""How well trained networks do on examples that they have not seen: graphc beside PyTorch.

Both get the same rows of the same sets to train on and to be tested on, one split for each seed; the same
network with first weights from the same distributions; the same optimizer, batch and number of epochs.
First weights and the order of the examples are each one's own draws, so that single runs differ; means over
seeds should not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import graphc
from benchmarks import torch_training
from benchmarks.report import table
from benchmarks.rows import FOLDER, Array
from graphc.driver.compile import BACKEND_NAMES
from graphc.driver.program import Program
from graphc.driver.training import fit_settings

TEST = 0.2


@dataclass(frozen=True)
class Task:
    """A set of scikit-learn's with the spec and the sizes of the network. Classes are numbered by `K`."""

    name: str
    figure: str
    spec: Path
    dims: Mapping[str, int]

    @property
    def has_classes(self) -> bool:
        return "K" in self.dims


CLASSIFIER, REGRESSOR = FOLDER / "classifier.nn", FOLDER / "regressor.nn"
TASKS = (
    Task("digits", "accuracy", CLASSIFIER, {"D": 64, "H": 128, "K": 10}),
    Task("diabetes", "R2", REGRESSOR, {"D": 10, "H": 16}),
    Task("breast_cancer", "accuracy", CLASSIFIER, {"D": 30, "H": 32, "K": 2}),
)


@dataclass(frozen=True)
class Parts:
    """The examples of one seed as they stand in the set: x [n, D] and y [n], in both parts."""

    train: Mapping[str, Array]
    test: Mapping[str, Array]


@dataclass(frozen=True)
class Figures:
    """What a task gave on its test parts, by seed."""

    task: Task
    graphc: Sequence[float]
    pytorch: Sequence[float]

    @property
    def gap(self) -> float:
        """graphc's mean less PyTorch's, in deviations of one training (the root of both variances' mean)."""
        both = (statistics.variance(self.graphc) + statistics.variance(self.pytorch)) / 2
        difference = statistics.mean(self.graphc) - statistics.mean(self.pytorch)
        return difference / both**0.5 if difference else 0.0

    def json(self) -> dict[str, Any]:
        return {
            "task": self.task.name,
            "figure": self.task.figure,
            "graphc": list(self.graphc),
            "pytorch": list(self.pytorch),
            "deviations_apart": self.gap,
        }


def parts(task: Task, seed: int) -> Parts:
    """The set of a task, divided by scikit-learn; classes are spread evenly."""
    found = getattr(datasets, f"load_{task.name}")()
    y = found.target if task.has_classes else found.target.astype(float)
    divided = train_test_split(
        found.data, y, test_size=TEST, random_state=seed, stratify=y if task.has_classes else None
    )
    x_train, x_test, y_train, y_test = divided
    return Parts({"x": x_train, "y": y_train}, {"x": x_test, "y": y_test})


def measure(task: Task, seeds: int, backend: str, epochs: int | None = None) -> Figures:
    """Train once for each seed from 0 on, in both; `epochs` replaces the spec's."""
    options = {} if epochs is None else {"fit.epochs": str(epochs)}
    ours, theirs = [], []
    for seed in range(seeds):
        program = graphc.compile(task.spec, backend=backend, dims=task.dims, seed=seed, settings=options)
        given = parts(task, seed)
        result = program.fit(given.train, test=given.test)
        ours.append(result.metrics["test"]["figure"])
        theirs.append(_by_pytorch(task, program, given, seed))
    return Figures(task, ours, theirs)


def _by_pytorch(task: Task, program: Program, given: Parts, seed: int) -> float:
    """PyTorch's figure; what is standardized is, by scikit-learn, from the training part alone."""
    scaler = StandardScaler().fit(given.train["x"])
    x, x_test = (scaler.transform(part["x"]).astype(np.float32) for part in (given.train, given.test))
    y, y_test = given.train["y"], given.test["y"]
    if not task.has_classes:
        mean, deviation = y.mean(), y.std()
        y, y_test = (((values - mean) / deviation).astype(np.float32) for values in (y, y_test))
    net = torch_training.trained(task.dims, fit_settings(program, {}), {"x": x, "y": y}, seed)
    found = torch_training.outputs(net, x_test)
    if task.has_classes:
        return float(np.mean(found.argmax(1) == y_test))
    return float(r2_score(y_test, found[:, 0]))


def report(found: Sequence[Figures]) -> str:
    """The table in Markdown: mean and deviation over the seeds."""
    head = ["set", "figure on the test part", "graphc", "PyTorch", "difference in deviations"]
    rows = [
        [f.task.name, f.task.figure, _spread(f.graphc), _spread(f.pytorch), f"{f.gap:+.2f}"] for f in found
    ]
    return table(head, rows) + "\n"


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.4f} ± {statistics.stdev(values):.4f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; the status is 1 if means are more than a deviation apart."""
    options = _options(arguments)
    found = []
    for task in TASKS:
        if task.name in options.tasks:
            found.append(measure(task, options.seeds, options.backend, options.epochs))
            sys.stderr.write(f"{task.name} done\n")
    if options.json is not None:
        options.json.write_text(json.dumps([f.json() for f in found], indent=1) + "\n", encoding="utf-8")
    sys.stdout.write(report(found))
    return int(any(abs(f.gap) > 1 for f in found))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    names = [task.name for task in TASKS]
    parser = argparse.ArgumentParser(description="Compare trained networks with PyTorch's on test parts.")
    parser.add_argument(
        "--tasks", nargs="+", choices=names, default=names, metavar="TASK", help=", ".join(names)
    )
    parser.add_argument("--seeds", type=int, default=5, help="how many trainings each, 2 at least")
    parser.add_argument("--epochs", type=int, help="instead of those in the specs")
    parser.add_argument("--backend", choices=BACKEND_NAMES, default="auto", help="graphc's")
    parser.add_argument(
        "--json", type=Path, metavar="FILE", help="write the figures of all seeds there as well"
    )
    options = parser.parse_args(arguments)
    if options.seeds < 2:
        parser.error("--seeds: a deviation needs two seeds at least")
    return options
