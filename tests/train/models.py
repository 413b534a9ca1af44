"""Small models written by hand in NumPy, and specs of inputs, for tests that need no compiler."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from typing import Any

import numpy as np

from graphc.backend import BACKENDS, Executable
from graphc.ir.graph import Graph
from graphc.train.data.examples import Array, Batch
from graphc.train.protocol import InputSpec, StepResult
from graphc.train.state import Generations, Layout, Vector
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


class Model:
    """What all of these have: parameters that move, beside others that do not."""

    objectives = 1
    compile_seconds = 0.0

    def __init__(
        self,
        inputs: dict[str, InputSpec],
        moving: dict[str, Any],
        still: dict[str, Any],
        dtype: Any = np.float64,
    ) -> None:
        self.inputs = inputs
        layout = Layout({name: np.shape(value) for name, value in moving.items()})
        self.weights = Generations(layout, np.dtype(dtype))
        self.gradient = Vector(layout, np.dtype(dtype))
        self.params = Named(self.weights, {name: np.asarray(value) for name, value in still.items()})
        for name, value in moving.items():
            self.params[name] = value

    @property
    def trainable(self) -> list[str]:
        return list(self.weights.layout.shapes)

    def moves(self, objective: int) -> list[str]:
        return self.trainable

    def prepare(self, graph: Graph) -> Executable:
        return BACKENDS["reference"].prepare(graph)

    def keep(self) -> dict[str, Array]:
        return {}

    def blame(self, batch: Batch, *, step: int, objective: int = 0) -> None:
        """These models have no names to blame."""

    def blame_report(self, batches: Iterable[Batch]) -> None:
        """Nor here."""

    def state(self) -> dict[str, Array]:
        return {f"param/{name}": self.params[name] for name in self.params}

    def restore(self, state: Mapping[str, Array]) -> None:
        for name in self.params:
            self.params[name] = state[f"param/{name}"]

    def result(self, loss: float, **gradients: Any) -> StepResult:
        for name, value in gradients.items():
            self.gradient.parts[name][...] = value
        return StepResult(loss, self.gradient)


class Named(MutableMapping[str, Array]):
    """A model's state by name, read and assigned as copies."""

    def __init__(self, weights: Generations, still: dict[str, Array]) -> None:
        self.weights, self.still = weights, still

    def __getitem__(self, name: str) -> Array:
        moving = self.weights.now.parts
        return np.array(moving[name] if name in moving else self.still[name])

    def __setitem__(self, name: str, value: Any) -> None:
        if name in self.weights.now.parts:
            self.weights.assign(name, np.asarray(value, self.weights.now.flat.dtype))
        else:
            self.still[name] = np.array(value)

    def __delitem__(self, name: str) -> None:
        raise AssertionError(name)

    def __iter__(self) -> Iterator[str]:
        return iter([*self.weights.now.parts, *self.still])

    def __len__(self) -> int:
        return len(self.weights.now.parts) + len(self.still)


class Linear(Model):
    """yhat = w x + b with half the squared error, and the running mean of x beside it."""

    def __init__(self, size: int, seed: int = 0) -> None:
        start = np.random.default_rng(seed).normal(size=size)
        super().__init__(specs(spec("x", size), spec("y")), {"w": start, "b": 0.0}, {"mean": np.zeros(size)})
        self.seen: list[Array] = []
        self.reported: list[Array] = []

    def gradients(self, batch: Batch, *, step: int, objective: int = 0) -> StepResult:
        self.seen.append(batch.example_ids)
        x, y = batch.arrays["x"], batch.arrays["y"]
        self.batch_mean = x.mean(axis=0)
        error = x @ self.params["w"] + self.params["b"] - y
        return self.result(float(np.mean(error**2) / 2), w=error @ x / len(y), b=error.mean())

    def keep(self) -> dict[str, Array]:
        self.params["mean"] = 0.9 * self.params["mean"] + 0.1 * self.batch_mean
        return {}

    def report(self, batches: Iterable[Batch]) -> dict[str, float]:
        total, count, ids = 0.0, 0, []
        for batch in batches:
            error = batch.arrays["x"] @ self.params["w"] + self.params["b"] - batch.arrays["y"]
            total, count = total + float(np.sum(error**2) / 2), count + len(error)
            ids.append(batch.example_ids)
        self.reported.append(np.concatenate(ids))
        return {"loss": total / count}


class Scripted(Model):
    """`w` counts the steps, and the losses are given functions of it."""

    def __init__(
        self,
        validation: Callable[[float], float],
        training: Callable[[float], float] = lambda w: 1.0,
        gradient: Callable[[float], float] = lambda w: -1.0,
    ) -> None:
        super().__init__(specs(spec("x")), {"w": 0.0}, {"s": 0.0})
        self.validation, self.training, self.slope = validation, training, gradient
        self.on_step: Callable[[int], None] = lambda step: None
        self.reports = 0

    def gradients(self, batch: Batch, *, step: int, objective: int = 0) -> StepResult:
        self.on_step(step)
        self.step = step
        w = float(self.params["w"])
        return self.result(self.training(w), w=self.slope(w))

    def keep(self) -> dict[str, Array]:
        self.params["s"] = float(self.step)
        return {}

    def report(self, batches: Iterable[Batch]) -> dict[str, float]:
        self.reports += 1
        assert sum(batch.size for batch in batches)
        return {"loss": self.validation(float(self.params["w"]))}


class Carrying(Model):
    """Adds up a sequence of numbers, carrying the sum from chunk to chunk."""

    def __init__(self) -> None:
        super().__init__(specs(spec("x", axes=(("t", "T"),))), {"w": 0.0}, {})
        self.sums: list[list[float]] = []

    def gradients(self, batch: Batch, *, step: int, objective: int = 0) -> StepResult:
        assert bool(batch.carried) is not batch.first
        x = batch.arrays["x"]
        start = batch.carried.get("sum", np.zeros(len(x)))
        self.total = start + x[:, :-1].sum(axis=1)
        self.sums.append(self.total.tolist())
        return self.result(1.0, w=0.0)

    def keep(self) -> dict[str, Array]:
        return {"sum": self.total}

    def report(self, batches: Iterable[Batch]) -> dict[str, float]:
        return {"loss": float(sum(batch.size for batch in batches))}
