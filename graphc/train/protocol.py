"""What the trainer asks of a model, and what a model says about its inputs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Protocol

from graphc.backend import Executable
from graphc.diagnostics import Span
from graphc.ir.graph import Graph
from graphc.train.blame import Blame
from graphc.train.data.examples import Array, Batch
from graphc.train.state import Generations, Vector
from graphc.types import Length, TensorType


@dataclass(frozen=True)
class InputSpec:
    """One declared input: `x[t] : [D]` has the axis `t`, the length `T` and the shape `(D)`.

    `axes` and `lengths` stand in the order in which the input declares them, without the batch; `type`
    holds the same indices in canonical order. `classes` is K for `index(K)`: values 0 to K - 1; `dim` is the
    name K, if it is one: inputs over the same dim have the same classes.
    """

    name: str
    type: TensorType
    axes: tuple[str, ...] = ()
    lengths: tuple[str, ...] = ()
    classes: int | None = None
    span: Span | None = field(default=None, compare=False)
    dim: str = ""

    def length(self, axis: str) -> Length:
        """Where an axis ends: a run-time length, or one of a fixed size."""
        for index in self.type.axes:
            if index.name == axis:
                return index.length
        return Length(self.lengths[self.axes.index(axis)])

    @property
    def layout(self) -> tuple[int | str, ...]:
        """The array's dims behind the examples: numbers, and names for the lengths known at run time."""
        ends = [self.length(axis) for axis in self.axes]
        fixed = [end.name if end.size is None else end.size.value for end in ends]
        return (*fixed, *self.type.sizes)

    @property
    def running_lengths(self) -> tuple[str, ...]:
        """The length of each axis, empty for those of a fixed size."""
        return tuple("" if self.length(axis).is_fixed else self.length(axis).name for axis in self.axes)


@dataclass(frozen=True)
class StepResult:
    """What one mini-batch gives: a loss, and its gradients with respect to the parameters that it moves.

    The gradients are laid out as the model's `weights`, zeros where a parameter does not move. They hold
    until the same loss is differentiated again.
    """

    loss: float
    gradients: Vector


class Trainable(Protocol):
    """A model that can be trained."""

    @property
    def inputs(self) -> Mapping[str, InputSpec]: ...

    @property
    def params(self) -> MutableMapping[str, Array]:
        """All of the model's state by name, running statistics too. Read and assigned as copies."""
        ...

    @property
    def weights(self) -> Generations:
        """The parameters that training moves, at most."""
        ...

    @property
    def compile_seconds(self) -> float:
        """How long compiling took so far, whenever it happened."""
        ...

    def state(self) -> dict[str, Array]:
        """Copies of `params` by kind: `param/W`, and `running/m` for statistics that have an average."""
        ...

    def restore(self, state: Mapping[str, Array]) -> None:
        """What `state` gave, again; entries of other kinds are passed over."""
        ...

    @property
    def objectives(self) -> int:
        """How many losses take a step on each batch, one after another."""
        ...

    def moves(self, objective: int) -> Collection[str]:
        """The names of `weights` that a loss moves."""
        ...

    def prepare(self, graph: Graph) -> Executable:
        """A graph made ready by the backend that the model itself runs on."""
        ...

    def gradients(self, batch: Batch, *, step: int, objective: int = 0) -> StepResult:
        """One loss and its gradients in training mode.

        `step` counts batches from 1 and keys the random draws.
        """
        ...

    def blame(self, batch: Batch, *, step: int, objective: int = 0) -> Blame | None:
        """Which number of `gradients`, called with the same arguments, is the first that is not finite.

        None if all are finite where they are computed one after another. Slow: for a training that ends.
        """
        ...

    def blame_report(self, batches: Iterable[Batch]) -> Blame | None:
        """The same for the first loss of `report`, of the first batch in which there is such a number.

        Chunks of a sequence are looked at where the sequence begins, the others not.
        """
        ...

    def keep(self) -> Mapping[str, Array]:
        """The step is taken: the running statistics move by the batch that the first loss was given last.

        Returns the states to carry into the next chunk of a long sequence, for `Batch.carried`. They hold
        until the next call.
        """
        ...

    def report(self, batches: Iterable[Batch]) -> dict[str, float]:
        """`loss` and each `report` in evaluation mode, pooled over all the batches.

        A batch with `first` false goes on where the one before it ended: its states are carried over.
        """
        ...
