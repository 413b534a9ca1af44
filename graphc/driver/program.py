"""A compiled spec with its parameters: run it, differentiate it, train it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from graphc.analysis.recurrence import plan
from graphc.backend.state import Run
from graphc.diagnostics import Diagnostic, fault, nearest
from graphc.driver import streams
from graphc.driver.arrays import Feed, feed, masked, to_declared
from graphc.driver.parameters import Parameters
from graphc.driver.pipeline import LOSS, Pipeline
from graphc.frontend.elaborate import Mode
from graphc.frontend.spec import InputInfo, Spec
from graphc.ir.op import Array
from graphc.train import loading
from graphc.train.data import Batch, Dataset
from graphc.train.optimizers import clip_by_norm, global_norm
from graphc.train.overrides import override
from graphc.train.protocol import InputSpec, StepResult
from graphc.train.settings import FitSettings, read_data, read_fit
from graphc.train.trainer import EpochRecord
from graphc.train.trainer import fit as train
from graphc.types import BATCH, BATCH_NAME

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


@dataclass(frozen=True)
class FitResult:
    """What a training run ended with; `metrics` by part (`train`, `validation`, `test`), then by name."""

    metrics: dict[str, dict[str, float]]
    epochs: int
    steps: int
    best_epoch: int
    ending: str
    train_seconds: float
    run_dir: str | None = None


class Program:
    """A spec, ready to compute.

    Arrays have the batch first, then the axes in the order in which the spec writes them, then the
    element's dims. Everything returned is a copy.
    """

    def __init__(self, pipeline: Pipeline, settings: Settings, imports: Mapping[str, str] | None = None) -> None:
        self.pipeline = pipeline
        self.settings = settings
        self.imports = dict(imports or {})
        self.real = np.dtype(settings.dtype)
        self.seed = settings.seed
        self.compile_seconds = 0.0
        self.params = Parameters(self.spec, settings.seed, self.real)
        self._optimizer: dict[str, Array] | None = None
        self._steps = 0

    def analyse(self) -> None:
        """Find the faults that only the whole system shows: causality, in both modes."""
        modes: tuple[Mode, ...] = ("train", "eval")
        for mode in modes:
            plan(self.pipeline.system(mode), self.pipeline.system(mode).units)
        if self.spec.generate is not None:
            self.pipeline.generation()

    def fresh(self, dtype: DTypeName | None = None) -> Program:
        """This program with its initial parameters, at another precision if asked for."""
        settings = replace(self.settings, dtype=dtype or self.settings.dtype)
        return Program(self.pipeline, settings, self.imports)

    # ------------------------------------------------------------------------------------ the spec

    @property
    def spec(self) -> Spec:
        return self.pipeline.spec("train")

    @property
    def warnings(self) -> list[Diagnostic]:
        return list(self.spec.system.warnings)

    @property
    def names(self) -> list[str]:
        """The names of the spec that have a value: inputs, parameters, equations."""
        return list(self.spec.names)

    @property
    def inputs(self) -> dict[str, InputSpec]:
        """The declared inputs, as the trainer and the loaders of data see them."""
        return {name: _input_spec(info) for name, info in self.spec.inputs.items()}

    @property
    def trainable(self) -> list[str]:
        """The parameters that training moves."""
        return [name for name, param in self.spec.params.items() if not param.frozen]

    @property
    def examples(self) -> dict[str, Any] | None:
        """The literal inputs of the spec as a batch, or None if some input has none."""
        infos = self.spec.inputs
        if any(info.examples is None for info in infos.values()):
            return None
        return _literal(infos)

    def examples_or_random(self) -> dict[str, Any]:
        """The spec's own examples, or two drawn ones: for checks that hold whatever the data is."""
        if (own := self.examples) is not None:
            return own
        generator = np.random.default_rng(self.seed)
        drawn: dict[str, Any] = {}
        for name, info in self.spec.inputs.items():
            ends = [3 if a.length.size is None else a.length.size.value for a in info.axes]
            shape = (2, *ends, *info.type.sizes)
            if info.type.dtype == "bool":
                drawn[name] = generator.random(shape) < 0.5
            elif info.classes is not None:
                drawn[name] = generator.integers(0, info.classes, shape)
            else:
                drawn[name] = generator.standard_normal(shape)
        return drawn

    @property
    def single(self) -> bool:
        """Whether the spec itself gives the one example."""
        infos = self.spec.inputs.values()
        return all(info.examples is not None and not info.batched for info in infos)

    def feed(self, inputs: Mapping[str, Any] | None, lengths: Mapping[str, Any] | None = None) -> Feed:
        """Checked inputs; those of the spec where none are given."""
        given = dict(inputs or {})
        infos = self.spec.inputs
        literal = {n: i for n, i in infos.items() if n not in given and i.examples is not None}
        if literal and (not given or len(literal) + len(given) == len(infos)):
            given |= _literal(literal, max((len(np.asarray(a)) for a in given.values()), default=1))
            lengths = {**_literal_lengths(literal), **(lengths or {})}
        return feed(infos, given, lengths, self.real)

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
        """Values by name; all names of the spec unless `names` says which.

        `mode` "train" draws dropout masks and noise and takes a batch's own statistics; "eval" does not.
        """
        _check_mode(mode)
        wanted = self._wanted(names)
        fed = self.feed(inputs, lengths)
        system = self.pipeline.system(mode)
        program = self.pipeline.forward(mode, wanted, dense=fed.dense)
        values = program.run(self._arguments(program.graph.inputs, fed, mode), self._run(fed, seed))
        return {name: self._shown(name, values[name], system, fed) for name in wanted}

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
        _check_mode(mode)
        names = list(self.spec.params) if wrt is None else [wrt] if isinstance(wrt, str) else list(wrt)
        self._wanted(names)
        for name in names:
            if self.spec.system.type(name).dtype != "real":
                raise fault("E242", f"`{name}` holds whole numbers and has no gradient")
        fed = self.feed(inputs, lengths)
        loss, found = self._gradients(fed, names, mode, self._run(fed, seed))
        system = self.pipeline.system(mode)
        return loss, {name: self._shown(name, found[name], system, fed) for name in names}

    def _gradients(
        self,
        fed: Feed,
        names: Sequence[str],
        mode: Mode,
        run: Run,
        *,
        values: Sequence[str] = (),
        objective: int = 0,
        continued: bool = False,
        carried: Mapping[str, Array] | None = None,
        out: dict[str, Array] | None = None,
    ) -> tuple[float, dict[str, Array]]:
        """The loss and gradients in canonical layout; `out` receives the `values` asked for."""
        made = self.pipeline.gradients(
            mode, names, dense=fed.dense, names=values, objective=objective, continued=continued
        )
        loss, found = 0.0, {}
        for number, (program, gradients) in enumerate(made.parts):
            arguments = self._arguments(program.graph.inputs, fed, mode, carried)
            results = program.run(arguments, run)
            loss = float(results[LOSS]) if number == 0 else loss
            found |= {name: results[output] for name, output in gradients.names.items()}
            if out is not None and number == 0:
                out |= {name: results[name] for name in values}
        system = self.pipeline.system(mode)
        for name in names:
            if name not in found:
                found[name] = np.zeros(_sizes(system.type(name), fed), self.real)
        return loss, found

    def _run(self, fed: Feed, seed: int | None, step: int = 0, ids: Array | None = None) -> Run:
        return Run(
            self.real, fed.batch, dict(fed.lengths), self.seed if seed is None else seed, step, ids
        )

    def _arguments(
        self, inputs: Iterable[Any], fed: Feed, mode: Mode, carried: Mapping[str, Array] | None = None
    ) -> dict[str, Array]:
        params = self.params.canonical()
        found: dict[str, Array] = {}
        for value in inputs:
            name = value.name
            if name in fed.arrays:
                found[name] = fed.arrays[name]
            elif name.endswith("@average"):
                state = name.removesuffix("@average")
                if not self.params.updates[state]:
                    raise fault(
                        "E521",
                        f"`{state}` has no average yet: nothing was trained",
                        self.spec.states[state].span,
                        help="train first, or give it a first value: `running(start = 0)`",
                    )
                found[name] = params[state]
            elif carried is not None and name in carried:
                found[name] = carried[name]
            else:
                found[name] = params[name]
        return found

    def _wanted(self, names: Sequence[str] | None) -> list[str]:
        system = self.spec.system
        if names is None:
            return list(dict.fromkeys([*self.spec.names, *self.spec.outputs]))
        for name in names:
            if name not in system.units and name not in system.leaves:
                raise fault("E449", f"the spec has no name `{name}`", help=nearest(name, self.spec.names))
        return list(names)

    def _shown(self, name: str, array: Array, system: Any, fed: Feed) -> Array:
        type_ = system.type(name)
        return to_declared(masked(array, type_, fed.lengths), type_, system.indices(name))

    # ------------------------------------------------------------------------------------ training

    def gradients(self, batch: Batch, *, step: int) -> StepResult:
        """What the trainer asks: loss, gradients and new running statistics of a mini-batch."""
        objectives = self.spec.objectives
        number = (step - 1) % max(1, len(objectives))
        over = objectives[number].over if objectives else None
        names = [n for n in self.trainable if over is None or n in over]
        fed = feed(self.spec.inputs, batch.arrays, batch.lengths, self.real)
        system = self.spec.system
        updates, carried = list(self.spec.updates.values()), self._carried(batch)
        sources = list(dict.fromkeys([*updates, *(item.source for item in carried)]))
        sources_units = [s for s in sources if s in system.units]
        values: dict[str, Array] = {}
        loss, found = self._gradients(
            fed,
            names,
            "train",
            self._run(fed, None, step, batch.example_ids if len(batch.example_ids) else None),
            values=sources_units,
            objective=number,
            continued=bool(batch.carried),
            carried=batch.carried,
            out=values,
        )
        values |= {s: fed.arrays[s] for s in sources if s in fed.arrays}
        new = {name: self._averaged(name, values[unit]) for name, unit in self.spec.updates.items()}
        new |= {item.leaf: item.take(system, values) for item in carried}
        grads = {n: self._shown(n, g, system, fed) for n, g in found.items()}
        return StepResult(loss, grads, new)

    def _carried(self, batch: Batch) -> list[streams.Carried]:
        """What goes from chunk to chunk, if the fit cuts sequences into chunks."""
        if self.spec.fit is None or not any(o.name == "bptt" for o in self.spec.fit.options):
            if not batch.carried:
                return []
        return streams.carried(self.spec.system)

    def _averaged(self, name: str, value: Array) -> Array:
        info = self.spec.states[name]
        if not self.params.updates[name]:
            return value
        return np.asarray(info.decay * self.params[name] + (1 - info.decay) * value, self.real)

    def report(self, batches: Iterable[Batch]) -> dict[str, float]:
        """`loss` and each `report` over all the batches, in evaluation mode."""
        from graphc.driver.reports import report

        return report(self, list(batches))

    def fit_settings(self, **overrides: Any) -> FitSettings:
        """The `fit` block with the command line's and the caller's options on top."""
        block = self.spec.fit
        for key, text in self.settings.options.items():
            if key.startswith("fit."):
                block = override(block, key, text)
        for name, value in overrides.items():
            block = override(block, f"fit.{name}", value, name="fit")
        return read_fit(block, self._dims(), seed=self.seed)

    def _dims(self) -> dict[str, int]:
        return {name: dim.value for name, dim in self.spec.scope.all_dims.items()}

    def dataset(self, data: Any = None, *, bptt: int | None = None, lengths: Any = None) -> Dataset:
        """What to train on: arrays by input name, the `data` block, or the spec's own examples."""
        if isinstance(data, Dataset):
            return data
        block = self.spec.data
        for key, text in self.settings.options.items():
            if key.startswith("data."):
                block = override(block, key, text)
        dims = self._dims()
        if data is not None:
            settings = read_data(block, dims) if block is not None else None
            return loading.from_arrays(self.inputs, data, lengths, settings, dtype=self.real, bptt=bptt)
        if block is None and (examples := self.examples) is not None:
            own = _literal_lengths(self.spec.inputs)
            return loading.from_arrays(self.inputs, examples, own, dtype=self.real, bptt=bptt)
        return loading.load(
            read_data(block, dims), self.inputs, self.settings.root, dtype=self.real, bptt=bptt
        )

    def fit(
        self,
        data: Any = None,
        *,
        lengths: Mapping[str, Any] | None = None,
        progress: Callable[[str], None] | None = None,
        **overrides: Any,
    ) -> FitResult:
        """Train by the `fit` block; options given here win over it."""
        settings = self.fit_settings(**overrides)
        self.pipeline.loss_unit("train")
        if settings.bptt is not None:
            streams.check_forward(self.spec.system, [o.unit for o in self.spec.objectives])
        dataset = self.dataset(data, bptt=settings.bptt, lengths=lengths)
        started = time.perf_counter()
        history = train(self, dataset, settings, progress=_lines(progress))
        return FitResult(
            {part: dict(values) for part, values in history.metrics.items()},
            history.epochs,
            history.steps,
            history.best_epoch,
            history.ending,
            time.perf_counter() - started,
        )

    def step(self, batch: Mapping[str, Any], *, lengths: Mapping[str, Any] | None = None) -> float:
        """One step of the `fit` block's optimizer on a batch of arrays; the loss before the step."""
        settings = self.fit_settings()
        current = {name: self.params[name] for name in self.trainable}
        if self._optimizer is None:
            self._optimizer = settings.optimizer.start(current)
        self._steps += 1
        arrays = {name: np.asarray(array) for name, array in batch.items()}
        own = {name: np.asarray(values) for name, values in (lengths or {}).items()}
        result = self.gradients(Batch(arrays, own), step=self._steps)
        grads = result.gradients
        if settings.clip is not None:
            grads = clip_by_norm(grads, settings.clip, global_norm(grads))
        state, moved = settings.optimizer.update(self._optimizer, current, grads, self._steps)
        self._optimizer = state
        for name, value in {**moved, **result.updates}.items():
            if name in self.params:
                self.params[name] = value
        return result.loss

    def step_on_examples(self) -> float:
        """One step on the spec's own inputs."""
        examples = self.examples
        assert examples is not None
        return self.step(examples, lengths=_literal_lengths(self.spec.inputs))

    # ------------------------------------------------------------------------------------ the rest

    def generate(
        self,
        prompt: Any,
        *,
        inputs: Mapping[str, Any] | None = None,
        ends: Mapping[str, int] | None = None,
        seed: int | None = None,
    ) -> Array:
        """Draw a sequence by the `generate` block, beginning with `prompt` (its first steps, without a batch).

        `ends` are lengths that win over the block's, such as `{"T": 100}`. With a `stop` symbol the result ends
        with it. Raises E242 if the spec has no `generate` block, E443 if the prompt does not fit.
        """
        from graphc.driver.generating import generate

        return generate(self, prompt, inputs or {}, ends, seed)

    def save(self, path: str | Path) -> None:
        """Write the spec and all parameters into one safetensors file, whole or not at all."""
        from graphc.driver.storage import save

        save(self, Path(path))

    def trace(self, inputs: Mapping[str, Any] | None = None) -> Any:
        """Every name with its value and its cotangent, and the summands where several meet."""
        from graphc.driver.tracing import trace

        return trace(self, inputs)

    def checks(self, grad: bool = False) -> Any:
        """The results of the `check` blocks; with `grad` every gradient against finite differences."""
        from graphc.driver.checks import check_blocks, check_gradients

        return [*check_blocks(self), *(check_gradients(self) if grad else [])]

    def show(self, stage: str) -> str:
        """The program after a stage of the compiler: ast, ir, grad or unrolled."""
        from graphc.driver.stages import show

        return show(self, stage)

    def dot(self) -> str:
        """The forward graph in the DOT language."""
        from graphc.driver.stages import drawing

        return drawing(self)


