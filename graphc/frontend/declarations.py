"""Declarations of a file or block: dims, axes, inputs, parameters, noise, layers and left sides."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from graphc.diagnostics import fault
from graphc.frontend import ast
from graphc.frontend.constants import MOST_ELEMENTS, constant_of, too_large
from graphc.frontend.names import define
from graphc.frontend.scope import Definition, Scope
from graphc.frontend.sizes import axes_of, type_of
from graphc.frontend.spec import InputInfo, ParamInfo
from graphc.ir.op import Array
from graphc.ir.system import Leaf
from graphc.types import BATCH, Dim, Index, TensorType

if TYPE_CHECKING:
    from graphc.frontend.elaborate import Elaborator


def declare_input(el: Elaborator, item: ast.Declarator, scope: Scope) -> None:
    """An input of the file: a leaf that varies over the batch."""
    axes = axes_of(item, scope)
    examples: tuple[Array, ...] | None = None
    batched = False
    if item.draw is not None:
        raise fault(
            "E264",
            f"the input `{item.name}` is data and cannot be drawn",
            item.draw.span,
            help=f"what is drawn anew for each example is noise: `noise {item.span.text}`",
        )
    dtype, shape, classes = type_of(item.type, scope) if item.type else ("real", (), None)
    if item.value is not None:
        examples, batched = _examples(item.value, scope)
        ends = [axis.length.size for axis in axes]
        if all(end is not None for end in ends) and item.type is not None:
            sizes = [end.value for end in ends if end is not None] + [dim.value for dim in shape]
            if math.prod(sizes) > MOST_ELEMENTS:
                raise too_large(item.span, sizes)
            # A single number fills any shape.
            examples = tuple(np.broadcast_to(e, sizes) if e.ndim == 0 else e for e in examples)
        if item.type is None:
            shape = tuple(Dim.literal(size) for size in examples[0].shape[len(axes) :])
        for example in examples:
            _check_example(item, example, axes, shape, classes)
    type_ = TensorType.of(dtype, (BATCH, *axes), shape)
    leaf = Leaf(item.name, "input", type_, axes, item.span)
    definition = Definition(item.name, scope, item.span, own=axes, leaf=leaf, guess=type_, classes=classes)
    define(scope, item.name, definition)
    el.spec.system.leaves[item.name] = leaf
    count = item.type.classes if item.type else None
    dim = count.id if isinstance(count, ast.Name) else ""
    el.spec.inputs[item.name] = InputInfo(item.name, type_, axes, classes, item.span, examples, batched, dim)


def _examples(expr: ast.Expr, scope: Scope) -> tuple[tuple[Array, ...], bool]:
    if isinstance(expr, ast.Call) and isinstance(expr.function, ast.Name) and expr.function.id == "batch":
        if not expr.args:
            raise fault("E224", "`batch()` needs at least one example", expr.span)
        return tuple(finite(arg, scope) for arg in expr.args), True
    return (finite(expr, scope),), False


def finite(expr: ast.Expr, scope: Scope) -> Array:
    """A constant. Raises E252 if it is infinite, or no number at all (0/0)."""
    value = constant_of(expr, scope.numbers)
    if not np.isfinite(value).all():
        raise fault(
            "E252",
            f"`{' '.join(expr.span.text.split())[:40]}` is not a finite number",
            expr.span,
            help="a quotient by zero or a power without measure, most likely",
        )
    return value


def _check_example(
    item: ast.Declarator, example: Array, axes: tuple[Index, ...], shape: tuple[Dim, ...], classes: int | None
) -> None:
    assert item.value is not None
    sizes = [None if a.length.size is None else a.length.size.value for a in axes]
    expected = [*sizes, *(dim.value for dim in shape)]
    fits = len(expected) == example.ndim and all(
        e is None or e == found for e, found in zip(expected, example.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join(
            [a.length.name if a.length.size is None else str(a.length.size.value) for a in axes]
            + [str(dim) for dim in shape]
        )
        raise fault(
            "E234",
            f"`{item.name}` is [{wanted}], its value is [{', '.join(map(str, example.shape))}]",
            item.value.span,
        )
    if classes is not None and example.size:
        bad = example[(example < 0) | (example >= classes) | (example != np.floor(example))]
        if bad.size:
            raise fault(
                "E236",
                f"`{item.name}` is index({classes}): whole numbers from 0 to {classes - 1}; "
                f"found {bad.flat[0]:g}",
                item.value.span,
            )


def declare_param(
    el: Elaborator, item: ast.Declarator, scope: Scope, family: tuple[Index, ...], frozen: bool
) -> None:
    """A parameter, qualified by its layer's name and repeated over a family's axes."""
    own = axes_of(item, scope)
    axes = family + own
    for axis in axes:
        if axis.length.size is None:
            raise fault(
                "E233",
                f"parameter `{item.name}` lies along axis `{axis.name}`, "
                f"whose end `{axis.length}` is not fixed",
                item.span,
                help=f"give the axis a fixed end: `dim {axis.length} = 64`, or `--set {axis.length}=64`",
            )
    value = None if item.value is None else finite(item.value, scope)
    if item.type is not None:
        dtype, shape, _ = type_of(item.type, scope)
        if dtype != "real":
            raise fault(
                "E256",
                f"parameter `{item.name}` must be real: only real numbers have gradients",
                item.type.span,
            )
    elif value is not None:
        shape = tuple(Dim.literal(size) for size in value.shape[len(own) :])
    else:
        raise fault(
            "E233",
            f"parameter `{item.name}` has no shape",
            item.span,
            help=f"write `param {item.name} : [H, D]`, or `: real` for a number",
        )
    sizes = tuple(a.length.size.value for a in axes if a.length.size) + tuple(d.value for d in shape)
    if float(np.prod([float(s) for s in sizes])) > MOST_ELEMENTS:
        raise too_large(item.span, sizes)
    if value is not None:
        value = _filled(item, value, sizes, tuple(d.value for d in shape))
    name = scope.prefix + item.name
    type_ = TensorType.of("real", axes, shape)
    leaf = Leaf(name, "param", type_, axes, item.span)
    define(scope, item.name, Definition(name, scope, item.span, own=own, leaf=leaf, guess=type_))
    el.spec.system.leaves[name] = leaf
    el.spec.params[name] = ParamInfo(name, type_, axes, item.span, frozen, value, item.draw, scope)


def _filled(item: ast.Declarator, value: Array, sizes: tuple[int, ...], shape: tuple[int, ...]) -> Array:
    """A literal fills the parameter if it is a number, one element's value, or the whole."""
    if value.ndim == 0 or value.shape in (sizes, shape):
        return np.array(np.broadcast_to(value, sizes))
    assert item.value is not None
    raise fault(
        "E234",
        f"`{item.name}` is [{', '.join(map(str, sizes))}], its value is [{', '.join(map(str, value.shape))}]",
        item.value.span,
    )


def declare_noise(item: ast.Declarator, scope: Scope) -> None:
    """`noise eps[t] : [D] ~ normal`: a definition whose right side is a draw."""
    axes = axes_of(item, scope)
    if item.draw is None:
        raise fault(
            "E264",
            f"the noise `{item.name}` has no distribution",
            item.span,
            help=f"write `noise {item.span.text} ~ normal(0, 1)`",
        )
    _, shape, _ = type_of(item.type, scope) if item.type else ("real", (), None)
    annotation = TensorType.of("real", (BATCH, *axes, *scope.outer), shape)
    name = scope.prefix + item.name
    define(
        scope,
        item.name,
        Definition(
            name, scope, item.span, own=axes, outer=scope.outer, draw=item.draw, annotation=annotation
        ),
    )
