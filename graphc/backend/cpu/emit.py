"""Kernels as Numba source.

Two renderings of the same code: `source` names everything by its place, so that kernels that do the same in
different models are one text, compiled once; `listing` has the names and lines of the spec, for people.

Nothing in the text mixes types: the language of kernels converts nothing by itself. And nothing branches but
`If`, because a branch keeps LLVM from vectorizing.
"""

from __future__ import annotations

import re

from graphc.backend.cpu.expressions import Expressions
from graphc.backend.cpu.gathering import begin, is_short
from graphc.backend.cpu.naming import Naming, Positions, Words
from graphc.backend.cpu.unit import Unit
from graphc.kernel.expr import ONE, ZERO, Apply, DType, Expr
from graphc.kernel.nest import Accumulator, For, Gather, If, Kernel, Let, Statement, Store

FUNCTION = "kernel"
"""What every kernel is called in its source."""

_FUNCTIONS = "graphc.backend.cpu.functions:FUNCTIONS"
_OPERATORS = "graphc.backend.cpu.operators"
_PHILOX = "graphc.backend.cpu.philox"
_NAMES = {
    "select": f"{_OPERATORS}:select",
    "quotient": f"{_OPERATORS}:quotient",
    "remainder": f"{_OPERATORS}:remainder",
    "opaque": f"{_OPERATORS}:opaque",
    "philox_word": f"{_PHILOX}:philox_word",
    "int64": "numba:int64",
    "uint8": "numba:uint8",
    "inf": "math:inf",
    "nan": "math:nan",
}


def source(kernel: Kernel) -> str:
    """The text that is compiled: the same for kernels that differ in names alone."""
    return _Kernel(kernel, Positions(), FUNCTION, comments=False).text()


def listing(kernel: Kernel) -> str:
    """The same code with the names of the spec, and its lines as comments."""
    return _Kernel(kernel, Words(), kernel.name, comments=True).text()


def unit(kernel: Kernel, real: str) -> Unit:
    """A kernel to be compiled. `real` is `float32` or `float64`."""
    text = source(kernel)
    sizes = ["int64"] * (len(kernel.sizes) + 2 * kernel.ranged)
    parameters = (*(pointer(buffer.dtype, real) for buffer in kernel.buffers), *sizes)
    return Unit(FUNCTION, text, parameters, uses(text, real))


def pointer(dtype: DType, real: str) -> str:
    """Numba's name of a pointer to elements of this dtype. Truth values are bytes, as NumPy has them."""
    return {"real": real, "int": "int64", "bool": "uint8"}[dtype] + "*"


def uses(text: str, real: str) -> dict[str, str]:
    """Where the names are that a kernel's source calls: see `Unit`."""
    given = {**_NAMES, "real": f"numba:{real}", "box_muller": f"{_PHILOX}:box_muller_{real}"}
    called = dict.fromkeys(re.findall(r"\b(inf|nan|\w+(?=\())", text))
    return {
        name: given.get(name, f"{_FUNCTIONS}.{name}") for name in called if name not in ("range", FUNCTION)
    }


