"""A compiled spec with its parameters: run it, differentiate it, train it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from graphc.analysis.recurrence import CAUSALITY, plan
from graphc.diagnostics import Diagnostic, GraphcError, fault, nearest
from graphc.driver import arguments
from graphc.driver.arrays import Feed, feed_spec
from graphc.driver.examples import literal, literal_lengths
from graphc.driver.execution import Execution
from graphc.driver.function import GradientFunction
from graphc.driver.inputs import chunked, input_spec
from graphc.driver.parameters import Parameters
from graphc.driver.pipeline import Pipeline
from graphc.frontend import ast
from graphc.frontend.elaborate import Mode
from graphc.frontend.spec import OUTPUT, InputInfo
from graphc.ir.op import Array
from graphc.train.data.preparation import Preparation
from graphc.train.protocol import InputSpec
from graphc.view.checks import CheckResult
from graphc.view.doctor import Diagnosis
from graphc.view.predictions import Predictions
from graphc.view.trace import Trace

if TYPE_CHECKING:
    from graphc.driver.fitting import FitResult
    from graphc.driver.losses import Losses
    from graphc.train.data.examples import Dataset
    from graphc.train.descent import Descent
    from graphc.train.reporting import Reporter

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


class Program:
    """A spec, ready to compute.

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
        self.preparation = Preparation()
        """What happened to the data of the last `fit`, and has to happen to data of the same kind."""
        self._losses: Losses | None = None
        self._descent: Descent | None = None
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

    def fresh(self, dtype: DTypeName | None = None) -> Program:
        """This program with its initial parameters, at another precision if asked for."""
        settings = replace(self.settings, dtype=dtype or self.settings.dtype)
        return Program(self.pipeline, settings, self.imports)

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
        needed: Collection[str] | None = None,
    ) -> Feed:
        """Checked inputs, ready to run; the spec's own values stand in for inputs that are not given.

        Of inputs without a value only the `needed` ones have to be given (None: all).
        """
        given = arguments.mapping("inputs", inputs, '{"x": array}')
        lengths = arguments.mapping("lengths", lengths, 'lengths={"T": [3, 5]}')
        infos = self.spec.inputs
        if needed is not None:
            infos = _without_idle(infos, {*needed, *given})
        own = {name: info for name, info in infos.items() if name not in given and info.has_value}
        if own:
            size = max((len(np.atleast_1d(np.asarray(a))) for a in given.values()), default=1)
            given |= literal(own, size)
            lengths = {**literal_lengths(own), **lengths}
        return feed_spec(self.spec, given, lengths, self.real, infos)

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
        needed = None if names is None else {v.name for v in self.pipeline.graph(mode, wanted).inputs}
        fed = self.feed(inputs, lengths, needed)
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

    # ------------------------------------------------------------------------------------ training

    @property
    def losses(self) -> Losses:
        """The program as the trainer sees it."""
        if self._losses is None:
            from graphc.driver.losses import Losses

            self._losses = Losses(self)
        return self._losses

    def dataset(
        self,
        data: Any = None,
        *,
        lengths: Mapping[str, Any] | None = None,
        validation: Any = None,
        test: Any = None,
        bptt: int | None = None,
    ) -> Dataset:
        """What `fit` trains on: arrays by input name, batches, the `data` block, or the spec's examples."""
        from graphc.driver import training

        return training.dataset(self, data, lengths, bptt, validation, test)

    def fit(
        self,
        data: Any = None,
        *,
        lengths: Mapping[str, Any] | None = None,
        validation: Any = None,
        test: Any = None,
        progress: Callable[[str], None] | None = None,
        reporter: Reporter | None = None,
        run_dir: str | Path | None = None,
        resume: bool = False,
        **overrides: Any,
    ) -> FitResult:
        """Train by the `fit` block; options given here win over it. `progress` gets a line an epoch.

        With `run_dir` the training is kept in that folder, and with `resume` it goes on with the run in
        there: with the bits that it would have had without the pause. Only how long to train may be said
        anew. A `reporter` is told everything that happens.

        `data` are arrays by input name, or batches: a list, a generator, or a function that makes generators,
        of dictionaries or tuples. `validation` and `test` are parts of their own, given in the same ways.

        Raises E501 or E502 if the numbers run away, E503 for patience without a validation part, E601 and
        E606 to E609 for a folder that cannot be used, E640 for a run that is another one.
        """
        from graphc.driver import fitting
        from graphc.train.reporting import Lines, Silent

        lengths = arguments.mapping("lengths", lengths, 'lengths={"T": [3, 5]}')
        settings = fitting.settings_of(self, overrides)
        found = self.dataset(data, lengths=lengths, validation=validation, test=test, bptt=settings.bptt)
        told = reporter or (Silent() if progress is None else Lines(progress))
        return fitting.fit(self, settings, found, told, run_dir, resume=resume)

    def step(self, batch: Mapping[str, Any], *, lengths: Mapping[str, Any] | None = None) -> float:
        """One step of the `fit` block's optimizer on a batch of arrays; the loss before the step."""
        from graphc.driver import training
        from graphc.train.data.examples import Batch
        from graphc.train.descent import Descent

        given = arguments.mapping("batch", batch, 'step({"x": array})')
        own = arguments.mapping("lengths", lengths, 'lengths={"T": [3, 5]}')
        if self._descent is None:
            settings = training.fit_settings(self, {})
            self._descent = Descent(self.losses, settings)
            self.losses.adopt(settings)
        return self._descent.step(Batch(given, own))

    def warm(self) -> None:
        """Prepare what running and training will need, for batches whose examples have one length."""
        from graphc.driver.warming import warm

        warm(self)

    def step_on_examples(self) -> float:
        """One step on the spec's own inputs."""
        examples = self.examples
        assert examples is not None
        return self.step(examples, lengths=literal_lengths(self.spec.inputs))

    # --------------------------------------------------------------------------------- what it says

    def predict(
        self,
        data: Any = None,
        *,
        outputs: Sequence[str] | str | None = None,
        part: str = "test",
        lengths: Mapping[str, Any] | None = None,
        batch: int = 256,
    ) -> dict[str, Array]:
        """The `output`s of the spec, or other names of it, for all examples, in evaluation mode.

        `data` are arrays by input, as the source of the training data has them; without it, a part of that
        data. Only the inputs that the outputs need have to be there. They are prepared as in training, and
        what is held against a standardized input is given in that input's own units. Where examples differ
        in length along an axis of an output, `lengths_T` is given as well. `batch` examples are computed at
        a time.

        Raises E630 if the spec declares no output, E631 if the data has no such part.
        """
        return self.predictions(data, outputs=outputs, part=part, lengths=lengths, batch=batch).arrays()

    def predictions(
        self,
        data: Any = None,
        *,
        outputs: Sequence[str] | str | None = None,
        part: str = "test",
        lengths: Mapping[str, Any] | None = None,
        batch: int = 256,
    ) -> Predictions:
        """`predict` with what a table of it needs: axes, labels of classes, lengths."""
        from graphc.driver.prediction import predict

        return predict(self, data, outputs, part, lengths, batch)

    def evaluate(
        self, data: Any = None, *, part: str = "test", lengths: Mapping[str, Any] | None = None
    ) -> dict[str, float]:
        """`loss` and each `report` by name, over all of `data`, or of a part of the data of the training.

        Raises E631 if the data has no such part.
        """
        from graphc.driver.prediction import evaluate

        return evaluate(self, data, part, lengths)

    # ------------------------------------------------------------------------------------ the rest

    def generate(
        self,
        prompt: Any,
        *,
        inputs: Mapping[str, Any] | None = None,
        ends: Mapping[str, int] | None = None,
        seed: int | None = None,
    ) -> Array:
        """Draw a sequence by the `generate` block. `prompt` is its beginning: some steps, without a batch.

        `ends` are lengths that win over the block's, such as `{"T": 100}`. With a `stop` symbol the result
        ends with it. Raises E242 if the spec has no `generate` block, E443 if the prompt does not fit.
        """
        from graphc.driver.generating import generate

        given = arguments.mapping("inputs", inputs, 'inputs={"x": array}')
        own = None if ends is None else arguments.sizes(ends)
        return generate(self, prompt, given, own, seed)

    def save(self, path: str | Path) -> None:
        """Write the spec and all parameters into one safetensors file, whole or not at all."""
        from graphc.driver.storage import save

        save(self, Path(path))

    def weights(self) -> dict[str, Array]:
        """Copies of all parameters and of the running statistics that have an average, by name."""
        from graphc.driver import weights

        return weights.weights(self)

    def load_weights(
        self,
        source: Mapping[str, Any] | str | Path,
        *,
        strict: bool = True,
        prefix: str = "",
        names: Mapping[str, str] | None = None,
    ) -> list[str]:
        """Take weights from arrays by name, or from a `.npz` or `.safetensors` file; the names that were set.

        `W` is looked up as `prefix + names.get("W", "W")`. What begins with `prefix` must have a place here,
        and everything that `weights()` holds must be there, unless `strict` is false. Arrays are converted to
        the program's precision. Nothing is set if anything is at fault.

        Raises E620 for what is missing, has no place, or is of the wrong shape or kind, E621 for a file of
        another format, E602 and E414 to E418 for one that cannot be read, E603 and E605 for a checkpoint of
        another version or one that was altered.
        """
        from graphc.driver import weights

        return weights.assign(self, source, strict=strict, prefix=prefix, names=names)

    def load_pytorch(
        self,
        state_dict: Mapping[str, Any] | str | Path,
        layer: str,
        *,
        prefix: str = "",
        layer_number: int = 0,
        reverse: bool = False,
    ) -> list[str]:
        """Take the weights of a PyTorch module for one layer of the spec; the names that were set.

        `prefix` is the module's name in the state dict: `rnn` for `rnn.weight_ih_l0`. Of a module with
        several layers `layer_number` is taken, from 0 (a family takes as many as it has), and with `reverse`
        the direction against time. `Bidirectional` takes both.

        Raises E620 for entries that are missing, too many, or of the wrong shape, E622 for a layer that
        does not exist or has no counterpart in PyTorch.
        """
        from graphc.driver import pytorch

        return pytorch.assign(
            self, state_dict, layer, prefix=prefix, layer_number=layer_number, reverse=reverse
        )

    def save_weights(self, path: str | Path) -> None:
        """Write `weights()` alone as `.npz` or `.safetensors`, whole or not at all. Raises E601, E621."""
        from graphc.driver import weights

        weights.save(self, Path(path))

    def trace(self, inputs: Mapping[str, Any] | None = None) -> Trace:
        """Every name with its value and its cotangent, and the summands where several meet."""
        from graphc.driver.tracing import trace

        return trace(self, inputs)

    def checks(self, grad: bool = False) -> list[CheckResult]:
        """The results of the `check` blocks; with `grad` every gradient against finite differences."""
        from graphc.driver.checks import check_blocks, check_gradients

        return [*check_blocks(self), *(check_gradients(self) if grad else [])]

    def diagnose(self) -> Diagnosis:
        """What is worth a look before a long training; see `graphc doctor`."""
        from graphc.driver.doctor import diagnose

        return diagnose(self)

    def show(self, stage: str) -> str:
        """The program after a stage of the compiler: ast, ir, grad or unrolled."""
        from graphc.driver.stages import show

        return show(self, stage)

    def dot(self) -> str:
        """The forward graph in the DOT language."""
        from graphc.driver.stages import drawing

        return drawing(self)


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
