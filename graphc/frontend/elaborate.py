"""A syntax tree to a `Spec`: names resolved, blocks inlined, every shape and position checked.

Types of recurrences are found by iteration: each round elaborates every equation with what the round before
knew of the others, until nothing changes. A name that is not known yet is left out of the guess (a sum with
it has the other operand's type); the last round has all types and is the one whose nodes and faults count.

The stages are files of their own: `collecting` (what is declared), `settling` (right sides and types, in
rounds), `emitting` (units), `averages` (running statistics), `verdict` (which faults are told). The
`Elaborator` here is what they share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from graphc.analysis.edges import with_running_edges
from graphc.diagnostics import Diagnostic, GraphcError, Span, fault
from graphc.frontend import ast, objectives
from graphc.frontend.averages import keep_averages
from graphc.frontend.collecting import collect
from graphc.frontend.expressions import Expressions
from graphc.frontend.instances import Instance
from graphc.frontend.instances import instance as call_instance
from graphc.frontend.names import head_of
from graphc.frontend.own_axes import with_own_axes
from graphc.frontend.rounds import Rounds
from graphc.frontend.scope import Definition, Layer, Library, Record, Scope
from graphc.frontend.settling import settle
from graphc.frontend.sizes import axes_of
from graphc.frontend.spec import Spec
from graphc.frontend.terms import Context, Env, Poisoned
from graphc.frontend.verdict import gather, in_order, independent, located, nothing_to_compute
from graphc.ir.system import System, Unit
from graphc.types import Dim, Index

Mode = Literal["train", "eval"]

MOST_EXPANSIONS = 50_000
"""Calls of functions and blocks that one file may expand to."""


def elaborate(
    file: ast.File, library: Library, *, mode: Mode = "eval", given: Mapping[str, int] | None = None
) -> Spec:
    """Elaborate a file whose imports are in `library`. `given` are values of dims and of axis ends.

    Raises `GraphcError` with all independent faults of the file.
    """
    return Elaborator(file, library, mode, dict(given or {})).run()


class Elaborator:
    """The state of one elaboration."""

    def __init__(self, file: ast.File, library: Library, mode: Mode, given: dict[str, int]) -> None:
        self.base = library
        self.library = library.extended(file)
        self.mode = mode
        self.given = given
        scope = Scope("", self.library)
        self.spec = Spec(file, scope, System())
        self.faults: list[Diagnostic] = []
        self.definitions: list[Definition] = []
        self.units: dict[str, Unit] = {}
        self.instances: dict[tuple[int, int, int], Instance] = {}
        self.nesting: dict[int, tuple[ast.BlockDefinition, Scope]] = {}
        self._own = {id(f) for f in file.statements}
        self._envs: dict[tuple[int, int, int], Env] = {}
        self._kept: list[object] = []
        self._adopted: set[int] = set()
        self.expansions = 0
        self.round_faults: list[Diagnostic] = []
        self.rounds = Rounds(lambda: self.definitions, self._begin)

    def run(self) -> Spec:
        collect(self)
        self.adopt(self.spec.scope)
        self.rounds.run(self._attempt, lambda: [*self.faults, *self.round_faults])
        gather(self)
        system = self.spec.system
        system.units = with_own_axes(self.units)
        system.units = with_running_edges(system)
        self.spec.names = [d.name for d in self.definitions if "@" not in d.name]
        keep_averages(self)
        objectives.check_scalars(self)
        self._judge_optimizers()
        spec = self.spec
        asked = spec.outputs or spec.objectives or spec.metrics or spec.checks
        if not self.units and not asked and not self.faults:
            self.faults.append(nothing_to_compute(self.spec))
        if self.faults:
            raise GraphcError(in_order(independent(self)))
        return self.spec

    def _judge_optimizers(self) -> None:
        """An optimizer of the file's own is judged with it, whether or not this run trains."""
        for statement in self.spec.file.statements:
            if isinstance(statement, ast.OptimizerDefinition):
                # It is elaborated as a file of its own.
                from graphc.frontend.optimizers import rule_system

                try:
                    rule_system(statement, self.library)
                except GraphcError as error:
                    self.faults.extend(error.diagnostics)

    # ------------------------------------------------------------------------------- declarations

    def adopt(self, scope: Scope) -> None:
        """Take over the definitions of a new scope; each needs a general equation."""
        for entry in scope.names.values():
            if isinstance(entry, Definition) and id(entry) not in self._adopted:
                self._adopted.add(id(entry))
                self._kept.append(entry)
                without = entry.leaf is None and entry.general is None and entry.draw is None
                if without and entry.boundaries and not entry.broken:
                    raise_in = entry.boundaries[0]
                    self.faults.append(
                        Diagnostic(
                            "E324",
                            f"`{raise_in.label}` is given, but no general equation for `{entry.name}`",
                            head_of(raise_in.span),
                            help="if only this one value is meant, give it a name without a subscript",
                        )
                    )
                    entry.failed = entry.broken = True
                self.definitions.append(entry)

    def forget(self, scope: Scope) -> None:
        """Drop the definitions of a call that is built anew with other indices."""
        gone = {id(e) for e in scope.names.values()}
        self.definitions = [d for d in self.definitions if id(d) not in gone]
        for definition in scope.names.values():
            if isinstance(definition, Definition):
                for unit in self.units_of(definition):
                    self.units.pop(unit, None)
        scope.names, scope.outputs = {}, {}
        self.rounds.changed = True

    def units_of(self, definition: Definition) -> list[str]:
        """What its equations are called in the system."""
        return [definition.name, *(b.unit(definition.name) for b in definition.boundaries)]

    # ------------------------------------------------------------------------- layers and functions

    def axes_named(self, subscripts: tuple[ast.Expr, ...], scope: Scope, name: str) -> tuple[Index, ...]:
        if not subscripts:
            return ()
        span = subscripts[0].span.to(subscripts[-1].span)
        return axes_of(ast.Declarator(span, name, subscripts), scope)

    def block_of(self, expr: ast.Expr, scope: Scope) -> ast.BlockDefinition | None:
        """The block that a call of a layer inlines; None if `expr` is something else."""
        if not isinstance(expr, ast.Call):
            return None
        head = expr.function.object if isinstance(expr.function, ast.Subscript) else expr.function
        found = scope.lookup(head.id) if isinstance(head, ast.Name) else None
        return found[0].block if found and isinstance(found[0], Layer) else None

    def output_names(self, block: ast.BlockDefinition) -> list[str]:
        values = [v for s in block.body if isinstance(s, ast.Output) for v in s.values]
        return [v.id if isinstance(v, ast.Name) else "output" for v in values]

    def is_record(self, expr: ast.Expr, scope: Scope) -> bool:
        block = self.block_of(expr, scope)
        return block is not None and len(self.output_names(block)) > 1

    def record_instance(self, ex: Expressions, record: Record) -> Scope | None:
        vars_ = {name: i for name, i in record.scope.axes.items() if i in record.own}
        active = frozenset(record.own) | frozenset(record.scope.outer)
        return call_instance(ex, record.call, Context(record.scope, vars_, active))

    def block_library(self, block: ast.BlockDefinition, library: Library) -> Library:
        return (
            self.library if id(block) in self._own else library if library is not self.library else self.base
        )

    def outer_dims(self, block: ast.BlockDefinition) -> dict[str, Dim]:
        """A block of the file itself sees the file's dims; one of a library sees its own only."""
        return dict(self.spec.scope.dims) if id(block) in self._own else {}

    def chain(self, block: ast.BlockDefinition, scope: Scope) -> list[str]:
        """The blocks from an instance of `block` down to the one that `scope` belongs to; empty if it belongs
        to none."""
        current: Scope | None = scope
        names: list[str] = []
        while current is not None and id(current) in self.nesting:
            holder, current = self.nesting[id(current)]
            names.append(holder.name)
            if holder is block:
                return names[::-1]
        return []

    def is_own(self, function: ast.FunctionDefinition) -> bool:
        return id(function) in self._own

    def library_of(self, function: ast.FunctionDefinition, current: Library) -> Library:
        return self.library if self.is_own(function) else self.base

    def env_of(self, expr: ast.Call, ctx: Context) -> Env | None:
        return self._envs.get((id(expr), id(ctx.scope), id(ctx.env)))

    def keep_env(self, expr: ast.Call, ctx: Context, env: Env) -> None:
        self._envs[id(expr), id(ctx.scope), id(ctx.env)] = env
        self.keep(expr)

    def expand(self, what: str, span: Span) -> None:
        """Count an expansion of a function or a block.

        Raises E249 where a short text would grow without end: f(f(f(x))) with each f using its argument twice
        doubles at each level.
        """
        self.expansions += 1
        if self.expansions > MOST_EXPANSIONS:
            raise fault(
                "E249",
                f"{what}: the calls of this file expand to more than {MOST_EXPANSIONS:,}",
                span,
                help="a function or block that calls another one twice doubles it at each level",
            )

    def keep(self, node: object) -> None:
        """Identities are keys; what is keyed must not be collected."""
        self._kept.append(node)

    # ------------------------------------------------------------------------------------ iteration

    def _begin(self) -> None:
        self.units, self.round_faults = {}, []

    def visit(self, definition: Definition) -> None:
        """Elaborate a definition in this round, if that has not begun yet."""
        self.rounds.visit(definition, self._attempt)

    def _attempt(self, definition: Definition) -> None:
        self._kept.append(definition)
        if definition.general is None and definition.draw is None and not definition.boundaries:
            return
        if definition.broken:
            return
        definition.failed = False
        try:
            settle(self, definition)
        except GraphcError as error:
            if self.expansions > MOST_EXPANSIONS:
                raise GraphcError(error.diagnostics[0]) from None
            definition.failed = True
            self.round_faults += [located(self, d, definition) for d in error.diagnostics]
        except Poisoned:
            definition.failed = True
