"""What runs graphs, and which of them a program gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from graphc.backend import reference
from graphc.backend.state import Run
from graphc.ir.graph import Graph
from graphc.ir.op import Array

__all__ = ["BACKENDS", "Backend", "Executable", "Run", "choose"]


class Executable(Protocol):
    """A graph made ready to run, any number of times and with any batch size and lengths."""

    @property
    def graph(self) -> Graph: ...

    def run(
        self, inputs: Mapping[str, Array], run: Run, out: Mapping[str, Array] | None = None
    ) -> dict[str, Array]:
        """The outputs by name, laid out `[axes..., shape...]` as their types say; so are the inputs.

        There may be more inputs than the graph has, and of another precision than the run, which is that of
        the results. `out` gives arrays to write outputs into, by name: C-contiguous, of the output's dtype
        and shape, sharing no memory with the inputs or with each other. The result holds these arrays.
        """
        ...


class Prepare(Protocol):
    """Makes a graph ready to run. `dense` promises that no run has ragged lengths."""

    def __call__(self, graph: Graph, *, dense: bool = False) -> Executable: ...


@dataclass(frozen=True)
class Backend:
    """A way to run graphs. What it cannot compile it refuses; it never hands work to another one."""

    name: str
    prepare: Prepare


def _cpu(graph: Graph, *, dense: bool = False) -> Executable:
    # Numba takes as long to import as everything else together.
    from graphc.backend.cpu import prepare

    return prepare(graph, dense=dense)


BACKENDS: Mapping[str, Backend] = {
    "cpu": Backend("cpu", _cpu),
    "reference": Backend("reference", reference.prepare),
}


def choose(name: str) -> Backend:
    """The backend of that name. `auto` is the fastest one installed, for the time being the reference."""
    return BACKENDS["reference" if name == "auto" else name]
