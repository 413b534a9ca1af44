"""Running a `generate` block: the model's own output becomes its next input, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.diagnostics import GraphcError, fault, nearest
from graphc.driver import arguments, beam
from graphc.driver.arrays import Feed, feed, to_declared
from graphc.driver.execution import Execution
from graphc.driver.one_step import NOW, OneStep, one_step
from graphc.driver.sampling import Choice, Sampled, chosen, with_chances
from graphc.driver.stepping import Track
from graphc.driver.steps import begin
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
        self.sampled: Sampled | None = None
        self.step = self._step()

    def _step(self) -> OneStep:
        name, pipeline = self.found.prompted, self.execution.pipeline
        system, axis = self.spec.system, self.spec.scope.axes[self.found.axis]
        if self.choice.is_of_block:
            return pipeline.once(("step", name), lambda: one_step(system, axis, [name], _OWN))
        system, self.sampled = with_chances(system, name, axis)
        names = [name, self.sampled.chances]
        return pipeline.once(("step", *names), lambda: one_step(system, axis, names, _OWN))

    def prompt(self, array: Array) -> Array:
        """The prompt, its steps first. Raises E443 if it does not fit, E447 for a class that there is not."""
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

    def draw(self, prompt: Array, options: Options) -> Iterator[Array]:
        """What is drawn behind a prompt, step by step. Raises E440 to E447 before the first one."""
        inputs, width = options.inputs, self.choice.beam or 1
        self._check_names(inputs)
        constant = {
            name: np.repeat(np.asarray(value), width, axis=0)
            for name, value in inputs.items()
            if name not in self.step.inputs
        }
        wanted = [self.found.prompted]
        track = begin(self.execution, self.step, wanted, constant, {}, width, options.seed, _OWN)
        return _Drawing(self, track, self._sequences(inputs)).values(prompt)

    def _check_names(self, inputs: Mapping[str, Any]) -> None:
        """Inputs are the spec's own, and none that `generate` draws. Raises E440."""
        others = [name for name in self.spec.inputs if name not in _OWN]
        for name in inputs:
            if name in self.found.drawn:
                help_ = "its beginning is the prompt" if name == self.found.prompted else "leave it out"
                raise fault("E440", f"`{name}` is drawn by `generate` and cannot be given", help=help_)
            if name not in others:
                raise fault("E440", f"there is no input `{name}`", help=nearest(name, others))

    def _sequences(self, inputs: Mapping[str, Any]) -> Feed:
        """The sequences that are not drawn. Raises E443 for one that is too short."""
        infos = {name: self.spec.inputs[name] for name in self.step.inputs}
        fed = feed(infos, {n: inputs[n] for n in infos if n in inputs}, None, self.execution.real)
        for name, info in infos.items():
            steps = fed.arrays[name].shape[info.type.axes.index(self.step.axis)]
            if steps < self.end:
                raise fault("E443", f"input `{name}` has {steps} steps, and {self.end} are drawn", info.span)
        return fed


class _Drawing:
    """One sequence, or the beam of those that could become it."""

    def __init__(self, generator: Generator, track: Track, sequences: Feed) -> None:
        self._of, self._track, self._sequences = generator, track, sequences
        self._info = generator.spec.inputs[PROMPT]
        self._axes = {
            name: generator.spec.inputs[name].type.axes.index(generator.step.axis)
            for name in sequences.arrays
        }

    def values(self, prompt: Array) -> Iterator[Array]:
        """What follows the prompt."""
        for step in prompt:
            self._advance(np.repeat(step[None], self._track.batch, axis=0))
        steps, stop = self._of.end - len(prompt), self._of.found.stop
        if self._of.choice.beam is not None:
            found = beam.search(
                self._chances, self._grow, self._track.batch, steps, -1 if stop is None else stop
            )
            yield from map(np.asarray, found)
            return
        for _ in range(steps):
            value = self._next()
            yield value
            if stop is not None and value.ndim == 0 and value == stop:
                return

    def _next(self) -> Array:
        if self._of.sampled is None:
            return self._advance(None)
        position = self._track.position + 1
        symbol = chosen(self._of.choice, self._chances()[0], self._of.sampled, self._track.run, position)
        return self._advance(np.array([symbol]))

    def _advance(self, given: Array | None) -> Array:
        """Do a step, with this value or by the equations; the value of the first sequence."""
        values = self._track.advance(self._leaves(given))
        first: Array = to_declared(values[self._of.found.prompted], self._info.type, self._info.axes)[0]
        return first

    def _chances(self) -> Array:
        assert self._of.sampled is not None
        name = self._of.sampled.chances
        return self._track.ask([name], self._leaves(None))[name]

    def _grow(self, rows: Array, symbols: Array) -> None:
        self._track.take(rows)
        self._advance(symbols)

    def _leaves(self, given: Array | None) -> dict[str, Array]:
        """What the next step reads beside the state."""
        batch, info = self._track.batch, self._info
        sizes = [axis.length.size.value for axis in info.axes if axis.length.size is not None]
        empty = np.zeros((batch, *sizes, *info.type.sizes), np.int64)
        here = {
            name + NOW: np.repeat(np.take(array, self._track.position, self._axes[name]), batch, axis=0)
            for name, array in self._sequences.arrays.items()
        }
        is_given = np.full(batch, given is not None)
        return {**here, PROMPT: empty if given is None else given, GIVEN: is_given}


# ------------------------------------------------------------------------------------ the whole of it


def stream(program: Program, prompt: Any, given: Mapping[str, Any]) -> tuple[Any, Iterator[Any]]:
    """The prompt, and what is drawn behind it: parts of a text for a text, else arrays, one for each step.

    `given` are the options of `Program.stream`.
    """
    options = Options.of(given)
    generator = Generator(program, options)
    name, prepared = generator.found.prompted, program.preparation
    if isinstance(prompt, str):
        begun = generator.prompt(classes(prepared, name, prompt))
        return prompt, pieces(prepared, name, generator.draw(begun, options))
    begun = generator.prompt(prepared.apply(name, _array(prompt)))
    drawn = generator.draw(begun, options)
    return prepared.undo(name, begun), (prepared.undo(name, value) for value in drawn)


def generate(program: Program, prompt: Any, given: Mapping[str, Any]) -> str | Array:
    """See `Program.generate`."""
    begun, drawn = stream(program, prompt, given)
    return prompt + "".join(drawn) if isinstance(prompt, str) else np.stack([*begun, *drawn])


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
