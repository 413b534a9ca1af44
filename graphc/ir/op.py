"""What an operation must say about itself, in one place.

An op is written for one point of the index space: `matmul` of `(H, D)` and `(D)` gives `(H)`, whatever
indices its operands vary over; the result varies over the union of them. Only ops of `ops/indexing.py`
and reductions over an index look at indices at all, and they state the result's type whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from graphc.ir.form import Element, Form
from graphc.types import Index, TensorType

if TYPE_CHECKING:
    from graphc.ir.builder import Builder
    from graphc.ir.graph import Node, Value

Array = NDArray[Any]
Attrs = Mapping[str, Any]


class TypeFault(Exception):
    """Raised by a type rule: the operands do not fit. The front end adds the place and the code.

    `code` is the diagnostic's code, `expected` and `found` go into the message.
    """

    def __init__(self, code: str, message: str, help: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help


class Frame(Protocol):
    """What an oracle may ask of the run besides its operands."""

    axes: tuple[Index, ...]
    """The union of the operands' indices, in canonical order: the leading dimensions of every array."""
    types: tuple[TensorType, ...]
    """The operands' types as they were before alignment."""
    out: TensorType
    real: np.dtype[Any]
    """float32 or float64, as the program runs."""

    def extent(self, index: Index) -> int:
        """How long arrays are along this index: the longest example's length."""

    def lengths(self, index: Index) -> Array:
        """Each example's own length of the index's axis, as int64 of shape (batch,) or ()."""

    def step(self, index: Index) -> int:
        """The position (from 1) of the enclosing loop over this index."""

    def draw_key(self) -> tuple[int, int]:
        """(seed of the run, number of the training step): the key of random draws."""

    def example_ids(self) -> Array:
        """A number for each example of the batch, uint64 of shape (batch,), for random draws."""


Oracle = Callable[..., Array]
"""`oracle(frame, attrs, *arrays)`: the NumPy meaning of an op, the judge of every backend. Clear before fast.

Each array has one leading dimension for each of `frame.axes` (size 1 where the operand does not vary
over that index), then its element's dims. The result has one for each of `frame.out.axes` (or size 1),
then the result's dims.
"""


@dataclass(frozen=True)
class Sample:
    """Operands for the tests of an op: types, attributes, and the open interval that reals are drawn from.

    `domain` keeps away from poles and kinks where finite differences mean nothing. An operand listed in
    `values` is taken as given, its numbers repeated as often as its size asks for, instead of being drawn.
    """

    types: tuple[TensorType, ...]
    attrs: Attrs
    domain: tuple[float, float] = (-2.0, 2.0)
    values: Mapping[int, Any] | None = None


TypeRule = Callable[[Sequence[TensorType], Attrs], TensorType]
VJP = Callable[["Builder", "Node", "Value"], Sequence["Value | None"]]


def non_differentiable(builder: Builder, node: Node, cotangent: Value) -> Sequence[Value | None]:
    """The gradient rule of ops with integer or boolean results, or piecewise constant ones: none."""
    return [None] * len(node.operands)


@dataclass(frozen=True, eq=False)
class Op:
    """One operation."""

    name: str
    infer: TypeRule
    """Operand types and attributes to the result's type. Raises `TypeFault`."""
    vjp: VJP
    """Cotangent of the result to cotangents of the operands, None where there is none. A cotangent may
    have more indices than its operand, and of an elementwise op the result's shape where the operand is a
    scalar: the reverse walk sums those out. It must not be added to anything: accumulation is the walk's."""
    oracle: Oracle
    samples: Callable[[], Iterable[Sample]]
    form: Form
    """What an element of the result is, for code generators."""

    @property
    def scalar(self) -> str | None:
        """Elementwise ops only: the result as an expression of `a`, `b`, `c`, ..., see `form.pointwise`."""
        return self.form.scalar if isinstance(self.form, Element) else None

    def __repr__(self) -> str:
        return f"<op {self.name}>"
