"""Kernels: loops over scalar statements, on buffers that are nothing but pointers.

A kernel is a function of the buffers and sizes that it names. Loops run from 0 to an extent; the loop that is
marked `ranged` runs over the part of it that the caller says, which is how work is shared out among threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphc.diagnostics import Span
from graphc.kernel.expr import DType, Expr, Kind, Name


@dataclass(frozen=True)
class Let:
    """A local value: computed here, never changed. `title` is what a reader calls it."""

    name: Name
    value: Expr
    span: Span | None = None
    title: str = ""


@dataclass(frozen=True)
class Store:
    """buffer[offset] = value, or += where it accumulates. `title` is what a reader calls the value."""

    buffer: str
    offset: Expr
    value: Expr
    accumulate: bool = False
    span: Span | None = None
    title: str = ""


@dataclass(frozen=True)
class Accumulator:
    """A local that a reduction gathers in: it begins with the neutral element of its kind."""

    name: Name
    kind: Kind


@dataclass(frozen=True)
class Gather:
    """One more element for an accumulator, of which `title` is what a reader calls it.

    `number` is what argmax and argmin remember of the winner.
    """

    accumulator: Name
    kind: Kind
    value: Expr
    number: Expr | None = None
    span: Span | None = None
    title: str = ""


@dataclass(frozen=True)
class For:
    """A loop. `ranged` loops run over `lo..hi`, which the kernel's caller gives."""

    var: Name
    extent: Expr
    body: tuple[Statement, ...]
    ranged: bool = False


@dataclass(frozen=True)
class If:
    """Statements that are run only where a condition holds."""

    condition: Expr
    body: tuple[Statement, ...]


Statement = Let | Store | Accumulator | Gather | For | If


@dataclass(frozen=True)
class Parameter:
    """A buffer that a kernel reads or writes."""

    name: str
    dtype: DType
    written: bool = False


@dataclass(frozen=True)
class Kernel:
    """`buffers` are pointers, `sizes` ints; after them the caller gives `lo` and `hi` if a loop is ranged.

    No two buffers of a kernel share an element that it writes.
    """

    name: str
    buffers: tuple[Parameter, ...]
    sizes: tuple[str, ...]
    body: tuple[Statement, ...]

    @property
    def ranged(self) -> bool:
        return any(isinstance(s, For) and s.ranged for s in self.walk())

    def walk(self) -> Iterator[Statement]:
        """Every statement, a loop before its body."""
        yield from _walk(self.body)


def _walk(body: tuple[Statement, ...]) -> Iterator[Statement]:
    for statement in body:
        yield statement
        if isinstance(statement, For | If):
            yield from _walk(statement.body)
