"""Layers: a block's weights are declared once, its equations at each call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from graphc.diagnostics import Diagnostic, GraphcError, Label, Span, fault, nearest
from graphc.frontend import ast, builtins, calls, reads
from graphc.frontend.arithmetic import one_line, shape_text
from graphc.frontend.constants import dim_of, names_in, number_of
from graphc.frontend.declarations import (
    declare_axes,
    declare_dims,
    declare_equation,
    declare_noise,
    declare_param,
    define,
    grouped,
    type_of,
)
from graphc.frontend.scope import Definition, Layer, Scope
from graphc.frontend.terms import Context, Poisoned, Term
from graphc.types import BATCH, Affine, Dim, Index, TensorType, sort_indices

if TYPE_CHECKING:
    from graphc.frontend.elaborate import Elaborator
    from graphc.frontend.expressions import Expressions


@dataclass(eq=False)
class Instance:
    """One call of a layer; `signature` is what it was built for (indices and formal dims)."""

    prefix: str
    signature: tuple[object, ...]
    scope: Scope
    span: Span


def declare_layer(el: Elaborator, item: ast.LayerItem, scope: Scope, family: tuple[Index, ...]) -> None:
    """`layer enc = LSTM(D, H)`: its parameters, and those of the layers inside its block."""
    head = item.call.function
    own = el.axes_named(item.subscripts, scope, item.name)
    if not isinstance(head, ast.Name) or head.id not in scope.library.blocks:
        raise _no_block(head, scope)
    block = scope.library.blocks[head.id]
    el.expand(f"`{block.name}`", item.span)
    chain = el.chain(block, scope) if scope.parent is None else []
    if chain:
        way = " -> ".join([*chain, block.name]) if len(chain) > 1 else ""
        raise fault(
            "E248",
            f"block `{block.name}` contains itself" + (f": {way}" if way else ""),
            item.call.span,
            labels=[Label(block.span, f"`{block.name}` begins here")],
            help="what repeats is an axis: `axis k = 1..3` and `layer f[k] = ...`",
        )
    inner = Scope(
        f"{scope.prefix}{item.name}.", el.block_library(block, scope.library), dims=el.outer_dims(block)
    )
    layer = Layer(scope.prefix + item.name, block, inner, family + own, item.span)
    define(scope, item.name, layer)
    el.nesting[id(inner)] = (block, scope)
    _bind_parameters(block, item.call, scope, inner)
    faults: list[Diagnostic] = []
    declare_dims(block.body, inner, {}, faults)
    if faults:
        raise GraphcError(faults)
    for statement in block.body:
        if isinstance(statement, ast.ParamDeclaration):
            for parameter in grouped(statement.items):
                declare_param(el, parameter, inner, layer.family, statement.frozen)
        elif isinstance(statement, ast.LayerDeclaration):
            for nested in statement.items:
                declare_layer(el, nested, inner, layer.family)


def _no_block(head: ast.Expr, scope: Scope) -> GraphcError:
    text = one_line(head.span.text)
    if text in scope.library.functions or text in builtins.NAMES:
        return fault(
            "E222",
            f"`{text}` is a function, not a block: it has no weights",
            head.span,
            help=f"call it as it is, `{text}(x)`",
        )
    return fault("E220", f"`{text}` is not a known block", head.span, help=nearest(text, {*scope.library.blocks, *scope.library.others}))


def _bind_parameters(block: ast.BlockDefinition, call: ast.Call, scope: Scope, inner: Scope) -> None:
    names = [p.name for p in block.parameters]
    given: dict[str, ast.Expr] = dict(zip(names, call.args, strict=False))
    given |= {option.name: option.value for option in call.options}
    defaults = {p.name: p.default for p in block.parameters if p.default is not None}
    unknown = [option for option in call.options if option.name not in names]
    if unknown:
        raise fault(
            "E225",
            f"`{block.name}` has no parameter `{unknown[0].name}`",
            unknown[0].span,
            help=nearest(unknown[0].name, names),
        )
    missing = [name for name in names if name not in given and name not in defaults]
    if missing or len(call.args) > len(names):
        what = f"lacks {_listed(missing)}" if missing else f"has {len(call.args)} arguments"
        raise fault(
            "E224", f"`{one_line(call.span.text)}` {what}; the block is `{block_signature(block)}`", call.span
        )
    for name in names:
        expr, place = (given[name], scope) if name in given else (defaults[name], inner)
        for used in names_in(expr):
            if used.id not in place.numbers:
                raise fault(
                    "E220",
                    f"`{used.id}` is not a known dim",
                    used.span,
                    help=nearest(used.id, place.numbers),
                )
        try:
            inner.dims[name] = dim_of(expr, place.all_dims)
        except GraphcError:
            # Not a size: a number such as a dropout rate, known inside the block as a constant.
            inner.constants[name] = number_of(expr, place.numbers)


def instance(ex: Expressions, expr: ast.Call, ctx: Context) -> Scope | None:
    """The equations of a layer's call, inlined where it is called; None while its arguments are unknown."""
    el = ex.el
    layer, subscripts = _called(ex, expr, ctx)
    block = layer.block
    items = [
        item
        for statement in block.body
        if isinstance(statement, ast.InputDeclaration)
        for item in grouped(statement.items)
    ]
    given = _arguments(layer, items, expr)
    terms = _terms(ex, items, given, ctx)
    if any(term.value is None for term in terms.values()):
        return None
    formal = _formal_axes(layer, items, terms, given)
    dims = _formal_dims(layer, items, terms, given)
    used: set[Index] = {s for p in subscripts for s, _ in p.terms if isinstance(s, Index)}
    used |= {i for t in terms.values() for i in t.indices}
    outer = tuple(i for i in sort_indices(used) if i not in formal.values() and i != BATCH)
    signature = (outer, tuple(formal.items()), tuple(dims.items()), subscripts)
    known = el.instances.get((id(expr), id(ctx.scope), id(ctx.env)))
    if known is not None and known.signature == signature:
        return known.scope
    if known is None:
        layer.calls += 1
        if layer.calls > 1 and any(isinstance(s, ast.Equation) and s.running for s in block.body):
            raise fault(
                "E255",
                f"`{layer.name}` keeps running statistics and is called a second time",
                expr.span,
                labels=[Label(layer.span, f"`{layer.name}` is declared here")],
                help=f"make a layer for each place: `layer {layer.name}1 = ..., {layer.name}2 = ...`",
            )
        prefix = f"{layer.name}." if layer.calls == 1 else f"{layer.name}#{layer.calls}."
        scope = Scope(prefix, layer.scope.library, parent=layer.scope)
        el.instances[(id(expr), id(ctx.scope), id(ctx.env))] = Instance(prefix, signature, scope, expr.span)
        el.keep(expr)
    else:
        # The scope stays the same object, so that the calls inside it are known again.
        scope, known.signature = known.scope, signature
        el.forget(scope)
    scope.outer, scope.family = outer, subscripts
    scope.axes = {name: index for name, index in formal.items()}
    scope.lengths = {name.upper(): index.length for name, index in formal.items()}
    scope.dims = dims
    faults: list[Diagnostic] = []
    declare_axes(layer.block.body, scope, {}, faults)
    _declare_body(el, layer, scope, items, given, ctx, faults)
    el.faults += [d for d in (el.moved(d, expr.span) for d in faults) if d not in el.faults]
    return scope


