"""Graph to graph: each pass in a file of its own, with its contract in its docstring.

A pass is called with a graph and has a name by which it can be switched off. Every pass keeps what the
graph computes at all positions that count, exactly or numerically better.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol

from graphc.ir.graph import Graph
from graphc.ir.verifier import verify as verify_graph
from graphc.passes.contract import Contract
from graphc.passes.cse import Cse
from graphc.passes.dce import Dce
from graphc.passes.dense import Dense
from graphc.passes.fold import Fold
from graphc.passes.hoist import Hoist
from graphc.passes.initials import Initials
from graphc.passes.project import Project
from graphc.passes.reassociate import Reassociate
from graphc.passes.recompute import Recompute
from graphc.passes.simplify import Simplify
from graphc.passes.sink import Sink
from graphc.passes.stabilize import Stabilize
from graphc.passes.unpin import Unpin

__all__ = ["NAMES", "PASSES", "Pass", "optimize"]


class Pass(Protocol):
    """A change of graphs."""

    @property
    def name(self) -> str: ...

    def __call__(self, graph: Graph) -> Graph: ...


PASSES: tuple[Callable[..., Pass], ...] = (
    Unpin,
    Dce,
    Simplify,
    Fold,
    Cse,
    Stabilize,
    Dense,
    Simplify,
    Fold,
    Cse,
    Initials,
    Reassociate,
    Hoist,
    Project,
    Sink,
    Recompute,
    Dense,
    Simplify,
    Cse,
    Dce,
    Contract,
    Simplify,
    Fold,
    Cse,
    Dce,
)
"""In order. Some come again, since others make work for them; those that ask for the number of a value's uses
come behind `Dce`."""

NAMES: tuple[str, ...] = tuple(dict.fromkeys(form.__name__.lower() for form in PASSES))


def optimize(
    graph: Graph,
    *,
    disabled: Collection[str] = (),
    keep: Collection[str] | None = None,
    pinned: Collection[str] = (),
    dense: bool = False,
    verify: bool = False,
) -> Graph:
    """The graph after all passes but the `disabled` ones.

    `keep` names the pins that stay (None: all), `pinned` those whose cotangent is still to be asked for
    (see `Stabilize`). `dense` promises that no run has ragged lengths. `verify` checks the graph after
    each pass.
    """
    unknown = set(disabled) - set(NAMES)
    assert not unknown, f"no passes: {sorted(unknown)}"
    for change in _sequence(keep, pinned, dense):
        if change.name not in disabled:
            graph = change(graph)
            if verify:
                verify_graph(graph)
    return graph


def _sequence(keep: Collection[str] | None, pinned: Collection[str], dense: bool) -> list[Pass]:
    given: dict[object, Pass] = {Unpin: Unpin(keep), Stabilize: Stabilize(pinned)}
    return [given.get(form) or form() for form in PASSES if dense or form is not Dense]
