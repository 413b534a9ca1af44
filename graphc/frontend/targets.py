"""What an expression names: a definition, a field of a call, a layer's weight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graphc.diagnostics import GraphcError, Label, fault, nearest
from graphc.frontend import ast, calls
from graphc.frontend.arithmetic import one_line
from graphc.frontend.positions import fixed
from graphc.frontend.ranges import definition_label
from graphc.frontend.scope import Definition, Layer, Record, Scope
from graphc.frontend.terms import Context, Poisoned, Term
from graphc.types import Affine, Index

if TYPE_CHECKING:
    from graphc.frontend.expressions import Expressions


@dataclass(frozen=True, eq=False)
class Target:
    """A definition that an expression names, with what stands for its invisible indices."""

    definition: Definition
    hidden: tuple[Affine, ...] = ()
    visible: tuple[Index, ...] = field(default=())


def target(ex: Expressions, expr: ast.Expr, ctx: Context) -> Target | None:
    """The definition that `expr` names: a name, `e.h`, `enc.W`, `res[2].W`; None if it is no name."""
    match expr:
        case ast.Name(id=name):
            if ctx.env is not None and name in ctx.env.parameters:
                closure = ctx.env.parameters[name]
                return target(ex, closure.expr, ctx.enter(closure))
            if name in ctx.vars:
                return None
            entry = ex.lookup(name, ctx)
            if isinstance(entry, Definition):
                return of_definition(entry, ctx)
            if isinstance(entry, Record | Layer):
                return None
        case ast.Field(object=obj, name=name):
            return _field_target(ex, obj, name, ctx)
    return None


def of_definition(definition: Definition, ctx: Context) -> Target:
    """A parameter of a family is read at the family's subscripts, an equation of a block at the indices of
    the place where the block is called."""
    if definition.leaf is not None and definition.leaf.kind == "param":
        family = len(definition.leaf.indices) - len(definition.own)
        if family and len(ctx.scope.family) == family:
            return Target(definition, ctx.scope.family, definition.own)
        return Target(definition, (), definition.leaf.indices)
    hidden = tuple(Affine.of(index) for index in definition.outer)
    return Target(definition, hidden, definition.visible)


def _field_target(ex: Expressions, obj: ast.Expr, name: str, ctx: Context) -> Target | None:
    owner, owner_ctx = obj, ctx
    while isinstance(owner, ast.Name) and owner_ctx.env is not None and owner.id in owner_ctx.env.parameters:
        closure = owner_ctx.env.parameters[owner.id]
        owner, owner_ctx = closure.expr, ctx.enter(closure)
    subscripts: tuple[ast.Expr, ...] = ()
    if isinstance(owner, ast.Subscript) and isinstance(owner.object, ast.Name):
        subscripts = tuple(i for i in owner.items if not isinstance(i, ast.Slice | ast.Binder))
        owner = owner.object
    if isinstance(owner, ast.Call):
        scope = calls.instance(ex, owner, owner_ctx)
        return None if scope is None else _output(ex, scope, name, obj)
    if isinstance(owner, ast.Field):
        layer = _layer(ex, owner, owner_ctx)
        return None if layer is None else _weight(layer, name)
    if not isinstance(owner, ast.Name):
        return None
    entry = ex.lookup(owner.id, owner_ctx)
    if isinstance(entry, Layer):
        found = _weight(entry, name)
        if found is None or not subscripts:
            return found
        places = tuple(fixed(ex, s, ctx) for s in subscripts)
        return Target(found.definition, places, found.definition.own)
    if isinstance(entry, Record):
        return _record_target(ex, entry, name, subscripts, obj, ctx)
    if isinstance(entry, Definition) and isinstance(entry.general, ast.Call) and not entry.failed:
        block = ex.el.block_of(entry.general, entry.scope)
        if block is not None and name in ex.el.output_names(block):
            return of_definition(entry, ctx)
    return None


def _layer(ex: Expressions, expr: ast.Expr, ctx: Context) -> Layer | None:
    if isinstance(expr, ast.Name):
        entry = ex.lookup(expr.id, ctx)
        return entry if isinstance(entry, Layer) else None
    if isinstance(expr, ast.Field):
        owner = _layer(ex, expr.object, ctx)
        inner = owner.scope.names.get(expr.name) if owner else None
        return inner if isinstance(inner, Layer) else None
    return None


def _weight(layer: Layer, name: str) -> Target | None:
    entry = layer.scope.names.get(name)
    if not isinstance(entry, Definition) or entry.leaf is None:
        return None
    return Target(entry, (), entry.leaf.indices)


def _record_target(
    ex: Expressions, record: Record, name: str, subscripts: Sequence[ast.Expr], obj: ast.Expr, ctx: Context
) -> Target | None:
    scope = ex.el.record_instance(ex, record)
    if scope is None:
        return None
    found = _output(ex, scope, name, obj)
    if not record.own:
        return found
    if len(subscripts) != len(record.own):
        raise fault(
            "E306",
            f"`{one_line(obj.span.text)}` needs {len(record.own)} subscripts before `.{name}`",
            obj.span,
        )
    moved = dict(zip(record.own, (fixed(ex, s, ctx) for s in subscripts), strict=True))
    hidden = tuple(moved.get(index, Affine.of(index)) for index in found.definition.outer)
    return Target(found.definition, hidden, found.visible)


def _output(ex: Expressions, scope: Scope, name: str, place: ast.Expr) -> Target:
    if name not in scope.outputs:
        raise fault(
            "E226",
            f"`{one_line(place.span.text)}` has no output `{name}`",
            place.span,
            help=nearest(name, scope.outputs) or "it has " + ", ".join(f"`{n}`" for n in scope.outputs),
        )
    entry = scope.names[name] if name in scope.names else scope.names["@output"]
    assert isinstance(entry, Definition)
    hidden = tuple(Affine.of(index) for index in entry.outer)
    return Target(entry, hidden, entry.visible)


def no_field(ex: Expressions, expr: ast.Field, ctx: Context) -> GraphcError:
    """What a field that does not exist may have been meant for."""
    text = one_line(expr.object.span.text)
    layer = _layer(ex, expr.object, ctx)
    if layer is not None:
        known = [n for n, e in layer.scope.names.items() if isinstance(e, Definition)]
        what, help_ = f"the layer `{text}` has no parameter `{expr.name}`", nearest(expr.name, known)
        if not help_ and known:
            help_ = "it has " + ", ".join(f"`{name}`" for name in known)
        return fault("E226", what, expr.span, labels=[Label(layer.span, "declared here")], help=help_)
    entry = ex.lookup(expr.object.id, ctx) if isinstance(expr.object, ast.Name) else None
    if isinstance(entry, Definition) and entry.broken:
        raise Poisoned
    if isinstance(expr.object, ast.Name) and entry is None and expr.object.id not in ctx.vars:
        raise ex.unknown_name(expr.object, ctx)
    return fault(
        "E226",
        f"`{text}` has no field `{expr.name}`: fields are the outputs of a layer's call",
        expr.span,
        labels=definition_label(entry, expr.span) if isinstance(entry, Definition) else [],
    )


def pending(ex: Expressions, expr: ast.Field, ctx: Context) -> bool:
    """Whether the field may exist once a type that is still unknown is known."""
    owner, owner_ctx = expr.object, ctx
    while isinstance(owner, ast.Name) and owner_ctx.env is not None and owner.id in owner_ctx.env.parameters:
        closure = owner_ctx.env.parameters[owner.id]
        owner, owner_ctx = closure.expr, ctx.enter(closure)
    if isinstance(owner, ast.Call):
        return ex.el.block_of(owner, owner_ctx.scope) is not None
    if isinstance(owner, ast.Subscript):
        owner = owner.object
    return isinstance(owner, ast.Name) and isinstance(ex.lookup(owner.id, owner_ctx), Record)


def whole(ex: Expressions, entry: Record | Layer, expr: ast.Name, ctx: Context) -> Term:
    """A record or a layer where a value belongs: always a fault."""
    if isinstance(entry, Layer):
        raise fault(
            "E222", f"`{expr.id}` is a layer, not a value", expr.span, help=f"call it: `{expr.id}(x)`"
        )
    block = ex.el.block_of(entry.call, entry.scope)
    assert block is not None
    fields = " or ".join(f"`{expr.id}.{n}`" for n in ex.el.output_names(block))
    raise fault("E227", f"`{expr.id}` has several outputs; name one", expr.span, help=f"write {fields}")


def found_visible(found: Target) -> tuple[Index, ...]:
    """The visible indices, once the definition's lifted ones are known."""
    definition = found.definition
    if definition.leaf is not None:
        return found.visible
    return definition.visible
