"""Running a `generate` block: the model's own output becomes its next input, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.diagnostics import GraphcError, fault, nearest
from graphc.driver import arguments
from graphc.driver.arrays import Feed, feed
from graphc.driver.execution import Execution
from graphc.driver.generation.drawing import Drawing, Prompts
from graphc.driver.generation.one_step import OneStep, one_step
from graphc.driver.generation.prompts import Given, inputs_of
from graphc.driver.generation.sampling import CHANCES, Choice, choosing
from graphc.driver.generation.steps import begin
from graphc.driver.vocabulary import classes, pieces
from graphc.frontend.generation import GIVEN, PROMPT
from graphc.ir.op import Array

if TYPE_CHECKING:
    from graphc.driver.program import Program

_OWN = (PROMPT, GIVEN)


@dataclass(frozen=True)
class Options:
    """What a run says of a generation, see `Program.stream`."""

    inputs: Mapping[str, Any]
    lengths: Mapping[str, Any]
    ends: Mapping[str, int]
    length: int | None
    seed: int | None
    choice: Choice

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Options:
        """Raises E525 for an option that there is not, or out of its range."""
        ways = [entry.name for entry in fields(Choice)]
        known = [entry.name for entry in fields(cls) if entry.name != "choice"] + ways
        for name in given:
            if name not in known:
                raise fault("E525", f"a generation has no option `{name}`", help=nearest(name, known))
        length = given.get("length")
        if length is not None and (arguments.whole(length) or 0) < 1:
            raise fault("E525", f"`length` is a number of steps; found {arguments.found(length)}")
        return cls(
            arguments.mapping("inputs", given.get("inputs"), 'inputs={"x": array}'),
            arguments.mapping("lengths", given.get("lengths"), 'lengths={"T": [3, 5]}'),
            arguments.sizes(given.get("ends")),
            length,
            given.get("seed"),
            Choice(**{name: given[name] for name in ways if name in given}),
        )


class Generator:
    """A `generate` block made ready to draw."""

    def __init__(self, program: Program, options: Options) -> None:
        if program.spec.generate is None:
            raise _no_block()
        self.choice = options.choice
        raw, others = self.choice.temperature is not None, dict(options.ends)
        # The length of what is drawn is a number of the run: no graph depends on it.
        length = others.pop(program.pipeline.generation(raw=raw)[0].length, None)
        self.found, pipeline = program.pipeline.generation(others, raw=raw)
        self.end = options.length or length or self.found.end
        self.spec = pipeline.spec("eval")
        self.execution = Execution(pipeline, program.params, program.real, program.seed)
        self.preparation = program.preparation
        self.stop = self._stop()
        self._check_top_k()
        self.step = pipeline.once(("step", self.found.prompted, self.choice.kind), self._step)

    def _stop(self) -> int | None:
        """The class that ends a sequence. Raises E330 for a text that is none of the vocabulary."""
        name, stop = self.found.prompted, self.found.stop
        if not isinstance(stop, str):
            return stop
        words = self.preparation.vocabularies.get(name)
        if words is None:
            message = f'`stop = "{stop}"` is a text, and `{name}` has no vocabulary'
            raise fault("E330", message, help="without data of texts a class is a number: `stop = 0`")
        if stop not in words:
            message = f'`stop = "{stop}"` is none of the {len(words)} symbols that the model was trained on'
            raise fault("E330", message, help=nearest(stop, words))
        return words.index(stop)

    def _step(self) -> OneStep:
        name, system, axis = self.found.prompted, self.spec.system, self.spec.scope.axes[self.found.axis]
        if self.choice.is_of_block:
            return one_step(system, axis, [name], _OWN)
        return one_step(choosing(system, name, axis, self.choice), axis, [name, name + CHANCES], _OWN)

    def _check_top_k(self) -> None:
        classes = self.spec.inputs[PROMPT].classes
        if self.choice.top_k is not None and classes is not None and self.choice.top_k > classes:
            raise fault("E525", f"`top_k` is {self.choice.top_k}, and there are {classes} classes")

    # ------------------------------------------------------------------------------------- prompts

    def prompts(self, given: Sequence[Any], batch: int) -> Prompts:
        """The prompts of a batch, one for each sequence or one for all.

        Raises E443 if one does not fit, E444 if there are others than sequences, E447 for a class that there
        is not, E464 for what the vocabulary lacks.
        """
        found = [self._prompt(prompt) for prompt in given]
        if len(found) not in (1, batch):
            raise fault("E444", f"there are {len(found)} prompts, and the inputs have {batch} examples")
        return Prompts.of(found if len(found) == batch else found * batch)

    def _prompt(self, given: Any) -> Array:
        """A prompt, its steps first."""
        name = self.found.prompted
        if isinstance(given, str):
            return self._checked(classes(self.preparation, name, given))
        return self._checked(self.preparation.apply(name, _array(given)))

    def _checked(self, array: Array) -> Array:
        info = self.spec.inputs[PROMPT]
        ends = [axis.length.name for axis in info.axes]
        if array.ndim and not 1 <= len(array) <= self.end:
            steps = f"has {len(array)} steps" if array.size else "is empty"
            raise fault("E443", f"the prompt {steps}; it needs 1 to {self.end}")
        if array.ndim != 1 + len(ends) + info.type.rank:
            step = ", ".join(map(str, [*ends, *info.type.sizes]))
            wanted = f"arrays of the shape [{step}]" if step else "single numbers"
            raise fault("E443", f"the prompt has the shape {list(array.shape)}; its steps are {wanted}")
        return feed({PROMPT: info}, {PROMPT: array}, None, self.execution.real).arrays[PROMPT]

    # ------------------------------------------------------------------------------------- drawing

    def draw(self, prompts: Sequence[Any], options: Options) -> Drawing:
        """A batch of sequences that are ready to be drawn. Raises E440 to E447."""
        given = inputs_of(self.preparation, self.spec.inputs, options.inputs, options.lengths)
        self._check_names(given.arrays)
        batch = given.batch or len(prompts)
        begun = self.prompts(prompts, batch)
        constant = {name: array for name, array in given.arrays.items() if name not in self.step.inputs}
        more = self.choice.leaves(self.execution.real)
        width, wanted = self.choice.beam or 1, [self.found.prompted]
        sequences = self._sequences(given)
        track = begin(
            self.execution,
            self.step,
            wanted,
            constant,
            given.lengths,
            batch,
            options.seed,
            prompts=_OWN,
            more=more,
            width=width,
        )
        return Drawing(self, track, begun, sequences)

    def shown(self, prompt: Any, drawn: Array) -> str | Array:
        """A prompt with what was drawn behind it: a text for a text, else an array."""
        name, prepared = self.found.prompted, self.preparation
        if isinstance(prompt, str):
            return prompt + "".join(pieces(prepared, name, drawn))
        return np.concatenate([_array(prompt), prepared.undo(name, drawn)])

    def _check_names(self, inputs: Mapping[str, Any]) -> None:
        """Inputs are the spec's own, and none that `generate` draws. Raises E440."""
        others = [name for name in self.spec.inputs if name not in _OWN]
        for name in inputs:
            if name in self.found.drawn:
                help_ = "its beginning is the prompt" if name == self.found.prompted else "leave it out"
                raise fault("E440", f"`{name}` is drawn by `generate` and cannot be given", help=help_)
            if name not in others:
                raise fault("E440", f"there is no input `{name}`", help=nearest(name, others))

    def _sequences(self, given: Given) -> Feed:
        """The sequences that are not drawn. Raises E443 for one that is too short."""
        infos = {name: self.spec.inputs[name] for name in self.step.inputs}
        own = {name: given.arrays[name] for name in infos if name in given.arrays}
        fed = feed(infos, own, None, self.execution.real)
        for name, info in infos.items():
            steps = fed.arrays[name].shape[info.type.axes.index(self.step.axis)]
            if steps < self.end:
                raise fault("E443", f"input `{name}` has {steps} steps, and {self.end} are drawn", info.span)
        return fed


