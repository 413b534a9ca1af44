"""A syntax tree to a `Spec`: names resolved, blocks inlined, every shape and position checked.

Types of recurrences are found by iteration: each round elaborates every equation with what the round before
knew of the others, until nothing changes. A name that is not known yet is left out of the guess (a sum with
it has the other operand's type); the last round has all types and is the one whose nodes and faults count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Literal

from graphc.analysis.recurrence import plan
from graphc.diagnostics import Diagnostic, GraphcError, Label, Span, fault
from graphc.frontend import ast, draws, objectives, ranges, reads
from graphc.frontend.arithmetic import name_alignment, one_line, shape_text
from graphc.frontend.constants import MOST_ELEMENTS, too_large
from graphc.frontend.declarations import declare_input, declare_noise, declare_param
from graphc.frontend.equations import declare_equation
from graphc.frontend.expressions import Expressions
from graphc.frontend.guards import guarded
from graphc.frontend.instances import Instance
from graphc.frontend.instances import instance as call_instance
from graphc.frontend.layers import declare_layer
from graphc.frontend.names import grouped, head_of
from graphc.frontend.rounds import Rounds
from graphc.frontend.scope import Boundary, Definition, Layer, Library, Record, Scope
from graphc.frontend.sizes import axes_of, declare_axes, declare_dims
from graphc.frontend.spec import Spec, StateInfo
from graphc.frontend.terms import Context, Env, Poisoned, Term
from graphc.ir.builder import Builder
from graphc.ir.graph import AnyNode, Value
from graphc.ir.system import Leaf, Place, System, Unit
from graphc.ops import elementwise as ew
from graphc.ops.indexing import BROADCAST, RENAME
from graphc.ops.leaf import PIN
from graphc.ops.movement import EXPAND
from graphc.types import BATCH, Affine, Dim, Index, TensorType

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
        self._active: list[Definition] = []
        self._round_faults: list[Diagnostic] = []
        self.rounds = Rounds(lambda: self.definitions, self._begin)

    def run(self) -> Spec:
        self._declare()
        self.adopt(self.spec.scope)
        self.rounds.run(self._attempt, lambda: bool(self.faults or self._round_faults))
        self._report()
        system = self.spec.system
        system.units = dict(self.units)
        self.spec.names = [d.name for d in self.definitions if "@" not in d.name]
        self._states()
        objectives.check_scalars(self)
        spec = self.spec
        asked = spec.outputs or spec.objectives or spec.metrics or spec.checks
        if not self.units and not asked and not self.faults:
            self.faults.append(nothing_to_compute(self.spec))
        if self.faults:
            raise GraphcError(_in_order(self._independent()))
        return self.spec

    def _independent(self) -> list[Diagnostic]:
        """All faults but those that may only come from a dim without a proper value; and with them the faults
        of causality among the equations that have none of their own."""
        if self.spec.scope.unsized:
            return [d for d in self.faults if d.code not in _OF_SIZES]
        try:
            plan(self.spec.system, self.spec.system.units)
        except GraphcError as error:
            return [*self.faults, *(d for d in error.diagnostics if d not in self.faults)]
        return self.faults

    # ------------------------------------------------------------------------------- declarations

    def _declare(self) -> None:
        scope, statements = self.spec.scope, self.spec.file.statements
        self._check_twice(statements)
        declare_dims(statements, scope, self.given, self.faults)
        declare_axes(statements, scope, self.given, self.faults)
        broken: dict[str, Span] = {}
        for statement in statements:
            for name, span, action in self._actions(statement, scope):
                try:
                    action()
                except GraphcError as error:
                    self.faults.extend(error.diagnostics)
                    if all(d.code != "E221" for d in error.diagnostics):
                        broken.setdefault(name, span)
        self.break_names(scope, broken)
        objectives.declare(self)

    def break_names(self, scope: Scope, broken: Mapping[str, Span]) -> None:
        """Names whose declaration is at fault: nobody who reads them is told of it once more."""
        for name, span in broken.items():
            entry = scope.names.setdefault(name, Definition(name, scope, span))
            if isinstance(entry, Definition | Layer):
                entry.broken = True
            if isinstance(entry, Definition):
                entry.failed = True

    def _actions(
        self, statement: ast.Statement, scope: Scope
    ) -> Iterable[tuple[str, Span, Callable[[], None]]]:
        match statement:
            case ast.InputDeclaration():
                for item in grouped(statement.items):
                    yield item.name, item.span, partial(declare_input, self, item, scope)
            case ast.ParamDeclaration():
                for item in grouped(statement.items):
                    yield (
                        item.name,
                        item.span,
                        partial(declare_param, self, item, scope, (), statement.frozen),
                    )
            case ast.NoiseDeclaration():
                for item in grouped(statement.items):
                    yield item.name, item.span, partial(declare_noise, item, scope)
            case ast.LayerDeclaration():
                for layer in statement.items:
                    yield layer.name, layer.span, partial(declare_layer, self, layer, scope, ())
            case ast.Equation():
                yield statement.name, statement.span, lambda: declare_equation(self, statement, scope)

    def _check_twice(self, statements: Iterable[ast.Statement]) -> None:
        first: dict[tuple[str, int], ast.FunctionDefinition] = {}
        blocks: dict[str, ast.BlockDefinition] = {}
        for statement in statements:
            known: ast.Statement | None = None
            if isinstance(statement, ast.BlockDefinition):
                known = blocks.setdefault(statement.name, statement)
            elif isinstance(statement, ast.FunctionDefinition):
                kinds = sum(p.kind == "index" for p in statement.parameters)
                known = first.setdefault((statement.name, 100 * len(statement.parameters) + kinds), statement)
            if known is not None and known is not statement:
                assert isinstance(statement, ast.BlockDefinition | ast.FunctionDefinition)
                self.faults.append(
                    Diagnostic(
                        "E221",
                        f"`{statement.name}` is defined twice",
                        head_of(statement.span),
                        labels=(Label(head_of(known.span), f"`{statement.name}` is first defined here"),),
                    )
                )

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
        self.units, self._round_faults = {}, []

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
            self._elaborate(definition)
        except GraphcError as error:
            if self.expansions > MOST_EXPANSIONS:
                raise GraphcError(error.diagnostics[0]) from None
            definition.failed = True
            self._round_faults += [self._located(d, definition) for d in error.diagnostics]
        except Poisoned:
            definition.failed = True

    def _located(self, diagnostic: Diagnostic, definition: Definition) -> Diagnostic:
        """A fault inside a library's text is shown at the place of the user's own that led there."""
        source = self.spec.file.span.source
        if diagnostic.span is None or diagnostic.span.source == source:
            return diagnostic
        calls = {id(i.scope): (i.span, caller) for (_, caller, _), i in self.instances.items()}
        place: Span | None = None
        scope = id(definition.scope)
        while scope in calls and (place is None or place.source != source):
            place, scope = calls[scope]
        return self.moved(diagnostic, place)

    def moved(self, diagnostic: Diagnostic, place: Span | None) -> Diagnostic:
        """A fault in a library's text, shown where the user's own text calls it."""
        span = diagnostic.span
        if place is None or span is None or span.source == self.spec.file.span.source:
            return diagnostic
        note = f"inside `{one_line(place.text)}`, {span.source.name} line {span.line}"
        return replace(diagnostic, span=place, note=note, labels=())

    def _check_sizes(self, built: Iterable[tuple[Expressions, Term]]) -> None:
        """Raises E253 for a value that no memory could hold, wherever it comes up in an equation."""
        for ex, _ in built:
            for node in ex.b.nodes:
                for result in node.results:
                    fixed = [i.length.size.value for i in result.type.axes if i.length.size is not None]
                    sizes = [*fixed, *result.type.sizes]
                    if sizes and math.prod(sizes) > MOST_ELEMENTS:
                        raise too_large(node.span or self.spec.file.span, sizes)

    def _elaborate(self, definition: Definition) -> None:
        if definition.leaf is None:
            general, lifted = self._general(definition)
        else:
            general, lifted = None, ()
        boundary_values = [self._boundary(definition, b) for b in definition.boundaries]
        self._check_sizes([*([general] if general else []), *boundary_values])
        if definition.leaf is None:
            self._settle(definition, general, boundary_values, lifted)
        self._emit(definition, general, boundary_values)

    def context(self, definition: Definition, own: Iterable[Index]) -> Context:
        """Where a definition's right side is read."""
        scope = definition.scope
        vars_ = {name: index for name, index in scope.axes.items() if index in own}
        active = frozenset(own) | frozenset(definition.outer)
        ranges = {}
        for index in own:
            lo, hi = self._open_range(definition, index)
            if (lo, hi) != (index.lo, index.hi):
                ranges[index] = (lo, hi)
        return Context(scope, vars_, active, ranges=ranges)

    def _open_range(self, definition: Definition, index: Index) -> tuple[Affine, Affine]:
        """The positions that no boundary equation takes over at either end."""
        taken = set()
        for boundary in definition.boundaries:
            fixed = [p for p in boundary.positions if isinstance(p, Affine)]
            place = definition.own.index(index)
            if len(fixed) == 1 and place < len(boundary.positions):
                taken |= {p for p in boundary.positions[place : place + 1] if isinstance(p, Affine)}
        lo, hi = index.lo, index.hi
        while lo in taken:
            lo = lo + 1
        while hi in taken:
            hi = hi - 1
        return lo, hi

    def _general(self, definition: Definition) -> tuple[tuple[Expressions, Term], tuple[Index, ...]]:
        builder = Builder()
        ex = Expressions(self, builder, definition.name)
        if definition.draw is not None:
            assert definition.annotation is not None
            axes = frozenset(definition.annotation.axes)
            ctx = self.context(definition, definition.own)
            value = draws.noise(ex, definition.draw, axes, definition.annotation.shape, ctx)
            return (ex, Term(value)), ()
        assert definition.general is not None
        ctx = definition.context or self.context(definition, definition.own)
        term = ex.term(definition.general, ctx)
        lifted = tuple(
            sorted(term.lifted - set(definition.own) - set(definition.outer), key=lambda i: i.name)
        )
        if definition.context is None and term.value is not None:
            self._check_axes(definition, term, lifted)
        return (ex, term), lifted

    def _check_axes(self, definition: Definition, term: Term, lifted: tuple[Index, ...]) -> None:
        assert term.value is not None
        assert definition.general is not None
        names = {i.name for i in (*definition.indices, *definition.own, *definition.outer, *lifted)}
        for index in term.value.type.axes:
            if index != BATCH and index.name not in names:
                raise fault(
                    "E301",
                    f"the right side varies over `{index.name}`, the left side `{definition.name}` does not",
                    definition.general.span,
                )

    def _boundary(self, definition: Definition, boundary: Boundary) -> tuple[Expressions, Term]:
        free = [p for p in boundary.positions if isinstance(p, Index)]
        ex = Expressions(self, Builder(), f"{definition.name}[{boundary.label}]")
        return ex, ex.term(
            boundary.value, self.context(definition, ()) if not free else self._free(definition, free)
        )

    def _free(self, definition: Definition, free: list[Index]) -> Context:
        ctx = self.context(definition, ())
        names = {name: index for name, index in definition.scope.axes.items() if index in free}
        return replace(ctx, vars=names, active=ctx.active | frozenset(free))

    def _settle(
        self,
        definition: Definition,
        general: tuple[Expressions, Term] | None,
        boundaries: list[tuple[Expressions, Term]],
        lifted: tuple[Index, ...],
    ) -> None:
        """The definition's type from its equations; a guess that changes asks for another round."""
        terms = ([general[1]] if general else []) + [term for _, term in boundaries]
        known = [t.value.type for t in terms if t.value is not None]
        of_boundaries = (i for _, t in boundaries for i in t.lifted if i not in definition.own)
        lifted = tuple(dict.fromkeys([*_bounded(definition), *lifted, *of_boundaries]))
        if not known:
            return
        first = general[1].value.type if general and general[1].value is not None else None
        shape = (first or max(known, key=lambda t: t.rank)).shape
        dtype = "real" if any(t.dtype == "real" for t in known) else known[0].dtype
        own = self._narrowed(definition, known[:1])
        axes: set[Index] = {*own, *definition.outer, *lifted}
        # Dependence on the batch only ever grows, also through a cycle.
        if any(BATCH in t.axes for t in known) or (definition.guess and BATCH in definition.guess.axes):
            axes.add(BATCH)
        if definition.annotation is not None:
            shape, dtype = self._annotated(definition, shape), definition.annotation.dtype
        guess = TensorType.of(dtype, axes, shape)
        if guess != definition.guess or lifted != definition.lifted or own != definition.own:
            self.rounds.changed = True
            definition.guess, definition.lifted, definition.own = guess, lifted, own

    def _narrowed(self, definition: Definition, known: list[TensorType]) -> tuple[Index, ...]:
        """A left side's index takes the sub-range that its right side exists for."""
        by_name = {i.name: i for t in known for i in t.axes if not i.is_full}
        return tuple(by_name.get(i.name, i) for i in definition.own)

    def _annotated(self, definition: Definition, shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
        assert definition.annotation is not None
        wanted = definition.annotation
        found = TensorType("real", (), shape)
        if not shape or wanted.same_shape(found):
            return wanted.shape
        raise fault(
            "E237",
            f"`{definition.scope.prefix.rstrip('.')}` takes `{definition.name.split('.')[-1]}` : "
            f"{shape_text(wanted)}, and `{one_line(definition.span.text)}` is {shape_text(found)}",
            definition.span,
        )

    # ------------------------------------------------------------------------------------- units

    def _check_places(self, definition: Definition) -> None:
        """Raises E325 unless a boundary equation has a subscript for each axis of its name; those that are
        lifted it may leave out as well."""
        own = definition.leaf.indices if definition.leaf else definition.visible
        written = own if definition.leaf else definition.own
        for boundary in definition.boundaries:
            fits = len(written) <= len(boundary.positions) <= len(own)
            if not fits and definition.guess is not None:
                names = ",".join(index.name for index in own)
                name = definition.name.split(".")[-1]
                raise fault(
                    "E325",
                    f"`{boundary.label}` has {len(boundary.positions)} of the {len(own)} axes of `{name}`",
                    head_of(boundary.span),
                    labels=ranges.definition_label(definition, boundary.span),
                    help=f"all equations of a name have the same axes: `{name}[{names}]`",
                )

    def _emit(
        self,
        definition: Definition,
        general: tuple[Expressions, Term] | None,
        boundaries: list[tuple[Expressions, Term]],
    ) -> None:
        """The units of this round; without a type there are none yet."""
        type_ = definition.guess
        if type_ is None or any(term.value is None for _, term in boundaries):
            return
        self._check_places(definition)
        outside = reads.outside_boundaries(definition)
        inside: list[tuple[Boundary, Unit]] = []
        for boundary, (ex, term) in zip(definition.boundaries, boundaries, strict=True):
            unit = self._boundary_unit(definition, boundary, ex, term, type_)
            self.units[unit.name] = unit
            if boundary not in outside:
                inside.append((boundary, unit))
        if general is None or general[1].value is None:
            return
        ex, term = general
        assert term.value is not None
        value = self.fit(ex, term.value, type_, definition.span)
        # A corner (`a[1,1]`) goes before an edge (`a[1,t]`).
        for boundary, unit in sorted(inside, key=lambda pair: pair[0].fixed):
            value = self._overlay(ex, definition, boundary, unit, value)
        value = ex.b(PIN, value, name=definition.name)
        nodes = pruned(ex.b.nodes, value)
        self.units[definition.name] = Unit(definition.name, definition.indices, nodes, value, definition.span)

    def fit(self, ex: Expressions, value: Value, type_: TensorType, span: Span) -> Value:
        """`value` as the definition's type: kind, shape and indices."""
        if value.type.dtype != type_.dtype and type_.dtype == "real":
            value = ex.b(ew.CAST, value, dtype="real")
        if not value.type.same_shape(type_):
            source: tuple[int | None, ...] | None = (None,) * type_.rank
            if value.type.rank:
                source = name_alignment(value.type.shape, type_.shape)
            if source is None:
                raise fault(
                    "E239",
                    f"`{one_line(head_of(span).text)}` is {shape_text(value.type)} here, "
                    f"the other equation of the name gives {shape_text(type_)}",
                    span,
                )
            value = ex.b(EXPAND, value, shape=type_.shape, source=source)
        for index in value.type.axes:
            same = [i for i in type_.axes if i.name == index.name and i != index]
            if same:
                value = ex.b(RENAME, value, old=index, new=same[0])
        missing = [i for i in type_.axes if i not in value.type.axes]
        return ex.b(BROADCAST, value, indices=tuple(missing)) if missing else value

    def _boundary_unit(
        self, definition: Definition, boundary: Boundary, ex: Expressions, term: Term, type_: TensorType
    ) -> Unit:
        visible = definition.leaf.indices if definition.leaf else definition.visible
        pairs = zip(visible, boundary.positions, strict=False)
        place = Place(definition.name, tuple((i, p) for i, p in pairs if isinstance(p, Affine)))
        fixed = {index for index, _ in place.positions}
        indices = tuple(
            i for i in (definition.leaf.indices if definition.leaf else definition.indices) if i not in fixed
        )
        name = boundary.unit(definition.name)
        assert term.value is not None
        target = type_.with_axes(set(type_.axes) - fixed)
        value = self.fit(ex, term.value, target, boundary.span)
        value = ex.b(PIN, value, name=name)
        return Unit(name, indices, pruned(ex.b.nodes, value), value, boundary.span, place)

    def _overlay(
        self, ex: Expressions, definition: Definition, boundary: Boundary, unit: Unit, value: Value
    ) -> Value:
        """The boundary's value at its own position, the general one elsewhere."""
        places = [Affine.of(i) for i in unit.indices]
        held = reads.node(ex, unit.name, unit.value.type, unit.indices, places)
        condition: Value | None = None
        for at, index in zip(boundary.positions, definition.visible, strict=False):
            if isinstance(at, Affine):
                here = ex.b(ew.EQUAL, ex.affine(Affine.of(index)), ex.affine(at))
                condition = here if condition is None else ex.b(ew.LOGICAL_AND, condition, here)
        assert condition is not None
        value = guarded(ex.b, value, ex.b(ew.LOGICAL_NOT, condition))
        return ex.b(ew.SELECT, condition, held, value)

    # ------------------------------------------------------------------------------------- results

    def _report(self) -> None:
        self.faults += [d for d in self._round_faults if d not in self.faults]
        if self.faults:
            return
        for definition in self.definitions:
            if definition.guess is None and not definition.failed:
                self.faults.append(
                    Diagnostic(
                        "E239",
                        f"the shape of `{definition.name}` cannot be resolved",
                        definition.span,
                        help="give its initial value the shape, or declare a type where it enters",
                    )
                )
        if self.rounds.changed and not self.faults:
            loose = next(d for d in self.definitions if d.general is not None)
            self.faults.append(Diagnostic("E239", "shapes do not settle", loose.span))

    def _check_state(self, definition: Definition) -> None:
        """An average is kept from batch to batch, so its size must not change with their lengths."""
        loose = [i for i in definition.indices if not i.length.is_fixed]
        if loose:
            self.faults.append(
                Diagnostic(
                    "E265",
                    f"`{definition.name}` varies over `{loose[0].name}`, "
                    "whose length changes from batch to batch",
                    definition.span,
                    help=f"average over it as well: `mean[batch, {loose[0].name}](...)`",
                )
            )

    def _states(self) -> None:
        for definition in self.definitions:
            if definition.running is None or definition.guess is None:
                continue
            info = self.spec.states[definition.name]
            type_ = definition.guess
            self._check_state(definition)
            self.spec.states[definition.name] = StateInfo(info.name, type_, info.decay, info.start, info.span)
            if self.mode == "train":
                self.spec.updates[definition.name] = definition.name
                continue
            leaf = Leaf(f"{definition.name}@average", "state", type_, definition.indices, definition.span)
            self.spec.system.leaves[leaf.name] = leaf
            unit = self.units[definition.name]
            builder = Builder()
            ex = Expressions(self, builder, definition.name)
            places = [Affine.of(i) for i in leaf.indices]
            value = ex.b(PIN, reads.node(ex, leaf.name, type_, leaf.indices, places), name=definition.name)
            self.spec.system.units[definition.name] = Unit(
                definition.name, unit.indices, tuple(builder.nodes), value, unit.span
            )


def _bounded(definition: Definition) -> tuple[Index, ...]:
    """Lifted indices that boundary equations write: `h[0,t] = x[t]` beside `h[k] = f(h[k-1])`."""
    count = len(definition.own)
    written = [p for b in definition.boundaries for p in b.positions[count:] if isinstance(p, Index)]
    return tuple(dict.fromkeys(written)) if definition.leaf is None else ()


_OF_SIZES = frozenset(
    {"E201", "E203", "E205", "E206", "E207", "E208", "E234", "E236", "E237", "E253", "E254", "E258", "E304"}
    | {"E308", "E319"}
)
"""Codes of faults that the value of a dim can cause or hide."""


def nothing_to_compute(spec: Spec) -> Diagnostic:
    """E247, with what such a file may be for."""
    defines = any(isinstance(s, ast.FunctionDefinition | ast.BlockDefinition) for s in spec.file.statements)
    first = spec.file.statements[0].span if spec.file.statements else spec.file.span
    return Diagnostic(
        "E247",
        "nothing is computed here: the file has no equation",
        Span(first.source, first.start, min(first.end, first.start + 1)) if not first.text else first,
        help="functions and blocks are for other files: `import` this one there"
        if defines
        else "add one, such as `y = W @ x`",
    )


def pruned(nodes: Iterable[AnyNode], value: Value) -> tuple[AnyNode, ...]:
    """The nodes that `value` needs, in order."""
    needed = {id(value)}
    kept: list[AnyNode] = []
    for node in reversed(list(nodes)):
        if any(id(result) in needed for result in node.results):
            needed |= {id(operand) for operand in node.operands}
            kept.append(node)
    return tuple(reversed(kept))


def _in_order(faults: list[Diagnostic]) -> list[Diagnostic]:
    unique = list(dict.fromkeys(faults))
    return sorted(unique, key=lambda d: d.span.start if d.span else -1)
