"""The picture of a schedule: what is computed in one kernel, what is left of a loop, and who shares memory.

A frame is a phase (between barriers), a loop, or a kernel; a box is a buffer as some step writes it, or a
value that a kernel keeps to itself. What an earlier phase has left is read from a copy of its box in the
phase that reads it, so that no wire leaves a phase. A wire back runs from what a step of a loop leaves to
where the next one finds it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import PurePath

from graphc.diagnostics import Span
from graphc.schedule.handing import handed_on
from graphc.schedule.phases import Access
from graphc.schedule.program import Barrier, Buffer, Launch, Pack, Product, Repeat, Step, walk
from graphc.view.drawing.holding import Holding, Scheduled, elements, listed
from graphc.view.drawing.insides import Inside, is_backward
from graphc.view.drawing.metrics import shortened
from graphc.view.drawing.picture import Box, Frame, FrameKind, Picture, Role, Wire
from graphc.view.drawing.rolled import line_of

_WIDEST = 44
"""Letters of the operands of a product."""


@dataclass(frozen=True)
class Spoken:
    """What the spec says of the names in its programs: which are parameters, which output is the loss, and
    which places of the spec are computed in loops as it is written; `lengths` are those of the examples."""

    title: str
    file: str = ""
    parameters: Collection[str] = ()
    loss: str = ""
    loops: Collection[Span] = ()
    lengths: Mapping[str, int] = field(default_factory=dict)


def schedule_picture(programs: Sequence[Scheduled], spoken: Spoken) -> Picture:
    """Programs that are run one after another."""
    several = len(programs) > 1
    made = [
        Scheduling(scheduled, spoken, f"part {number} of {len(programs)}" if several else "")
        for number, scheduled in enumerate(programs, 1)
    ]
    for drawing in made:
        drawing.draw()
    return Picture(
        spoken.title,
        [box for drawing in made for box in drawing.finished()],
        [wire for drawing in made for wire in drawing.wires],
        [frame for drawing in made for frame in drawing.frames],
        (*_sizes(spoken), *(note for drawing in made for note in drawing.notes)),
        memory=tuple(tuple(drawing.holding.memory()) for drawing in made),
    )


def _sizes(spoken: Spoken) -> Iterator[str]:
    if spoken.lengths:
        yield "bytes are those of " + ", ".join(f"{name} = {n}" for name, n in spoken.lengths.items())


@dataclass
class Scheduling:
    """One program on its way into a picture."""

    known: Scheduled
    spoken: Spoken
    part: str
    boxes: dict[str, Box] = field(default_factory=dict)
    wires: list[Wire] = field(default_factory=list)
    joined: set[tuple[str, str]] = field(default_factory=set)
    """What wires lead from and to, but for those of a recurrence."""
    frames: list[Frame] = field(default_factory=list)
    writers: dict[Buffer, tuple[str, int]] = field(default_factory=dict)
    """The box of what a buffer holds now, and the phase that it was written in."""
    chips: dict[tuple[str, int], str] = field(default_factory=dict)
    """Copies of boxes, by box and phase."""
    early: list[tuple[Buffer, str, frozenset[Buffer]]] = field(default_factory=list)
    """What was read where, and which buffers a step of the loop around it had written before."""
    written: frozenset[Buffer] = frozenset()
    notes: list[str] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=count)
    phase: int = -1
    frame: str = ""
    """The frame of the phase."""
    is_in_front: bool = True
    """Whether a loop that goes forwards is still to come."""

    def __post_init__(self) -> None:
        self.program = self.known.program
        self.holding = Holding(self.known)
        self.titles = self.holding.titles

    # ------------------------------------------------------------------------------------ phases

    def draw(self) -> None:
        around = self.framed(self.part, "phase", "") if self.part else ""
        phases = list(_phases(self.program.steps))
        forward = [n for n, steps in enumerate(phases) for s in walk(steps) if _goes_forwards(s)]
        last = max(forward, default=-1)
        for number, steps in enumerate(phases):
            self.phase = number
            self.frame = self.framed(f"phase {number}", "phase", around)
            self.is_in_front = number < last
            for step in steps:
                self._step(step, self.frame)

    def framed(self, label: str, kind: FrameKind, parent: str) -> str:
        key = f"{self.part}frame {next(self.numbers)}"
        self.frames.append(Frame(key, label, kind, parent))
        return key

    def _step(self, step: Step, frame: str) -> None:
        match step:
            case Launch():
                self._launch(step, frame)
            case Pack():
                self.writers[step.packed] = self.writers.get(step.source.buffer) or self._given(
                    step.source.buffer
                )
            case Product():
                self._product(step, frame)
            case Repeat():
                self._repeat(step, frame)

    # ------------------------------------------------------------------------------------- loops

    def _repeat(self, loop: Repeat, frame: str) -> None:
        way = "the last step first" if loop.reverse else "the first step first"
        label = f"loop of {elements(loop.extent)} steps, {way}"
        inner = self.framed(label, "loop", frame)
        around = handed_on(self.program, loop)
        said = [
            f"{what} {listed([self.titles[buffer] for buffer in buffers])}"
            for what, buffers in (
                ("computed in front of it, for all steps at once:", around.moved),
                ("reads what was kept:", around.received),
                ("keeps of each step:", around.kept),
            )
            if buffers
        ]
        self.notes.append(f"{label}, in phase {self.phase}: {'; '.join(said)}")
        outer, before, front = self.early, self.written, self.is_in_front
        self.early, self.written, self.is_in_front = [], frozenset(), False
        for step in loop.body:
            if not isinstance(step, Barrier):
                self._step(step, inner)
        for buffer, reader, written in self.early:
            if buffer in self.written and buffer not in written:
                self.wires.append(Wire(self.writers[buffer][0], reader, self.titles[buffer], is_back=True))
        self.early, self.written, self.is_in_front = outer + self.early, before | self.written, front

    def read(self, buffer: Buffer, reader: str) -> None:
        """A wire from what a buffer holds."""
        self.early.append((buffer, reader, self.written))
        source = self._holder(buffer)
        if source and source != reader:
            self.wired(source, reader)

    def wired(self, source: str, target: str) -> None:
        if (source, target) not in self.joined:
            self.joined.add((source, target))
            self.wires.append(Wire(source, target))

    def write(self, buffer: Buffer, writer: str) -> None:
        self.writers[buffer] = (writer, self.phase)
        self.written |= {buffer}

    def _holder(self, buffer: Buffer) -> str:
        """The box of what a buffer holds, or this phase's copy of it; "" for what is not drawn."""
        if buffer not in self.writers:
            if buffer.role not in ("input", "lengths"):
                return ""
            self.writers[buffer] = self._given(buffer)
        key, phase = self.writers[buffer]
        if phase == self.phase:
            return key
        if (key, self.phase) not in self.chips:
            chip = f"{self.part}box {next(self.numbers)}"
            shape = self.boxes[key].shape if buffer.role in ("input", "lengths") else f"of phase {phase}"
            self.boxes[chip] = replace(
                self.boxes[key],
                id=chip,
                frame=self.frame,
                name=self.titles[buffer],
                operation="",
                shape=shape,
                copies=key,
            )
            self.chips[key, self.phase] = chip
        return self.chips[key, self.phase]

    def _given(self, buffer: Buffer) -> tuple[str, int]:
        """The box of an input, in the phase that reads it first."""
        role: Role = "param" if buffer.source in self.spoken.parameters else "input"
        return self.box(self.titles[buffer], "", role, self.frame, None, buffer), self.phase

    # ------------------------------------------------------------------------------------- steps

    def _product(self, product: Product, frame: str) -> None:
        target = product.c.buffer
        direction = ([], [product.span]) if is_backward(self.titles[target]) else ([product.span], [])
        inner = self._computing("product", *direction, Access.of(product), frame)
        said = " @ ".join(self.titles[matrix.buffer] for matrix in (product.a, product.b))
        said = shortened(f"+ {said}" if product.accumulate else said, _WIDEST)
        box = self.box(self.titles[target], said, self.role(target), inner, product.span, target)
        added = [target] if product.accumulate else []
        for buffer in (product.a.buffer, product.packed or product.b.buffer, *added):
            self.read(buffer, box)
        self.write(target, box)

    def _launch(self, launch: Launch, frame: str) -> None:
        inside = Inside(self, launch)
        kind = "kernel" if launch.kernel.ranged else "kernel, by one worker"
        inside.draw(self._computing(kind, inside.forward, inside.backward, Access.of(launch), frame))

    def _computing(
        self,
        kind: str,
        forward: Sequence[Span | None],
        backward: Sequence[Span | None],
        access: Access,
        frame: str,
    ) -> str:
        """A frame that says which lines of the spec are computed in it, and how many bytes go through it."""
        said = [kind, *self._lines(forward)]
        said += [f"backward of {lines}" for lines in self._lines(backward)]
        if self.known.bytes:
            given, made = (
                sum(self.known.bytes[b] for b in some)
                for some in (access.reads - access.writes, access.writes)
            )
            said.append(f"{given} bytes in, {made} out")
        return self.framed(" · ".join(said), "kernel", frame)

    def _lines(self, spans: Iterable[Span | None]) -> list[str]:
        """`line 12, 14, losses.nn 11`, at most once."""
        found = [span for span in spans if span is not None]
        places = sorted({(s.source.name != self.spoken.file, s.source.name, s.line) for s in found})
        said = [f"{PurePath(name).name} {line}" if other else f"{line}" for other, name, line in places]
        return ["line " + ", ".join(said)] if said else []

    def box(
        self, name: str, operation: str, role: Role, frame: str, span: Span | None, buffer: Buffer | None
    ) -> str:
        key = f"{self.part}box {next(self.numbers)}"
        line = line_of(span) if span else None
        marks = self.holding.letters.get(buffer.name, ()) if buffer is not None else ()
        shape = "" if buffer is None else self.holding.size(buffer)
        shape += " · left the loop" if buffer is not None and self._has_left(span) else ""
        notes = tuple(self.holding.about(buffer)) if buffer is not None else ()
        self.boxes[key] = Box(
            key, name, operation, role, shape, frame=frame, line=line, notes=notes, marks=marks
        )
        return key

    def _has_left(self, span: Span | None) -> bool:
        """Whether what comes from there was in a loop, and is computed in front of it now."""
        return self.is_in_front and span is not None and span in self.spoken.loops

    def role(self, buffer: Buffer) -> Role:
        if buffer.role != "output":
            return "operation"
        return "loss" if buffer.source == self.spoken.loss else "output"

    def finished(self) -> Iterable[Box]:
        """Boxes that something reads, or that are results."""
        used = {wire.source for wire in self.wires} | {wire.target for wire in self.wires}
        used |= {self.boxes[chip].copies for chip in self.chips.values()}
        return [box for box in self.boxes.values() if box.id in used or box.role in ("output", "loss")]


def _phases(steps: Sequence[Step]) -> Iterator[list[Step]]:
    """The steps between barriers."""
    phase: list[Step] = []
    for step in steps:
        if isinstance(step, Barrier):
            yield phase
            phase = []
        else:
            phase.append(step)
    yield phase


def _goes_forwards(step: Step) -> bool:
    return isinstance(step, Repeat) and not step.reverse
