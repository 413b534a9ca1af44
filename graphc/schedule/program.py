"""What a schedule is: buffers, and the steps that run on them, in order.

A program is run by several workers at once, each of which runs all of its steps (one program, many data).
A step is shared out by ranges: worker w of n takes the w-th part of a ranged kernel's outer loop, of a
product's tasks, or of the batch in a sliced loop. Where a step reads what another worker wrote stands a
`Barrier`. What is not shared out is done by worker 0. No result depends on the number of workers, to the last
bit: a part is never summed in another order than the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import isqrt
from typing import Literal

from graphc.diagnostics import Span
from graphc.kernel.expr import ZERO, DType, Expr, Name
from graphc.kernel.nest import Kernel
from graphc.types import TensorType

Keeping = Literal["low", "normal"]
"""What is kept of a loop for its reverse loop: a state every some steps, or all that it needs."""

Role = Literal["input", "output", "work", "lengths", "ids", "constant"]


@dataclass(frozen=True, eq=False)
class Buffer:
    """A piece of memory. `size` counts elements, in terms of the program's sizes.

    `role`: an input or output of the graph (in C order), a piece of the arena (`work`), the
    examples' own lengths of an axis (int, one for each), or their numbers for random draws (int).
    """

    name: str
    dtype: DType
    size: Expr
    role: Role = "work"
    source: str = ""
    """Inputs and outputs: the name in the graph; lengths: the name of the length."""
    type: TensorType | None = None
    data: tuple[float, ...] = ()
    """The numbers of a `constant` buffer."""
    title: str = ""
    """What a reader calls the value that it has, "" where nothing was said."""


@dataclass(frozen=True)
class Size:
    """A number that is known when the program runs.

    `kind`: an extent, the length of a segment of it, or a word of a key of random draws.
    """

    name: str
    kind: Literal["extent", "segment", "key"]
    source: str
    """The length's name (`batch` among them), or the stream of random numbers."""
    word: int = 0

    def of(self, extent: int) -> int:
        """The number, where the length that it comes from is `extent`."""
        return segment_length(extent) if self.kind == "segment" else extent


def segment_length(extent: int) -> int:
    """How many steps of `extent` are a segment: about the square root, at least 1.

    With k steps in a segment, k states and extent / k segments' first states are kept at a time: least at the
    square root (Chen, Xu, Zhang, Guestrin 2016, "Training deep nets with sublinear memory cost").
    """
    return isqrt(max(extent, 1) - 1) + 1


@dataclass(frozen=True)
class Argument:
    """Where a kernel's buffer begins: a buffer and an offset in it, in elements."""

    buffer: Buffer
    offset: Expr = ZERO


@dataclass(frozen=True)
class Launch:
    """A kernel with its arguments, in the kernel's own order. `extent` is that of its ranged loop."""

    kernel: Kernel
    arguments: tuple[Argument, ...]
    sizes: tuple[Expr, ...]
    extent: Expr | None = None


@dataclass(frozen=True)
class Matrix:
    """A matrix in a buffer: element (i, j) at offset + i rows + j columns."""

    buffer: Buffer
    offset: Expr
    rows: Expr
    columns: Expr


@dataclass(frozen=True)
class Pack:
    """Lays out the right operand of a product, [k, n], as the generated product kernels read it."""

    source: Matrix
    k: Expr
    n: Expr
    packed: Buffer


@dataclass(frozen=True)
class Product:
    """c (+)= a @ b for [m, k] and [k, n], once for each combination of `over`, whose names offsets may use.

    `packed` replaces b. In a sliced loop the rows are the batch, and a worker computes those of its slice.
    `workspace` has room for one worker's packing; each worker has its own part.
    """

    c: Matrix
    a: Matrix
    b: Matrix
    m: Expr
    n: Expr
    k: Expr
    accumulate: bool = False
    over: tuple[tuple[Name, Expr], ...] = ()
    packed: Buffer | None = None
    workspace: Buffer | None = None
    note: str = ""
    """The source that it stands for, for printing."""
    span: Span | None = None
    """Where that stands."""


@dataclass(frozen=True)
class Repeat:
    """The steps of a loop: `step` counts from 0, or from extent - 1 down.

    `sliced`: examples do not meet in the body, so each worker runs all the steps for its own part of the
    batch without waiting; every ranged kernel in it ranges over the batch.
    """

    step: Name
    extent: Expr
    reverse: bool
    body: tuple[Step, ...]
    sliced: bool
    batch: Expr | None = None
    """The number of examples, if sliced."""


@dataclass(frozen=True)
class Barrier:
    """All workers have done what stands in front before any goes on."""


Step = Launch | Pack | Product | Repeat | Barrier


@dataclass(frozen=True, eq=False)
class Program:
    """A graph, scheduled."""

    sizes: tuple[Size, ...]
    buffers: tuple[Buffer, ...]
    steps: tuple[Step, ...]
    lives: tuple[tuple[Buffer, int, int], ...] = ()
    """Each buffer of the arena with the first and last of the phases (between barriers) that it lives in."""

    def walk(self) -> Iterator[Step]:
        yield from walk(self.steps)


def walk(steps: Iterable[Step]) -> Iterator[Step]:
    """Every step, a loop before its body."""
    for step in steps:
        yield step
        if isinstance(step, Repeat):
            yield from walk(step.body)