# ------------------------------------------------------------------------------------ the whole of it


def stream(program: Program, prompt: Any, given: Mapping[str, Any]) -> Iterator[Any]:
    """What is drawn behind a prompt: parts of a text for a text, else arrays, one for each step.

    `given` are the options of `Program.stream`.
    """
    options = Options.of(given)
    generator = Generator(program, options)
    drawing = generator.draw([prompt], options)
    _check_alone(drawing)
    name, prepared = generator.found.prompted, program.preparation
    if isinstance(prompt, str):
        return pieces(prepared, name, drawing.first())
    return (prepared.undo(name, value) for value in drawing.first())


def generate(program: Program, prompt: Any, given: Mapping[str, Any]) -> str | Array:
    """See `Program.generate`."""
    options = Options.of(given)
    generator = Generator(program, options)
    drawing = generator.draw([prompt], options)
    _check_alone(drawing)
    return generator.shown(prompt, drawing.whole()[0])


def _check_alone(drawing: Drawing) -> None:
    """Raises E444 if there are several sequences."""
    if drawing.batch != 1:
        help_ = "`generate_batch` draws one sequence for each example"
        raise fault("E444", f"one sequence is drawn; the inputs have {drawing.batch} examples", help=help_)


def generate_batch(program: Program, prompts: Any, given: Mapping[str, Any]) -> list[Any]:
    """See `Program.generate_batch`."""
    if isinstance(prompts, str) or not isinstance(prompts, Sequence | np.ndarray) or not len(prompts):
        help_ = 'one for all sequences is `["the "]` or `[[1, 2]]`'
        raise fault("E525", f"prompts are a list; found {arguments.found(prompts)}", help=help_)
    options, begun = Options.of(given), list(prompts)
    generator = Generator(program, options)
    drawn = generator.draw(begun, options).whole()
    if len(begun) < len(drawn):
        begun *= len(drawn)
    return [generator.shown(prompt, found) for prompt, found in zip(begun, drawn, strict=True)]


def draws_text(program: Program) -> bool:
    """Whether what the `generate` block draws has a vocabulary. Raises E242 without such a block."""
    if program.spec.generate is None:
        raise _no_block()
    return program.pipeline.generation()[0].prompted in program.preparation.vocabularies


def _no_block() -> GraphcError:
    return fault("E242", "the spec has no `generate` block")


def _array(prompt: Any) -> Array:
    try:
        return np.asarray(prompt)
    except ValueError:
        raise fault("E443", "the prompt is no array: its steps differ in shape") from None
