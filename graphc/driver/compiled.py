"""A spec as a program that computes: checked inputs in, values and gradients by name out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from graphc.analysis.recurrence import CAUSALITY, plan
from graphc.diagnostics import Diagnostic, GraphcError, fault, nearest
from graphc.driver import arguments
from graphc.driver.arrays import Feed, feed_spec
from graphc.driver.examples import literal, literal_lengths
from graphc.driver.execution import Execution
from graphc.driver.function import GradientFunction
from graphc.driver.inputs import chunked, input_spec
from graphc.driver.needs import Needs, needs
from graphc.driver.parameters import Parameters
from graphc.driver.pipeline import Pipeline
from graphc.frontend import ast
from graphc.frontend.elaborate import Mode
from graphc.frontend.spec import OUTPUT, InputInfo
from graphc.ir.op import Array
from graphc.train.protocol import InputSpec

if TYPE_CHECKING:
    from graphc.driver.shares import Shares

DTypeName = Literal["float32", "float64"]


@dataclass(frozen=True)
class Settings:
    """How a program was compiled. `dims` are sizes given from outside, `options` those of fit and data."""

    backend: str = "reference"
    dtype: DTypeName = "float32"
    dims: Mapping[str, int] = field(default_factory=dict)
    seed: int = 0
    root: Path = field(default_factory=Path)
    options: Mapping[str, str] = field(default_factory=dict)


class Compiled:
    """A spec, ready to compute: values by name, and gradients.

    Arrays have the batch first, then the axes in the order in which the spec writes them, then the
    element's dims. Everything returned is a copy.
    """

    def __init__(
        self, pipeline: Pipeline, settings: Settings, imports: Mapping[str, str] | None = None
    ) -> None:
        self.pipeline = pipeline
        self.spec = pipeline.spec("train")
        self.settings = settings
        self.imports = dict(imports or {})
        self.real = np.dtype(settings.dtype)
        self.seed = settings.seed
        self.params = Parameters(self.spec, settings.seed, self.real)
        self.execution = Execution(pipeline, self.params, self.real, settings.seed)
        self._advice: list[Diagnostic] | None = None

    def analyse(self) -> None:
        """Find the faults that only the whole system shows: causality, in both modes and in generation.

        A model whose own equations have a fault of causality is not judged on it once more in generation.
        """
        modes: tuple[Mode, ...] = ("train", "eval")
        faults: list[Diagnostic] = []
        for mode in modes:
            system = self.pipeline.system(mode)
            try:
                plan(system, system.units)
            except GraphcError as error:
                known = {(d.code, d.span) for d in faults}
                faults += [d for d in error.diagnostics if (d.code, d.span) not in known]
        causal = bool(faults)
        if self.spec.generate is not None:
            try:
                self.pipeline.generation()
            except GraphcError as error:
                faults += [d for d in error.diagnostics if not (causal and d.code in CAUSALITY)]
        if any(isinstance(statement, ast.OptimizerDefinition) for statement in self.spec.file.statements):
            from graphc.train.optimize import rules

            faults += rules.faults(self.spec.file, self.spec.scope.library)
        if faults:
            raise GraphcError(sorted(faults, key=lambda d: d.span.start if d.span else -1))

    def fresh(self, dtype: DTypeName | None = None) -> Self:
        """This program with its initial parameters, at another precision if asked for."""
        settings = replace(self.settings, dtype=dtype or self.settings.dtype)
        return type(self)(self.pipeline, settings, self.imports)

    # ------------------------------------------------------------------------------------ the spec

    @property
    def warnings(self) -> list[Diagnostic]:
        """What is legal in the spec but probably not meant: unused names, parameters that never move."""
        if self._advice is None:
            from graphc.driver.advice import initial_facts, warnings

            known = initial_facts(self.spec.params)
            self._advice = warnings(self.pipeline, known, chunked=chunked(self.spec, self.settings.options))
        return [*self.spec.system.warnings, *self._advice]

    @property
    def compile_seconds(self) -> float:
        """How long compiling took so far: of the spec, and of each graph when it was first needed."""
        return self.pipeline.clock.seconds

    @property
    def names(self) -> list[str]:
        """The names of the spec that have a value: inputs, parameters, equations."""
        return list(self.spec.names)

    @property
    def inputs(self) -> dict[str, InputSpec]:
        """The declared inputs."""
        return {name: input_spec(info) for name, info in self.spec.inputs.items()}

    @property
    def trainable(self) -> list[str]:
        """The parameters that training moves."""
        return [name for name, param in self.spec.params.items() if not param.frozen]

    @property
    def examples(self) -> dict[str, Array] | None:
        """The literal inputs of the spec as a batch, or None if some input has none."""
        infos = self.spec.inputs
        return literal(infos) if all(info.has_value for info in infos.values()) else None

    @property
    def single(self) -> bool:
        """Whether the spec itself gives the one example."""
        return all(info.has_value and not info.batched for info in self.spec.inputs.values())

    def feed(
        self,
        inputs: Mapping[str, Any] | None,
        lengths: Mapping[str, Any] | None = None,
        asked: Needs | None = None,
    ) -> Feed:
        """Checked inputs, ready to run; the spec's own values stand in for inputs that are not given.

        Of inputs without a value only those have to be given that are `asked` for (None: all).
        """
        given = arguments.mapping("inputs", inputs, '{"x": array}')
        lengths = arguments.mapping("lengths", lengths, 'lengths={"T": [3, 5]}')
        infos = self.spec.inputs
        if asked is not None:
            infos = _without_idle(infos, {*asked.inputs, *given})
        own = {name: info for name, info in infos.items() if name not in given and info.has_value}
        if own:
            size = max((len(np.atleast_1d(np.asarray(a))) for a in given.values()), default=1)
            given |= literal(own, size)
            lengths = {**literal_lengths(own), **lengths}
        nonempty = None if asked is None else asked.nonempty
        return feed_spec(self.spec, given, lengths, self.real, infos, nonempty)

    # ------------------------------------------------------------------------------------- running

    def forward(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        names: Sequence[str] | None = None,
        mode: Mode = "eval",
        seed: int | None = None,
        lengths: Mapping[str, Any] | None = None,
    ) -> dict[str, Array]:
        """Values by name: those in `names`, from the inputs that these need, or all names of the spec.

        `mode` "train" draws dropout masks and noise and takes a batch's own statistics; "eval" does not.
        """
        _check_mode(mode)
        wanted = self._wanted(names)
        asked = None if names is None else needs(self.pipeline, mode, wanted)
        fed = self.feed(inputs, lengths, asked)
        values = self.execution.values(mode, wanted, fed, self.execution.run(fed, seed))
        system = self.pipeline.system(mode)
        return {
            name.removeprefix(OUTPUT): self.execution.shown(name, values[name], system, fed)
            for name in wanted
        }

    def value_and_grad(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        wrt: Sequence[str] | str | None = None,
        mode: Mode = "train",
        seed: int | None = None,
        lengths: Mapping[str, Any] | None = None,
    ) -> tuple[float, dict[str, Array]]:
        """The loss (a mean over the batch) and its gradients.

        `wrt` names parameters, inputs or any name of the spec; without it, all parameters.
        """
        wanted = self._differentiable(wrt, mode)
        fed = self.feed(inputs, lengths)
        found = self.execution.gradients_by_name(mode, wanted, fed, self.execution.run(fed, seed))
        system = self.pipeline.system(mode)
        shown = {n: self.execution.shown(n, found.gradients[n], system, fed) for n in wanted}
        return found.loss, shown

    def function(
        self, wrt: Sequence[str] | str | None = None, mode: Mode = "train"
    ) -> Callable[[Mapping[str, Any] | None], tuple[float, dict[str, Array]]]:
        """`value_and_grad` as a function `f(inputs) -> (loss, gradients)`, for many calls.

        What does not depend on the numbers is settled at the first call on a batch of a shape.
        """
        return GradientFunction(self, self._differentiable(wrt, mode), mode)

    def gradient_shares(
        self,
        name: str,
        inputs: Mapping[str, Any] | None = None,
        *,
        axis: str | None = None,
        per_example: bool = False,
        mode: Mode = "train",
        seed: int | None = None,
        lengths: Mapping[str, Any] | None = None,
    ) -> Shares:
        """What each step of an axis adds to the gradient of a name that all steps share, such as `rnn.U`.

        `.steps` is `[T, H, D]` for a matrix `[H, D]`, by example `[batch, T, H, D]`; `.rest` is what does not
        come through a step. They add up to the gradient, `.total`. Without `axis` the only one is meant.

        Raises E527 unless an axis is meant, E528 for a name that varies over it or that no step reads.
        """
        from graphc.driver.shares import gradient_shares, question

        (wanted,) = self._wanted(self._differentiable([name], mode))
        return gradient_shares(question(self, inputs, axis, mode, seed, lengths), wanted, per_example)

    def norms(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        axis: str | None = None,
        mode: Mode = "train",
        seed: int | None = None,
        lengths: Mapping[str, Any] | None = None,
    ) -> dict[str, Array]:
        """How large gradients are at each step of an axis: `[T]` for each real name.

        It is the Euclidean norm, over the batch and all dims, of the derivative of the loss by the name at
        the step; for a name that all steps share, of the step's share. Names that no step has or reads are
        left out. Raises E527 unless an axis is meant.
        """
        from graphc.driver.shares import question

        _check_mode(mode)
        return question(self, inputs, axis, mode, seed, lengths).norms()

    def _differentiable(self, wrt: Sequence[str] | str | None, mode: Mode) -> list[str]:
        """The names to differentiate with respect to. Raises E242, E449, E522, E525."""
        _check_mode(mode)
        wanted = list(self.spec.params) if wrt is None else arguments.names("wrt", wrt)
        for name in self._wanted(wanted):
            if self.spec.system.type(name).dtype != "real":
                raise fault("E242", f"`{name}` holds whole numbers and has no gradient")
        return wanted

    def _wanted(self, names: Sequence[str] | None) -> list[str]:
        system = self.spec.system
        if names is None:
            return list(dict.fromkeys([*self.spec.names, *self.spec.outputs]))
        names = arguments.names("names", names)
        written = {name.removeprefix(OUTPUT): name for name in self.spec.outputs}
        found = [written.get(name, name) for name in names]
        for name in found:
            if name not in system.units and name not in system.leaves:
                raise fault("E449", f"the spec has no name `{name}`", help=nearest(name, self.spec.names))
        return found


def _without_idle(infos: Mapping[str, InputInfo], needed: Collection[str]) -> dict[str, InputInfo]:
    """The inputs that are needed, for their values or because nothing else says how long an axis is."""
    kept = {name for name, info in infos.items() if name in needed or info.has_value}
    known = {axis.length for name in kept for axis in infos[name].axes}
    for name, info in infos.items():
        if any(not axis.length.is_fixed and axis.length not in known for axis in info.axes):
            kept.add(name)
    return {name: info for name, info in infos.items() if name in kept}


def _check_mode(mode: str) -> None:
    if mode not in ("train", "eval"):
        known = ("train", "eval")
        raise fault("E522", f"mode is `train` or `eval`, not `{mode}`", help=nearest(mode, known))
