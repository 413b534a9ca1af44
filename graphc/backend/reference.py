"""The NumPy oracle: runs any graph, one node after another, and is the judge of every other backend.

`prepare` settles once what does not depend on the run (slots, alignment, last uses), so that a training
step pays little more than the NumPy calls themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.backend.memory import require
from graphc.backend.plan import Plan
from graphc.backend.state import Run, State, Watch
from graphc.ir.graph import Graph
from graphc.ir.op import Array
from graphc.types import BATCH_NAME, TensorType

if TYPE_CHECKING:
    from graphc.schedule.program import Keeping

__all__ = ["Executable", "Run", "execute", "prepare"]


class Executable:
    """A graph made ready to run, any number of times and with any batch size and lengths."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._plan = Plan(graph)
        self._fits: Mapping[str, int] = {}
        """The extents of the last run, for which there was memory."""

    def begin(self, real: np.dtype[Any]) -> None:
        """There is nothing to compile."""

    def compile(self, real: np.dtype[Any]) -> None:
        """Nothing: the calls of NumPy are listed already, and serve both precisions."""

    def run(
        self,
        inputs: Mapping[str, Array],
        run: Run,
        out: Mapping[str, Array] | None = None,
        watch: Watch | None = None,
    ) -> dict[str, Array]:
        """The outputs by name. Inputs are laid out `[axes..., shape...]`, as their types say.

        Outputs that `out` has an array for are copied there. `watch` is shown every node. Raises E526 if a
        value does not fit into memory.
        """
        state = State(run, watch)
        if state.extents != self._fits:
            lengths = {name: extent for name, extent in state.extents.items() if name != BATCH_NAME}
            require(self._plan.least(state), run.batch, lengths)
            self._fits = state.extents
        arguments = [_argument(state, value.type, inputs[value.name]) for value in self.graph.inputs]
        # Positions outside an example's range hold garbage, of which NumPy would warn.
        with np.errstate(all="ignore"):
            results = self._plan.execute(state, arguments)
        given = out or {}
        assert given.keys() <= self.graph.outputs.keys(), sorted(given.keys() - self.graph.outputs.keys())
        return {
            name: _written(array, given.get(name))
            for name, array in zip(self.graph.outputs, results, strict=True)
        }


def prepare(graph: Graph, *, dense: bool = False, memory: Keeping = "normal") -> Executable:
    """A graph made ready to run.

    Dense or ragged makes no difference here, and neither does `memory`: loops keep what the graph says.
    """
    return Executable(graph)


def execute(graph: Graph, inputs: Mapping[str, Array], run: Run) -> dict[str, Array]:
    """Run a graph once."""
    return prepare(graph).run(inputs, run)


def _argument(state: State, type: TensorType, given: Array) -> Array:
    array = np.asarray(given, state.dtypes[type.dtype])
    assert array.shape == state.shape(type), (array.shape, state.shape(type), str(type))
    return array


def _written(array: Array, target: Array | None) -> Array:
    """The result, in the caller's array if there is one."""
    if target is None:
        # A broadcast result has strides of zero, which no caller expects; `order` keeps rank 0 as it is.
        return np.asarray(array, order="C")
    found, wanted = (target.shape, target.dtype), (array.shape, array.dtype)
    assert found == wanted, (found, wanted)
    assert target.flags.c_contiguous
    np.copyto(target, array)
    return target
