"""What the command line asks of a compiled program."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

from graphc.diagnostics import Diagnostic
from graphc.train.reporting import Reporter
from graphc.view.checks import CheckResult
from graphc.view.doctor import Diagnosis
from graphc.view.results import Fitted
from graphc.view.trace import Trace

Array = npt.NDArray[Any]


class Declared(Protocol):
    """An input of a spec; `has_value` says whether the spec itself gives it."""

    @property
    def has_value(self) -> bool: ...


class Spec(Protocol):
    @property
    def has_fit(self) -> bool: ...

    @property
    def inputs(self) -> Mapping[str, Declared]: ...


class Settings(Protocol):
    """How a program was compiled; `auto` is no backend, its name is that of the one that was chosen."""

    @property
    def backend(self) -> str: ...

    @property
    def dtype(self) -> str: ...


class Drawing(Protocol):
    def encoded(self, format: str) -> bytes: ...


class Program(Protocol):
    @property
    def settings(self) -> Settings: ...

    @property
    def spec(self) -> Spec: ...

    @property
    def compile_seconds(self) -> float: ...

    @property
    def warnings(self) -> Sequence[Diagnostic]: ...

    def trace(self, inputs: Mapping[str, Array]) -> Trace: ...

    def fit(self, *, reporter: Reporter, run_dir: Path | None, resume: bool) -> Fitted: ...

    def weights(self) -> Mapping[str, Array]: ...

    def save(self, path: str) -> None: ...

    def checks(self, grad: bool) -> Sequence[CheckResult]: ...

    def diagnose(self) -> Diagnosis: ...

    def show(self, stage: str) -> str: ...

    def draw(
        self,
        inputs: Mapping[str, Array] | None,
        *,
        unroll: bool | int | str | Mapping[str, int],
        stage: str | None,
        gradients: bool,
        open: Collection[str],
        close: Collection[str],
        layout: str,
        numbers: bool,
    ) -> Drawing: ...
