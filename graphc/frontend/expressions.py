"""Expressions of one equation to nodes: names, operators, subscripts. Calls are in `calls.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from graphc.diagnostics import Diagnostic, GraphcError, Span, fault, nearest
from graphc.frontend import ast, builtins, calls, explaining, positions, ranges, reads, targets
from graphc.frontend.arithmetic import ARITHMETIC, COMPARISONS, LOGIC, Arithmetic, one_line, shape_text
from graphc.frontend.constants import dim_of
from graphc.frontend.scope import Definition, Layer, Record, Scope
from graphc.frontend.terms import UNKNOWN, Context, Poisoned, Term, lifted_of
from graphc.ir.builder import Builder
from graphc.ir.graph import Value
from graphc.ir.op import Op, TypeFault
from graphc.ops import elementwise as ew
from graphc.ops.contraction import matmul
from graphc.ops.indexing import GATHER
from graphc.ops.leaf import LENGTH, POSITION
from graphc.ops.movement import RESHAPE, SLICE, TRANSPOSE
from graphc.types import Affine, Dim, Index, Length, TensorType

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
                return self.name_term(expr, ctx)
            case ast.Unary(op="-"):
                operand = self.term(expr.operand, ctx)
                return self.elementwise(ew.NEG, [operand], expr.span)
            case ast.Unary():
                return self.logic(ew.LOGICAL_NOT, [expr.operand], expr.span, ctx)
            case ast.Binary():
                return self.binary(expr, ctx)
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

    def binary(self, expr: ast.Binary, ctx: Context) -> Term:
        if expr.op in LOGIC:
            return self.logic(LOGIC[expr.op], [expr.left, expr.right], expr.span, ctx)
        terms = self.terms([expr.left, expr.right], ctx)
        texts = [one_line(expr.left.span.text), one_line(expr.right.span.text)]
        if expr.op == "@":
            return self.product(terms, expr)
        for term, operand in zip(terms, (expr.left, expr.right), strict=True):
            self.reject_bool(term, operand)
        op = ARITHMETIC.get(expr.op) or COMPARISONS[expr.op]
        return self.elementwise(op, terms, expr.span, texts)

    def reject_bool(self, term: Term, expr: ast.Expr) -> None:
        """Raises E256 for a truth value where a number belongs."""
        if term.value is not None and term.value.type.dtype == "bool":
            text = one_line(expr.span.text)
            raise fault(
                "E256",
                f"`{text}` is true or false, where a number belongs",
                expr.span,
                help=f"`real({text})` is 1 where it is true, else 0",
            )

    def logic(self, op: Op, exprs: Sequence[ast.Expr], span: Span, ctx: Context) -> Term:
        terms = self.terms(exprs, ctx)
        for term, expr in zip(terms, exprs, strict=True):
            if term.value is not None and term.value.type.dtype != "bool":
                raise fault(
                    "E256",
                    f"`{one_line(expr.span.text)}` is a number, where true or false belongs",
                    expr.span,
                    help="compare it: `x > 0`",
                )
        return self.apply(op, self.aligned(terms, span), span)

    def product(self, terms: list[Term], expr: ast.Binary) -> Term:
        """`a @ b`: a's last dim with b's first."""
        left, right = (self.real(term) for term in terms)
        if left.value is None or right.value is None:
            # A matrix times something unknown is, most often, a vector of its rows.
            if left.value is not None and left.value.type.rank == 2:
                axes = {*left.value.type.axes, *right.indices}
                type_ = TensorType.of("real", axes, left.value.type.shape[:1])
                return Term(Value(type_), lifted_of(terms), left.indices | right.indices)
            return Term(None, lifted_of(terms), left.indices | right.indices)
        try:
            value = matmul(self.b, *self.same_indices([left.value, right.value]))
        except TypeFault as found:
            raise fault(
                found.code,
                f"`{one_line(expr.span.text)}`: {found.message}",
                expr.span,
                help=found.help or self._product_help(expr, left.value.type, right.value.type),
            ) from None
        return Term(value, lifted_of(terms))

    def _product_help(self, expr: ast.Binary, left: TensorType, right: TensorType) -> str:
        """A matrix that takes a state to the next, or one that is only turned."""
        text = one_line(expr.left.span.text)
        if left.rank != 2 or not right.rank:
            return ""
        head = expr.right.object if isinstance(expr.right, ast.Subscript) else None
        size = right.shape[0].expression
        if isinstance(head, ast.Name) and head.id == self.name:
            return f"a state-to-state matrix is [{size}, {size}]"
        if left.shape[0].agrees(right.shape[0]) and isinstance(expr.left, ast.Name):
            return f"`{text}.T @ {one_line(expr.right.span.text)}` fits, if the transpose is meant"
        return ""

    # ------------------------------------------------------------------------------------- names

    def name_term(self, expr: ast.Name, ctx: Context) -> Term:
        if ctx.env is not None and expr.id in ctx.env.parameters:
            closure = ctx.env.parameters[expr.id]
            return self.term(closure.expr, ctx.enter(closure))
        if expr.id in ctx.vars:
            index = ctx.vars[expr.id]
            return Term(self.b(POSITION, index=index))
        entry = self.lookup(expr.id, ctx)
        match entry:
            case Definition():
                return reads.bare(self, entry, expr, ctx)
            case Record() | Layer():
                return targets.whole(self, entry, expr, ctx)
            case Length():
                return self.length(entry)
            case Dim():
                return Term(self.number(entry.value))
            case float():
                return Term(self.number(entry))
            case Index():
                raise fault(
                    "E301",
                    f"`{expr.id}` has no value here: it is an axis, and this equation does not run over it",
                    expr.span,
                    help=f"the number of steps is `{entry.length}`",
                )
        raise self.unknown_name(expr, ctx)

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

    def length(self, length: Length) -> Term:
        if length.size is not None:
            return Term(self.number(length.size.value))
        return Term(self.b(LENGTH, length=length))

    def unknown_name(self, expr: ast.Name, ctx: Context) -> GraphcError:
        if expr.id in ctx.library.blocks:
            return fault(
                "E222",
                f"`{expr.id}` is a block, not a value",
                expr.span,
                help=f"make a layer of it, and call that: `layer f = {expr.id}(...)`",
            )
        if expr.id in ctx.library.functions or expr.id in builtins.NAMES:
            return fault(
                "E246",
                f"`{expr.id}` is a function, and stands here without arguments",
                expr.span,
                help=f"call it: `{expr.id}(x)`",
            )
        if expr.id == "batch":
            return fault("E246", "`batch` is the axis over the examples, not a value", expr.span)
        ends = [i for i in ctx.scope.axes.values() if i.name.upper() == expr.id and i.length.is_fixed]
        if ends:
            text = f"the axis `{ends[0].name}` ends at {ends[0].length}"
            return fault("E220", f"`{expr.id}` is not known", expr.span, help=text)
        known = ctx.scope.known() | set(ctx.vars) | set(builtins.NAMES)
        if ctx.env is not None:
            known |= set(ctx.env.parameters)
        help_ = nearest(expr.id, known)
        if ctx.env is not None and not ctx.env.open:
            help_ = ""
        return fault("E220", f"`{expr.id}` is not known", expr.span, help=help_)

    # --------------------------------------------------------------------------------- subscripts

    def subscript(self, expr: ast.Subscript, ctx: Context) -> Term:
        target = targets.target(self, expr.object, ctx)
        if target is not None:
            self.el.visit(target.definition)
        if target is not None and targets.found_visible(target):
            return reads.subscripted(self, target, expr, ctx)
        term = self.term(expr.object, ctx)
        if term.value is None:
            return term
        return self.elements(term, expr, ctx)

    def elements(self, term: Term, expr: ast.Subscript, ctx: Context) -> Term:
        """`w[0]`, `z[0:H]`, `W[:, 0]`, `Emb[s]`: parts of one element, 0-based."""
        assert term.value is not None
        rank = term.value.type.rank
        if len(expr.items) > rank:
            raise fault(
                "E259",
                f"`{one_line(expr.span.text)}` has {_counted(len(expr.items), 'subscript')}, "
                f"`{one_line(expr.object.span.text)}` is {shape_text(term.value.type)}",
                expr.span,
                labels=explaining.declared(self, [expr.object], expr.span, ctx),
            )
        place = 0
        for item in expr.items:
            assert term.value is not None
            if isinstance(item, ast.Binder):
                low, high = item.lo.span.text, item.hi.span.text
                raise fault(
                    "E314",
                    f"`{item.span.text}` is a part of an axis, where elements are picked",
                    item.span,
                    help=f"elements are a slice, counted from 0: `{low}:{high}` ends before {high}",
                )
            if isinstance(item, ast.Slice):
                term = self.slice(term, item, place, ctx, expr)
                place += 1
                continue
            term, kept = self.element(term, item, place, ctx, expr)
            if term.value is None:
                return term
            place += kept
        return term

    def slice(self, term: Term, item: ast.Slice, place: int, ctx: Context, whole: ast.Subscript) -> Term:
        assert term.value is not None
        size = term.value.type.shape[place]
        dims = ctx.scope.all_dims
        lo = dim_of(item.lo, dims) if item.lo is not None else Dim.literal(0)
        hi = dim_of(item.hi, dims) if item.hi is not None else size
        if not lo.value <= hi.value <= size.value:
            raise fault(
                "E258",
                f"`{item.span.text}` is {lo.value}:{hi.value}, "
                + ("which is empty" if lo.value > hi.value else f"not a part of 0:{size.value}"),
                item.span,
                labels=explaining.declared(self, [whole.object], whole.span, ctx),
            )
        if lo.value == 0 and hi.value == size.value:
            return term
        value = self.b(SLICE, term.value, dim=place, start=lo.value, stop=hi.value, size=hi - lo)
        return Term(value, term.lifted)

    def element(
        self, term: Term, item: ast.Expr, place: int, ctx: Context, whole: ast.Subscript
    ) -> tuple[Term, int]:
        assert term.value is not None
        size = term.value.type.shape[place]
        labels = explaining.declared(self, [whole.object], whole.span, ctx)
        name = one_line(whole.object.span.text)
        fixed = positions.position(self, item, ctx)
        if fixed is not None and not fixed.is_constant:
            rest = ", ".join(dim.expression for dim in term.value.type.shape[1:])
            table = f"{name}[{item.span.text}] : " + (f"[{rest}]" if rest else "real")
            raise fault(
                "E314",
                f"`{item.span.text}` is a position along an axis and cannot pick an element of [{size}]",
                item.span,
                labels=labels,
                help="give the sequence a name of its own, and subscript that"
                if term.lifted
                else f"declare a table over the axis instead: `param {table}`",
            )
        if fixed is not None and fixed.is_constant:
            at = fixed.constant
            if not 0 <= at < size.value:
                last = f"{name}[{size.expression}-1]" if not size.is_literal else f"{name}[{size.value - 1}]"
                raise fault(
                    "E258",
                    f"`{one_line(whole.span.text)}`: there is no element {at}; "
                    f"they are 0 to {size.value - 1}",
                    item.span,
                    labels=labels,
                    help=f"the last one is `{last}`" if at in (-1, size.value) else "",
                )
            shape = term.value.type.shape
            value = self.b(SLICE, term.value, dim=place, start=at, stop=at + 1, size=Dim.literal(1))
            value = self.b(RESHAPE, value, shape=shape[:place] + shape[place + 1 :])
            return Term(value, term.lifted), 0
        index = self.term(item, ctx)
        if index.value is None:
            return UNKNOWN, 0
        if index.value.type.dtype != "int":
            raise fault(
                "E256",
                f"`{one_line(item.span.text)}` is {index.value.type.dtype}, where a class number belongs",
                item.span,
                labels=explaining.declared(self, [item], item.span, ctx),
                help=f"declare it as `index({size.expression})`",
            )
        self._check_classes(item, size, ctx, whole)
        pair = self.same_indices([term.value, index.value])
        value = self.b(GATHER, *pair, dim=place)
        return Term(value, lifted_of([term, index])), index.value.type.rank

    def _check_classes(self, item: ast.Expr, size: Dim, ctx: Context, whole: ast.Subscript) -> None:
        """A class number must be an element of what it looks up."""
        found = targets.target(self, item.object if isinstance(item, ast.Subscript) else item, ctx)
        classes = found.definition.classes if found is not None else None
        if found is None or classes is None or classes <= size.value:
            return
        name = found.definition.name.split(".")[-1]
        raise fault(
            "E258",
            f"`{one_line(whole.span.text)}`: `{name}` is index({classes}), "
            f"and `{one_line(whole.object.span.text)}` has elements 0 to {size.value - 1} only",
            item.span,
            labels=[
                *explaining.declared(self, [whole.object], whole.span, ctx),
                *ranges.definition_label(found.definition, item.span),
            ],
        )

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
        if term.value.type.rank != 2:
            raise fault(
                "E263",
                f"`{one_line(expr.span.text)}`: only a matrix can be transposed with `.T`, "
                f"this is {shape_text(term.value.type)}",
                expr.span,
                labels=explaining.declared(self, [expr.object], expr.span, ctx),
                help="a vector needs no transpose: `w @ x` is the inner product"
                if term.value.type.rank == 1
                else "",
            )
        return Term(self.b(TRANSPOSE, term.value, perm=(1, 0)), term.lifted)

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


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
