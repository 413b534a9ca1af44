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

    def run(self, inputs: Mapping[str, Array], run: Run) -> dict[str, Array]:
        """The outputs by name. Inputs are laid out `[axes..., shape...]`, as their types say."""
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