def _check_mode(mode: str) -> None:
    if mode not in ("train", "eval"):
        raise fault("E522", f"mode is `train` or `eval`, not `{mode}`", help=nearest(mode, ("train", "eval")))


def _sizes(type_: Any, fed: Feed) -> tuple[int, ...]:
    sizes = []
    for index in type_.axes:
        if index.name == BATCH_NAME:
            sizes.append(fed.batch)
        elif index.length.size is not None:
            sizes.append(index.length.size.value)
        else:
            sizes.append(int(fed.lengths[index.length.name].max(initial=0)))
    return (*sizes, *type_.sizes)


def _input_spec(info: InputInfo) -> InputSpec:
    return InputSpec(
        info.name,
        info.type.with_axes(set(info.type.axes) - {BATCH}),
        tuple(axis.name for axis in info.axes),
        tuple(axis.length.name for axis in info.axes),
        info.classes,
        info.span,
    )


def _literal(infos: Mapping[str, InputInfo], batch: int = 1) -> dict[str, Array]:
    """Literal inputs as a batch; one that is written once holds for every example."""
    found = {name: _stacked(info) for name, info in infos.items()}
    size = max([batch, *(len(array) for array in found.values())])
    return {
        name: array if infos[name].batched else np.repeat(array, size, axis=0) for name, array in found.items()
    }


def _stacked(info: InputInfo) -> Array:
    """The literal examples as one array, shorter ones filled up."""
    assert info.examples is not None
    longest = np.max([example.shape for example in info.examples], axis=0, initial=0)
    result = np.zeros((len(info.examples), *longest))
    for number, example in enumerate(info.examples):
        result[(number, *(slice(size) for size in example.shape))] = example
    return result


def _literal_lengths(infos: Mapping[str, InputInfo]) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for info in infos.values():
        for place, axis in enumerate(info.axes):
            if not axis.length.is_fixed and info.examples is not None and info.batched:
                found[axis.length.name] = np.array([example.shape[place] for example in info.examples])
    return found


def _lines(progress: Callable[[str], None] | None) -> Callable[[EpochRecord], None] | None:
    if progress is None:
        return None
    from graphc.train.trainer import epoch_line

    return lambda record: progress(epoch_line(record))
