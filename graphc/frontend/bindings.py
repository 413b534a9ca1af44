"""What a layer's call gives to its block: arguments, and through them formal axes and formal dims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from graphc.diagnostics import Label, fault, nearest
from graphc.frontend import ast, calls, positions
from graphc.frontend.arithmetic import one_line, shape_text
from graphc.frontend.layers import listed
from graphc.frontend.scope import Definition, Layer
from graphc.frontend.terms import Context, Poisoned, Term
from graphc.types import Affine, Dim, Index

if TYPE_CHECKING:
    from graphc.frontend.expressions import Expressions


def called(ex: Expressions, expr: ast.Call, ctx: Context) -> tuple[Layer, tuple[Affine, ...]]:
    head: ast.Expr = expr.function
    items: tuple[ast.Expr | ast.Slice | ast.Binder, ...] = ()
    if isinstance(head, ast.Subscript):
        items, head = head.items, head.object
    assert isinstance(head, ast.Name)
    layer = ex.lookup(head.id, ctx)
    if isinstance(layer, Definition | Layer) and layer.broken:
        raise Poisoned
    if layer is None and head.id not in ctx.vars:
        raise calls.unknown(head, ctx)
    if not isinstance(layer, Layer):
        raise fault("E222", f"`{one_line(head.span.text)}` is not a layer", head.span)
    own = len(layer.family) - len(ctx.scope.family)
    if len(items) != own:
        names = ", ".join(i.name for i in layer.family[-own:]) if own else ""
        raise fault(
            "E228",
            f"`{head.id}` is a family over `{names}`; its call needs a subscript"
            if own
            else f"`{head.id}` is one layer and takes no subscript",
            expr.function.span,
            labels=[Label(layer.span, "declared here")],
            help=f"write `{head.id}[{names}](...)`"
            if own
            else f"for weights of its own at each step declare a family, `layer {head.id}[k] = ...`",
        )
    places = tuple(
        positions.fixed(ex, item, ctx) for item in items if not isinstance(item, ast.Slice | ast.Binder)
    )
    return layer, ctx.scope.family + places


def arguments_of(layer: Layer, items: Sequence[ast.Declarator], expr: ast.Call) -> dict[str, ast.Expr]:
    names = [item.name for item in items]
    given: dict[str, ast.Expr] = dict(zip(names, expr.args, strict=False))
    for option in expr.options:
        if option.name not in names:
            raise fault(
                "E225",
                f"`{layer.name}` has no input `{option.name}`",
                option.span,
                help=nearest(option.name, names),
            )
        given[option.name] = option.value
    missing = [i.name for i in items if i.name not in given and i.value is None]
    if missing or len(expr.args) > len(names):
        what = f"lacks {listed(missing)}" if missing else f"has {len(expr.args)} arguments"
        takes = ", ".join(i.name if i.value is None else f"{i.name} = {i.value.span.text}" for i in items)
        raise fault(
            "E224",
            f"`{one_line(expr.span.text)}` {what}; the inputs of `{layer.block.name}` are ({takes})",
            expr.span,
        )
    return given


def argument_terms(
    ex: Expressions, items: Sequence[ast.Declarator], given: dict[str, ast.Expr], ctx: Context
) -> dict[str, Term]:
    """The arguments; one for an input with axes may be a sequence as a whole."""
    contexts = {item.name: argument_context(item, ctx) for item in items}
    actions = [lambda n=name, e=expr: ex.term(e, contexts[n]) for name, expr in given.items()]
    return dict(zip(given, ex.each(actions), strict=True))


def argument_context(item: ast.Declarator, ctx: Context) -> Context:
    return replace(ctx, sequences=len(item.subscripts))


def formal_axes(
    layer: Layer, items: Sequence[ast.Declarator], terms: dict[str, Term], given: dict[str, ast.Expr]
) -> dict[str, Index]:
    """Formal axes bind to the sequences that the arguments are."""
    formal: dict[str, Index] = {}
    for item in items:
        if item.name not in terms:
            continue
        names = [s.id for s in item.subscripts if isinstance(s, ast.Name)]
        lifted = terms[item.name].lifted
        if not names:
            continue
        text = one_line(given[item.name].span.text)
        wanted = f"`{item.name}[{', '.join(names)}]`"
        if len(lifted) < len(names):
            raise fault(
                "E317",
                f"`{layer.name}` takes a whole sequence, {wanted}; `{text}` is one step of it",
                given[item.name].span,
                help="pass the name without its subscript, in an equation without this axis: "
                f"`h = {layer.name}(...)`",
            )
        rest = sorted(lifted, key=lambda i: i.name)
        for name in names:
            same = [i for i in rest if i.name == name]
            index = formal.get(name) or (same or rest)[0]
            if index not in rest:
                raise fault(
                    "E318",
                    f"`{text}` runs over `{rest[0].name}`, another argument of `{layer.name}` over "
                    f"`{index.name}`",
                    given[item.name].span,
                    help="the block has one axis for both: give the two sequences the same axis",
                )
            rest.remove(index)
            formal[name] = index
    return formal


def formal_dims(
    layer: Layer, items: Sequence[ast.Declarator], terms: dict[str, Term], given: dict[str, ast.Expr]
) -> dict[str, Dim]:
    """Dims of an input's type that the block does not know bind to the argument's shape."""
    dims: dict[str, Dim] = {}
    known = layer.scope.all_dims
    for item in items:
        if item.type is None or item.name not in terms:
            continue
        value = terms[item.name].value
        assert value is not None
        names = [e.id if isinstance(e, ast.Name) else "" for e in item.type.shape]
        unknown = [n for n in names if n and n not in known]
        if unknown and len(names) != value.type.rank:
            raise fault(
                "E237",
                f"`{layer.name}` takes `{item.name} : {one_line(item.type.span.text)}`, and "
                f"`{one_line(given[item.name].span.text)}` is {shape_text(value.type)}",
                given[item.name].span,
                labels=[Label(layer.span, "declared here")],
            )
        for name, size in zip(names, value.type.shape, strict=False):
            if name in unknown:
                dims.setdefault(name, size)
    return dims
