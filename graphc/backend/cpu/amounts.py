"""How much a step of a schedule moves and computes, in numbers: what its time is held against.

Bytes are those of the elements that one call touches, each of them once, however often it is read: what has
to come from somewhere and go somewhere. Operations are those on reals, an addition and a multiplication being
two, as the machine computes them: a function such as `tanh` counts the instructions that it is made of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

from graphc.backend.cpu.sizing import evaluate, extent_of
from graphc.diagnostics import Span
from graphc.kernel.expr import Apply, Expr, Load, Name, Reduce
from graphc.kernel.nest import Accumulator, For, Gather, If, Kernel, Let, Statement, Store
from graphc.schedule.products import packed_size
from graphc.schedule.program import Buffer, Launch, Matrix, Pack, Product

Sizes = Mapping[str, int]
Costs = Mapping[str, int]
"""How many operations a function of the kernel language is; what is not named there is one."""

Counted = Mapping[Span | None, int]
ByBuffer = Mapping[tuple[Buffer, Span | None], int]


@dataclass(frozen=True)
class Amount:
    """What one call of a step does.

    `origins` counts the operations, loads and stores that come from each place of the spec; `loads` and
    `stores` the elements by the buffer as well. None is no place.
    """

    read: int
    written: int
    operations: int
    origins: Counted = field(default_factory=dict)
    loads: ByBuffer = field(default_factory=dict)
    stores: ByBuffer = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        return self.read + self.written


def amount(step: Launch | Pack | Product, sizes: Sizes, widths: Mapping[str, int], costs: Costs) -> Amount:
    """The amount of a step. `sizes` are the program's and the steps of the loops around, `widths` the bytes
    of an element by dtype. Raises KeyError for a size that is not known.
    """
    if isinstance(step, Product):
        return _product(step, sizes, widths["real"])
    if isinstance(step, Pack):
        count = evaluate(step.k, sizes) * evaluate(step.n, sizes)
        packed = evaluate(packed_size(step.k, step.n), sizes)
        return Amount(count * widths["real"], packed * widths["real"], 0)
    return _Kernel(step, sizes, widths, costs).amount()


def _product(step: Product, sizes: Sizes, width: int) -> Amount:
    m, n, k = (evaluate(extent, sizes) for extent in (step.m, step.n, step.k))
    times = prod(evaluate(extent, sizes) for _, extent in step.over)

    def elements(matrix: Matrix, count: int) -> int:
        free = set(_names(matrix.offset))
        return count * prod(evaluate(extent, sizes) for name, extent in step.over if name.name in free)

    result = elements(step.c, m * n)
    read = elements(step.a, m * k) + elements(step.b, k * n) + result * step.accumulate
    operations = 2 * m * n * k * times
    return Amount(read * width, result * width, operations, {step.span: operations})


@dataclass
class _Touched:
    """The elements of a buffer that are touched, by the offsets that reach them."""

    by_offset: dict[Expr, int] = field(default_factory=dict)

    def count(self, size: int) -> int:
        return min(size, sum(self.by_offset.values()))


class _Kernel:
    """The amount of a kernel, added up statement by statement."""

    def __init__(self, launch: Launch, sizes: Sizes, widths: Mapping[str, int], costs: Costs) -> None:
        self.kernel: Kernel = launch.kernel
        self.sizes, self.widths, self.costs = sizes, widths, costs
        given = (evaluate(size, sizes) for size in launch.sizes)
        self.numbers = dict(zip(self.kernel.sizes, given, strict=True))
        pairs = zip(self.kernel.buffers, launch.arguments, strict=True)
        self.buffers: dict[str, Buffer] = {parameter.name: argument.buffer for parameter, argument in pairs}
        self.reads = {name: _Touched() for name in self.buffers}
        self.writes = {name: _Touched() for name in self.buffers}
        self.moves: dict[str, frozenset[str]] = {}
        """The loops with which a local changes."""
        self.operations = 0
        self.origins: Counter[Span | None] = Counter()
        self.loads: Counter[tuple[Buffer, Span | None]] = Counter()
        self.stores: Counter[tuple[Buffer, Span | None]] = Counter()

    def amount(self) -> Amount:
        self._block(self.kernel.body, {})
        read, written = self._bytes(self.reads), self._bytes(self.writes)
        return Amount(read, written, self.operations, self.origins, self.loads, self.stores)

    def _bytes(self, touched: Mapping[str, _Touched]) -> int:
        total = 0
        for name, elements in touched.items():
            buffer = self.buffers[name]
            total += elements.count(evaluate(buffer.size, self.sizes)) * self.widths[buffer.dtype]
        return total

    def _block(self, body: Iterable[Statement], loops: Mapping[str, int]) -> None:
        """`loops`: the extents of the loops around, by their variables."""
        for statement in body:
            if isinstance(statement, For):
                extent = self._extent(statement.extent, loops)
                name = statement.var.name
                self._block(statement.body, {**loops, name: extent})
            elif isinstance(statement, If):
                self._count(statement, [statement.condition], loops)
                self._block(statement.body, loops)
            elif not isinstance(statement, Accumulator):
                self._computed(statement, loops)

    def _computed(self, statement: Let | Store | Gather, loops: Mapping[str, int]) -> None:
        if isinstance(statement, Let):
            self.moves[statement.name.name] = self._moving(statement.value, loops)
            self._count(statement, [statement.value], loops)
        elif isinstance(statement, Store):
            self._touch(self.writes[statement.buffer], statement.offset, loops)
            if statement.accumulate:
                self._touch(self.reads[statement.buffer], statement.offset, loops)
            self._count(statement, [statement.value, statement.offset], loops, more=statement.accumulate)
        else:
            self._count(statement, [statement.value], loops, more=True)

    def _count(
        self, statement: Statement, values: Sequence[Expr], loops: Mapping[str, int], more: bool = False
    ) -> None:
        """The operations and loads of a statement's expressions; `more`: it adds to something."""
        span = getattr(statement, "span", None)
        times = prod(loops.values())
        operations, loads = self._within(values, loops, span)
        operations += more * times
        self.operations += operations
        if isinstance(statement, Store):
            self.stores[self.buffers[statement.buffer], span] += times
            loads += times
        self.origins[span] += operations + loads

    def _within(self, values: Sequence[Expr], loops: Mapping[str, int], span: Span | None) -> tuple[int, int]:
        """Operations and loads, of equal parts once."""
        times = prod(loops.values())
        operations = loads = 0
        for part in _distinct(values):
            if isinstance(part, Reduce):
                inner = dict(loops)
                for name, extent in part.over:
                    inner[name.name] = self._extent(extent, inner)
                inside, reads = self._within([part.body], inner, span)
                operations, loads = operations + inside + prod(inner.values()), loads + reads
            elif isinstance(part, Load):
                self._touch(self.reads[part.buffer], part.offset, loops)
                self.loads[self.buffers[part.buffer], span] += times
                loads += times
            elif isinstance(part, Apply) and _counts(part):
                operations += times * self.costs.get(part.operator, 1)
        return operations, loads

    def _extent(self, expr: Expr, loops: Mapping[str, int]) -> int:
        """An extent; of one that grows with the loops around, that in their middle."""
        middles = {name: extent // 2 for name, extent in loops.items()}
        return max(0, extent_of(expr, {**self.numbers, **middles}))

    def _touch(self, touched: _Touched, offset: Expr, loops: Mapping[str, int]) -> None:
        count = prod(loops[name] for name in self._moving(offset, loops))
        touched.by_offset[offset] = max(count, touched.by_offset.get(offset, 0))

    def _moving(self, expr: Expr, loops: Mapping[str, int]) -> frozenset[str]:
        """The loops with whose variables an expression changes."""
        found: set[str] = set()
        for name in _names(expr):
            found |= {name} if name in loops else self.moves.get(name, frozenset())
        return frozenset(found & loops.keys())


def _distinct(values: Iterable[Expr]) -> Iterator[Expr]:
    """The parts of expressions, equal ones once; of a reduction itself alone."""
    seen: set[Expr] = set()
    left = list(values)
    while left:
        part = left.pop()
        if part not in seen:
            seen.add(part)
            left += [] if isinstance(part, Reduce) else part.parts
            yield part


def _counts(part: Apply) -> bool:
    """Whether it computes with reals; coordinates are not counted, the words of random draws are."""
    return "real" in (part.dtype, *(arg.dtype for arg in part.args)) or part.operator == "philox_word"


def _names(expr: Expr) -> Iterator[str]:
    return (part.name for part in expr.walk() if isinstance(part, Name))
