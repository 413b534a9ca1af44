"""What runs graphs, and which of them a program gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


@dataclass(frozen=True)
class Backend:
    """A way to run graphs. What it cannot compile it refuses; it never hands work to another one."""

    name: str
    prepare: Callable[[Graph], Executable]


BACKENDS: Mapping[str, Backend] = {"reference": Backend("reference", reference.prepare)}


def choose(name: str) -> Backend:
    """The backend of that name. `auto` is the fastest one installed, for the time being the reference."""
    return BACKENDS["reference" if name == "auto" else name]
