"""A program that computes nothing: what the command line makes of one is tested here, not the compiler."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import graphc
from graphc.cli import main
from graphc.diagnostics import Diagnostic, Source, Span
from graphc.train.reporting import EpochRecord, Reporter, StepRecord
from graphc.types import BATCH, Dim, Index, Length, TensorType
from graphc.view.checks import CheckResult
from graphc.view.doctor import Diagnosis
from graphc.view.trace import Trace, TraceRow

SCALAR = TensorType.of("real", [BATCH])
TIME = Index.full("t", Length("T"))


def vector(name: str, size: int) -> TensorType:
    return TensorType.of("real", [BATCH], [Dim.named(name, size)])


def fork_trace() -> Trace:
    """f = q * z, q = x + z: `z` is used twice."""
    rows = [
        TraceRow("x", "input", SCALAR, np.array(-2.0), np.array(-4.0)),
        TraceRow(
            "z",
            "input",
            SCALAR,
            np.array(-4.0),
            np.array(-10.0),
            [("f", np.array(-6.0)), ("q", np.array(-4.0))],
        ),
        TraceRow("q", "value", SCALAR, np.array(-6.0), np.array(-4.0), line=4),
        TraceRow("f", "value", SCALAR, np.array(24.0), np.array(1.0), line=5),
        TraceRow("kept", "value", vector("H", 2), np.array([1.0, np.nan])),
    ]
    return Trace(rows, loss=24.0, single=True)


@dataclass
class FakeProgram:
    """Keeps what it was compiled with and asked."""

    compiled: dict[str, Any] = field(default_factory=dict)
    asked: list[Any] = field(default_factory=list)
    has_fit: bool = False
    inputs: Mapping[str, Any] = field(default_factory=dict)
    warnings: list[Diagnostic] = field(default_factory=list)
    results: list[CheckResult] = field(default_factory=list)
    diagnosis: Diagnosis = field(default_factory=lambda: Diagnosis("two examples", ()))
    failure: BaseException | None = None
    breaks_off: BaseException | None = None
    """What ends a training of it."""
    compile_seconds: float = 0.25
    ending: str = "epochs"
    epochs: int = 1
    settings: Any = field(default_factory=lambda: SimpleNamespace(backend="cpu", dtype="float32"))

    @property
    def spec(self) -> Any:
        return SimpleNamespace(has_fit=self.has_fit, inputs=self.inputs)

    def trace(self, inputs: Mapping[str, Any]) -> Trace:
        self.asked.append(dict(inputs))
        return fork_trace()

    def fit(self, *, reporter: Reporter, run_dir: Path | None, resume: bool) -> Any:
        self.asked.append((run_dir, resume))
        if self.breaks_off is not None:
            raise self.breaks_off
        reporter.stepped(StepRecord(1, 1, 0.75, 2.0, 0.1, 32))
        reporter.judged(EpochRecord(1, 1, 1, {"train": {"loss": 0.5}}, 1.5, 0.1, 2.0, 300.0))
        return SimpleNamespace(
            metrics={"train": {"loss": 0.5, "accuracy": 0.75}, "test": {"loss": float("nan")}},
            epochs=self.epochs,
            best_epoch=1,
            run_dir=None if run_dir is None else str(run_dir),
            ending=self.ending,
            train_seconds=1.5,
        )

    def weights(self) -> dict[str, Any]:
        return {}

    def checks(self, grad: bool) -> list[CheckResult]:
        self.asked.append(grad)
        return self.results

    def diagnose(self) -> Diagnosis:
        return self.diagnosis

    def show(self, stage: str) -> str:
        return f"stage {stage}"

    def draw(self, inputs: Mapping[str, Any] | None, **options: Any) -> Any:
        self.asked.append({"inputs": inputs, **options})
        return SimpleNamespace(encoded=lambda name: f"a drawing as {name}\n".encode())


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Runs are kept below the current folder."""
    monkeypatch.chdir(tmp_path_factory.mktemp("current"))


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeProgram]:
    fake = FakeProgram()

    def compile_fake(source: str, **options: Any) -> FakeProgram:
        fake.compiled = {"source": source, **options}
        if fake.failure is not None:
            raise fake.failure
        return fake

    monkeypatch.setattr(graphc, "compile", compile_fake, raising=False)
    return fake


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "model.nn"
    path.write_text("input x = 1\n", encoding="utf-8")
    return str(path)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def warning() -> Diagnostic:
    source = Source("model.nn", "input x, y\n")
    return Diagnostic("W901", "nothing uses the input `y`", Span(source, 9, 10), severity="warning")
