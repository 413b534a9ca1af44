"""What runs graphs, and which of them a program gets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from graphc.backend.state import Run
from graphc.diagnostics import fault
from graphc.ir.graph import Graph
from graphc.ir.op import Array

if TYPE_CHECKING:
    from graphc.schedule.program import Keeping

__all__ = ["BACKENDS", "Backend", "Executable", "Run", "automatic", "choose"]


class Executable(Protocol):
    """A graph made ready to run, any number of times and with any batch size and lengths."""

    @property
    def graph(self) -> Graph: ...

    def begin(self, real: np.dtype[Any]) -> None:
        """Begin with what `compile` does, if it can be done while the caller does something else."""
        ...

    def compile(self, real: np.dtype[Any]) -> None:
        """Do now what the first run with reals of this dtype would have to do first."""
        ...

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
    """Makes a graph ready to run.

    `dense` promises that no run has ragged lengths. `memory` "low" asks to compute again, where the backend
    can, what would otherwise be kept from a loop for its reverse loop: slower, and for long sequences.
    """

    def __call__(self, graph: Graph, *, dense: bool = False, memory: Keeping = "normal") -> Executable: ...


@dataclass(frozen=True)
class Backend:
    """A way to run graphs. What it cannot compile it refuses; it never hands work to another one."""

    name: str
    prepare: Prepare
    expect_products: Callable[[np.dtype[Any]], None] = lambda real: None
    """Says that graphs with products of matrices are to come, so that what they need can be begun."""
    needs: tuple[str, ...] = ()
    """The packages that it is made of, beside those that all of graphc needs."""

    def missing(self) -> list[str]:
        """Which of them are not installed. They are looked for, not imported: that would take long."""
        return [package for package in self.needs if find_spec(package) is None]


# A backend is imported when it is first used: each takes a good part of the time of a start.


def _reference(graph: Graph, *, dense: bool = False, memory: Keeping = "normal") -> Executable:
    from graphc.backend.reference import prepare

    return prepare(graph, dense=dense, memory=memory)


def _cpu(graph: Graph, *, dense: bool = False, memory: Keeping = "normal") -> Executable:
    from graphc.backend.cpu import prepare, sync

    sync.count()  # a number of threads that is none is refused here, also for graphs that one thread runs
    return prepare(graph, dense=dense, memory=memory)


def _expect_products_on_cpu(real: np.dtype[Any]) -> None:
    from graphc.backend.cpu import expect_products

    expect_products(real)


BACKENDS: Mapping[str, Backend] = {
    "cpu": Backend("cpu", _cpu, _expect_products_on_cpu, needs=("llvmlite", "numba")),
    "reference": Backend("reference", _reference),
}


def automatic() -> str:
    """What `auto` stands for: `cpu` where it is installed, else `reference`. Nothing else decides."""
    return "reference" if BACKENDS["cpu"].missing() else "cpu"


def choose(name: str) -> Backend:
    """The backend of that name, or of the name that `auto` stands for. Raises E611 if it is not installed."""
    backend = BACKENDS[automatic() if name == "auto" else name]
    if absent := backend.missing():
        packages = " and ".join(f"`{package}`" for package in absent)
        raise fault(
            "E611",
            f"the backend `{backend.name}` needs {packages}, which this Python does not find",
            help=f"`pip install {' '.join(absent)}`, or choose the backend `reference`",
        )
    return backend
