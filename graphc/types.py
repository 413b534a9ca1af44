"""What a value is: its dtype, the indices it varies over, and the shape of one element.

A value is written for one point of its index space. `x[t] : [D]` in a spec has the type
`real [batch, t] (D)`: indices `batch` and `t`, shape `(D)`. Indices are run-time ranges (`T` may
differ from example to example); shape dims are known when the program is compiled.

Everything here is frozen and compares by value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

DType = Literal["real", "int", "bool"]

Monomial = tuple[str, ...]


@dataclass(frozen=True)
class Dim:
    """A size known at compile time: a polynomial over named dims, with its value.

    Two dims are the same size only if their polynomials agree, so `H` and `D` differ even where both
    are 64; a literal (a polynomial without names) agrees with any dim of its value.
    """

    terms: tuple[tuple[Monomial, int], ...]
    value: int

    @staticmethod
    def literal(value: int) -> Dim:
        return Dim((((), value),) if value else (), value)

    @staticmethod
    def named(name: str, value: int) -> Dim:
        return Dim((((name,), 1),), value)

    @property
    def is_literal(self) -> bool:
        return all(not monomial for monomial, _ in self.terms)

    def agrees(self, other: Dim) -> bool:
        """Whether both stand for one size (see the class)."""
        if self.terms == other.terms:
            return True
        return (self.is_literal or other.is_literal) and self.value == other.value

    def __add__(self, other: Dim) -> Dim:
        return _dim(_sum_terms(self.terms, other.terms), self.value + other.value)

    def __sub__(self, other: Dim) -> Dim:
        return self + other * Dim.literal(-1)

    def __mul__(self, other: Dim) -> Dim:
        products: dict[Monomial, int] = {}
        for left, a in self.terms:
            for right, b in other.terms:
                monomial = tuple(sorted(left + right))
                products[monomial] = products.get(monomial, 0) + a * b
        return _dim(products, self.value * other.value)

    def __floordiv__(self, other: Dim) -> Dim:
        """Rounded down. Exact division of every coefficient stays a polynomial; else it is an atom."""
        value = self.value // other.value
        if self.is_literal and other.is_literal:
            return Dim.literal(value)
        if other.is_literal and all(c % other.value == 0 for _, c in self.terms):
            return _dim({m: c // other.value for m, c in self.terms}, value)
        if self.terms == other.terms:
            return Dim.literal(1)
        return Dim.named(f"({self.expression} // {other.expression})", value)

    @property
    def expression(self) -> str:
        """The polynomial as text, e.g. `2*H + 1`."""
        if not self.terms:
            return "0"
        text = ""
        # Names first, the constant last, as people write it.
        for monomial, coefficient in sorted(self.terms, key=lambda term: (not term[0], term[0])):
            sign = "-" if coefficient < 0 else "+"
            factors = [] if abs(coefficient) == 1 and monomial else [str(abs(coefficient))]
            term = "*".join([*factors, *monomial])
            text += f" {sign} {term}" if text else (f"-{term}" if sign == "-" else term)
        return text

    def __str__(self) -> str:
        return str(self.value) if self.is_literal else f"{self.expression}={self.value}"


def _sum_terms(*parts: Iterable[tuple[Monomial, int]]) -> dict[Monomial, int]:
    total: dict[Monomial, int] = {}
    for part in parts:
        for monomial, coefficient in part:
            total[monomial] = total.get(monomial, 0) + coefficient
    return total


def _dim(terms: Mapping[Monomial, int], value: int) -> Dim:
    return Dim(tuple(sorted((m, c) for m, c in terms.items() if c)), value)


ONE = Dim.literal(1)


@dataclass(frozen=True)
class Length:
    """The end of an axis: `T`, a run-time number that each example has for itself, or a fixed size."""

    name: str
    size: Dim | None = None

    @property
    def is_fixed(self) -> bool:
        return self.size is not None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Affine:
    """A position: `constant + sum of coefficient * symbol`, symbols being lengths and indices."""

    constant: int
    terms: tuple[tuple[Length | Index, int], ...] = ()

    @staticmethod
    def of(value: int | Length | Index) -> Affine:
        if isinstance(value, int):
            return Affine(value)
        if isinstance(value, Length) and value.size is not None:
            return Affine(value.size.value)
        return Affine(0, ((value, 1),))

    def __add__(self, other: Affine | int) -> Affine:
        if isinstance(other, int):
            return Affine(self.constant + other, self.terms)
        total: dict[Length | Index, int] = dict(self.terms)
        for symbol, coefficient in other.terms:
            total[symbol] = total.get(symbol, 0) + coefficient
        kept = [(s, c) for s, c in total.items() if c]
        return Affine(self.constant + other.constant, tuple(sorted(kept, key=lambda t: t[0].name)))

    def __neg__(self) -> Affine:
        return Affine(-self.constant, tuple((s, -c) for s, c in self.terms))

    def __sub__(self, other: Affine | int) -> Affine:
        return self + (-other)

    @property
    def is_constant(self) -> bool:
        return not self.terms

    def substitute(self, symbol: Length | Index, by: Affine) -> Affine:
        """This position with `by` in the place of `symbol`."""
        result = Affine(self.constant)
        for s, c in self.terms:
            part = by if s == symbol else Affine(0, ((s, 1),))
            result = result + Affine(part.constant * c, tuple((q, k * c) for q, k in part.terms))
        return result

    def __str__(self) -> str:
        text = ""
        for symbol, c in self.terms:
            sign = "-" if c < 0 else "+"
            term = symbol.name if abs(c) == 1 else f"{abs(c)}*{symbol.name}"
            text += f"{sign}{term}" if text else (f"-{term}" if c < 0 else term)
        if self.constant or not text:
            text += f"{self.constant:+d}" if text else str(self.constant)
        return text


@dataclass(frozen=True)
class Index:
    """An index variable over an axis: the positions `lo..hi` of `1..length`.

    `u` in `softmax[u = 1..t]` is an index of its own, with `hi = t`. A primed name (`t'`) is a bound
    index that would otherwise hide an outer one of the same name.
    """

    name: str
    length: Length
    lo: Affine
    hi: Affine

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.name, self.length, self.lo, self.hi))

    @staticmethod
    def full(name: str, length: Length) -> Index:
        return Index(name, length, Affine(1), Affine.of(length))

    @property
    def is_full(self) -> bool:
        return self.lo == Affine(1) and self.hi == Affine.of(self.length)

    @cached_property
    def dependencies(self) -> frozenset[Index]:
        """The indices that the range itself varies with: `batch` for a run-time length, `t` for `1..t`."""
        found: set[Index] = set()
        if (
            self.name != BATCH_NAME
            and not self.length.is_fixed
            and (any(isinstance(s, Length) for bound in (self.lo, self.hi) for s, _ in bound.terms))
        ):
            found.add(BATCH)
        for bound in (self.lo, self.hi):
            for symbol, _ in bound.terms:
                if isinstance(symbol, Index):
                    found |= {symbol} | symbol.dependencies
        return frozenset(found)

    def __str__(self) -> str:
        return self.name if self.is_full else f"{self.name}={self.lo}..{self.hi}"


BATCH_NAME = "batch"
BATCH = Index.full(BATCH_NAME, Length(BATCH_NAME))


def sort_indices(indices: Iterable[Index]) -> tuple[Index, ...]:
    """The canonical order of a value's indices, the same for every value: batch first, then by name."""
    return tuple(sorted(set(indices), key=lambda i: (i.name != BATCH_NAME, i.name, str(i.lo), str(i.hi))))


