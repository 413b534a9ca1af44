"""Layers: an instance of a block, whose weights are declared once, whoever calls it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphc.diagnostics import Diagnostic, GraphcError, Label, fault, nearest
from graphc.frontend import ast, builtins
from graphc.frontend.arithmetic import one_line
from graphc.frontend.constants import dim_of, names_in, number_of
from graphc.frontend.declarations import declare_param
from graphc.frontend.names import define, grouped
from graphc.frontend.scope import Layer, Scope
from graphc.frontend.sizes import declare_axes, declare_dims
from graphc.types import Index

if TYPE_CHECKING:
    from graphc.frontend.elaborate import Elaborator


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
    parameters = [p for s in block.body if isinstance(s, ast.ParamDeclaration) for p in s.items]
    if any(parameter.subscripts for parameter in parameters):
        declare_axes(block.body, inner, {}, faults)
        _check_family(layer, inner)
    if faults:
        raise GraphcError(faults)
    for statement in block.body:
        if isinstance(statement, ast.ParamDeclaration):
            for parameter in grouped(statement.items):
                declare_param(el, parameter, inner, layer.family, statement.frozen)
        elif isinstance(statement, ast.LayerDeclaration):
            for nested in statement.items:
                declare_layer(el, nested, inner, layer.family)


def _check_family(layer: Layer, inner: Scope) -> None:
    """Raises E325 where a family lies along an axis of the same name as one that its block has itself."""
    for axis in layer.family:
        if axis.name in inner.axes:
            raise fault(
                "E325",
                f"`{axis.name}` is an axis of the family `{layer.name}` and of block `{layer.block.name}`",
                layer.span,
                labels=[Label(inner.spans[axis.name], "the block's axis is declared here")],
                help="give one of them another name",
            )


def _no_block(head: ast.Expr, scope: Scope) -> GraphcError:
    text = one_line(head.span.text)
    if text in scope.library.functions or text in builtins.NAMES:
        return fault(
            "E222",
            f"`{text}` is a function, not a block: it has no weights",
            head.span,
            help=f"call it as it is, `{text}(x)`",
        )
    return fault(
        "E220",
        f"`{text}` is not a known block",
        head.span,
        help=nearest(text, {*scope.library.blocks, *scope.library.others}),
    )


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
        what = f"lacks {listed(missing)}" if missing else f"has {len(call.args)} arguments"
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


def block_signature(block: ast.BlockDefinition) -> str:
    """`LSTM(D, H)`, with the defaults that may be left out."""
    return f"{block.name}({', '.join(map(parameter_text, block.parameters))})"


def parameter_text(parameter: ast.Parameter) -> str:
    """`y : index`, `slope = 0.01`: a parameter as its definition shows it."""
    kind = f" : {parameter.kind}" if parameter.kind else ""
    return parameter.name + kind + (f" = {parameter.default.span.text}" if parameter.default else "")


def listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
