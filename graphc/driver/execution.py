"""Running compiled graphs on a program's state, in the layout of the compiler."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.backend import Run
from graphc.diagnostics import fault
from graphc.driver import arguments
from graphc.driver.arrays import Feed, masked, to_declared
from graphc.driver.parameters import Parameters
from graphc.driver.pipeline import LOSS, Pipeline
from graphc.frontend.elaborate import Mode
from graphc.ir.graph import AnyNode, Graph, LoopNode, Value
from graphc.ir.op import Array
from graphc.ir.system import System
from graphc.types import BATCH_NAME, Length, TensorType


@dataclass(frozen=True)
class Gradients:
    """The loss, gradients and values of one run, in canonical layout."""

    loss: float
    gradients: dict[str, Array]
    values: dict[str, Array] = field(default_factory=dict)
    summands: dict[str, list[tuple[str, Array]]] = field(default_factory=dict)
    """Where several cotangents met: each with the name of the equation that it came through."""


@dataclass(frozen=True)
class Chunk:
    """A piece of a long sequence: the states that it goes on from, by the names of their leaves."""

    carried: Mapping[str, Array]


class Execution:
    """Graphs of a pipeline with parameters to run them on."""

    def __init__(self, pipeline: Pipeline, params: Parameters, real: np.dtype[Any], seed: int) -> None:
        self.pipeline = pipeline
        self.params = params
        self.real = real
        self.seed = seed

    def run(self, fed: Feed, seed: int | None = None, step: int = 0, ids: Array | None = None) -> Run:
        """What a run brings besides its inputs."""
        known = ids if ids is not None and len(ids) else None
        own = self.seed if seed is None else arguments.seed(seed)
        return Run(self.real, fed.batch, dict(fed.lengths), own, step, known)

    def values(
        self, mode: Mode, names: Sequence[str], fed: Feed, run: Run, chunk: Chunk | None = None
    ) -> dict[str, Array]:
        """Values by name."""
        program = self.pipeline.forward(mode, names, dense=fed.dense, continued=chunk is not None)
        self._check_lengths(program.graph, fed)
        return program.run(self.arguments(program.graph.inputs, fed, chunk), run)

    def gradients(
        self,
        mode: Mode,
        wrt: Sequence[str],
        fed: Feed,
        run: Run,
        *,
        names: Sequence[str] = (),
        objective: int = 0,
        summands: bool = False,
        chunk: Chunk | None = None,
    ) -> Gradients:
        """The loss, its gradients, and values by name; zeros for what the loss does not depend on."""
        if not fed.batch:
            raise fault("E451", "the batch has no examples, and the mean of no losses is no number")
        made = self.pipeline.gradients(
            mode,
            wrt,
            dense=fed.dense,
            names=names,
            objective=objective,
            summands=summands,
            continued=chunk is not None,
        )
        found = Gradients(0.0, {})
        for number, (program, gradients) in enumerate(made.parts):
            self._check_lengths(program.graph, fed)
            results = program.run(self.arguments(program.graph.inputs, fed, chunk), run)
            if number == 0:
                found = Gradients(float(results[LOSS]), {}, {name: results[name] for name in names})
            found.gradients.update({n: results[output] for n, output in gradients.names.items()})
            for name, parts in gradients.summands.items():
                if len(parts) > 1:
                    found.summands[name] = [(part.origin, results[part.output]) for part in parts]
        system = self.pipeline.system(mode)
        for name in wrt:
            if name not in found.gradients:
                found.gradients[name] = np.zeros(_sizes(system.type(name), fed), self.real)
        return found

    def gradients_by_name(
        self,
        mode: Mode,
        wrt: Sequence[str],
        fed: Feed,
        run: Run,
        *,
        names: Sequence[str] = (),
        summands: bool = False,
    ) -> Gradients:
        """`gradients`, each name's of the loss that moves it; of the first one where none or several do."""
        objectives = self.pipeline.spec(mode).objectives
        groups: dict[int, list[str]] = {0: []}
        for name in wrt:
            moved = [number for number, o in enumerate(objectives) if o.over is not None and name in o.over]
            groups.setdefault(moved[0] if len(moved) == 1 else 0, []).append(name)
        found = self.gradients(mode, groups.pop(0), fed, run, names=names, summands=summands)
        for number, group in groups.items():
            more = self.gradients(mode, group, fed, run, objective=number, summands=summands)
            found.gradients.update(more.gradients)
            found.summands.update(more.summands)
        return found

    def arguments(self, inputs: Iterable[Value], fed: Feed, chunk: Chunk | None = None) -> dict[str, Array]:
        """The arrays that a graph's inputs stand for."""
        params = self.params.canonical()
        carried = chunk.carried if chunk is not None else {}
        found: dict[str, Array] = {}
        for value in inputs:
            name = value.name
            if name in fed.arrays:
                found[name] = fed.arrays[name]
            elif name in carried:
                found[name] = carried[name]
            elif name.endswith("@average"):
                found[name] = params[self._average(name.removesuffix("@average"))]
            else:
                found[name] = params[name]
        return found

    def _check_lengths(self, graph: Graph, fed: Feed) -> None:
        """Every run-time length that a graph uses is known. Raises E446."""
        free = {name for name, end in self.pipeline.spec("eval").scope.lengths.items() if not end.is_fixed}
        missing = free - set(fed.lengths)
        if not missing:
            return
        used = {length.name for node in graph.walk() for length in _lengths(node)}
        for name in sorted(missing & used):
            raise fault(
                "E446",
                f"no input says how long `{name}` is",
                help=f'give it with `lengths={{"{name}": 3}}` or `--set {name}=3`',
            )

    def _average(self, state: str) -> str:
        if not self.params.updates[state]:
            raise fault(
                "E521",
                f"`{state}` has no average yet: nothing was trained",
                self.pipeline.spec("eval").states[state].span,
                help="train first, or give it a first value: `running(start = 0)`",
            )
        return state

    def shown(self, name: str, array: Array, system: System, fed: Feed) -> Array:
        """From canonical layout to the user's, with zeros behind each example's end."""
        type_ = system.type(name)
        return to_declared(masked(array, type_, fed.lengths), type_, system.indices(name))


def _lengths(node: AnyNode) -> Iterator[Length]:
    """The lengths that a node computes with."""
    if isinstance(node, LoopNode):
        yield node.loop.index.length
    elif isinstance(node.attrs.get("length"), Length):
        yield node.attrs["length"]
    for value in node.results:
        for index in value.type.axes:
            yield index.length


def _sizes(type_: TensorType, fed: Feed) -> tuple[int, ...]:
    sizes: list[int] = []
    for index in type_.axes:
        if index.name == BATCH_NAME:
            sizes.append(fed.batch)
        elif index.length.size is not None:
            sizes.append(index.length.size.value)
        else:
            sizes.append(int(fed.lengths[index.length.name].max(initial=0)))
    return (*sizes, *type_.sizes)
