"""The CPU backend: kernels as Numba source, compiled once, cached on disk. The one place that imports Numba."""

from __future__ import annotations

from graphc.backend.cpu import blas
from graphc.backend.cpu.compile import before_load
from graphc.backend.cpu.executable import Executable
from graphc.ir.graph import Graph
from graphc.schedule import schedule

__all__ = ["Executable", "prepare"]

before_load.append(blas.register)


def prepare(graph: Graph, *, dense: bool = False) -> Executable:
    """A graph made ready to run; it is compiled when it runs first."""
    return Executable(graph, schedule(graph, dense=dense))
