"""graphc's side of a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from benchmarks.rows import Array, Workload
from graphc.driver.program import Program

Function = Callable[[Mapping[str, Array]], tuple[float, Mapping[str, Array]]]


class GraphcStep:
    """`Program.step`: a training step as the spec's `fit` block describes it."""

    def __init__(self, program: Program, workload: Workload) -> None:
        self.program, self.workload = program, workload

    def call(self) -> float:
        return self.program.step(self.workload.inputs)

    def restart(self) -> None:
        for name, value in self.workload.params.items():
            self.program.params[name] = value


class GraphcCall:
    """Value and gradients in one call, prepared once where the program can do that."""

    def __init__(self, program: Program, workload: Workload) -> None:
        self.workload = workload
        wrt = list(workload.row.wrt)
        prepared = getattr(program, "function", None)
        self.function: Function = prepared(wrt=wrt) if prepared else partial(program.value_and_grad, wrt=wrt)

    def call(self) -> float:
        loss, _ = self.function(self.workload.inputs)
        return loss

    def restart(self) -> None:
        """Nothing moves."""


def graphc_side(program: Program, workload: Workload) -> GraphcStep | GraphcCall:
    """What graphc enters a row with."""
    return (GraphcCall if workload.row.wrt else GraphcStep)(program, workload)
