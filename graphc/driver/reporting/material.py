"""What the sections of a report are made of: a trained program, and examples to look at it with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from graphc.analysis.comparisons import Comparisons, comparisons
from graphc.diagnostics import GraphcError
from graphc.driver.arrays import Feed, masked, to_declared
from graphc.driver.prediction import examples_of
from graphc.driver.training import fit_settings
from graphc.frontend.spec import InputInfo
from graphc.ir.graph import Node
from graphc.ir.op import Array
from graphc.ir.system import READ, System
from graphc.ops.leaf import PIN
from graphc.train.data.batches import chunks
from graphc.train.data.examples import Batch, Part, Stream
from graphc.types import Index

if TYPE_CHECKING:
    from graphc.driver.program import Program

_PIECES = 64
"""A long sequence is looked at in at most so many places."""


@dataclass(frozen=True)
class Sample:
    """Some examples of a part, prepared as in training. `said` is what a reader is told of them."""

    program: Program
    batch: Batch
    said: str

    @cached_property
    def fed(self) -> Feed:
        return self.program.feed(self.batch.arrays, self.batch.lengths)

    def values(self, *names: str) -> dict[str, Array]:
        """Names of the spec in evaluation mode, in the user's layout: `[examples, axes..., dims...]`."""
        return self.program.forward(self.batch.arrays, names=names, lengths=self.batch.lengths)

    def inside(self, name: str, system: System) -> Array:
        """Where a name's positions lie within their example, `[examples, axes...]`."""
        type_ = replace(system.type(name), shape=())
        whole = masked(np.ones(self.fed.shape(type_), np.bool_), type_, self.fed.lengths)
        return to_declared(whole, type_, system.indices(name)).astype(np.bool_)

    def axis(self, name: str) -> Index:
        """The axis of an input that has just one."""
        (axis,) = self.program.spec.inputs[name].axes
        return axis

    def length(self, name: str, example: int) -> int:
        """How many steps an input with one axis has in an example."""
        axis = self.axis(name)
        if axis.length.size is not None:
            return axis.length.size.value
        return int(self.fed.lengths[axis.length.name][example])

    def symbols(self, name: str, example: int) -> list[str]:
        """The words or characters of an input that has a vocabulary and one axis."""
        classes = self.batch.arrays[name][example][: self.length(name, example)]
        return [str(word) for word in self.program.preparation.words(name, classes)]

    def text(self, name: str, example: int) -> str:
        """The same as one text, as it would be given for a prompt."""
        return self.gap(name).join(self.symbols(name, example))

    def gap(self, name: str) -> str:
        """What stands between the symbols of an input."""
        return "" if self.program.preparation.spelling(name).tokens == "characters" else " "


class Material:
    """A trained program with the examples that it is looked at with: those of the validation part, or of the
    training part where there is none. The test part is left alone: who looks at it begins to choose by it."""

    def __init__(self, program: Program) -> None:
        self.program = program

    @cached_property
    def system(self) -> System:
        return self.program.pipeline.system("eval")

    @cached_property
    def compared(self) -> Comparisons:
        return comparisons(self.system)

    @cached_property
    def _examples(self) -> tuple[str, Part | Stream]:
        bptt = fit_settings(self.program, {}).bptt
        try:
            return "validation", examples_of(self.program, None, "validation", None, bptt)
        except GraphcError as error:
            if error.diagnostics[0].code != "E631":
                raise
        return "training", examples_of(self.program, None, "train", None, bptt)

    def sample(self, most: int) -> Sample:
        """At most so many examples, evenly spaced over the part; of a long sequence some pieces of it.

        Raises what reading the data raises.
        """
        name, found = self._examples
        if isinstance(found, Stream):
            bptt = fit_settings(self.program, {}).bptt
            assert bptt is not None
            pieces = max(1, min(_PIECES, most, (found.count - 1) // bptt))
            batch = next(iter(chunks(found, pieces, bptt)))
            return Sample(self.program, batch, f"{batch.size} pieces of the {name} part")
        rows = found.rows
        if len(rows) > most:
            rows = rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)]
        count = "all" if len(rows) == found.count else str(len(rows))
        return Sample(self.program, found.table.batch(rows), f"{count} examples of the {name} part")

    # --------------------------------------------------------------------------- what inputs are

    @property
    def targets(self) -> set[str]:
        """Inputs that something is held against."""
        held = self.compared
        tables = (held.values, held.scores, held.chances, held.logits)
        return {target for table in tables for target in table.values()}

    @property
    def seen(self) -> dict[str, InputInfo]:
        """Inputs that are no targets; all where each is one, as in a model of its own input."""
        infos = self.program.spec.inputs
        return {n: i for n, i in infos.items() if n not in self.targets} or dict(infos)

    def has_words(self, name: str) -> bool:
        """Whether an input is a sequence of the symbols of a vocabulary."""
        info = self.program.spec.inputs.get(name)
        return info is not None and name in self.program.preparation.vocabularies and len(info.axes) == 1

    def labels(self, name: str, count: int) -> list[str]:
        """What the classes of an input are called."""
        prepared, classes = self.program.preparation, np.arange(count)
        known = name in prepared.vocabularies
        return [str(c) for c in (prepared.words(name, classes) if known else prepared.undo(name, classes))]

    def original(self, name: str) -> str:
        """The name that another one is a mere copy of, such as a layer's input."""
        unit = self.system.units.get(name)
        nodes = unit.nodes if unit is not None else ()
        made = [node for node in nodes if isinstance(node, Node) and node.op is not PIN]
        is_copy = len(made) == 1 == len(nodes) - 1 and made[0].op is READ and not made[0].operands
        return self.original(made[0].attrs["unit"]) if is_copy else name
