"""`Program.start`: a model's steps one by one, with inputs and outputs as the user has them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.diagnostics import GraphcError, fault, nearest
from graphc.driver import arguments
from graphc.driver.arrays import Feed, feed, to_declared
from graphc.driver.examples import literal
from graphc.driver.execution import Execution
from graphc.driver.feeding import Feeder
from graphc.driver.generation.looped import along
from graphc.driver.generation.one_step import NOW, OneStep, one_step
from graphc.driver.generation.stepping import Track
from graphc.driver.pipeline import Pipeline
from graphc.frontend.spec import OUTPUT, InputInfo, Spec
from graphc.ir.op import Array
from graphc.ir.system import System
from graphc.types import BATCH, Affine, Index

if TYPE_CHECKING:
    from graphc.driver.compiled import Compiled


class Steps:
    """A batch of sequences that are computed step by step; `Program.start` makes it.

    `position` is the number of steps that were done.
    """

    def __init__(self, track: Track, spec: Spec, names: Sequence[str]) -> None:
        self._track, self._names = track, tuple(names)
        self._axis = track.step.axis
        self._original = spec.system
        infos = {name: stepwise(spec.inputs[name], self._axis) for name in track.step.inputs}
        real = track.execution.real
        self._feeder = Feeder(infos, lambda given, lengths: feed(infos, given, lengths, real))

    @property
    def position(self) -> int:
        return self._track.position

    @property
    def batch(self) -> int:
        """How many sequences there are."""
        return self._track.batch

    def advance(self, inputs: Mapping[str, Any] | None = None) -> dict[str, Array]:
        """Do the next step and return its values by name.

        `inputs` has the step of each sequence: arrays of the shape (batch, other axes, dims). A value that
        varies over a range of steps, such as `a[t,u]`, has the steps so far. Raises E440 to E447.
        """
        given = arguments.mapping("inputs", inputs, 'advance({"x": array})')
        fed = self._feeder(given)
        if given and fed.batch != self.batch:
            raise fault("E444", f"there are {self.batch} sequences; a step of {fed.batch} is given")
        here = {name + NOW: array for name, array in fed.arrays.items()}
        leaves = self._track.step.system.leaves
        values = self._track.advance(
            {leaf: np.expand_dims(array, along(leaves[leaf].type)) for leaf, array in here.items()}
        )
        steps = {name: np.take(values[name], 0, self._track.rounds(name)) for name in self._names}
        return {name.removeprefix(OUTPUT): self._shown(name, step) for name, step in steps.items()}

    def save(self) -> dict[str, Array]:
        """Copies of the state by name: the step's number, and what later steps read of earlier ones."""
        return self._track.save()

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `save` gave, here or elsewhere. Raises E329 if it does not fit."""
        self._track.restore(arguments.mapping("state", state, "restore(steps.save())"))

    def _shown(self, name: str, array: Array) -> Array:
        """In the user's layout, with the steps so far, and zeros outside the range of an index."""
        system = self._track.step.system
        type_ = system.type(name)
        before = {index.name: index for index in self._original.type(name).axes}
        for place, index in enumerate(type_.axes):
            own = before[index.name]
            if self._axis in own.dependencies and index != own:
                array = np.take(array, range(self.position), axis=place)
                array = _within(array, place, own, self._axis, self.position)
        return to_declared(array, type_, system.indices(name))


def _within(array: Array, place: int, index: Index, axis: Index, position: int) -> Array:
    """Zeros where an index is outside its range `lo..hi`, at a step."""
    low, high = (bound.substitute(axis, Affine(position)) for bound in (index.lo, index.hi))
    if not (low.is_constant and high.is_constant):
        return array
    at = np.arange(1, array.shape[place] + 1)
    inside = ((at >= low.constant) & (at <= high.constant)).reshape(
        [-1 if dim == place else 1 for dim in range(array.ndim)]
    )
    return np.where(inside, array, np.zeros((), array.dtype))


def stepwise(info: InputInfo, axis: Index) -> InputInfo:
    """One step of a sequence as an input of its own."""
    rest = tuple(index for index in info.axes if index != axis)
    return replace(info, type=info.type.with_axes(set(info.type.axes) - {axis}), axes=rest, examples=None)


# ------------------------------------------------------------------------------------- the beginning


