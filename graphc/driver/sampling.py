"""How a class is chosen by its chances: drawn, from all or from the likeliest only, or the likeliest one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.backend import Run
from graphc.diagnostics import fault
from graphc.driver import arguments
from graphc.ir.graph import Node
from graphc.ir.op import Array
from graphc.ir.system import System, Unit
from graphc.ops.philox import draw_words, split, stream_key, uniforms
from graphc.ops.random import CATEGORICAL
from graphc.types import Index

CHANCES = "@chances"
"""Ends the name of the unit that holds the probabilities by which a name is drawn."""


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


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


@dataclass(frozen=True)
class Sampled:
    """An input that is drawn by `sample`: `stream` is the name of its random numbers."""

    name: str
    stream: str

    @property
    def chances(self) -> str:
        return self.name + CHANCES


def with_chances(system: System, name: str, axis: Index) -> tuple[System, Sampled]:
    """The system with one more unit: the vector by which `name` is drawn. Raises E328 if there is none."""
    unit = system.units[name]
    draws = [node for node in unit.nodes if isinstance(node, Node) and node.op is CATEGORICAL]
    if len(draws) != 1 or unit.indices != (axis,):
        raise fault(
            "E328",
            f"`generate` does not choose `{name}` by one `sample`: there are no chances to choose by",
            help=f"temperature, top-k, greedy choice and beams need `{name}[{axis.name}] = sample(p)`",
        )
    chances = draws[0].operands[0]
    added = Unit(name + CHANCES, unit.indices, unit.nodes, chances, unit.span)
    found = Sampled(name, draws[0].attrs["stream"])
    return System(system.leaves, {**system.units, added.name: added}), found


def chosen(choice: Choice, chances: Array, sampled: Sampled, run: Run, position: int) -> int:
    """A class by its chances [V], at a position; drawn with the number that `sample` has there."""
    if choice.greedy:
        return int(np.argmax(chances))
    weights = chances.astype(np.float64)
    if choice.temperature is not None:
        with np.errstate(divide="ignore"):
            scaled = np.log(weights) / choice.temperature
        weights = np.exp(scaled - scaled.max())
    if choice.top_k is not None and choice.top_k < len(weights):
        kept = np.argsort(-weights, kind="stable")[: choice.top_k]
        weights = np.where(np.isin(np.arange(len(weights)), kept), weights, 0.0)
    return drawn(weights, uniform(sampled.stream, run, position))


def drawn(weights: Array, number: float) -> int:
    """The first class with which the running sum exceeds a share `number` of the whole."""
    passed = int(np.sum(np.cumsum(weights) <= number * np.sum(weights)))
    # Rounding may lead past the last class that has a chance.
    return min(passed, int(np.max(np.where(weights > 0, np.arange(len(weights)), 0))))


def uniform(stream: str, run: Run, position: int) -> float:
    """The number in (0, 1) of example 0 at a position of a stream."""
    point = [*split(np.zeros((), np.uint64)), np.asarray(position, np.uint64)]
    return float(uniforms(draw_words(stream_key(run.seed, run.step, stream), point, 1))[0])
