"""What a run that computes only some names asks of its examples: a prediction needs nothing of the loss."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from graphc.analysis.usage import needed
from graphc.diagnostics import Span
from graphc.driver.pipeline import Pipeline
from graphc.frontend.elaborate import Mode
from graphc.frontend.spec import NonEmpty
from graphc.ir.graph import Node
from graphc.ir.system import Unit


@dataclass(frozen=True)
class Needs:
    """The inputs that are read, and the means and maxima that must have something to go over."""

    inputs: frozenset[str]
    nonempty: tuple[NonEmpty, ...]


def needs(pipeline: Pipeline, mode: Mode, names: Sequence[str]) -> Needs:
    """What the computation of these units, or leaves, asks for."""
    spec = pipeline.spec(mode)
    among = needed(spec.system, names)
    own = _spans(unit for name, unit in spec.system.units.items() if name in among)
    others = _spans(unit for name, unit in spec.system.units.items() if name not in among)
    return Needs(
        frozenset(value.name for value in pipeline.graph(mode, list(names)).inputs),
        # One that is found in no equation at all is asked for as well.
        tuple(need for need in spec.nonempty if need.span in own or need.span not in others),
    )


def _spans(units: Iterable[Unit]) -> set[Span | None]:
    return {node.span for unit in units for node in unit.nodes if isinstance(node, Node)}
