"""What a reader calls the buffers of a program: by the spec's own names wherever something can be said so."""

from __future__ import annotations

from collections.abc import Iterator

from graphc.kernel.nest import Store
from graphc.schedule.program import Buffer, Launch, Pack, Product, Program

GRADIENT = "grad:"
"""How the outputs begin that are gradients."""


def titles(program: Program) -> dict[Buffer, str]:
    """A title of its own for each buffer: several of one title are counted."""
    said = dict(_of_steps(program))
    found: dict[Buffer, str] = {}
    taken: dict[str, int] = {}
    for buffer in program.buffers:
        title = _own(buffer) or said.get(buffer) or buffer.name
        taken[title] = number = taken.get(title, 0) + 1
        found[buffer] = title if number == 1 else f"{title} ({number})"
    return found


def _own(buffer: Buffer) -> str:
    """What a buffer says of itself."""
    if buffer.role == "output" and buffer.source.startswith(GRADIENT):
        return f"gradient of {buffer.source.removeprefix(GRADIENT)}"
    if buffer.role in ("input", "output"):
        return buffer.source.rstrip("@")
    others = {
        "lengths": f"lengths of {buffer.source}",
        "ids": "numbers of the examples",
        "constant": "constant numbers",
    }
    return others.get(buffer.role, buffer.title)


def _of_steps(program: Program) -> Iterator[tuple[Buffer, str]]:
    """What can be said of others by what is written to them: the last word counts."""
    for step in program.walk():
        if isinstance(step, Launch):
            given = {p.name: a.buffer for p, a in zip(step.kernel.buffers, step.arguments, strict=True)}
            for statement in step.kernel.walk():
                if isinstance(statement, Store) and statement.span is not None:
                    text = " ".join(statement.span.text.split())
                    yield given[statement.buffer], f"a part of {text}"
        elif isinstance(step, Product):
            if step.span is not None:
                yield step.c.buffer, f"a part of {' '.join(step.span.text.split())}"
            if step.workspace is not None:
                yield step.workspace, "room to pack operands"
        elif isinstance(step, Pack):
            yield step.packed, f"{_own(step.source.buffer) or step.source.buffer.name}, packed"