def _terms(
    ex: Expressions, items: Sequence[ast.Declarator], given: dict[str, ast.Expr], ctx: Context
) -> dict[str, Term]:
    """The arguments; one for an input with axes may be a sequence as a whole."""
    contexts = {item.name: _argument_context(item, ctx) for item in items}
    actions = [lambda n=name, e=expr: ex.term(e, contexts[n]) for name, expr in given.items()]
    return dict(zip(given, ex.each(actions), strict=True))


def _argument_context(item: ast.Declarator, ctx: Context) -> Context:
    return replace(ctx, sequences=len(item.subscripts))


def _called(ex: Expressions, expr: ast.Call, ctx: Context) -> tuple[Layer, tuple[Affine, ...]]:
    head, items = expr.function, ()
    if isinstance(head, ast.Subscript):
        head, items = head.object, head.items  # type: ignore[assignment]
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
    places = tuple(reads.fixed(ex, item, ctx) for item in items if not isinstance(item, ast.Slice | ast.Binder))
    return layer, ctx.scope.family + places


def _arguments(layer: Layer, items: Sequence[ast.Declarator], expr: ast.Call) -> dict[str, ast.Expr]:
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
        what = f"lacks {_listed(missing)}" if missing else f"has {len(expr.args)} arguments"
        takes = ", ".join(i.name if i.value is None else f"{i.name} = {i.value.span.text}" for i in items)
        raise fault(
            "E224",
            f"`{one_line(expr.span.text)}` {what}; the inputs of `{layer.block.name}` are ({takes})",
            expr.span,
        )
    return given


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def block_signature(block: ast.BlockDefinition) -> str:
    """`LSTM(D, H)`, with the defaults that may be left out."""
    return f"{block.name}({', '.join(map(parameter_text, block.parameters))})"


