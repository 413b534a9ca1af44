"""Options that change while a model trains: formulas of the step and the epoch.

`1e-3 * cosine(step / steps)` is an equation of the language, elaborated as a file of its own whose examples
are the steps. So it is computed for many steps at once, in double precision.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphc.backend import Run
from graphc.backend.reference import prepare
from graphc.diagnostics import GraphcError, Span, fault
from graphc.frontend import ast
from graphc.frontend.elaborate import elaborate
from graphc.frontend.library import standard_library
from graphc.frontend.scope import Library
from graphc.frontend.walk import children
from graphc.ir.op import Array
from graphc.lower.system import lower
from graphc.passes import optimize

GIVEN: Mapping[str, str] = {
    "step": "the number of the step",
    "steps": "the number of steps in all",
    "epoch": "the number of the epoch",
    "worse": "how often the validation loss got worse",
    "stalled": "how often the validation loss stood still",
}
"""The names that a schedule may use, beside dims."""

JUDGED = frozenset({"worse", "stalled"})
_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Schedule:
    """A formula with what it may use: dims, and the functions of a file and of the standard library."""

    formula: ast.Expr
    dims: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)
    own: Library | None = field(default=None, compare=False, repr=False)

    @property
    def given(self) -> frozenset[str]:
        """Which of the given names it reads."""
        return frozenset(name.id for name in _names(self.formula) if name.id in GIVEN)


@dataclass(frozen=True)
class Moment:
    """Where a training stands, but for the step."""

    epoch: int = 1
    steps: int | None = None
    """Steps in all, if that is known."""
    worse: int = 0
    stalled: int = 0


def is_schedule(value: ast.Expr, dims: Mapping[str, int]) -> bool:
    """Whether an option's value is no plain number.

    Raises E544 for a name that means a dim of the file as well.
    """
    for name in _names(value):
        if name.id in GIVEN and name.id in dims:
            raise fault(
                "E544",
                f"`{name.id}` is {GIVEN[name.id]} here, and a dim of the file",
                name.span,
                help="give the dim another name",
            )
    called = {name.function.span.text for name in _walk(value) if isinstance(name, ast.Call)}
    return bool(called - {"sqrt"}) or any(name.id in GIVEN for name in _names(value))


def _walk(node: ast.Syntax) -> Iterator[ast.Syntax]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [child for _, child in children(node)]


def _names(value: ast.Expr) -> Iterator[ast.Name]:
    return (node for node in _walk(value) if isinstance(node, ast.Name))


def unknown_end(span: Span | None) -> GraphcError:
    """The fault of a schedule that asks for the number of all steps where nobody knows it."""
    what = "how many steps there are in all is not known beforehand"
    return fault("E545", what, span, help="give it: `fit { steps = 1000 }`")


class Formulas:
    """Schedules by name, ready to be computed."""

    def __init__(self, schedules: Mapping[str, Schedule]) -> None:
        self.given = frozenset[str]().union(*(schedule.given for schedule in schedules.values()))
        self._spans = {name: schedule.formula.span for name, schedule in schedules.items()}
        self._calls = [_prepared(name, schedule) for name, schedule in schedules.items()]

    def __call__(self, steps: Array, moment: Moment) -> dict[str, Array]:
        """The values at each of `steps`, of shape (n,). Raises E545."""
        if "steps" in self.given and moment.steps is None:
            raise unknown_end(next(iter(self._spans.values())))
        count = len(steps)
        inputs: dict[str, Any] = {"steps": float(moment.steps or 0), "step": steps.astype(np.float64)}
        for name in ("epoch", "worse", "stalled"):
            inputs[name] = np.full(count, float(getattr(moment, name)))
        found: dict[str, Array] = {}
        for name, executable in self._calls:
            result = executable.run(inputs, Run(np.dtype(np.float64), batch=count))[name]
            found[name] = np.broadcast_to(result, (count,))
        return found


def _prepared(name: str, schedule: Schedule) -> tuple[str, Any]:
    """A formula as an executable whose batch is the steps."""
    span, formula = schedule.formula.span, schedule.formula
    words = set(_WORD.findall(span.text))
    library = standard_library(words)
    if schedule.own is not None:
        own = schedule.own
        library = Library(library.functions | own.functions, own.blocks, library.others | own.others)
    real = ast.TypeExpr(span, "real")
    used = {found.id for found in _names(formula)}
    inputs = [ast.Declarator(span, given, (), real) for given in GIVEN if given in used and given != "steps"]
    statements: list[ast.Statement] = [ast.InputDeclaration(span, tuple(inputs))] if inputs else []
    if "steps" in used:
        steps = ast.Declarator(span, "steps", (), real, value=ast.Number(span, "0"))
        statements.append(ast.ParamDeclaration(span, (steps,)))
    dims = [
        ast.DimItem(span, dim, ast.Number(span, str(schedule.dims[dim])))
        for dim in schedule.dims
        if dim in used
    ]
    statements += [ast.DimDeclaration(span, tuple(dims))] if dims else []
    statements.append(ast.Equation(span, name, (), formula, real))
    system = elaborate(ast.File(span, tuple(statements)), library, mode="train").system
    return name, prepare(optimize(lower(system, [name]), keep=(), dense=True))
