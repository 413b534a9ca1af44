"""How an op says what its result is, element by element, for every code generator.

A form is written for one point of the result, seen through a `Site`. Coordinates count from 0, along an index
as well as in a dim (the position that a spec calls 1 has the coordinate 0). A form never reads outside of an
operand: both sides of a `select` are evaluated, so it clamps a coordinate that may lie outside (`clamp`),
and does not read an operand that has a dim of size 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from graphc.kernel.expr import DType, Expr, Kind, Name
from graphc.kernel.parse import parse
from graphc.types import Dim, Index, Length, TensorType

if TYPE_CHECKING:
    from graphc.ir.builder import Builder
    from graphc.ir.graph import Node, Value


class Site(Protocol):
    """A point of a node's result (for a scatter: of the space of its points), and what can be read there."""

    @property
    def attrs(self) -> Mapping[str, Any]: ...

    @property
    def types(self) -> tuple[TensorType, ...]:
        """The operands' types."""
        ...

    @property
    def out(self) -> TensorType: ...

    @property
    def dims(self) -> tuple[Expr, ...]:
        """The point's coordinate in each dim of the result (of the space)."""
        ...

    def axis(self, index: Index) -> Expr:
        """The point's coordinate along an index that it varies over."""
        ...

    def read(
        self, operand: int, dims: Sequence[Expr] | None = None, axes: Mapping[Index, Expr] | None = None
    ) -> Expr:
        """An element of an operand.

        `dims` are its coordinates in the operand's dims: those of the point if not given. Along each of
        the operand's own indices it is read where the point stands, unless `axes` has another coordinate
        (what it says of other indices does not matter).

        Whether an index is empty only the run knows: where it is, a clamped coordinate is 0, and memory
        has room for that as if each extent were at least 1.
        """
        ...

    def reduce(
        self, kind: Kind, extents: Sequence[Expr | int], body: Callable[[tuple[Name, ...]], Expr]
    ) -> Expr:
        """`body` at all combinations of new variables from 0 to each extent, made into one.

        The order is that of nested loops, the last variable fastest, and in this order argmax and argmin
        count. The sum of nothing is 0, its product 1, its maximum -inf or the least int, argmax 0. A NaN
        wins every maximum and minimum.
        """
        ...

    def table(self, values: Sequence[float | int | bool], dtype: DType) -> str:
        """A buffer that holds these constants, in order, for `Load`."""
        ...

    def extent(self, index: Index) -> Expr:
        """How long arrays are along an index: the longest example's length."""
        ...

    def length(self, length: Length) -> Expr:
        """The end of an axis: of the point's own example, if it is a run-time length."""
        ...

    def step(self, index: Index) -> Expr:
        """The position, from 1, at which the enclosing loop over an index stands."""
        ...

    def draw_key(self, stream: str) -> tuple[Expr, Expr]:
        """The two words (ints) of the key of a stream of random numbers in this run."""
        ...

    def example_id(self) -> Expr:
        """The number, an int, that the point's example has for random draws."""
        ...


@dataclass(frozen=True)
class Element:
    """Each element of the result as an expression."""

    at: Callable[[Site], Expr]
    scalar: str | None = None
    """Elementwise ops: the same as text, see `pointwise`."""


def pointwise(scalar: str) -> Element:
    """The form of an elementwise op: an expression of its operands, which it calls `a`, `b`, `c`, ...

    See `kernel/parse.py`. An operand that is a scalar is the same for all elements.
    """

    def at(site: Site) -> Expr:
        operands = [site.read(i, None if given.rank else ()) for i, given in enumerate(site.types)]
        return parse(scalar, operands, site.out.dtype)

    return Element(at, scalar)


@dataclass(frozen=True)
class Target:
    """Where a point of a scatter adds what. Where `exists` is false it adds nothing."""

    axes: Mapping[Index, Expr]
    """The coordinate along those of the result's indices at which it is not the point's own."""
    dims: tuple[Expr, ...]
    value: Expr
    exists: Expr | None = None


@dataclass(frozen=True)
class Scatter:
    """Zeros, to which each point of a space adds a value somewhere.

    `space` gives the indices and dims that the points vary over. They add in the order of nested loops over
    these, so that sums are the same in each run.
    """

    space: Callable[[Node], tuple[tuple[Index, ...], tuple[Dim, ...]]]
    at: Callable[[Site], Target]


@dataclass(frozen=True)
class Expanded:
    """Other nodes that compute the same, for an op that is easier to say in several steps."""

    into: Callable[[Builder, Node], Value]


Form = Element | Scatter | Expanded
