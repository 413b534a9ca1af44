"""A compiled spec with its parameters: run it, differentiate it, train it, predict with it, keep it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from graphc.driver import arguments
from graphc.driver.compiled import Compiled, Settings
from graphc.driver.examples import literal_lengths
from graphc.driver.pipeline import Pipeline
from graphc.ir.op import Array
from graphc.train.data.examples import Batch
from graphc.train.data.preparation import Preparation
from graphc.view.checks import CheckResult
from graphc.view.doctor import Diagnosis
from graphc.view.predictions import Predictions
from graphc.view.trace import Trace

if TYPE_CHECKING:
    from graphc.driver.fitting import FitResult
    from graphc.driver.generation.steps import Steps
    from graphc.driver.losses import Losses
    from graphc.driver.pictures.drawings import Unroll
    from graphc.train.data.examples import Dataset
    from graphc.train.descent import Descent
    from graphc.train.reporting import Reporter
    from graphc.view.drawing.drawing import Drawing


class Program(Compiled):
    """A compiled spec that can be trained and used; what it computes is in `Compiled`.

    Arrays have the batch first, then the axes in the order in which the spec writes them, then the
    element's dims. Everything returned is a copy.
    """

    def __init__(
        self, pipeline: Pipeline, settings: Settings, imports: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(pipeline, settings, imports)
        self.preparation = Preparation()
        """What happened to the data of the last `fit`, and has to happen to data of the same kind."""
        self.learned = Preparation()
        """What the data was like that loaded weights were trained on, as far as their file says."""
        self.trained_on: Mapping[str, Any] | None = None
        """What the run that the weights are from says of its data, where they are a run's."""
        self._losses: Losses | None = None
        self._descent: Descent | None = None

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
        given = arguments.mapping("batch", batch, 'step({"x": array})')
        own = arguments.mapping("lengths", lengths, 'lengths={"T": [3, 5]}')
        if self._descent is None:
            from graphc.driver import training
            from graphc.train.descent import Descent

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

        `data` are arrays by input, as the source of the training data has them (texts, where that has texts),
        or a file; without it, a part of that data. Only the inputs that the outputs need have to be there.
        They are prepared as in training, and what is held against a standardized input is given in that
        input's own units. Where examples differ in length along an axis of an output, `lengths_T` is given
        as well. `batch` examples are computed at
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

    @overload
    def generate(self, prompt: str, **options: Any) -> str: ...

    @overload
    def generate(self, prompt: Any, **options: Any) -> Array: ...

    def generate(self, prompt: Any, **options: Any) -> str | Array:
        """Draw a sequence by the `generate` block: the prompt and what `stream` draws behind it."""
        from graphc.driver.generation.generating import generate

        return generate(self, prompt, options)

    def generate_batch(self, prompts: Sequence[Any], **options: Any) -> list[Any]:
        """Draw several sequences at once by the `generate` block: a list of what `generate` gives for each.

        `prompts` is a list with the prompt of each sequence, or with one for all. `inputs` are those that
        are not drawn, with an example for each sequence: arrays, or lists of texts for an input that has a
        vocabulary. `lengths` says how long the examples are where they differ, `{"T": [3, 5]}`; texts say it
        themselves. The other options are those of `stream`. Each sequence ends at its own `stop`, and what
        does not change from step to step, such as an encoder, is computed once.

        Raises what `stream` does, E444 where there are neither as many prompts as examples nor one.
        """
        from graphc.driver.generation.generating import generate_batch

        return generate_batch(self, prompts, options)

    @overload
    def stream(self, prompt: str, **options: Any) -> Iterator[str]: ...

    @overload
    def stream(self, prompt: Any, **options: Any) -> Iterator[Array]: ...

    def stream(self, prompt: Any, **options: Any) -> Iterator[Any]:
        """What the `generate` block draws behind a prompt, step by step, as it is drawn.

        The prompt is an array of some steps, without a batch, or a text if the drawn input has a vocabulary;
        what is drawn is of the same kind. These options there are: `length` is the length of the whole, the
        prompt included; `ends` are lengths that win over the block's, such as `{"T": 100}`; `inputs` are
        those that are not drawn, with a batch of one; `seed` decides what is drawn. `temperature` wins over
        the block's, `top_k` draws among so many of the likeliest only, `greedy` takes the likeliest each
        time, and `beam` looks for the likeliest sequence with so many kept at each step: it comes when it is
        complete. With a `stop` symbol the result ends with it.

        Raises E242 if the spec has no `generate` block, E443 or E464 if the prompt does not fit, E327 if a
        step needs later ones, E328 if there are no chances to choose by, E525 for an option out of range.
        """
        from graphc.driver.generation.generating import stream

        return stream(self, prompt, options)

    def start(
        self,
        batch: int | None = None,
        *,
        inputs: Mapping[str, Any] | None = None,
        lengths: Mapping[str, Any] | None = None,
        names: Sequence[str] | str | None = None,
        axis: str | None = None,
        seed: int | None = None,
    ) -> Steps:
        """A batch of sequences before their first step; `Steps.advance` does one step after another.

        `inputs` are those that do not vary over the axis of the steps, as for `forward`; the batch is theirs,
        or 1. `names` are the values that each step gives: by default the outputs of the spec that a step can
        know, or else all such names. `axis` is needed where inputs vary over several.

        Raises E327 for a name that needs later steps, E328 if no axis or several could be meant.
        """
        from graphc.driver.generation.steps import start

        return start(
            self,
            batch,
            arguments.mapping("inputs", inputs, 'inputs={"h0": array}'),
            arguments.mapping("lengths", lengths, 'lengths={"S": [3, 5]}'),
            None if names is None else self._wanted(arguments.names("names", names)),
            axis,
            seed,
        )

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

    def draw(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        unroll: Unroll = False,
        stage: str | None = None,
        gradients: bool = False,
        open: Collection[str] = (),
        close: Collection[str] = (),
        layout: str = "auto",
        numbers: bool = True,
    ) -> Drawing:
        """A drawing of the equations with the numbers of one forward and one backward pass.

        The numbers are those of `inputs`, else of the spec's own values, else of the first example of its
        data. `unroll` takes an axis apart: True the one of the recurrence, a number that one into so many
        steps, `"t"` one by name, `{"t": 3}` both. `stage` is `"optimised"` for the graph after all passes or
        `"schedule"` for what became one kernel. With `gradients` a wire is as wide as the norm of its
        cotangent says. `open` and `close` are names of layers and equations whose frames are open or closed,
        or `"all"`; `layout` is `"auto"`, `"graphlay"`, `"graphviz"` or `"plain"`.

        Raises E722 unless one axis is meant, E723 for a wrong number of steps, E724 for a frame that there
        is not, E522 for an unknown stage or layout.
        """
        from graphc.driver.pictures.drawings import draw

        return draw(
            self,
            inputs,
            unroll=unroll,
            stage=stage,
            gradients=gradients,
            open=open,
            close=close,
            layout=layout,
            numbers=numbers,
        )
