"""The CPU backend: kernels as Numba source, compiled once, cached on disk. Nothing else imports Numba."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.backend.cpu import clock, products, sync
from graphc.backend.cpu.compile import expect, libraries
from graphc.backend.cpu.executable import Executable
from graphc.ir.graph import Graph
from graphc.schedule import schedule
from graphc.schedule.program import Keeping

__all__ = ["Executable", "expect_products", "prepare"]

libraries.extend([*products.LIBRARIES.values(), sync.LIBRARY, clock.LIBRARY])


def prepare(graph: Graph, *, dense: bool = False, memory: Keeping = "normal") -> Executable:
    """A graph made ready to run; it is compiled when it runs first."""
    return Executable(graph, schedule(graph, dense=dense, memory=memory))


def expect_products(real: np.dtype[Any]) -> None:
    """Begin to compile what makes products of matrices: LLVM has that to do while graphs are made."""
    expect(products.LIBRARIES[real.name])
