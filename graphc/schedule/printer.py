"""A scheduled program as text, for people: `graphc show --stage schedule`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from graphc.diagnostics import Span
from graphc.ir.printer import place
from graphc.kernel.evaluate import Evaluator
from graphc.kernel.expr import ZERO, Expr, Load, Name
from graphc.kernel.nest import Gather, Kernel, Let, Store
from graphc.kernel.printer import kernel_text, text
from graphc.schedule.handing import handed_on, loads
from graphc.schedule.program import (
    Barrier,
    Buffer,
    Launch,
    Matrix,
    Pack,
    Product,
    Program,
    Repeat,
    Step,
)
from graphc.schedule.rooms import Room, letters
from graphc.schedule.titles import titles


def program_text(
    program: Program,
    lengths: Mapping[str, int],
    real: int,
    rooms: Mapping[str, Room] | None = None,
    file: str = "",
) -> str:
    """Sizes, buffers, and the steps in their order.

    `lengths` are run-time lengths by name (`batch` among them): with all of them bytes are numbers, otherwise
    formulas. `real` is how many bytes a real has, `rooms` say where buffers of the arena lie, `file` is the
    spec.
    """
    steps = _Steps(program, file).lines()
    parts = {
        "sizes": _sizes(program, lengths),
        "buffers": _Buffers.of(program, lengths, real, rooms or {}).lines(),
        "steps; a phase begins when all workers have finished the one before it": steps,
    }
    return "\n\n".join("\n".join([title, *_indented(lines)]) for title, lines in parts.items())


def _indented(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        yield f"    {line}"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


# --------------------------------------------------------------------------- sizes and buffers


def _sizes(program: Program, lengths: Mapping[str, int]) -> Iterator[str]:
    rows = []
    for size in program.sizes:
        meaning = f"length of `{size.source}`"
        if size.kind == "key":
            meaning = f"word {size.word} of the key of the random numbers `{size.source}`"
        elif size.kind == "segment":
            meaning = f"steps of a segment of `{size.source}`: about the square root of its length"
        elif size.source in lengths:
            meaning += f", {lengths[size.source]} in the examples"
        rows.append((size.name, meaning))
    return _aligned(rows) if rows else iter(())


@dataclass(frozen=True)
class _Buffers:
    """The table of buffers. `numbers` are the program's sizes where all are known, else nothing."""

    program: Program
    numbers: Mapping[str, int]
    bytes: Mapping[str, int]
    titles: Mapping[Buffer, str]
    shared: Mapping[str, tuple[str, ...]]
    """The letters of the pieces of memory that buffers share, by name."""

    @staticmethod
    def of(program: Program, lengths: Mapping[str, int], real: int, rooms: Mapping[str, Room]) -> _Buffers:
        sizes = [size for size in program.sizes if size.kind != "key"]
        known = all(size.source in lengths for size in sizes)
        numbers = {size.name: size.of(lengths[size.source]) for size in sizes} if known else {}
        widths = {"real": real, "int": 8, "bool": 1}
        return _Buffers(program, numbers, widths, titles(program), letters(rooms))

    def lines(self) -> Iterator[str]:
        rows = [("name", "dtype", "elements", "bytes", "what it is")]
        for buffer in self.program.buffers:
            dtype = f"float{8 * self.bytes['real']}" if buffer.dtype == "real" else buffer.dtype
            size = str(self._count(buffer)) if self._is_known(buffer) else text(self._formula(buffer))
            rows.append((buffer.name, dtype, text(buffer.size), size, self._role(buffer)))
        yield from _aligned(rows)
        lives = self.program.lives
        if lives and all(self._is_known(buffer) for buffer, _, _ in lives):
            most = max(self._in_use(first) for _, first, _ in lives)
            yield f"{sum(self._count(b) for b, _, _ in lives)} bytes of work, at most {most} in use at once"
        if any(self.shared.values()):
            yield "buffers with a letter of memory in common lie at the same place, at different times"

    def _formula(self, buffer: Buffer) -> Expr:
        return buffer.size * self.bytes[buffer.dtype]

    def _is_known(self, buffer: Buffer) -> bool:
        return all(e.name in self.numbers for e in buffer.size.walk() if isinstance(e, Name))

    def _count(self, buffer: Buffer) -> int:
        return int(Evaluator(self.numbers)(self._formula(buffer)))

    def _in_use(self, phase: int) -> int:
        lives = self.program.lives
        return sum(self._count(buffer) for buffer, first, last in lives if first <= phase <= last)

    def _role(self, buffer: Buffer) -> str:
        if buffer.role == "work":
            said = f"`{self.titles[buffer]}`, " if self.titles[buffer] != buffer.name else ""
            return said + self._life(buffer)
        if buffer.role == "constant":
            return "constant numbers"
        if buffer.role == "ids":
            return "numbers of the examples, for draws"
        if buffer.role == "output":
            return f"output `{self.titles[buffer]}`"
        return f"{'own ' if buffer.role == 'lengths' else ''}{buffer.role} `{buffer.source}`"

    def _life(self, buffer: Buffer) -> str:
        if any(isinstance(s, Product) and s.workspace is buffer for s in self.program.walk()):
            return "work, a part for each worker"
        spans = [(first, last) for b, first, last in self.program.lives if b is buffer]
        if not spans:
            return "work"
        shared = self.shared.get(buffer.name, ())
        memory = f", memory {' '.join(shared)}" if shared else ""
        return f"work, phases {spans[0][0]} to {spans[0][1]}{memory}"


# --------------------------------------------------------------------------------------- steps


