"""The operands of matrix products, as functions of the library have them for parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphc.backend.cpu.instructions import Value

OPERANDS = "piipiipiiiiii"
"""Kinds of the parameters a, rsa, csa, b, rsb, csb, c, rsc, csc, m, n, k, accumulate."""


@dataclass(frozen=True)
class Matrix:
    """Where it begins, and its strides from row to row and from column to column."""

    start: Value
    rs: Value
    cs: Value

    def part(self, row: Value, column: Value) -> Matrix:
        return Matrix(self.start + (row * self.rs + column * self.cs), self.rs, self.cs)

    def transposed(self) -> Matrix:
        return Matrix(self.start, self.cs, self.rs)


@dataclass(frozen=True)
class Product:
    """What the `OPERANDS` of a function say."""

    a: Matrix
    b: Matrix
    c: Matrix
    m: Value
    n: Value
    k: Value
    accumulate: Value

    @staticmethod
    def of(arguments: Sequence[Value]) -> Product:
        a, b, c = (Matrix(*arguments[first : first + 3]) for first in (0, 3, 6))
        return Product(a, b, c, *arguments[9:])

    def arguments(self) -> tuple[Value, ...]:
        matrices = (x for matrix in (self.a, self.b, self.c) for x in (matrix.start, matrix.rs, matrix.cs))
        return *matrices, self.m, self.n, self.k, self.accumulate

    def transposed(self) -> Product:
        """The product whose right operand is A."""
        a, b, c = (matrix.transposed() for matrix in (self.b, self.a, self.c))
        return Product(a, b, c, self.n, self.m, self.k, self.accumulate)

    def part(self, top: Value, left: Value, rows: Value, columns: Value) -> Product:
        """That of so many rows and columns of C."""
        zero = top.emitter.integer(0)
        a, b = self.a.part(top, zero), self.b.part(zero, left)
        return Product(a, b, self.c.part(top, left), rows, columns, self.k, self.accumulate)
