"""How a class is chosen by its chances: drawn, from all or from the likeliest only, or the likeliest one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from graphc.diagnostics import fault
from graphc.driver import arguments
from graphc.ir.builder import Builder
from graphc.ir.graph import AnyNode, Node, Value
from graphc.ir.op import Array
from graphc.ir.system import READ, Leaf, System, Unit
from graphc.ops import elementwise as ew
from graphc.ops.choosing import LIKELIEST
from graphc.ops.indexing import BROADCAST
from graphc.ops.random import CATEGORICAL
from graphc.ops.reduction import ARGMAX
from graphc.ops.softmax import SOFTMAX
from graphc.types import DType, Index, TensorType

CHANCES = "@chances"
"""Ends the name of the unit that holds the probabilities by which a name is drawn."""
TEMPERATURE, TOP_K = "temperature@", "top_k@"
"""The leaves that hold what the run says of drawing."""


@dataclass(frozen=True)
class Choice:
    """What the run says of drawing: None where it leaves that to the `generate` block.

    `temperature` takes the place of the block's: chances p^(1/temperature), normalized. `top_k` leaves only
    that many of the likeliest classes. `greedy` takes the likeliest, `beam` searches for the likeliest
    sequence with so many kept at each step. Raises E525 for values out of range, or that exclude each other.
    """

    temperature: float | None = None
    top_k: int | None = None
    greedy: bool = False
    beam: int | None = None

    def __post_init__(self) -> None:
        heat = self.temperature
        if heat is not None and not (_is_number(heat) and 0 < heat < math.inf):
            raise fault("E525", f"the temperature is a number above 0; found {arguments.found(heat)}")
        for name, count in (("top_k", self.top_k), ("beam", self.beam)):
            if count is not None and (arguments.whole(count) or 0) < 1:
                raise fault("E525", f"`{name}` is a whole number from 1; found {arguments.found(count)}")
        given = {"temperature": heat, "top_k": self.top_k, "beam": self.beam}
        idle = [name for name, value in given.items() if value is not None]
        if self.greedy and idle:
            raise fault("E525", f"`{idle[0]}` has no use beside `greedy`, which always takes the likeliest")
        if self.beam is not None and len(idle) > 1:
            raise fault("E525", f"`{idle[0]}` has no use beside `beam`, which draws nothing")

    @property
    def is_of_block(self) -> bool:
        """Whether everything is as the block says."""
        return self == Choice()

    @property
    def kind(self) -> tuple[bool, ...]:
        """What decides the equations of a step; temperature and k are numbers of the run."""
        return self.temperature is not None, self.top_k is not None, self.greedy, self.beam is not None

    def leaves(self, real: np.dtype[Any]) -> Mapping[str, Array]:
        """The numbers of the run as arrays."""
        heat = {} if self.temperature is None else {TEMPERATURE: np.asarray(self.temperature, real)}
        top = {} if self.top_k is None else {TOP_K: np.asarray(self.top_k)}
        return {**heat, **top}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def choosing(system: System, name: str, axis: Index, choice: Choice) -> System:
    """The system in which `name` is chosen as the run says, with its chances as one more unit.

    Raises E328 if it is not drawn by one `sample`, or if a beam would have to follow something else that is.
    """
    unit, draw = system.units[name], _draw(system, name, axis)
    if choice.beam is not None:
        _check_certain(system, name)
    chances = Unit(name + CHANCES, unit.indices, unit.nodes, draw.operands[0], unit.span)
    leaves = dict(system.leaves)
    b = Builder()
    nodes: list[AnyNode] = []
    for node in unit.nodes:
        nodes += _chosen(b, draw, choice, leaves, unit) if node is draw else [node]
    units = {**system.units, name: replace(unit, nodes=tuple(nodes)), chances.name: chances}
    return System(leaves, units)


def _draw(system: System, name: str, axis: Index) -> Node:
    unit = system.units[name]
    draws = [node for node in unit.nodes if isinstance(node, Node) and node.op is CATEGORICAL]
    if len(draws) != 1 or unit.indices != (axis,):
        raise fault(
            "E328",
            f"`generate` does not choose `{name}` by one `sample`: there are no chances to choose by",
            help=f"temperature, top-k, greedy choice and beams need `{name}[{axis.name}] = sample(p)`",
        )
    return draws[0]


def _check_certain(system: System, name: str) -> None:
    for unit in system.units.values():
        drawn = any(isinstance(node, Node) and node.op is CATEGORICAL for node in unit.nodes)
        if drawn and unit.name != name:
            raise fault(
                "E328",
                f"a beam follows the chances of `{name}`, and `{unit.name}` is drawn at random beside it",
                unit.span,
                help="draw both, without `beam`",
            )


def _chosen(b: Builder, draw: Node, choice: Choice, leaves: dict[str, Leaf], unit: Unit) -> list[AnyNode]:
    """The nodes that choose, the last of which has the result of the draw."""

    def number(leaf: str, dtype: DType) -> Value:
        type_ = TensorType.of(dtype)
        leaves[leaf] = Leaf(leaf, "state", type_, (), unit.span)
        return b(READ, called=leaf, unit=leaf, subscripts=(), type=type_)

    before, chances = len(b.nodes), draw.operands[0]
    with b.at(draw.span):
        if choice.temperature is not None:
            scaled = b(ew.DIV, b(ew.LOG, chances), number(TEMPERATURE, "real"))
            chances = b(SOFTMAX, scaled, dims=(0,), indices=())
        if choice.top_k is not None:
            chances = b(LIKELIEST, chances, number(TOP_K, "int"))
        if choice.greedy:
            value = b(ARGMAX, chances, dims=(0,), indices=())
            missing = set(draw.result.type.axes) - set(value.type.axes)
            if missing:
                b(BROADCAST, value, indices=tuple(missing))
        else:
            b(CATEGORICAL, chances, *draw.operands[1:], **draw.attrs)
    *nodes, last = b.nodes[before:]
    assert isinstance(last, Node)
    return [*nodes, replace(last, result=draw.result)]
