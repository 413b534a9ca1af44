"""What an expression stands for while it is elaborated, and the context it is read in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from graphc.analysis.intervals import Ranges
from graphc.frontend import ast
from graphc.frontend.scope import Library, Scope
from graphc.ir.graph import Value
from graphc.types import BATCH, Index


class Poisoned(Exception):
    """Raised on reading a name whose own equation is at fault: that fault is reported, this one is not."""


@dataclass(frozen=True, eq=False)
class Term:
    """`value` is None while a recurrence's type is not known yet; `axes` is what is known of its indices.

    `lifted` are the indices of sequences that were named without a subscript: the equation takes them over.
    """

    value: Value | None
    lifted: frozenset[Index] = frozenset()
    axes: frozenset[Index] = frozenset()

    @property
    def indices(self) -> frozenset[Index]:
        """All indices but batch."""
        found = self.axes if self.value is None else frozenset(self.value.type.axes)
        return found - {BATCH}


UNKNOWN = Term(None)


def lifted_of(terms: Iterable[Term]) -> frozenset[Index]:
    return frozenset[Index]().union(*(term.lifted for term in terms))


@dataclass(eq=False)
class Closure:
    """An argument of a function: an expression and where its names are looked up."""

    expr: ast.Expr
    scope: Scope
    env: Env | None


@dataclass(eq=False)
class Env:
    """The parameters of a function under expansion. Its body sees them and, if it is `open` (a function of
    the file itself), the file's names."""

    function: ast.FunctionDefinition
    parameters: Mapping[str, Closure]
    library: Library
    open: bool
    caller: Env | None

    def chain(self, function: ast.FunctionDefinition) -> list[str]:
        """The functions from an expansion of `function` that goes on here down to this one; empty if there
        is none."""
        env: Env | None = self
        names: list[str] = []
        while env is not None:
            names.append(env.function.name)
            if env.function is function:
                return names[::-1]
            env = env.caller
        return []


@dataclass(frozen=True, eq=False)
class Context:
    """Where an expression is read: its names, the index variables in sight, and what is known of them."""

    scope: Scope
    vars: Mapping[str, Index]
    """Index variables by the name that the user writes."""
    active: frozenset[Index] = frozenset()
    """Every index in use: a new bound index takes another name."""
    bound: frozenset[Index] = frozenset()
    """Those bound by a reduction; a bare name under it is read at the bound index."""
    env: Env | None = None
    ranges: Ranges = field(default_factory=dict)
    sequences: int = 0
    """How many axes may be missing as those of a sequence that is handed over whole: the argument of a layer
    whose input has so many axes."""

    @property
    def library(self) -> Library:
        return self.scope.library if self.env is None else self.env.library

    @property
    def key(self) -> tuple[object, ...]:
        """What the meaning of an expression depends on besides itself."""
        written = tuple(sorted(self.vars.items(), key=lambda v: v[0]))
        return (id(self.scope), id(self.env), written, self.bound, self.sequences)

    def enter(self, closure: Closure) -> Context:
        return replace(self, scope=closure.scope, env=closure.env)

    def bind(self, written: str, index: Index) -> Context:
        """This context with `written` bound to a new index."""
        return replace(
            self,
            vars={**self.vars, written: index},
            active=self.active | {index},
            bound=self.bound | {index},
        )
