"""The rolled form of a program: one unit an equation, reading other units at subscripts.

It is what the front end produces and what causality is judged on. A general equation `h[t] = ...` is a
unit named `h`; a boundary equation `h[0] = ...` is a unit of its own named `h[0]`, with the indices that
its left side leaves free. Reads of a name with boundaries are already expanded: a unit only ever reads
units.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from graphc.diagnostics import Diagnostic, Span
from graphc.ir.form import Element, Site
from graphc.ir.graph import AnyNode, Node, Value
from graphc.ir.op import Array, Attrs, Frame, Op, non_differentiable
from graphc.kernel.expr import Expr
from graphc.types import Affine, Index, TensorType


def _never(frame: Frame, attrs: Attrs, *arrays: Array) -> Array:
    raise AssertionError("a read of a unit was not lowered")


def _no_form(site: Site) -> Expr:
    raise AssertionError("a read of a unit was not lowered")


READ = Op(
    name="read",
    infer=lambda types, attrs: attrs["type"],
    vjp=non_differentiable,
    oracle=_never,
    samples=lambda: (),
    form=Element(_no_form),
)
"""`read(positions...; unit, subscripts, type)`: the unit's value at a position of each of its indices.

`subscripts` has an `Affine` for each index of the unit, or an int: the number of the operand that holds the
position. It exists in units only; lowering replaces it.
"""

Subscript = Affine | int


@dataclass(frozen=True)
class Place:
    """What a boundary equation holds: the name `of`, at a fixed position of some of its indices."""

    of: str
    positions: tuple[tuple[Index, Affine], ...]


@dataclass(eq=False)
class Unit:
    """One equation: `nodes` compute `value`, whose indices are `indices` (and batch)."""

    name: str
    indices: tuple[Index, ...]
    nodes: tuple[AnyNode, ...]
    value: Value
    span: Span
    place: Place | None = None
    """Set for a boundary equation."""

    def reads(self) -> list[Node]:
        return [n for n in self.nodes if isinstance(n, Node) and n.op is READ]


LeafKind = Literal["input", "param", "state"]


@dataclass(eq=False)
class Leaf:
    """A name whose values come from outside: an input, a parameter, a running statistic."""

    name: str
    kind: LeafKind
    type: TensorType
    indices: tuple[Index, ...]
    """In declared order; `type.axes` has them in canonical order, with batch for an input."""
    span: Span


@dataclass(eq=False)
class System:
    """A whole program, rolled."""

    leaves: dict[str, Leaf] = field(default_factory=dict)
    units: dict[str, Unit] = field(default_factory=dict)
    warnings: list[Diagnostic] = field(default_factory=list)

    def indices(self, name: str) -> tuple[Index, ...]:
        return self.units[name].indices if name in self.units else self.leaves[name].indices

    def type(self, name: str) -> TensorType:
        return self.units[name].value.type if name in self.units else self.leaves[name].type
