"""Expressions of one equation to nodes: names go to `meaning`, subscripts to `reads` and `elements`,
operators to `operators`, calls to `calls`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from graphc.diagnostics import Diagnostic, GraphcError, fault
from graphc.frontend import ast, builtins, calls, elements, explaining, meaning, operators, reads, targets
from graphc.frontend.arithmetic import Arithmetic
from graphc.frontend.scope import Definition, Layer, Record, Scope
from graphc.frontend.terms import UNKNOWN, Context, Poisoned, Term
from graphc.ir.builder import Builder
from graphc.ir.graph import Value
from graphc.ops import elementwise as ew
from graphc.ops.leaf import LENGTH, POSITION
from graphc.types import Affine, Dim, Index, Length

if TYPE_CHECKING:
    from graphc.frontend.elaborate import Elaborator


class Expressions(Arithmetic):
    """Elaborates the expressions of one definition into one list of nodes."""

    def __init__(self, el: Elaborator, builder: Builder, name: str) -> None:
        super().__init__(builder)
        self.el = el
        self.name = name
        self.draws = 0
        self._memo: dict[tuple[object, ...], Term] = {}
        self._kept: list[ast.Expr] = []

    def term(self, expr: ast.Expr, ctx: Context) -> Term:
        """The node for `expr`. Shared subtrees (arguments used twice) are elaborated once."""
        key = (id(expr), *ctx.key)
        if key not in self._memo:
            self._kept.append(expr)
            with self.b.at(expr.span):
                try:
                    self._memo[key] = self._term(expr, ctx)
                except GraphcError as error:
                    raise explaining.explained(self, error, expr, ctx) from None
        return self._memo[key]

    def terms(self, exprs: Sequence[ast.Expr], ctx: Context) -> list[Term]:
        """All of them, so that the faults of each are reported together."""
        return self.each([partial(self.term, expr, ctx) for expr in exprs])

    def each(self, actions: Sequence[Callable[[], Term]]) -> list[Term]:
        found: list[Term] = []
        faults: list[Diagnostic] = []
        poisoned = False
        for action in actions:
            try:
                found.append(action())
            except GraphcError as error:
                faults.extend(d for d in error.diagnostics if d not in faults)
            except Poisoned:
                poisoned = True
        if faults:
            raise GraphcError(faults)
        if poisoned:
            raise Poisoned
        return found

    def _term(self, expr: ast.Expr, ctx: Context) -> Term:
        match expr:
            case ast.Number():
                return Term(self.number(int(expr.text) if expr.is_integer else expr.value))
            case ast.Name():
                return meaning.named(self, expr, ctx)
            case ast.Unary(op="-"):
                operand = self.term(expr.operand, ctx)
                return self.elementwise(ew.NEG, [operand], expr.span)
            case ast.Unary():
                return operators.logic(self, ew.LOGICAL_NOT, [expr.operand], expr.span, ctx)
            case ast.Binary():
                return operators.binary(self, expr, ctx)
            case ast.Subscript():
                return self.subscript(expr, ctx)
            case ast.Field():
                return self.field(expr, ctx)
            case ast.Call():
                return calls.call(self, expr, ctx)
            case ast.ListLiteral():
                return builtins.literal(self, expr, ctx)
            case ast.String():
                raise fault("E256", f"text `{expr.span.text}` where a number belongs", expr.span)

    def lookup(
        self, name: str, ctx: Context
    ) -> Definition | Record | Layer | Length | Dim | Index | float | None:
        scope: Scope | None = ctx.scope
        if scope is None or (ctx.env is not None and not ctx.env.open):
            return None
        found = scope.lookup(name)
        if found is not None:
            return found[0]
        return scope.length(name) or scope.dim(name) or scope.axis(name) or scope.constant(name)

    def unknown_name(self, expr: ast.Name, ctx: Context) -> GraphcError:
        """The fault of a name that means nothing here."""
        return meaning.unknown_name(expr, ctx)

    def length(self, length: Length) -> Term:
        if length.size is not None:
            return Term(self.number(length.size.value))
        return Term(self.b(LENGTH, length=length))

    def subscript(self, expr: ast.Subscript, ctx: Context) -> Term:
        target = targets.target(self, expr.object, ctx) or calls.sequence(self, expr, ctx)
        if target is not None:
            self.el.visit(target.definition)
        if target is not None and targets.found_visible(target):
            return reads.subscripted(self, target, expr, ctx)
        term = self.term(expr.object, ctx)
        if term.value is None:
            return term
        return elements.elements(self, term, expr, ctx)

    def field(self, expr: ast.Field, ctx: Context) -> Term:
        target = targets.target(self, expr, ctx)
        if target is not None:
            return reads.bare(self, target.definition, expr, ctx, target)
        if targets.pending(self, expr, ctx):
            return UNKNOWN
        if expr.name != "T":
            raise targets.no_field(self, expr, ctx)
        term = self.term(expr.object, ctx)
        if term.value is None:
            return term
        return elements.transposed(self, term, expr, ctx)

    def affine(self, position: Affine) -> Value:
        """The nodes that compute a position."""
        total: Value | None = None
        for symbol, coefficient in position.terms:
            if isinstance(symbol, Index):
                part = self.b(POSITION, index=symbol)
            else:
                length = self.length(symbol).value
                assert length is not None
                part = length
            if coefficient != 1:
                part = self.b(ew.MUL, part, self.number(coefficient))
            total = part if total is None else self.b(ew.ADD, total, part)
        if total is None:
            return self.number(position.constant)
        return total if position.constant == 0 else self.b(ew.ADD, total, self.number(position.constant))