@dataclass(frozen=True)
class TensorType:
    """`dtype [indices] (shape)`. Arrays of this type have one dimension an index, then the shape's."""

    dtype: DType
    axes: tuple[Index, ...] = ()
    shape: tuple[Dim, ...] = ()

    @staticmethod
    def of(dtype: DType, axes: Iterable[Index] = (), shape: Iterable[Dim] = ()) -> TensorType:
        return TensorType(dtype, sort_indices(axes), tuple(shape))

    @property
    def rank(self) -> int:
        """The number of dims of one element."""
        return len(self.shape)

    @property
    def sizes(self) -> tuple[int, ...]:
        return tuple(dim.value for dim in self.shape)

    def with_axes(self, axes: Iterable[Index]) -> TensorType:
        return TensorType.of(self.dtype, axes, self.shape)

    def with_shape(self, shape: Iterable[Dim]) -> TensorType:
        return TensorType(self.dtype, self.axes, tuple(shape))

    def with_dtype(self, dtype: DType) -> TensorType:
        return TensorType(dtype, self.axes, self.shape)

    def same_shape(self, other: TensorType) -> bool:
        return len(self.shape) == len(other.shape) and all(
            a.agrees(b) for a, b in zip(self.shape, other.shape, strict=True)
        )

    def __str__(self) -> str:
        axes = "[" + ", ".join(map(str, self.axes)) + "]" if self.axes else ""
        shape = "(" + ", ".join(map(str, self.shape)) + ")" if self.shape else ""
        return " ".join(part for part in (self.dtype, axes, shape) if part)
