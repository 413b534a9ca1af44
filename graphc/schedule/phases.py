"""Barriers between workers, and how long buffers live."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from graphc.schedule.program import Barrier, Buffer, Launch, Pack, Product, Repeat, Step

Buffers = frozenset[Buffer]


@dataclass(frozen=True)
class Access:
    """What a step reads and what it writes."""

    reads: Buffers
    writes: Buffers

    @staticmethod
    def of(step: Step) -> Access:
        if isinstance(step, Launch):
            pairs = list(zip(step.kernel.buffers, step.arguments, strict=True))
            written = frozenset(argument.buffer for parameter, argument in pairs if parameter.written)
            return Access(frozenset(argument.buffer for _, argument in pairs), written)
        if isinstance(step, Pack):
            return Access(frozenset([step.source.buffer]), frozenset([step.packed]))
        if isinstance(step, Product):
            reads = {step.a.buffer, step.packed or step.b.buffer, step.c.buffer}
            return Access(frozenset(reads), frozenset([step.c.buffer]))
        if isinstance(step, Repeat):
            return Access.all(step.body)
        return Access(frozenset(), frozenset())

    @staticmethod
    def all(steps: Iterable[Step]) -> Access:
        found = [Access.of(step) for step in steps]
        return Access(
            frozenset().union(*(a.reads for a in found)), frozenset().union(*(a.writes for a in found))
        )


def with_barriers(steps: Sequence[Step]) -> tuple[Step, ...]:
    """The steps with a barrier before each that touches what another worker may still be at."""
    found: list[Step] = []
    read: set[Buffer] = set()
    written: set[Buffer] = set()
    for step in steps:
        if isinstance(step, Repeat) and not step.sliced:
            # What one step of the loop has written the next one reads.
            step = replace(step, body=(*with_barriers(step.body), Barrier()))
        access = Access.of(step)
        if access.reads & written or access.writes & (read | written):
            found.append(Barrier())
            read, written = set(), set()
        read |= access.reads
        written |= access.writes
        found.append(step)
    return tuple(found)


def lives(steps: Sequence[Step]) -> tuple[tuple[Buffer, int, int], ...]:
    """The phases, counted from 0, in which each buffer of the arena is in use."""
    phase = 0
    spans: dict[Buffer, tuple[int, int]] = {}
    for step in steps:
        if isinstance(step, Barrier):
            phase += 1
        access = Access.of(step)
        for buffer in sorted(access.reads | access.writes, key=lambda b: b.name):
            if buffer.role == "work":
                first, _ = spans.get(buffer, (phase, phase))
                spans[buffer] = (first, phase)
    return tuple((buffer, first, last) for buffer, (first, last) in spans.items())
