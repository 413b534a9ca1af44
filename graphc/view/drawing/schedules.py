"""The picture of a schedule: what is computed in one kernel, what is left of a loop, and who shares memory.

A frame is a phase (between barriers), a loop, or a kernel; a box is a buffer as some step writes it, or a
value that a kernel keeps to itself. A wire back runs from what a step of a loop leaves to where the next one
finds it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from graphc.diagnostics import Span
from graphc.kernel.expr import Const, Expr, Load, Name, rewrite
from graphc.kernel.nest import Gather, Let, Store
from graphc.kernel.printer import text
from graphc.schedule.printer import handed_on, lines_of_the_spec
from graphc.schedule.program import Barrier, Buffer, Launch, Pack, Product, Program, Repeat, Step
from graphc.view.drawing.picture import Box, Frame, Picture, Role, Wire
from graphc.view.drawing.rolled import line_of

_WIDEST = 44
"""Characters of what a box computes."""


@dataclass(frozen=True)
class Room:
    """Where a buffer lies in the arena, in bytes."""

    start: int
    bytes: int

    def meets(self, other: Room) -> bool:
        """Whether a byte belongs to both."""
        return self.start < other.start + other.bytes and other.start < self.start + self.bytes


def schedule_picture(
    programs: Sequence[tuple[Program, Mapping[str, Room]]],
    *,
    title: str,
    parameters: Collection[str] = (),
    loss: str = "",
) -> Picture:
    """Programs that are run one after another, each with the rooms of its buffers where sizes are known."""
    several = len(programs) > 1
    made = [
        _Drawing(program, rooms, parameters, loss, f"part {number} of {len(programs)}" if several else "")
        for number, (program, rooms) in enumerate(programs, 1)
    ]
    for drawing in made:
        drawing.draw()
    return Picture(
        title,
        [box for drawing in made for box in drawing.finished()],
        [wire for drawing in made for wire in drawing.wires],
        [frame for drawing in made for frame in drawing.frames],
        tuple(note for drawing in made for note in drawing.notes()),
    )


@dataclass
class _Drawing:
    program: Program
    rooms: Mapping[str, Room]
    parameters: Collection[str]
    loss: str
    part: str
    boxes: dict[str, Box] = field(default_factory=dict)
    wires: list[Wire] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    writers: dict[Buffer, str] = field(default_factory=dict)
    """The box of what a buffer holds now."""
    early: list[tuple[Buffer, str, frozenset[Buffer]]] = field(default_factory=list)
    """What was read where, and which buffers a step of the loop around it had written before."""
    written: frozenset[Buffer] = frozenset()
    numbers: Iterator[int] = field(default_factory=count)

    def draw(self) -> None:
        around = self._frame(self.part, "step", "") if self.part else ""
        phase = 0
        frame = self._frame("phase 0", "step", around)
        for step in self.program.steps:
            if isinstance(step, Barrier):
                phase += 1
                frame = self._frame(f"phase {phase}", "step", around)
            else:
                self._step(step, frame)

    def _frame(self, label: str, kind: str, parent: str) -> str:
        key = f"{self.part}frame {next(self.numbers)}"
        self.frames.append(Frame(key, label, kind, parent))  # type: ignore[arg-type]
        return key

    def _step(self, step: Step, frame: str) -> None:
        match step:
            case Launch():
                self._launch(step, frame)
            case Pack():
                self.writers[step.packed] = self._holder(step.source.buffer)
            case Product():
                self._product(step, frame)
            case Repeat():
                self._repeat(step, frame)

    # ------------------------------------------------------------------------------------- loops

    def _repeat(self, loop: Repeat, frame: str) -> None:
        label = "loop, the last step first" if loop.reverse else "loop over the steps"
        around = handed_on(self.program, loop)
        for what, names in (("left it", around.moved), ("keeps", around.kept)):
            label += f" · {what}: {', '.join(names)}" if names else ""
        inner = self._frame(label, "loop", frame)
        outer, before = self.early, self.written
        self.early, self.written = [], frozenset()
        for step in loop.body:
            if not isinstance(step, Barrier):
                self._step(step, inner)
        for buffer, reader, written in self.early:
            if buffer in self.written and buffer not in written:
                self.wires.append(Wire(self.writers[buffer], reader, buffer.name, is_back=True))
        self.early, self.written = outer + self.early, before | self.written

    def _read(self, buffer: Buffer, reader: str) -> None:
        """A wire from what a buffer holds."""
        self.early.append((buffer, reader, self.written))
        source = self._holder(buffer)
        if source and source != reader:
            wire = Wire(source, reader)
            if wire not in self.wires:
                self.wires.append(wire)

    def _write(self, buffer: Buffer, writer: str) -> None:
        self.writers[buffer] = writer
        self.written |= {buffer}

    def _holder(self, buffer: Buffer) -> str:
        """The box of what a buffer holds; what is given has one when it is first read."""
        if buffer not in self.writers:
            if buffer.role not in ("input", "lengths"):
                return ""
            role: Role = "param" if buffer.source in self.parameters else "input"
            name = f"lengths of {buffer.source}" if buffer.role == "lengths" else buffer.source
            self.writers[buffer] = self._box(name, "", role, "", None, buffer)
        return self.writers[buffer]

    # ------------------------------------------------------------------------------------- steps

    def _product(self, product: Product, frame: str) -> None:
        operation = f"{product.a.buffer.name} @ {product.b.buffer.name}"
        target = product.c.buffer
        added = [target] if product.accumulate else []
        box = self._box(target.name, operation, self._role(target), frame, None, target)
        self.boxes[box] = replace(
            self.boxes[box], notes=(*self.boxes[box].notes, *filter(None, [product.note]))
        )
        for buffer in (product.a.buffer, product.packed or product.b.buffer, *added):
            self._read(buffer, box)
        self._write(target, box)

    def _launch(self, launch: Launch, frame: str) -> None:
        kernel = launch.kernel
        lines = "; ".join(lines_of_the_spec(kernel))
        label = " · ".join(filter(None, ["kernel" if kernel.ranged else "kernel, by one worker", lines]))
        _Kernel(self, launch, self._frame(_short(label, 90), "kernel", frame)).draw()

    def _box(
        self, name: str, operation: str, role: Role, frame: str, span: Span | None, buffer: Buffer | None
    ) -> str:
        key = f"{self.part}box {next(self.numbers)}"
        line = line_of(span) if span else None
        notes = (self._life(buffer),) if buffer is not None and buffer.role == "work" else ()
        shape = "" if buffer is None else text(buffer.size)
        self.boxes[key] = Box(key, name, operation, role, shape, frame=frame, line=line, notes=notes)
        return key

    def _role(self, buffer: Buffer) -> Role:
        if buffer.role != "output":
            return "operation"
        return "loss" if buffer.source == self.loss else "output"

    # ------------------------------------------------------------------------------------ memory

    def _life(self, buffer: Buffer) -> str:
        spans = {b: (first, last) for b, first, last in self.program.lives}
        life = "{} to {}".format(*spans[buffer]) if buffer in spans else "all"
        room = self.rooms.get(buffer.name)
        where = "" if room is None else f", bytes {room.start} to {room.start + room.bytes - 1} of the memory"
        return f"`{buffer.name}` lives in phases {life}{where}"

    def notes(self) -> Iterator[str]:
        """Which buffers lie one over the other, at different times."""
        names = [buffer.name for buffer, _, _ in self.program.lives if buffer.name in self.rooms]
        groups: list[list[str]] = []
        for name in names:
            known = next((g for g in groups if all(self.rooms[name].meets(self.rooms[o]) for o in g)), None)
            if known is None:
                groups.append([name])
            else:
                known.append(name)
        shared = [", ".join(group) for group in groups if len(group) > 1]
        if shared:
            yield f"one memory: {'; '.join(shared)}"

    def finished(self) -> Iterable[Box]:
        """Boxes that something reads, or that are results."""
        used = {wire.source for wire in self.wires} | {wire.target for wire in self.wires}
        return [box for box in self.boxes.values() if box.id in used or box.role in ("output", "loss")]


@dataclass
class _Kernel:
    """One kernel on its way into the picture."""

    drawing: _Drawing
    launch: Launch
    frame: str
    locals: dict[str, str] = field(default_factory=dict)
    """The boxes of values that the kernel keeps to itself, by name."""
    stores: dict[Buffer, str] = field(default_factory=dict)

    def draw(self) -> None:
        self.given = {
            parameter.name: argument.buffer
            for parameter, argument in zip(self.launch.kernel.buffers, self.launch.arguments, strict=True)
        }
        for statement in self.launch.kernel.walk():
            match statement:
                case Let(name=name, value=value, span=span):
                    self.locals[name.name] = self._box("", self._said(value), span, None)
                    self._reads(value, self.locals[name.name])
                case Gather(accumulator=name, kind=kind, value=value, span=span):
                    box = self._box("", f"{kind}({self._said(value)})", span, None)
                    self.locals[name.name] = box
                    self._reads(value, box)
                case Store():
                    self._store(statement)

    def _store(self, store: Store) -> None:
        buffer = self.given[store.buffer]
        if isinstance(store.value, Const) and not store.accumulate and self._is_added_to(store.buffer):
            return  # where a sum begins
        if isinstance(store.value, Name) and store.value.name in self.locals:
            box = self._named(self.locals[store.value.name], buffer)
        elif buffer in self.stores and not store.accumulate:
            box = self.stores[buffer]
        else:
            said = self._said(store.value)
            said = f"sum({said})" if store.accumulate else said
            box = self._box(buffer.name, said, store.span, buffer)
        self._reads(store.value, box)
        self.stores[buffer] = box
        self.drawing._write(buffer, box)

    def _is_added_to(self, name: str) -> bool:
        return any(
            isinstance(s, Store) and s.buffer == name and s.accumulate for s in self.launch.kernel.walk()
        )

    def _named(self, key: str, buffer: Buffer) -> str:
        """A local value's box, which from now on is also a buffer's."""
        box = self.drawing.boxes[key]
        notes = (*box.notes, *((self.drawing._life(buffer),) if buffer.role == "work" else ()))
        name = f"{box.name}, {buffer.name}" if box.name else buffer.name
        role = self.drawing._role(buffer)
        self.drawing.boxes[key] = replace(box, name=name, notes=notes, role=role, shape=text(buffer.size))
        return key

    def _box(self, name: str, operation: str, span: Span | None, buffer: Buffer | None) -> str:
        role: Role = "operation" if buffer is None else self.drawing._role(buffer)
        return self.drawing._box(name, operation, role, self.frame, span, buffer)

    def _reads(self, value: Expr, box: str) -> None:
        for part in value.walk():
            if isinstance(part, Load):
                self.drawing._read(self.given[part.buffer], box)
            elif isinstance(part, Name) and part.name in self.locals and self.locals[part.name] != box:
                wire = Wire(self.locals[part.name], box)
                if wire not in self.drawing.wires:
                    self.drawing.wires.append(wire)

    def _said(self, value: Expr) -> str:
        """What is computed, by the names of buffers, without places in them."""
        short = rewrite(
            value, lambda e: Name(self.given[e.buffer].name, "real") if isinstance(e, Load) else None
        )
        return _short(text(short), _WIDEST)


def _short(said: str, most: int) -> str:
    return said if len(said) <= most else said[: most - 1] + "…"
