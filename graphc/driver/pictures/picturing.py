"""A program as a picture: its operations, with the numbers of one forward and one backward pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from graphc.analysis.usage import needed
from graphc.driver.pictures.numbers import MODE, Computing, lengths, losses
from graphc.driver.pipeline import Pipeline
from graphc.frontend import ast
from graphc.ir.graph import Node
from graphc.ir.system import System
from graphc.ops.leaf import PIN
from graphc.view.drawing.operations import Spelled, spell
from graphc.view.drawing.picture import Picture
from graphc.view.drawing.rolled import Naming, Numbers, rolled

if TYPE_CHECKING:
    from graphc.driver.compiled import Compiled


class Picturing:
    """Pictures of one spec as it is written, operation by operation, and of one run of it.

    With `numbers`, values and cotangents come from a run in training mode on `inputs`, or on the spec's own
    values; what then lacks an input has none. Each picture is made when it is first asked for.
    """

    def __init__(
        self,
        program: Compiled,
        inputs: Mapping[str, Any] | None = None,
        *,
        ends: Mapping[str, Any] | None = None,
        numbers: bool = True,
    ) -> None:
        self.program = program
        self.spelled = _spelled(program.pipeline)
        self.computing: Computing | None = None
        if numbers and (inputs or program.examples is not None):
            self.computing = Computing(program, self.spelled, program.feed(inputs, ends))

    @property
    def outline(self) -> Picture:
        """What is drawn, without numbers: nothing is computed for it but the lengths of axes."""
        return self._drawn(Numbers())

    @cached_property
    def picture(self) -> Picture:
        """With the numbers of the run."""
        return self._drawn(self._numbers)

    def by_step(self, *lengths: str) -> Picture:
        """With the summands of what all steps of an axis read, for the axes that end at `lengths`, which an
        axis taken apart shows, and with derivatives: all that a page lists."""
        by_step = {length: self.computing.by_step(length) for length in lengths} if self.computing else {}
        return self._drawn(replace(self._numbers, by_step=by_step), derivatives=True)

    @cached_property
    def _numbers(self) -> Numbers:
        return self.computing.numbers() if self.computing else Numbers()

    def _drawn(self, numbers: Numbers, *, derivatives: bool = False) -> Picture:
        ends = lengths(self.computing.fed) if self.computing else {}
        naming = _naming(self.program, self.spelled)
        return rolled(self.spelled, naming, replace(numbers, lengths=ends), derivatives=derivatives)


def _spelled(pipeline: Pipeline) -> Spelled:
    """The operations of everything that leads to a visible name or to a loss, and of nothing that only a
    check asks for; nor is a loss drawn twice that `minimize` takes over from a name."""
    spec = pipeline.spec(MODE)
    ends = losses(pipeline)
    wanted = needed(spec.system, [*spec.names, *spec.outputs, *ends])
    wanted -= {unit for unit in ends if named_unit(spec.system, unit) != unit}
    return spell(spec.system, [name for name in spec.system.units if name in wanted])


def _naming(program: Compiled, spelled: Spelled) -> Naming:
    spec = program.spec
    ends = {named_unit(spelled.system, unit) for unit in losses(program.pipeline)}
    layers = {
        item.name: statement.span
        for statement in spec.file.statements
        if isinstance(statement, ast.LayerDeclaration)
        for item in statement.items
    }
    return Naming(spec.file.span.source.name, ends, set(spec.outputs), layers)


def named_unit(system: System, unit: str) -> str:
    """The name that a unit without one is a mere copy of, such as `loss` of `minimize loss`; else its own."""
    if "@" not in unit:
        return unit
    reads = system.units[unit].reads()
    others = [
        n for n in system.units[unit].nodes if n not in reads and not (isinstance(n, Node) and n.op is PIN)
    ]
    is_whole = len(reads) == 1 and not others and not reads[0].attrs["subscripts"]
    if is_whole and reads[0].attrs["unit"] in system.units:
        return named_unit(system, reads[0].attrs["unit"])
    return unit
