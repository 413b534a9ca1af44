"""Declarations of a file or block: dims, axes, inputs, parameters, noise, layers and left sides."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from graphc.diagnostics import Diagnostic, GraphcError, Label, Span, fault, nearest
from graphc.frontend import ast
from graphc.frontend.constants import MOST_ELEMENTS, constant_of, dim_of, names_in, number_of, too_large
from graphc.frontend.scope import Boundary, Definition, Layer, Record, Scope
from graphc.frontend.spec import InputInfo, ParamInfo, StateInfo
from graphc.ir.op import Array
from graphc.ir.system import Leaf
from graphc.types import BATCH, Affine, Dim, Index, Length, TensorType

if TYPE_CHECKING:
    from graphc.frontend.elaborate import Elaborator

RESERVED = frozenset({"batch", "grad", "not", "and", "or"})


def declare_dims(
    statements: Iterable[ast.Statement], scope: Scope, given: dict[str, int], faults: list[Diagnostic]
) -> None:
    """Dims may use one another in any order. `given` values (the command line's) win."""
    items: dict[str, ast.DimItem] = {}
    for statement in statements:
        for item in statement.items if isinstance(statement, ast.DimDeclaration) else ():
            if item.name in RESERVED:
                faults.append(_reserved(item.name, item.span))
            elif item.name in items:
                faults += _twice(item.name, item.span, items[item.name].span).diagnostics
            else:
                items[item.name] = item
                scope.spans[item.name] = item.span
    pending: list[str] = []

    def resolve(name: str) -> Dim:
        if name in scope.dims:
            return scope.dims[name]
        item = items[name]
        if name in pending:
            round_ = pending[pending.index(name) :]
            scope.unsized.update(round_)
            raise fault(
                "E232",
                f"dims are defined in a circle: {' -> '.join([*round_, name])}",
                item.span,
                labels=[Label(items[other].span, f"`{other}`") for other in round_[1:]],
                help="give one of them a number",
            )
        pending.append(name)
        try:
            if name in given:
                value = given[name]
            elif item.value is None:
                raise fault(
                    "E230",
                    f"dim `{name}` has no value",
                    item.span,
                    help=f"write `dim {name} = 64`, or give it with `--set {name}=64`",
                )
            else:
                for used in (name.id for name in names_in(item.value)):
                    if used in items:
                        resolve(used)
                    if used in scope.unsized:
                        raise GraphcError(())
                value = dim_of(item.value, scope.all_dims).value
            if value < 1:
                raise fault("E231", f"dim `{name}` is {value}; a dim is at least 1", item.span)
            scope.dims[name] = Dim.named(name, value)
        finally:
            pending.pop()
        return scope.dims[name]

    for name in items:
        try:
            resolve(name)
        except GraphcError as error:
            faults.extend(d for d in error.diagnostics if d not in faults)
            scope.dims.setdefault(name, Dim.named(name, 1))
            scope.unsized.add(name)


def declare_axes(
    statements: Iterable[ast.Statement], scope: Scope, given: dict[str, int], faults: list[Diagnostic]
) -> None:
    """`axis t = 1..T`: the end is a run-time length unless it is a number or an expression over dims."""
    for statement in statements:
        if isinstance(statement, ast.AxisDeclaration):
            for item in statement.items:
                if scope.parent is not None and item.name in scope.axes:
                    continue  # a formal axis, bound by the argument
                try:
                    _axis(item, scope, given)
                except GraphcError as error:
                    faults.extend(error.diagnostics)
                    unknown = Length(item.name.upper())
                    scope.axes.setdefault(item.name, Index.full(item.name, unknown))


def _axis(item: ast.AxisItem, scope: Scope, given: dict[str, int]) -> None:
    if not (isinstance(item.lo, ast.Number) and item.lo.text == "1"):
        raise fault(
            "E310", f"axis `{item.name}` starts at `{item.lo.span.text}`; axes start at 1", item.lo.span
        )
    if item.name in scope.axes or item.name in scope.dims:
        raise _twice(item.name, item.span, scope.spans.get(item.name))
    _reject_reserved(item.name, item.span)
    scope.spans[item.name] = item.span
    length: Length
    if isinstance(item.hi, ast.Name) and item.hi.id not in scope.all_dims:
        name = item.hi.id
        if name == item.name:
            raise fault("E221", f"`{name}` names both the axis and its end", item.span)
        known = scope.lengths.get(name)
        if known is None:
            size = Dim.named(name, given[name]) if name in given else None
            known = Length(name, size)
        length = scope.lengths[name] = known
    else:
        size = dim_of(item.hi, scope.all_dims)
        if size.value < 1:
            raise fault("E231", f"axis `{item.name}` ends at {size.value}; it needs a step", item.hi.span)
        length = Length(size.expression, size)
        if isinstance(item.hi, ast.Name):
            scope.lengths[item.hi.id] = length
    scope.axes[item.name] = Index.full(item.name, length)


def _reject_reserved(name: str, span: Span) -> None:
    if name in RESERVED:
        raise GraphcError(_reserved(name, span))


def _reserved(name: str, span: Span) -> Diagnostic:
    what = "the axis over the examples" if name == "batch" else "a word of the language"
    return Diagnostic("E246", f"`{name}` is {what} and cannot be defined", span, help="choose another name")


def _twice(name: str, span: Span, first: Span | None) -> GraphcError:
    labels = [Label(head_of(first), f"`{name}` is first defined here")] if first is not None else []
    return fault("E221", f"`{name}` is defined twice", head_of(span), labels=labels)


def head_of(span: Span) -> Span:
    """What stands before `=`: the left side of an equation, a name with its type."""
    head = span.text.split("=")[0].rstrip()
    return Span(span.source, span.start, span.start + len(head)) if "\n" not in head else span


def grouped(items: tuple[ast.Declarator, ...]) -> list[ast.Declarator]:
    """Bare names take type and initializer from the next name that has one of them."""
    result: list[ast.Declarator] = []
    source = ast.Declarator(items[-1].span, "")
    for item in reversed(items):
        if item.type is None and item.draw is None and item.value is None:
            item = replace(item, type=source.type, draw=source.draw, value=source.value)
        else:
            source = item
        result.append(item)
    return result[::-1]


def type_of(
    annotation: ast.TypeExpr, scope: Scope
) -> tuple[Literal["real", "int", "bool"], tuple[Dim, ...], int | None]:
    """dtype, shape and number of classes of a written type."""
    dims = scope.all_dims
    shape = tuple(dim_of(expr, dims) for expr in annotation.shape)
    elements = np.prod([float(dim.value) for dim in shape]) if shape else 1.0
    if elements > MOST_ELEMENTS:
        raise too_large(annotation.span, [dim.value for dim in shape])
    if annotation.kind == "index":
        assert annotation.classes is not None
        return "int", shape, dim_of(annotation.classes, dims).value
    return ("bool" if annotation.kind == "bool" else "real"), shape, None


def define(scope: Scope, name: str, entry: Definition | Record | Layer) -> None:
    """Raises E221 if the name is taken in this scope, E246 if it is reserved."""
    _reject_reserved(name, entry.span)
    if name in scope.names or name in scope.dims or name in scope.axes or name in scope.lengths:
        first = scope.names.get(name)
        raise _twice(name, entry.span, first.span if first else scope.spans.get(name))
    scope.names[name] = entry


def axes_of(item: ast.Declarator, scope: Scope) -> tuple[Index, ...]:
    """The indices that a declarator's subscripts name."""
    found: list[Index] = []
    for subscript in item.subscripts:
        axis = scope.axis(subscript.id) if isinstance(subscript, ast.Name) else None
        if axis is None:
            raise _no_axis(subscript, scope)
        if axis in found:
            raise fault(
                "E325",
                f"axis `{axis.name}` stands twice in `{item.name}[...]`",
                subscript.span,
                help=f"a second axis of the same length: `axis u = 1..{axis.length}`"
                if axis.name != "u"
                else "",
            )
        found.append(axis)
    return tuple(found)


def _no_axis(subscript: ast.Expr, scope: Scope) -> GraphcError:
    text = subscript.span.text
    if not isinstance(subscript, ast.Name):
        help_ = "the brackets of a declaration hold axes: `x[t]`; a shape follows a colon, `x : [3]`"
    elif text in scope.all_dims:
        help_ = f"`{text}` is a dim; dims stand in the shape: `x : [{text}]`"
    else:
        help_ = nearest(text, scope.axes) or f"declare it: `axis {text} = 1..{text.upper()}`"
        # Known from here on, so that this is said once.
        scope.axes.setdefault(text, Index.full(text, Length(text.upper())))
    return fault("E311", f"`{text}` is not an axis", subscript.span, help=help_)


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
    el.spec.inputs[item.name] = InputInfo(item.name, type_, axes, classes, item.span, examples, batched)


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


def declare_equation(el: Elaborator, equation: ast.Equation, scope: Scope) -> None:
    """A general equation, a boundary equation, a running statistic or a record (`e = enc(x)`)."""
    own, positions = left_side(equation, scope)
    name = equation.name
    entry = scope.names.get(name)
    if all(isinstance(p, Index) for p in positions):
        if el.is_record(equation.value, scope):
            assert isinstance(equation.value, ast.Call)
            define(scope, name, Record(name, own, equation.value, scope, equation.span))
            return
        if (
            isinstance(entry, Definition)
            and entry.leaf is None
            and entry.general is None
            and entry.boundaries
        ):
            entry.general, entry.own, entry.span = equation.value, own, equation.span
        else:
            entry = Definition(scope.prefix + name, scope, equation.span, own, scope.outer)
            entry.general = equation.value
            define(scope, name, entry)
        if equation.annotation is not None:
            _annotate(entry, equation.annotation, scope)
        if equation.running:
            _declare_running(el, equation, entry)
        return
    if entry is None:
        entry = Definition(scope.prefix + name, scope, equation.span, (), scope.outer)
        define(scope, name, entry)
    if not isinstance(entry, Definition):
        raise _twice(name, equation.span, entry.span)
    written = ",".join(p.name if isinstance(p, Index) else str(p) for p in positions)
    label = f"{name}[{written}]"
    first = next((b for b in entry.boundaries if b.positions == positions), None)
    if first is not None:
        raise _twice(label, equation.span, first.span)
    entry.boundaries.append(Boundary(positions, equation.value, equation.span, label))


def _annotate(entry: Definition, annotation: ast.TypeExpr, scope: Scope) -> None:
    """`h[t] : [H] = ...`: what the right side must be, and where a recurrence's shape begins."""
    dtype, shape, _ = type_of(annotation, scope)
    entry.annotation = TensorType.of(dtype, (), shape)
    entry.guess = TensorType.of(dtype, (*entry.own, *entry.outer), shape)


def left_side(equation: ast.Equation, scope: Scope) -> tuple[tuple[Index, ...], tuple[Affine | Index, ...]]:
    """The indices of a left side, and for each place its index or its fixed position."""
    positions: list[Affine | Index] = []
    for subscript in equation.subscripts:
        axis = scope.axis(subscript.id) if isinstance(subscript, ast.Name) else None
        if axis is not None:
            if axis in positions:
                raise fault("E325", f"axis `{axis.name}` stands twice on the left side", subscript.span)
            positions.append(axis)
            continue
        fixed = fixed_position(subscript, scope)
        if fixed is None:
            raise fault(
                "E312",
                f"`{subscript.span.text}` on the left side is neither an axis nor a fixed position",
                subscript.span,
                help=_left_side_help(equation.name, subscript, scope),
            )
        positions.append(fixed)
    return tuple(p for p in positions if isinstance(p, Index)), tuple(positions)


def _left_side_help(name: str, subscript: ast.Expr, scope: Scope) -> str:
    if isinstance(subscript, ast.Name):
        near = nearest(subscript.id, scope.axes)
        return near or f"declare it: `axis {subscript.id} = 1..{subscript.id.upper()}`"
    axis = next((n.id for n in names_in(subscript) if n.id in scope.axes), None)
    if axis is None:
        return ""
    return (
        f"a general equation is written for `{name}[{axis}]`: shift the subscripts of the right side instead"
    )


def fixed_position(expr: ast.Expr, scope: Scope) -> Affine | None:
    """`0`, `-1`, `T`, `T+1`: a position that no index moves; None if it is not one."""
    match expr:
        case ast.Number() if expr.is_integer:
            return Affine(int(expr.text))
        case ast.Name(id=name):
            length = scope.length(name)
            if length is not None:
                return Affine.of(length) if length.size is None else Affine(length.size.value)
            dim = scope.dim(name)
            return None if dim is None else Affine(dim.value)
        case ast.Unary(op="-"):
            inner = fixed_position(expr.operand, scope)
            return None if inner is None else -inner
        case ast.Binary(op="+"):
            left, right = fixed_position(expr.left, scope), fixed_position(expr.right, scope)
            return None if left is None or right is None else left + right
        case ast.Binary(op="-"):
            left, right = fixed_position(expr.left, scope), fixed_position(expr.right, scope)
            return None if left is None or right is None else left - right
    return None


def _declare_running(el: Elaborator, equation: ast.Equation, entry: Definition) -> None:
    entry.running = equation
    known = {"decay": 0.9, "start": None}
    values: dict[str, float | None] = dict(known)
    for option in equation.options:
        if option.name not in known:
            raise fault(
                "E225",
                f"`running` has no option `{option.name}`",
                option.span,
                help=nearest(option.name, known),
            )
        values[option.name] = number_of(option.value, entry.scope.numbers)
    decay = values["decay"]
    assert decay is not None
    if not 0 <= decay < 1:
        place = next(option.span for option in equation.options if option.name == "decay")
        raise fault("E262", f"`decay` is {decay:g}; it is at least 0 and less than 1", place)
    placeholder = TensorType("real")
    el.spec.states[entry.name] = StateInfo(entry.name, placeholder, decay, values["start"], equation.span)
