"""What a trained program says of examples: its outputs over whole sets, and its losses and reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.analysis.comparisons import comparisons
from graphc.diagnostics import fault, nearest
from graphc.driver import arguments
from graphc.driver.identity import other_data
from graphc.driver.needs import Needs, needs
from graphc.driver.reports import figures, pools
from graphc.driver.training import check_part, data_settings, dataset, fit_settings
from graphc.frontend.spec import OUTPUT
from graphc.ir.op import Array
from graphc.train.data import loading
from graphc.train.data.batches import evaluation_batches, ordered_batches
from graphc.train.data.examples import Batch, Part, Stream
from graphc.train.data.preparation import Preparation
from graphc.train.data.settings import DataSettings
from graphc.types import BATCH
from graphc.view.predictions import Predicted, Predictions

if TYPE_CHECKING:
    from graphc.driver.program import Program

PARTS = ("train", "validation", "test")


def evaluate(program: Program, data: Any, part: str, lengths: Mapping[str, Any] | None) -> dict[str, float]:
    """See `Program.evaluate`."""
    if not figures(program.pipeline.spec("eval")):
        raise fault("E635", "the spec has neither a `minimize` nor a `report`: there is nothing to measure")
    settings = fit_settings(program, {})
    examples = examples_of(program, data, part, lengths, settings.bptt)
    if data is not None and isinstance(examples, Stream):
        # A text of one's own is read from its beginning to its end, not in parallel pieces as in training.
        settings = replace(settings, batch=1)
    return program.losses.report(evaluation_batches(examples, settings))


def predict(
    program: Program,
    data: Any,
    outputs: Sequence[str] | str | None,
    part: str,
    lengths: Mapping[str, Any] | None,
    batch: int,
) -> Predictions:
    """See `Program.predict`."""
    names = wanted(program, outputs)
    size = arguments.whole(batch)
    if size is None or size < 1:
        raise fault("E525", f"`batch` is a number of examples; found {arguments.found(batch)}")
    asked = needs(program.pipeline, "eval", names)
    # A text that is not cut into parts is one example; its parts lie one behind the other.
    bptt = None if data is not None else fit_settings(program, {}).bptt
    examples = examples_of(program, data, part, lengths, bptt, asked)
    # An output in which examples meet is the same for any size of the batches only if there is one.
    found = _Outputs(program, names, asked, examples.table.preparation)
    for some in _batches(examples, None if pools(program.pipeline.graph("eval", names)) else size):
        found.add(some)
    return found.together()


def wanted(program: Program, outputs: Sequence[str] | str | None) -> list[str]:
    """The units that are asked for. Raises E449 for an unknown name, E630 if the spec declares no output."""
    spec = program.spec
    if outputs is None:
        if not spec.outputs:
            held = comparisons(program.pipeline.system("eval"))
            likely = [*held.values, *held.scores]
            example = f"`output {likely[0]}`" if likely else "`output y`"
            raise fault("E630", "the spec declares no `output`", help=f"write {example}, or name `outputs`")
        return list(dict.fromkeys(spec.outputs))
    written = {name.removeprefix(OUTPUT): name for name in spec.outputs}
    known = {name: name for name in spec.names} | written
    names = arguments.names("outputs", outputs)
    for name in names:
        if name not in known:
            raise fault("E449", f"the spec has no name `{name}`", help=nearest(name, known))
    return list(dict.fromkeys(known[name] for name in names))


# -------------------------------------------------------------------------------------------- examples


def examples_of(
    program: Program,
    data: Any,
    part: str,
    lengths: Mapping[str, Any] | None,
    bptt: int | None,
    asked: Needs | None = None,
) -> Part | Stream:
    """The examples given, or a part of the data that the program was trained on, prepared as in training.

    Of examples that are given only what is `asked` for has to be there (None: all inputs).
    """
    if data is not None:
        given = (
            data if isinstance(data, str | Path) else arguments.mapping("data", data, 'predict({"x": array})')
        )
        held = loading.for_prediction(
            data_settings(program) or DataSettings(),
            program.inputs,
            given,
            program.preparation,
            needed=None if asked is None else asked.inputs,
            lengths=arguments.mapping("lengths", lengths, 'lengths={"T": [3, 5]}'),
            dtype=program.real,
            bptt=bptt,
        )
        check_part(program, held, None if asked is None else asked.nonempty)
        return held
    if part not in PARTS:
        raise fault(
            "E631",
            f"`{part}` is no part of the data",
            help=nearest(part, PARTS) or "they are " + ", ".join(PARTS),
        )
    if data_settings(program) is None and program.examples is None:
        raise fault("E631", "the spec has no `data` block, and no data is given")
    known = None if program.preparation == Preparation() else program.preparation
    parts = dataset(program, None, lengths, bptt, known=known)
    if program.trained_on is not None and (changed := other_data(program.trained_on, parts)):
        raise fault(
            "E636",
            f"the {part} part cannot be told any more, since the data is not that of the training: {changed}",
            help="`--data FILE` or `data` looks at whole files",
        )
    found: Part | Stream | None = getattr(parts, part)
    if found is None:
        there = ", ".join(f"`{name}`" for name in PARTS if getattr(parts, name) is not None)
        raise fault(
            "E631", f"the data has no {part} part", help=f"it has {there}: `--part` or `part` names one"
        )
    return found


def _batches(examples: Part | Stream, size: int | None) -> Iterator[Batch]:
    """Everything in order; a long sequence is one example."""
    if isinstance(examples, Part):
        return ordered_batches(examples, size)
    table, steps = examples.table, slice(examples.start, examples.stop)
    arrays = {name: table.prepared(name, array[steps])[None] for name, array in table.arrays.items()}
    return iter([Batch(arrays, {}, np.zeros(1, np.uint64))])


# --------------------------------------------------------------------------------------------- outputs


class _Outputs:
    """Outputs of one batch after another, in the user's layout and in the units of the data."""

    def __init__(self, program: Program, names: Sequence[str], asked: Needs, prepared: Preparation) -> None:
        self._program, self._names, self._prepared = program, tuple(names), prepared
        self._system = program.pipeline.system("eval")
        held, inputs = comparisons(self._system), program.spec.inputs
        self._values = held.values | {name: name for name, info in inputs.items() if info.classes is None}
        self._choices = held.choices | {name: name for name, info in inputs.items() if info.classes}
        self._scores = held.scores
        self._asked = asked
        self._found: dict[str, list[Array]] = {name: [] for name in self._names}
        self._lengths: dict[str, list[Array]] = {}
        self._count = 0

    def add(self, batch: Batch) -> None:
        program, system = self._program, self._system
        fed = program.feed(batch.arrays, batch.lengths, self._asked)
        execution = program.execution
        values = execution.values("eval", self._names, fed, execution.run(fed, ids=batch.example_ids))
        for name in self._names:
            shown = execution.shown(name, values[name], system, fed)
            restored = self._in_units(name, shown)
            if restored is not shown:
                # What lies behind an example's end is zero, or no text, in any units.
                inside = execution.shown(name, np.ones_like(values[name], np.bool_), system, fed)
                restored = np.where(inside, restored, np.zeros((), restored.dtype))
            self._found[name].append(restored)
        for name, own in fed.lengths.items():
            self._lengths.setdefault(name, []).append(own)
        self._count += fed.batch

    def _in_units(self, name: str, array: Array) -> Array:
        """A prediction of an input, or an input itself, as the source has it; any other array as it is."""
        prepared = self._prepared
        if target := self._values.get(name):
            return prepared.undo(target, array).astype(array.dtype)
        if target := self._choices.get(name):
            known = target in prepared.vocabularies
            return prepared.words(target, array) if known else prepared.undo(target, array)
        return array

    def together(self) -> Predictions:
        """All examples."""
        outputs = tuple(self._output(name, parts) for name, parts in self._found.items())
        running = sorted({end for output in outputs for end in output.ends if end})
        lengths = {name: np.concatenate(self._lengths[name]) for name in running}
        ragged = {name: own for name, own in lengths.items() if len(set(own.tolist())) > 1}
        return Predictions(outputs, ragged, self._count)

    def _output(self, name: str, parts: Sequence[Array]) -> Predicted:
        varies = BATCH in self._system.type(name).axes
        own = self._system.type(name).axes
        axes = [axis for axis in self._system.indices(name) if axis in own and axis != BATCH]
        axes += [axis for axis in own if axis not in axes and axis != BATCH]
        return Predicted(
            name.removeprefix(OUTPUT),
            joined(parts) if varies else parts[0],
            tuple(axis.name.rstrip("'") for axis in axes),
            tuple("" if axis.length.is_fixed else axis.length.name for axis in axes),
            self._labels(name),
            varies,
        )

    def _labels(self, name: str) -> tuple[str, ...]:
        """What the classes are called that a vector of scores is about."""
        target, shape = self._scores.get(name), self._system.type(name).sizes
        if target is None or len(shape) != 1:
            return ()
        prepared, classes = self._prepared, np.arange(shape[0])
        known = target in prepared.vocabularies
        shown = prepared.words(target, classes) if known else prepared.undo(target, classes)
        return tuple(map(str, shown.tolist()))


def joined(parts: Sequence[Array]) -> Array:
    """Batches one behind the other, shorter ones filled up with zeros."""
    longest = np.max([part.shape[1:] for part in parts], axis=0, initial=0)
    whole = np.zeros((sum(map(len, parts)), *longest), np.result_type(*parts))
    start = 0
    for part in parts:
        whole[(slice(start, start + len(part)), *(slice(size) for size in part.shape[1:]))] = part
        start += len(part)
    return whole
