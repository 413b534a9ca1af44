"""What the steps of a loop share with what stands around it: made in front of it, or kept for behind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from graphc.kernel.expr import Expr, Load, Name
from graphc.kernel.nest import Statement, Store
from graphc.schedule.phases import Access
from graphc.schedule.program import Buffer, Launch, Product, Program, Repeat, Step, walk


@dataclass(frozen=True)
class HandedOn:
    """Buffers that steps of a loop share with what stands around it.

    `moved` is computed in front of the loop for all steps at once, `received` was kept by a loop before,
    `kept` is kept of each step for what stands behind.
    """

    moved: tuple[Buffer, ...]
    received: tuple[Buffer, ...]
    kept: tuple[Buffer, ...]


def handed_on(program: Program, loop: Repeat) -> HandedOn:
    """What was moved out of a loop, and what loops hand on to each other."""
    sequence = list(program.walk())
    place = next(number for number, step in enumerate(sequence) if step is loop)
    inside = list(walk(loop.body))
    before, behind = sequence[:place], sequence[place + 1 + len(inside) :]
    beside = (s for s in before if isinstance(s, Repeat) and all(inner is not loop for inner in walk(s.body)))
    looped = Access.all(beside).writes
    own = by_step(inside, loop.step.name)
    given = (own.reads - own.writes) & Access.all(s for s in before if not isinstance(s, Repeat)).writes

    def ordered(buffers: frozenset[Buffer]) -> tuple[Buffer, ...]:
        return tuple(buffer for buffer in program.buffers if buffer in buffers)

    return HandedOn(
        ordered(given - looped), ordered(own.reads & looped), ordered(own.writes & Access.all(behind).reads)
    )


def loads(statement: Statement) -> Iterator[Load]:
    """The elements that a statement reads, those inside its own expressions only."""
    for value in vars(statement).values():
        if isinstance(value, Expr):
            yield from (part for part in value.walk() if isinstance(part, Load))


# ---------------------------------------------------------- what a loop reads and writes by step


def by_step(steps: Iterable[Step], variable: str) -> Access:
    """The buffers that steps read and write at places that depend on a loop's variable."""
    found = [_of_step(step, variable) for step in steps]
    return Access(
        frozenset().union(*(access.reads for access in found)),
        frozenset().union(*(access.writes for access in found)),
    )


def _of_step(step: Step, variable: str) -> Access:
    match step:
        case Launch():
            return _of_launch(step, variable)
        case Product():
            operands = (step.a, step.b, step.c)
            reads, writes = (
                frozenset(matrix.buffer for matrix in some if variable in _names(matrix.offset))
                for some in (operands[:2], operands[2:])
            )
            return Access(reads, writes)
    return Access(frozenset(), frozenset())


def _of_launch(launch: Launch, variable: str) -> Access:
    kernel = launch.kernel
    sizes = zip(kernel.sizes, launch.sizes, strict=True)
    depending = {name for name, given in sizes if variable in _names(given)}
    buffers = {p.name: a.buffer for p, a in zip(kernel.buffers, launch.arguments, strict=True)}
    reads, writes = set(), set()
    for statement in kernel.walk():
        reads |= {buffers[load.buffer] for load in loads(statement) if depending & _names(load.offset)}
        if isinstance(statement, Store) and depending & _names(statement.offset):
            writes.add(buffers[statement.buffer])
    return Access(frozenset(reads), frozenset(writes))


def _names(expr: Expr) -> set[str]:
    return {part.name for part in expr.walk() if isinstance(part, Name)}
