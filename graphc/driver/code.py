"""The training step as the CPU backend runs it: its schedule, and its kernels as source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from graphc.driver.pipeline import LOSS
from graphc.driver.tracing import ordered_names
from graphc.driver.training import fit_settings
from graphc.ir.graph import Graph
from graphc.schedule import schedule
from graphc.schedule.printer import program_text
from graphc.schedule.program import Launch
from graphc.schedule.program import Program as Scheduled
from graphc.types import BATCH_NAME

if TYPE_CHECKING:
    from graphc.backend.cpu.unit import Unit
    from graphc.driver.program import Program
    from graphc.view.drawing.picture import Picture
    from graphc.view.drawing.schedules import Room


def schedule_stage(program: Program) -> str:
    """The programs of the training step: their sizes, buffers and steps."""
    given = _own_lengths(program)
    step = _scheduled_step(program)
    texts = [[program_text(scheduled, given, program.real.itemsize)] for scheduled in step]
    return _parts([f"# {_subject(program)}, as it is scheduled for the CPU"], texts)


def schedule_picture(program: Program) -> Picture:
    """The same as a picture, with the places of buffers in memory if the spec itself has examples."""
    from graphc.view.drawing import schedules

    given = _own_lengths(program)
    step = [
        (scheduled, _rooms(scheduled, given, program.real.itemsize)) for scheduled in _scheduled_step(program)
    ]
    return schedules.schedule_picture(
        step, title=_subject(program), parameters=list(program.spec.params), loss=LOSS
    )


def _rooms(scheduled: Scheduled, lengths: Mapping[str, int], real: int) -> dict[str, Room]:
    """Where the buffers of a run lie that one worker makes."""
    from graphc.backend.cpu.arena import Piece, place
    from graphc.backend.cpu.sizing import evaluate
    from graphc.view.drawing.schedules import Room

    sizes = {size.name: size.of(lengths[size.source]) for size in scheduled.sizes if size.source in lengths}
    if any(size.name not in sizes for size in scheduled.sizes if size.kind != "key"):
        return {}
    widths = {"real": real, "int": 8, "bool": 1}
    pieces = {
        buffer.name: Piece(evaluate(buffer.size, sizes) * widths[buffer.dtype], first, last)
        for buffer, first, last in scheduled.lives
    }
    starts, _ = place(list(pieces.values()))
    return {
        name: Room(start, piece.bytes) for (name, piece), start in zip(pieces.items(), starts, strict=True)
    }


def kernel_stage(program: Program) -> str:
    """The source that Numba compiles for the training step, with the names and the lines of the spec."""
    head = [
        f"# {_subject(program)}, as Numba compiles it, with the names and the lines of the spec.",
        "# The text that is compiled has names by place and no comments, so that equal kernels are one.",
    ]
    return _parts(head, [list(_sources(made, program.real.name)) for made in _scheduled_step(program)])


def _parts(head: list[str], texts: Sequence[Sequence[str]]) -> str:
    """There are two programs where a name's own cotangent is computed apart: see `Differentiated`."""
    found = ["\n".join(head)]
    for number, part in enumerate(texts, 1):
        found += [f"# Part {number} of {len(texts)}"] if len(texts) > 1 else []
        found += part
    return "\n\n\n".join(found)


def _subject(program: Program) -> str:
    step = "The training step" if program.pipeline.has_loss("train") else "The forward pass"
    return f"{step} of {Path(program.pipeline.file.span.source.name).name}"


def _scheduled_step(program: Program) -> list[Scheduled]:
    """The loss and its gradients, or all values if there is no loss, for examples of one length."""
    memory = fit_settings(program, {}).memory
    return [schedule(graph, dense=True, memory=memory) for graph in _graphs(program)]


def _graphs(program: Program) -> list[Graph]:
    pipeline = program.pipeline
    if pipeline.has_loss("train"):
        made = pipeline.gradients("train", program.trainable, dense=True)
        return [executable.graph for executable, _ in made.parts]
    return [pipeline.forward("train", ordered_names(program), dense=True).graph]


def _own_lengths(program: Program) -> dict[str, int]:
    """The batch and the run-time lengths of the spec's own examples; nothing if it does not give them all."""
    if program.examples is None:
        return {}
    fed = program.feed(None)
    return {BATCH_NAME: fed.batch, **{name: int(np.max(own)) for name, own in fed.lengths.items()}}


def _sources(scheduled: Scheduled, real: str) -> Iterator[str]:
    """Each distinct kernel under the name by which it is called, then the functions that call them."""
    # Here: the package of the backend brings in the libraries that it compiles with.
    from graphc.backend.cpu import emit
    from graphc.backend.cpu.assemble import assemble

    functions = list(_callers(assemble(scheduled, real)))
    names = {unit.key: name for function in functions for name, unit in _called(function) if _is_kernel(name)}
    for launch in (step for step in scheduled.walk() if isinstance(step, Launch)):
        name = names.pop(emit.unit(launch.kernel, real).key, None)
        if name is not None:
            yield (
                emit.listing(launch.kernel).replace(f"def {launch.kernel.name}(", f"def {name}(", 1).rstrip()
            )
    for function in functions:
        yield function.source.strip()


def _callers(unit: Unit) -> Iterator[Unit]:
    """The functions that a step function was cut into, then itself."""
    for name, called in _called(unit):
        if name.startswith("part_"):
            yield from _callers(called)
    yield unit


def _called(unit: Unit) -> Iterator[tuple[str, Unit]]:
    return ((name, used) for name, used in unit.uses.items() if not isinstance(used, str))


def _is_kernel(name: str) -> bool:
    return name.startswith("kernel_")
