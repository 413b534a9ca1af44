"""A program as a picture: its operations, with the numbers of one forward and one backward pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.analysis.usage import needed
from graphc.backend import Run
from graphc.driver.arrays import Feed
from graphc.driver.execution import Execution
from graphc.driver.pipeline import Pipeline
from graphc.driver.shares import Question
from graphc.frontend import ast
from graphc.frontend.elaborate import Mode
from graphc.frontend.spec import Spec
from graphc.ir.graph import Node
from graphc.ir.op import Array
from graphc.ir.system import System
from graphc.ops.leaf import PIN
from graphc.types import BATCH
from graphc.view.drawing.operations import Spelled, spell
from graphc.view.drawing.picture import Picture
from graphc.view.drawing.rolled import Naming, Numbers, rolled

if TYPE_CHECKING:
    from graphc.driver.compiled import Compiled

MODE: Mode = "train"


def picture(
    program: Compiled,
    inputs: Mapping[str, Any] | None = None,
    *,
    lengths: Mapping[str, Any] | None = None,
    numbers: bool = True,
) -> Picture:
    """The spec as it is written, operation by operation.

    With `numbers`, values and cotangents come from a run in training mode on `inputs`, or on the spec's own
    values; what then lacks an input has none.
    """
    pipeline = SpelledPipeline(program)
    found = Numbers()
    if numbers and (inputs or program.examples is not None):
        found = _numbers(program, pipeline, inputs, lengths)
    return rolled(pipeline.spelled, _naming(program, pipeline), found)


class SpelledPipeline(Pipeline):
    """The pipeline of a program whose equations are taken apart into operations; it computes on the same
    backend."""

    def __init__(self, program: Compiled) -> None:
        own = program.pipeline
        # Two users that read alike would be one use, and have one cotangent between them.
        super().__init__(own.file, own.library, own.given, own.disabled | {"cse"}, own.verify, own.backend)
        self.spelled = _spelled(own.spec(MODE), own)

    def spec(self, mode: Mode) -> Spec:
        """The spec, of which the training mode is spelled out."""
        found = super().spec(mode)
        return replace(found, system=self.spelled.system) if mode == MODE else found


def _spelled(spec: Spec, pipeline: Pipeline) -> Spelled:
    """The operations of everything that leads to a visible name or to the loss, and of nothing that only a
    check asks for; nor is a loss drawn twice that `minimize` takes over from a name."""
    loss = [pipeline.loss_unit(MODE)] if pipeline.has_loss(MODE) else []
    wanted = needed(spec.system, [*spec.names, *spec.outputs, *loss])
    wanted -= {unit for unit in loss if named_unit(spec.system, unit) != unit}
    return spell(spec.system, [name for name in spec.system.units if name in wanted])


def _numbers(
    program: Compiled,
    pipeline: SpelledPipeline,
    inputs: Mapping[str, Any] | None,
    steps: Mapping[str, Any] | None,
) -> Numbers:
    system = pipeline.spelled.system
    names = [*system.leaves, *pipeline.spelled.operations]
    fed = program.feed(inputs, steps)
    execution = Execution(pipeline, program.params, program.real, program.seed)
    run = execution.run(fed)
    single = fed.batch == 1

    def shown(name: str, array: Array) -> Array:
        found = execution.shown(name, array, system, fed)
        return found[0] if single and BATCH in system.type(name).axes else found

    lengths = _lengths(fed)
    if not pipeline.has_loss(MODE):
        values = execution.values(MODE, names, fed, run)
        return Numbers({n: shown(n, a) for n, a in values.items()}, lengths=lengths, has_batch=not single)
    real = [name for name in names if system.type(name).dtype == "real"]
    found = execution.gradients_by_name(MODE, real, fed, run, names=names, summands=True)
    summands: dict[str, dict[str, Array]] = {}
    for name, parts in found.summands.items():
        by_user = summands.setdefault(name, {})
        for origin, array in parts:
            by_user[origin] = by_user.get(origin, 0) + shown(name, array)
    return Numbers(
        {name: shown(name, array) for name, array in found.values.items()},
        {name: shown(name, array) for name, array in found.gradients.items()},
        summands,
        lengths,
        not single,
        _shares(program, fed, run),
    )


def _shares(program: Compiled, fed: Feed, run: Run) -> dict[str, dict[str, Array]]:
    """What each step of an axis adds to the gradients of the parameters that all steps read."""
    found: dict[str, dict[str, Array]] = {}
    params = list(program.spec.params)
    for index in program.spec.scope.axes.values():
        system = program.pipeline.system(MODE)
        shared = [name for name in params if index not in system.indices(name)]
        for name, shares in Question(program, index, MODE, fed, run).shares(shared).items():
            by_length = found.setdefault(name, {})
            # Axes that end together are taken apart together.
            by_length[index.length.name] = by_length.get(index.length.name, 0) + shares.steps
    return found


def _lengths(fed: Feed) -> dict[str, int]:
    """The longest example's number of steps, by length."""
    return {name: int(np.max(steps)) for name, steps in fed.lengths.items() if np.size(steps)}


def _naming(program: Compiled, pipeline: SpelledPipeline) -> Naming:
    spec = program.spec
    loss = named_unit(pipeline.spelled.system, pipeline.loss_unit(MODE)) if pipeline.has_loss(MODE) else None
    layers = {
        item.name: statement.span
        for statement in spec.file.statements
        if isinstance(statement, ast.LayerDeclaration)
        for item in statement.items
    }
    return Naming(spec.file.span.source.name, loss, set(spec.outputs), layers)


def named_unit(system: System, unit: str) -> str:
    """The name that a unit is a mere copy of, such as `loss` of `minimize loss`, or the unit's own."""
    reads = system.units[unit].reads()
    others = [
        n for n in system.units[unit].nodes if n not in reads and not (isinstance(n, Node) and n.op is PIN)
    ]
    if len(reads) == 1 and not others and reads[0].attrs["unit"] in system.units:
        return named_unit(system, reads[0].attrs["unit"])
    return unit