def parameter_text(parameter: ast.Parameter) -> str:
    """`y : index`, `slope = 0.01`: a parameter as its definition shows it."""
    kind = f" : {parameter.kind}" if parameter.kind else ""
    return parameter.name + kind + (f" = {parameter.default.span.text}" if parameter.default else "")


def _formal_axes(
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


def _formal_dims(
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


def _declare_body(
    el: Elaborator,
    layer: Layer,
    scope: Scope,
    items: Sequence[ast.Declarator],
    given: dict[str, ast.Expr],
    ctx: Context,
    faults: list[Diagnostic],
) -> None:
    """The inputs, equations and outputs of a call. What is wrong with them goes to `faults`."""
    broken: dict[str, Span] = {}

    def attempt(name: str, span: Span, action: Callable[[], None]) -> None:
        try:
            action()
        except GraphcError as error:
            faults.extend(error.diagnostics)
            if all(d.code != "E221" for d in error.diagnostics):
                broken.setdefault(name, span)

    for item in items:
        attempt(item.name, item.span, lambda i=item: _declare_argument(scope, i, given, ctx))
    for statement in layer.block.body:
        match statement:
            case ast.Equation():
                attempt(
                    statement.name, statement.span, lambda s=statement: declare_equation(el, s, scope)
                )
            case ast.NoiseDeclaration():
                for item in grouped(statement.items):
                    attempt(item.name, item.span, lambda i=item: declare_noise(i, scope))
    el.break_names(scope, broken)
    for statement in layer.block.body:
        if isinstance(statement, ast.Output):
            _declare_outputs(statement, scope, faults)
    el.adopt(scope)


def _declare_argument(
    scope: Scope, item: ast.Declarator, given: dict[str, ast.Expr], ctx: Context
) -> None:
    axes = tuple(scope.axes[s.id] for s in item.subscripts if isinstance(s, ast.Name) and s.id in scope.axes)
    definition = Definition(scope.prefix + item.name, scope, item.span, axes, scope.outer)
    if item.name in given:
        definition.general, definition.context = given[item.name], _argument_context(item, ctx)
        definition.span = given[item.name].span
    else:
        definition.general = item.value
    if item.type is not None:
        dtype, shape, _ = type_of(item.type, scope)
        definition.annotation = TensorType.of(dtype, (), shape)
    define(scope, item.name, definition)


def _declare_outputs(statement: ast.Output, scope: Scope, faults: list[Diagnostic]) -> None:
    for value in statement.values:
        if isinstance(value, ast.Name) and isinstance(scope.names.get(value.id), Definition):
            scope.outputs[value.id] = value
            continue
        if len(statement.values) > 1:
            text = one_line(value.span.text)
            named = isinstance(value, ast.Name)
            faults += fault(
                "E220",
                f"the output `{text}` is not " + ("known in the block" if named else "a name"),
                value.span,
                help=nearest(text, scope.names) if named else "give it an equation of its own",
            ).diagnostics
            scope.names[text] = Definition(text, scope, value.span, failed=True, broken=True)
            scope.outputs[text] = value
            continue
        entry = Definition(f"{scope.prefix}output", scope, value.span, (), scope.outer)
        entry.general = value
        scope.names["@output"] = entry
        scope.outputs["output"] = value
