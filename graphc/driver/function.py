"""The loss and its gradients as a function to call again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.backend import Executable, Run
from graphc.driver import arguments
from graphc.driver.arrays import Feed, axis_order
from graphc.driver.execution import by_objective, check_batch
from graphc.driver.feeding import Feeder
from graphc.driver.pipeline import LOSS
from graphc.frontend.elaborate import Mode
from graphc.ir.op import Array
from graphc.types import BATCH_NAME, TensorType

if TYPE_CHECKING:
    from graphc.driver.compiled import Compiled


@dataclass(frozen=True)
class _Result:
    """A gradient: the output that has it, and what has to be done with it."""

    name: str
    output: str
    type: TensorType
    shape: tuple[int, ...] | None
    """None where it depends on the run."""
    plain: bool
    """Whether the user's layout is the type's, and no position lies outside of a range."""

    def shape_in(self, fed: Feed) -> tuple[int, ...]:
        return fed.shape(self.type) if self.shape is None else self.shape


@dataclass(frozen=True)
class _Ready:
    """The executables, with the gradients that each of them gives; and those that are zero."""

    parts: tuple[tuple[Executable, tuple[_Result, ...]], ...]
    zeros: tuple[_Result, ...]


_SMALL = 1024
"""Elements that are copied faster than a new array is made known to compiled code."""


class GradientFunction:
    """`f(inputs) -> (loss, gradients)`: what `Program.value_and_grad` gives, made ready at the first call.

    Later calls on batches of the same layout check names, dtypes, shapes and classes, and compute. Inputs and
    results are laid out as those of `value_and_grad`; the results belong to the caller. The parameters are
    those that the program has at the call.
    """

    def __init__(self, program: Compiled, wrt: Sequence[str], mode: Mode) -> None:
        self._program, self._wrt, self._mode = program, tuple(wrt), mode
        self._execution = program.execution
        self._feeder = Feeder(program.spec.inputs, program.feed)
        self._ready: dict[bool, _Ready] = {}
        self._run: Run | None = None
        self._kept: dict[Executable, dict[str, Array]] = {}
        """Arrays that small results are written into and copied from: a backend knows them already."""

    def __call__(self, inputs: Mapping[str, Any] | None = None) -> tuple[float, dict[str, Array]]:
        """The loss, a mean over the batch, and its gradients by name. Raises what `value_and_grad` does."""
        given = inputs if type(inputs) is dict else arguments.mapping("inputs", inputs, '{"x": array}')
        fed = self._feeder(given)
        check_batch(fed)
        run, real = self._run, self._program.real
        if run is None or run.lengths is not fed.lengths:  # a layout's lengths are one object
            run = self._run = self._execution.run(fed)
            self._kept.clear()
        ready = self._ready.get(fed.dense)
        if ready is None:
            ready = self._ready[fed.dense] = self._made(fed.dense)
        losses: list[Array] = []
        found: dict[str, Array] = {}
        for executable, results in ready.parts:
            kept = self._kept.setdefault(executable, {LOSS: np.empty((), real)})
            out = kept | {r.output: np.empty(r.shape_in(fed), real) for r in results if r.output not in kept}
            losses.append(self._execution.call(executable, fed, run, None, out)[LOSS])
            for result in results:
                array = out[result.output]
                if not result.plain:
                    array = self._shown(result.name, array, fed)
                elif array.size <= _SMALL:
                    kept[result.output], array = array, array.copy()
                found[result.name] = array
        for result in ready.zeros:
            found[result.name] = self._shown(result.name, np.zeros(result.shape_in(fed), real), fed)
        return float(losses[0]), {name: found[name] for name in self._wrt}

    def _made(self, dense: bool) -> _Ready:
        pipeline = self._program.pipeline
        parts: list[tuple[Executable, tuple[_Result, ...]]] = []
        for objective, group in by_objective(pipeline.spec(self._mode), self._wrt).items():
            made = pipeline.gradients(self._mode, group, dense=dense, objective=objective)
            for executable, found in made.parts:
                results = tuple(self._result(name, output) for name, output in found.names.items())
                parts.append((executable, results))
        given = {result.name for _, results in parts for result in results}
        return _Ready(tuple(parts), tuple(self._result(n, "") for n in self._wrt if n not in given))

    def _result(self, name: str, output: str) -> _Result:
        system = self._program.pipeline.system(self._mode)
        type_ = system.type(name)
        fixed = all(axis.length.is_fixed for axis in type_.axes)
        whole = all(axis.name == BATCH_NAME or (axis.is_full and axis.length.is_fixed) for axis in type_.axes)
        order = axis_order(type_, system.indices(name))
        ends = [axis.length.size.value for axis in type_.axes if axis.length.size is not None]
        shape = (*ends, *type_.sizes) if fixed else None
        return _Result(name, output, type_, shape, whole and order == tuple(range(len(order))))

    def _shown(self, name: str, array: Array, fed: Feed) -> Array:
        return self._execution.shown(name, array, self._program.pipeline.system(self._mode), fed)
