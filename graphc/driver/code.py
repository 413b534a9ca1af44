"""The training step as the CPU backend runs it: its schedule, and its kernels as source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from graphc.driver.pictures.first_example import example
from graphc.driver.pipeline import LOSS
from graphc.driver.stages import spans_of_loops, training_graphs
from graphc.driver.tracing import ordered_names
from graphc.driver.training import fit_settings
from graphc.ir.graph import Graph
from graphc.schedule import schedule
from graphc.schedule.printer import program_text
from graphc.schedule.program import Buffer, Launch
from graphc.schedule.program import Program as Scheduled
from graphc.schedule.rooms import Room
from graphc.types import BATCH_NAME

if TYPE_CHECKING:
    from graphc.backend.cpu.unit import Unit
    from graphc.driver.program import Program
    from graphc.view.drawing.picture import Picture


def schedule_stage(program: Program) -> str:
    """The programs of the training step: their sizes, buffers and steps."""
    given = known_lengths(program)
    step = _scheduled_step(program)
    real = program.real.itemsize
    file = program.pipeline.file.span.source.name
    texts = [[program_text(made, given, real, _rooms(made, given, real), file)] for made in step]
    return _parts([f"# {_subject(program)}, as it is scheduled for the CPU"], texts)


def schedule_picture(program: Program) -> Picture:
    """The same as a picture, with bytes and the places of buffers in memory where sizes are known."""
    from graphc.view.drawing import holding, schedules

    given, real = known_lengths(program), program.real.itemsize
    step = [
        holding.Scheduled(made, _bytes(made, given, real), _rooms(made, given, real))
        for made in _scheduled_step(program)
    ]
    spoken = schedules.Spoken(
        _subject(program),
        program.pipeline.file.span.source.name,
        list(program.spec.params),
        LOSS,
        spans_of_loops(program),
        given,
    )
    return schedules.schedule_picture(step, spoken)


def _bytes(scheduled: Scheduled, lengths: Mapping[str, int], real: int) -> dict[Buffer, int]:
    """The size of each buffer; nothing unless all lengths are known."""
    from graphc.backend.cpu.sizing import evaluate

    sizes = {size.name: size.of(lengths[size.source]) for size in scheduled.sizes if size.source in lengths}
    if any(size.name not in sizes for size in scheduled.sizes if size.kind != "key"):
        return {}
    widths = {"real": real, "int": 8, "bool": 1}
    return {buffer: evaluate(buffer.size, sizes) * widths[buffer.dtype] for buffer in scheduled.buffers}


def _rooms(scheduled: Scheduled, lengths: Mapping[str, int], real: int) -> dict[str, Room]:
    """Where the buffers of a run lie that one worker makes."""
    from graphc.backend.cpu.arena import Piece, place

    taken = _bytes(scheduled, lengths, real)
    if not taken:
        return {}
    pieces = {buffer: Piece(taken[buffer], first, last) for buffer, first, last in scheduled.lives}
    starts, _ = place(list(pieces.values()))
    return {
        b.name: Room(start, piece.bytes) for (b, piece), start in zip(pieces.items(), starts, strict=True)
    }


def kernel_stage(program: Program) -> str:
    """The source that Numba compiles for the training step, with the names and the lines of the spec."""
    head = [
        f"# {_subject(program)}, as Numba compiles it, with the names and the lines of the spec.",
        "# The text that is compiled has names by place and no comments, so that equal kernels are one.",
    ]
    return _parts(head, [list(_sources(made, program.real.name)) for made in _scheduled_step(program)])


def _parts(head: list[str], texts: Sequence[Sequence[str]]) -> str:
    """There may be several programs: see `training_graphs`."""
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
        return training_graphs(program)
    return [pipeline.forward("train", ordered_names(program), dense=True).graph]


def known_lengths(program: Program) -> dict[str, int]:
    """The batch and the run-time lengths of the spec's own examples, or of a batch of its data, in which all
    examples are taken to be as long as the first; nothing if neither gives them all."""
    if program.examples is not None:
        fed = program.feed(None)
        return {BATCH_NAME: fed.batch, **{name: int(np.max(own)) for name, own in fed.lengths.items()}}
    batch = fit_settings(program, {}).batch
    shown = example(program, None) if program.spec.data is not None else None
    if batch is None or shown is None or shown.inputs is None:
        return {}
    fed = program.feed(shown.inputs, shown.lengths)
    return {BATCH_NAME: batch, **{name: int(np.max(own)) for name, own in fed.lengths.items()}}


def _sources(scheduled: Scheduled, real: str) -> Iterator[str]:
    """Each distinct kernel under the name by which it is called, then the functions that call them."""
    # Here: the package of the backend brings in the libraries that it compiles with.
    from graphc.backend.cpu import emit
    from graphc.backend.cpu.assemble import assemble

    functions = list(_callers(assemble(scheduled, real, listing=True)))
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
