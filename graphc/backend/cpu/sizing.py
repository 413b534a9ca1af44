"""What a program's sizes come to in numbers: extents of buffers, and how much work a run is."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping

from graphc.kernel.expr import Apply, Const, Expr, Load, Name, Reduce
from graphc.kernel.nest import For, If, Kernel, Statement
from graphc.schedule.program import Launch, Product, Program, Repeat, Step

Sizes = Mapping[str, int]

_OPERATORS: Mapping[str, Callable[..., int]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "//": operator.floordiv,
    "%": operator.mod,
    "maximum": max,
    "minimum": min,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "and": lambda a, b: a and b,
    "or": lambda a, b: a or b,
    "not": operator.not_,
    "select": lambda condition, a, b: a if condition else b,
    "cast": int,
}


def evaluate(expr: Expr, sizes: Sizes) -> int:
    """The number that an expression of sizes stands for. KeyError: it has a name that is no size."""
    if isinstance(expr, Const):
        return int(expr.value)
    if isinstance(expr, Name):
        return sizes[expr.name]
    assert isinstance(expr, Apply), f"a size is known before the program runs: {expr}"
    return _OPERATORS[expr.operator](*(evaluate(arg, sizes) for arg in expr.args))


def work(program: Program, sizes: Sizes) -> int:
    """About how many scalar operations workers can share: how often the innermost statements are computed.

    A loop of which each worker takes some of the examples has nothing to share where there is only one.
    """
    return sum(_step(step, sizes) for step in program.steps)


def _step(step: Step, sizes: Sizes) -> int:
    if isinstance(step, Launch):
        return _kernel(
            step.kernel, dict(zip(step.kernel.sizes, (evaluate(s, sizes) for s in step.sizes), strict=True))
        )
    if isinstance(step, Product):
        total = evaluate(step.m, sizes) * evaluate(step.n, sizes) * evaluate(step.k, sizes)
        for _, extent in step.over:
            total *= evaluate(extent, sizes)
        return total // 8  # vectors do eight or more at once
    if isinstance(step, Repeat):
        if step.batch is not None and evaluate(step.batch, sizes) == 1:
            return 0
        steps = evaluate(step.extent, sizes)
        # Extents in the body may grow with the step: its middle stands for all.
        inner = {**sizes, step.step.name: steps // 2}
        return steps * sum(_step(inside, inner) for inside in step.body)
    return 0


def _kernel(kernel: Kernel, sizes: Sizes) -> int:
    return sum(_statement(statement, sizes) for statement in kernel.body)


def _statement(statement: Statement, sizes: Sizes) -> int:
    if isinstance(statement, For):
        inner = {**sizes, statement.var.name: 0}
        return extent_of(statement.extent, sizes) * sum(
            _statement(inside, inner) for inside in statement.body
        )
    if isinstance(statement, If):
        return sum(_statement(inside, sizes) for inside in statement.body)
    parts = [value for value in vars(statement).values() if isinstance(value, Expr)]
    return 1 + sum(_reductions(part, sizes) for part in parts)


def _reductions(expr: Expr, sizes: Sizes) -> int:
    if isinstance(expr, Reduce):
        total = 1
        for _, extent in expr.over:
            total *= extent_of(extent, sizes)
        return total * (1 + _reductions(expr.body, sizes))
    return sum(_reductions(part, sizes) for part in expr.parts)


def extent_of(expr: Expr, sizes: Sizes) -> int:
    """An extent; one that is read from memory or computed on the way counts as a few."""
    known = all(not isinstance(part, Load | Reduce) for part in expr.walk())
    names = {part.name for part in expr.walk() if isinstance(part, Name)}
    return evaluate(expr, sizes) if known and names <= sizes.keys() else 4