def start(
    program: Compiled,
    batch: int | None,
    inputs: Mapping[str, Any],
    lengths: Mapping[str, Any],
    names: Sequence[str] | None,
    axis: str | None,
    seed: int | None,
) -> Steps:
    """See `Program.start`."""
    pipeline = program.pipeline
    time = time_axis(pipeline.spec("eval"), axis)
    wanted = _causal(pipeline, time) if names is None else tuple(names)
    step = pipeline.once(("step", time, wanted), lambda: one_step(pipeline.system("eval"), time, wanted))
    for name in inputs:
        if name in step.inputs:
            raise fault("E440", f"`{name}` is given step by step", help=f'`advance({{"{name}": array}})`')
    track = begin(program.execution, step, wanted, inputs, lengths, batch, seed)
    return Steps(track, pipeline.spec("eval"), wanted)


def begin(
    execution: Execution,
    step: OneStep,
    wanted: Sequence[str],
    inputs: Mapping[str, Any],
    lengths: Mapping[str, Any],
    batch: int | None,
    seed: int | None,
    *,
    prompts: Collection[str] = (),
    more: Mapping[str, Array] | None = None,
    width: int = 1,
) -> Track:
    """A track before its first step, with all that stays the same computed from `inputs`.

    `more` are leaves that no input is. There are `width` sequences for each example of the inputs.
    """
    pipeline, spec = execution.pipeline, execution.pipeline.spec("eval")
    used = {*step.system.leaves}
    if step.constants:
        used |= {value.name for value in pipeline.graph("eval", step.constants).inputs}
    infos = {n: i for n, i in spec.inputs.items() if n in used and n not in prompts}
    _check_batch(batch)
    own = {name: info for name, info in infos.items() if name not in inputs and info.has_value}
    size = batch or max((len(np.atleast_1d(np.asarray(a))) for a in inputs.values()), default=1)
    fed = feed(infos, {**(literal(own, size) if own else {}), **inputs}, lengths, execution.real)
    if infos and fed.batch != size:
        raise fault("E444", f"`batch` is {size}, and the inputs have {fed.batch} examples")
    fed = replace(fed, batch=size)
    run = execution.run(fed, seed)
    if step.constants:
        values = execution.values("eval", step.constants, fed, run)
        fed = replace(fed, arrays={**fed.arrays, **values})
    if width > 1:
        fed = _repeated(fed, step.system, width)
        run = replace(run, batch=fed.batch, lengths=fed.lengths)
    return Track(execution, step, wanted, replace(fed, arrays={**fed.arrays, **(more or {})}), run)


def _repeated(fed: Feed, system: System, width: int) -> Feed:
    """The inputs with each example so many times."""
    arrays = {
        name: np.repeat(array, width, axis=0) if BATCH in system.leaves[name].type.axes else array
        for name, array in fed.arrays.items()
        if name in system.leaves
    }
    lengths = {name: np.repeat(own, width) for name, own in fed.lengths.items()}
    return Feed(arrays, fed.batch * width, lengths, fed.dense)


def _check_batch(batch: Any) -> None:
    if batch is not None and (arguments.whole(batch) or 0) < 1:
        raise fault("E525", f"`batch` is a number of sequences; found {arguments.found(batch)}")


def time_axis(spec: Spec, name: str | None) -> Index:
    """The axis of that name, or the one run-time axis of the inputs. Raises E328 if there is no such one."""
    found = {index.name: index for info in spec.inputs.values() for index in info.axes}
    if name is not None:
        if name not in found:
            help_ = nearest(name, found) or _known(found)
            raise fault("E328", f"no input varies over an axis `{name}`", help=help_)
        return found[name]
    running = [index for index in found.values() if not index.length.is_fixed] or list(found.values())
    if not running:
        raise fault("E328", "no input varies over an axis: there is nothing to be done step by step")
    if len(running) > 1:
        axes = " and ".join(f"`{index.name}`" for index in running)
        help_ = f'name it: `start(axis="{running[0].name}")`'
        raise fault("E328", f"inputs vary over {axes}: which one are the steps of?", help=help_)
    return running[0]


def _known(axes: Iterable[str]) -> str:
    return "inputs vary over " + ", ".join(f"`{name}`" for name in axes) if axes else ""


def _causal(pipeline: Pipeline, axis: Index) -> tuple[str, ...]:
    """The outputs of the spec that steps can give, or else all its names that they can give."""
    spec, system = pipeline.spec("eval"), pipeline.system("eval")

    def can(name: str) -> bool:
        if name not in system.units or axis not in system.units[name].indices:
            return False
        try:
            one_step(system, axis, [name])
        except GraphcError:
            return False
        return True

    def found() -> tuple[str, ...]:
        return tuple(filter(can, spec.outputs)) or tuple(filter(can, spec.names))

    names = pipeline.once(("causal", axis), found)
    if not names:
        raise fault("E327", f"no name of the spec can be computed step by step along `{axis.name}`")
    return names