class _Steps:
    """The steps as lines: phases between barriers, kernels, products, loops."""

    def __init__(self, program: Program, file: str) -> None:
        self.program = program
        self.file = file

    def lines(self) -> Iterator[str]:
        phase = 0
        yield "phase 0"
        for step in self.program.steps:
            if isinstance(step, Barrier):
                phase += 1
                yield f"phase {phase}"
            else:
                yield from _indented(self._step(step))

    def _step(self, step: Step) -> Iterator[str]:
        match step:
            case Launch():
                yield from _launch(step, self.file)
            case Pack():
                yield f"pack: {step.source.buffer.name} -> {step.packed.name}"
                shape = f"[{text(step.k)}, {text(step.n)}]"
                yield f"    {shape}, b[k, j] = {_at(step.source, 'k', 'j')}, in panels of columns"
            case Product():
                yield from _product(step)
            case Repeat():
                yield from self._repeat(step)
            case Barrier():
                yield "wait for all workers"

    def _repeat(self, step: Repeat) -> Iterator[str]:
        first, last = "0", text(step.extent - 1)
        run = " to ".join((last, first) if step.reverse else (first, last))
        if step.sliced and step.batch is not None:
            how = f"each worker runs all of it for its part of {text(step.batch)} examples"
        else:
            how = "all workers take each step together"
        yield f"loop {step.step.name} from {run}: {how}"
        around = handed_on(self.program, step)
        for what, buffers in (
            ("computed in front of it, for all steps at once", around.moved),
            ("kept by a loop before", around.received),
            ("kept of each step for what stands behind it", around.kept),
        ):
            if buffers:
                yield f"    # {what}: {', '.join(buffer.name for buffer in buffers)}"
        for inside in step.body:
            yield from _indented(self._step(inside))


def _launch(launch: Launch, file: str) -> Iterator[str]:
    kernel = launch.kernel
    given = {p.name: a for p, a in zip(kernel.buffers, launch.arguments, strict=True)}
    loaded = {load.buffer for statement in kernel.walk() for load in loads(statement)}
    reads = [given[b.name].buffer.name for b in kernel.buffers if b.name in loaded]
    writes = [given[b.name].buffer.name for b in kernel.buffers if b.written]
    who = "" if kernel.ranged else ", by one worker"
    yield f"kernel{who}: {' '.join([', '.join(reads), '->', ', '.join(writes)]).strip()}"
    notes = [*lines_of_the_spec(spans(kernel), file), *_side_by_side(kernel)]
    renamed = [(name, text(size)) for name, size in zip(kernel.sizes, launch.sizes, strict=True)]
    for name, argument in given.items():
        start = "" if argument.offset == ZERO else f" from element {text(argument.offset)} on"
        renamed.append((name, argument.buffer.name + start))
    notes += [f"{name} is {meaning}" for name, meaning in renamed if name != meaning]
    yield from _indented(f"# {note}" for note in notes)
    yield from kernel_text(kernel).splitlines()[1:]


def lines_of_the_spec(spans: Iterable[Span | None], file: str = "") -> list[str]:
    """Each line that something comes from, with what is computed of it, in order.

    Lines of other sources than `file` are named with their source.
    """
    ordered = sorted({span for span in spans if span is not None}, key=lambda s: (s.start, -s.end))
    found: dict[str, dict[str, None]] = {}
    for span in ordered:
        found.setdefault(place(span, file), {})[" ".join(span.text.split())] = None
    return [f"{where}: {', '.join(_outermost(list(texts)))}" for where, texts in found.items()]


def spans(kernel: Kernel) -> list[Span | None]:
    """What the statements of a kernel come from."""
    return [s.span for s in kernel.walk() if isinstance(s, Let | Store | Gather)]


def _outermost(texts: Sequence[str]) -> list[str]:
    """Those that are not a piece of another one."""
    return [t for t in texts if not any(t in other and t != other for other in texts)]


def _side_by_side(kernel: Kernel) -> Iterator[str]:
    """The buffers that are nothing but other ones joined: the weights of products that were made one."""
    stored: dict[str, list[Expr]] = {}
    for statement in kernel.walk():
        if isinstance(statement, Store):
            stored.setdefault(statement.buffer, []).append(statement.value)
    for buffer, values in stored.items():
        parts = [value.buffer for value in values if isinstance(value, Load)]
        if len(parts) == len(values) > 1:
            yield f"{buffer} is {', '.join(parts)} side by side"


def _product(product: Product) -> Iterator[str]:
    m, n, k = text(product.m), text(product.n), text(product.k)
    sign = "+=" if product.accumulate else "="
    yield f"product: {product.c.buffer.name} {sign} {product.a.buffer.name} @ {product.b.buffer.name}"
    shapes = f"[{m}, {k}] @ [{k}, {n}]"
    for name, extent in product.over:
        shapes += f", for each {name.name} < {text(extent)}"
    packed = "" if product.packed is None else f", packed in {product.packed.name}"
    lines = [f"# {product.note}"] if product.note else []
    lines += [shapes, f"c[i, j] {sign} {_at(product.c, 'i', 'j')}"]
    lines += [f"a[i, k] = {_at(product.a, 'i', 'k')}", f"b[k, j] = {_at(product.b, 'k', 'j')}{packed}"]
    yield from _indented(lines)


def _at(matrix: Matrix, row: str, column: str) -> str:
    """An element of a matrix as an element of its buffer."""
    offset = matrix.offset + Name(row) * matrix.rows + Name(column) * matrix.columns
    return f"{matrix.buffer.name}[{text(offset)}]"
