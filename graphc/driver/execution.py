"""Running compiled graphs on a program's state, in the layout of the compiler."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.backend import Executable, Run
from graphc.diagnostics import GraphcError, fault
from graphc.driver import arguments
from graphc.driver.arrays import Feed, masked, to_declared
from graphc.driver.parameters import AVERAGE, Parameters
from graphc.driver.pipeline import LOSS, Pipeline
from graphc.frontend.elaborate import Mode
from graphc.frontend.spec import Spec
from graphc.ir.graph import AnyNode, Graph, LoopNode
from graphc.ir.op import Array
from graphc.ir.system import System
from graphc.types import Length


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


@dataclass(frozen=True)
class _Needs:
    """What a run of an executable must find besides inputs."""

    lengths: frozenset[str]
    averages: tuple[str, ...]


class Execution:
    """Graphs of a pipeline with parameters to run them on."""

    def __init__(self, pipeline: Pipeline, params: Parameters, real: np.dtype[Any], seed: int) -> None:
        self.pipeline = pipeline
        self.params = params
        self.real = real
        self.seed = seed
        self._needs: dict[Executable, _Needs] = {}

    def run(self, fed: Feed, seed: int | None = None, step: int = 0, ids: Array | None = None) -> Run:
        """What a run brings besides its inputs."""
        known = ids if ids is not None and len(ids) else None
        own = self.seed if seed is None else arguments.seed(seed)
        return Run(self.real, fed.batch, fed.lengths, own, step, known)

    def call(
        self,
        executable: Executable,
        fed: Feed,
        run: Run,
        chunk: Chunk | None = None,
        out: Mapping[str, Array] | None = None,
        more: Mapping[str, Array] | None = None,
    ) -> dict[str, Array]:
        """Run a graph on inputs and the program's state; `out` as for an executable.

        `more` are inputs of the graph that are none of the spec.

        Raises E446 for a length that nothing gives, E521 for a statistic that has no average yet.
        """
        needs = self._needs.get(executable)
        if needs is None:
            self.pipeline.compile(executable, self.real)
            needs = self._needs[executable] = self._needed(executable.graph)
        if not needs.lengths <= fed.lengths.keys():
            raise _unknown_length(min(needs.lengths - fed.lengths.keys()))
        for state in needs.averages:
            self._check_average(state)
        carried = chunk.carried if chunk is not None else {}
        return executable.run({**self.params.leaves(), **carried, **fed.arrays, **(more or {})}, run, out)

    def values(
        self, mode: Mode, names: Sequence[str], fed: Feed, run: Run, chunk: Chunk | None = None
    ) -> dict[str, Array]:
        """Values by name."""
        program = self.pipeline.forward(mode, names, dense=fed.dense, continued=chunk is not None)
        return self.call(program, fed, run, chunk)

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
    ) -> Gradients:
        """The loss, its gradients, and values by name; zeros for what the loss does not depend on."""
        check_batch(fed)
        made = self.pipeline.gradients(
            mode, wrt, dense=fed.dense, names=names, objective=objective, summands=summands
        )
        found = Gradients(0.0, {})
        for number, (program, gradients) in enumerate(made.parts):
            results = self.call(program, fed, run)
            if number == 0:
                found = Gradients(float(results[LOSS]), {}, {name: results[name] for name in names})
            found.gradients.update({n: results[output] for n, output in gradients.names.items()})
            for name, parts in gradients.summands.items():
                if len(parts) > 1:
                    found.summands[name] = [(part.origin, results[part.output]) for part in parts]
        system = self.pipeline.system(mode)
        for name in wrt:
            if name not in found.gradients:
                found.gradients[name] = np.zeros(fed.shape(system.type(name)), self.real)
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
        groups = by_objective(self.pipeline.spec(mode), wrt)
        found = self.gradients(mode, groups.pop(0), fed, run, names=names, summands=summands)
        for number, group in groups.items():
            more = self.gradients(mode, group, fed, run, objective=number, summands=summands)
            found.gradients.update(more.gradients)
            found.summands.update(more.summands)
        return found

    def _needed(self, graph: Graph) -> _Needs:
        ends = self.pipeline.spec("eval").scope.lengths
        free = {name for name, end in ends.items() if not end.is_fixed}
        used = {length.name for node in graph.walk() for length in _lengths(node)} if free else set()
        averages = [v.name.removesuffix(AVERAGE) for v in graph.inputs if v.name.endswith(AVERAGE)]
        return _Needs(frozenset(free & used), tuple(averages))

    def _check_average(self, state: str) -> None:
        if not self.params.updates[state]:
            raise fault(
                "E521",
                f"`{state}` has no average yet: nothing was trained",
                self.pipeline.spec("eval").states[state].span,
                help="train first, or give it a first value: `running(start = 0)`",
            )

    def shown(self, name: str, array: Array, system: System, fed: Feed) -> Array:
        """From canonical layout to the user's, with zeros behind each example's end."""
        type_ = system.type(name)
        return to_declared(masked(array, type_, fed.lengths), type_, system.indices(name))


def by_objective(spec: Spec, names: Sequence[str]) -> dict[int, list[str]]:
    """Names by the loss that moves them, the first one where none or several do; there is always a 0."""
    groups: dict[int, list[str]] = {0: []}
    for name in names:
        moved = [number for number, o in enumerate(spec.objectives) if o.over is not None and name in o.over]
        groups.setdefault(moved[0] if len(moved) == 1 else 0, []).append(name)
    return groups


def check_batch(fed: Feed) -> None:
    """Raises E451 if there is nothing to take the mean over."""
    if not fed.batch:
        raise fault("E451", "the batch has no examples, and the mean of no losses is no number")


def _unknown_length(name: str) -> GraphcError:
    return fault(
        "E446",
        f"no input says how long `{name}` is",
        help=f'give it with `lengths={{"{name}": 3}}` or `--set {name}=3`',
    )


def _lengths(node: AnyNode) -> Iterator[Length]:
    """The lengths that a node computes with."""
    if isinstance(node, LoopNode):
        yield node.loop.index.length
    elif isinstance(node.attrs.get("length"), Length):
        yield node.attrs["length"]
    for value in node.results:
        for index in value.type.axes:
            yield index.length
