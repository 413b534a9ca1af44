"""The numbers of a run of a graph, as its picture takes them."""

from __future__ import annotations

from dataclasses import dataclass, field

from graphc.ir.graph import Value
from graphc.view.drawing.picture import Array


@dataclass
class Found:
    """The numbers of a run by value: axes first, that of the loop around it too, after a batch if there is
    one.

    `summands` are the parts of a cotangent by the result of the node that they come through; None is for the
    next step of a loop, and for what a loop starts with.
    """

    values: dict[Value, Array] = field(default_factory=dict)
    cotangents: dict[Value, Array] = field(default_factory=dict)
    summands: dict[tuple[Value, Value | None], list[Array]] = field(default_factory=dict)
    has_batch: bool = False
