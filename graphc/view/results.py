"""Results for JSON, and a training run's metrics as text.

JSON has no NaN and no infinities: they are the strings "nan", "inf" and "-inf".
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from graphc.diagnostics import Diagnostic
from graphc.view.columns import columns
from graphc.view.numbers import number
from graphc.view.trace import Trace

PARTS = ("train", "validation", "test")
_ENDINGS = {
    "patience": " (validation stopped getting better)",
    "interrupt": " (interrupted; the test part was not looked at)",
}


class Fitted(Protocol):
    """What a training run ended with; `metrics` by part of the data, then by name."""

    @property
    def metrics(self) -> Mapping[str, Mapping[str, float]]: ...

    @property
    def epochs(self) -> int: ...

    @property
    def best_epoch(self) -> int:
        """The epoch whose weights were left."""
        ...

    @property
    def run_dir(self) -> str | None: ...

    @property
    def train_seconds(self) -> float: ...

    @property
    def ending(self) -> str:
        """What ended it: epochs, steps, patience or interrupt."""
        ...


def dumps(value: Any) -> str:
    return json.dumps(plain(value), allow_nan=False, ensure_ascii=False)


def plain(value: Any) -> Any:
    """The value in what JSON knows: arrays as nested lists, numbers that are none as strings."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def trace_object(trace: Trace) -> dict[str, Any]:
    return {
        "values": {row.name: row.value for row in trace.rows},
        "gradients": {row.name: row.cotangent for row in trace.rows if row.cotangent is not None},
        "loss": trace.loss,
    }


def fit_object(result: Fitted, compile_seconds: float) -> dict[str, Any]:
    return {
        "metrics": result.metrics,
        "epochs": result.epochs,
        "run_dir": result.run_dir,
        "compile_seconds": compile_seconds,
        "train_seconds": result.train_seconds,
    }


def diagnostic_object(diagnostic: Diagnostic) -> dict[str, Any]:
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity,
        "message": diagnostic.message,
        "place": None if diagnostic.span is None else str(diagnostic.span),
    }


def metrics_text(metrics: Mapping[str, Mapping[str, float]]) -> str:
    """A line for each part of the data, a column for each figure."""
    names = list(dict.fromkeys(name for part in metrics.values() for name in part))
    rows = [["", *names]]
    for part, values in metrics.items():
        rows.append([part, *(number(values[name]) if name in values else "-" for name in names)])
    return "\n".join(columns(rows, right=range(1, len(names) + 1)))


def fit_text(result: Fitted, compile_seconds: float) -> str:
    """A line for each part of the data, a column for each metric, then how long it took."""
    lines = [metrics_text({part: result.metrics[part] for part in PARTS if part in result.metrics})]
    epochs = f"{result.epochs} epoch{'' if result.epochs == 1 else 's'}"
    why = _ENDINGS.get(result.ending, "")
    best = (
        f"; the weights are those of epoch {result.best_epoch}" if result.best_epoch < result.epochs else ""
    )
    lines.append(f"{epochs} in {result.train_seconds:.1f} s{why}, compiled in {compile_seconds:.2f} s{best}")
    if result.run_dir is not None:
        lines.append(f"kept in {result.run_dir}")
    return "\n".join(line.rstrip() for line in lines)
