"""Small models written by hand in NumPy, and specs of inputs, for tests that need no compiler."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from graphc.train.data import Array, Batch
from graphc.train.protocol import InputSpec, StepResult
from graphc.types import BATCH, Dim, Index, Length, TensorType


def spec(
    name: str,
    *shape: int,
    axes: tuple[tuple[str, str], ...] = (),
    classes: int | None = None,
    fixed: dict[str, int] | None = None,
    dtype: Any = None,
) -> InputSpec:
    """`spec("x", 4, axes=(("t", "T"),))` is `input x[t] : [4]`; `fixed` gives lengths a size."""
    sizes = fixed or {}
    ends = {
        length: Length(length, Dim.named(length, sizes[length]) if length in sizes else None)
        for _, length in axes
    }
    indices = [Index.full(axis, ends[length]) for axis, length in axes]
    kind = dtype or ("int" if classes is not None else "real")
    type_ = TensorType.of(kind, [BATCH, *indices], [Dim.literal(size) for size in shape])
    return InputSpec(name, type_, tuple(a for a, _ in axes), tuple(e for _, e in axes), classes)


def specs(*items: InputSpec) -> dict[str, InputSpec]:
    return {item.name: item for item in items}


class Linear:
    """yhat = w x + b with half the squared error, and the running mean of x beside it."""

    objectives = 1

    def __init__(self, size: int, seed: int = 0) -> None:
        self.inputs = specs(spec("x", size), spec("y"))
        rng = np.random.default_rng(seed)
        self.params: dict[str, Array] = {
            "w": rng.normal(size=size),
            "b": np.zeros(()),
            "mean": np.zeros(size),
        }
        self.trainable = ["w", "b"]
        self.seen: list[Array] = []
        self.reported: list[Array] = []

    def gradients(self, batch: Batch, *, step: int, objective: int = 0) -> StepResult:
        self.seen.append(batch.example_ids)
        x, y = batch.arrays["x"], batch.arrays["y"]
        error = x @ self.params["w"] + self.params["b"] - y
        gradients = {"w": error @ x / len(y), "b": np.asarray(error.mean())}
        updates = {"mean": 0.9 * self.params["mean"] + 0.1 * x.mean(axis=0)}
        return StepResult(float(np.mean(error**2) / 2), gradients, updates)

    def report(self, batches: Iterable[Batch]) -> dict[str, float]:
        total, count, ids = 0.0, 0, []
        for batch in batches:
            error = batch.arrays["x"] @ self.params["w"] + self.params["b"] - batch.arrays["y"]
            total, count = total + float(np.sum(error**2) / 2), count + len(error)
            ids.append(batch.example_ids)
        self.reported.append(np.concatenate(ids))
        return {"loss": total / count}


class Scripted:
    """`w` counts the steps, and the losses are given functions of it."""

    objectives = 1

    def __init__(
        self,
        validation: Callable[[float], float],
        training: Callable[[float], float] = lambda w: 1.0,
        gradient: Callable[[float], float] = lambda w: -1.0,
    ) -> None:
        self.inputs = specs(spec("x"))
        self.params: dict[str, Array] = {"w": np.zeros(()), "s": np.zeros(())}
        self.trainable = ["w"]
        self.validation, self.training, self.gradient = validation, training, gradient
        self.on_step: Callable[[int], None] = lambda step: None
        self.reports = 0

    def gradients(self, batch: Batch, *, step: int, objective: int = 0) -> StepResult:
        self.on_step(step)
        w = float(self.params["w"])
        return StepResult(
            self.training(w), {"w": np.asarray(self.gradient(w))}, {"s": np.asarray(float(step))}
        )

    def report(self, batches: Iterable[Batch]) -> dict[str, float]:
        self.reports += 1
        assert sum(batch.size for batch in batches)
        return {"loss": self.validation(float(self.params["w"]))}


class Carrying:
    """Adds up a sequence of numbers, carrying the sum from chunk to chunk."""

    objectives = 1

    def __init__(self) -> None:
        self.inputs = specs(spec("x", axes=(("t", "T"),)))
        self.params: dict[str, Array] = {"w": np.zeros(())}
        self.trainable = ["w"]
        self.sums: list[list[float]] = []

    def gradients(self, batch: Batch, *, step: int, objective: int = 0) -> StepResult:
        assert bool(batch.carried) is not batch.first
        x = batch.arrays["x"]
        start = batch.carried.get("sum", np.zeros(len(x)))
        total = start + x[:, :-1].sum(axis=1)
        self.sums.append(total.tolist())
        return StepResult(1.0, {"w": np.zeros(())}, {"sum": total})

    def report(self, batches: Iterable[Batch]) -> dict[str, float]:
        return {"loss": float(sum(batch.size for batch in batches))}