class _Kernel:
    """The text of one kernel, statement by statement."""

    def __init__(self, kernel: Kernel, naming: Naming, title: str, comments: bool) -> None:
        self.kernel = kernel
        self.naming = naming
        self.title = title
        self.comments = comments
        self.lines: list[str] = []
        self.best: dict[str, str] = {}
        """Beside each number that argmax or argmin has found: the name of the element itself."""
        self.sums = _Sums(kernel.body)
        self.gathered = {s.accumulator.name: s.value for s in kernel.walk() if isinstance(s, Gather)}

    def text(self) -> str:
        naming = self.naming.with_reserved([*_called(self.kernel), *_NAMES, "real", "range", "lo", "hi"])
        parameters = []
        for buffer in self.kernel.buffers:
            naming, name = naming.bind("buffer", buffer.name)
            parameters.append(name)
        for size in self.kernel.sizes:
            naming, name = naming.bind("size", size)
            parameters.append(name)
        if self.kernel.ranged:
            parameters += ["lo", "hi"]
        self.lines.append(f"def {self.title}({', '.join(parameters)}):")
        self._block(self.kernel.body, naming, 1)
        return "\n".join(self.lines) + "\n"

    def _block(self, body: tuple[Statement, ...], naming: Naming, depth: int) -> None:
        for statement in body:
            naming = self._statement(statement, naming, depth)

    def _statement(self, statement: Statement, naming: Naming, depth: int) -> Naming:
        """Write a statement; the names for those after it."""
        if isinstance(statement, For):
            extent = "lo, hi" if statement.ranged else self._value(statement.extent, naming, depth)
            extent = f"opaque({extent})" if statement in self.sums.reordered else extent
            inner, variable = naming.bind("loop", statement.var.name)
            self._line(depth, f"for {variable} in range({extent}):")
            self._inner(statement.body, inner, depth + 1)
        elif isinstance(statement, If):
            self._line(depth, f"if {self._value(statement.condition, naming, depth)}:")
            self._inner(statement.body, naming, depth + 1)
        elif isinstance(statement, Accumulator):
            return self._accumulator(statement, naming, depth)
        else:
            self._comment(statement, depth)
            return self._computed(statement, naming, depth)
        return naming

    def _inner(self, body: tuple[Statement, ...], naming: Naming, depth: int) -> None:
        if body:
            self._block(body, naming, depth)
        else:
            self._line(depth, "pass")

    def _computed(self, statement: Let | Store | Gather, naming: Naming, depth: int) -> Naming:
        written = self._expressions(naming, depth)
        if isinstance(statement, Let):
            (value,) = written.whole(statement.value)
            naming, name = naming.bind("local", statement.name.name)
            self._line(depth, f"{name} = {value}")
        elif isinstance(statement, Store):
            value, offset = written.whole(statement.value, statement.offset)
            value = f"uint8({value})" if statement.value.dtype == "bool" else value
            target = f"{naming.of(statement.buffer, buffer=True)}[{offset}]"
            self._line(depth, f"{target} {'+=' if statement.accumulate else '='} {value}")
        else:
            name = naming.of(statement.accumulator.name)
            best, number = self.best.get(name, ""), statement.number or ZERO
            in_order = statement.accumulator.name in self.sums.in_order
            written.gather(statement.kind, name, best, statement.value, number, in_order)
        return naming

    def _accumulator(self, statement: Accumulator, naming: Naming, depth: int) -> Naming:
        naming, name = naming.bind("accumulator", statement.name.name)
        value = self.gathered.get(statement.name.name, ONE)
        best = ""
        if statement.kind in ("argmax", "argmin"):
            naming, best = naming.bind("accumulator", f"{statement.name.name}_value")
            self.best[name] = best
        for line in begin(statement.kind, name, best, value.dtype):
            self._line(depth, line)
        return naming

    def _value(self, expr: Expr, naming: Naming, depth: int) -> str:
        return self._expressions(naming, depth).whole(expr)[0]

    def _expressions(self, naming: Naming, depth: int) -> Expressions:
        return Expressions(naming, depth, self.lines)

    def _comment(self, statement: Let | Store | Gather, depth: int) -> None:
        if self.comments and statement.span is not None:
            text = " ".join(statement.span.text.split())
            line = f"# line {statement.span.line}: {text}"
            if self.lines[-1].strip() != line:
                self._line(depth, line)

    def _line(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)


class _Sums:
    """Which accumulators add in order, and which loops surround sums that are reordered: see `is_short`."""

    def __init__(self, body: tuple[Statement, ...]) -> None:
        self.in_order: set[str] = set()
        self.reordered: set[For] = set()
        self._visit(body, (), {})

    def _visit(self, body: tuple[Statement, ...], loops: tuple[For, ...], begun: dict[str, int]) -> None:
        """`loops` are those around; an accumulator has begun inside of so many of them."""
        begun = dict(begun)
        for statement in body:
            if isinstance(statement, Accumulator):
                begun[statement.name.name] = len(loops)
            elif isinstance(statement, Gather):
                name = statement.accumulator.name
                over = loops[begun[name] :]
                if is_short([loop.extent for loop in over]):
                    self.in_order.add(name)
                else:
                    self.reordered.add(over[0])
            elif isinstance(statement, For):
                self._visit(statement.body, (*loops, statement), begun)
            elif isinstance(statement, If):
                self._visit(statement.body, loops, begun)


def _called(kernel: Kernel) -> set[str]:
    """The names of functions, which no local of a listing may have."""
    found = {"add_reassociating", "maximum", "minimum"}
    seen: set[Expr] = set()
    left = [v for statement in kernel.walk() for v in vars(statement).values() if isinstance(v, Expr)]
    while left:
        expr = left.pop()
        if expr not in seen:
            seen.add(expr)
            left += expr.parts
            if isinstance(expr, Apply):
                found.add(expr.operator)
    return found
