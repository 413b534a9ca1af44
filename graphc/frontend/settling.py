"""The second stage of elaboration: the right sides of a definition to nodes, and its type from them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from graphc.diagnostics import fault
from graphc.frontend import draws
from graphc.frontend.arithmetic import one_line, shape_text
from graphc.frontend.constants import MOST_ELEMENTS, too_large
from graphc.frontend.emitting import emit
from graphc.frontend.expressions import Expressions
from graphc.frontend.scope import Boundary, Definition
from graphc.frontend.terms import Context, Term
from graphc.ir.builder import Builder
from graphc.types import BATCH, Affine, Dim, Index, TensorType

if TYPE_CHECKING:
    from graphc.frontend.elaborate import Elaborator


def settle(el: Elaborator, definition: Definition) -> None:
    """Elaborate the equations of one definition with what is known of the others, and settle its type."""
    if definition.leaf is None:
        general, lifted = _general(el, definition)
    else:
        general, lifted = None, ()
    boundary_values = [_boundary(el, definition, b) for b in definition.boundaries]
    _check_sizes(el, [*([general] if general else []), *boundary_values])
    if definition.leaf is None:
        _settle(el, definition, general, boundary_values, lifted)
    emit(el, definition, general, boundary_values)


def _check_sizes(el: Elaborator, built: Iterable[tuple[Expressions, Term]]) -> None:
    """Raises E253 for a value that no memory could hold, wherever it comes up in an equation."""
    for ex, _ in built:
        for node in ex.b.nodes:
            for result in node.results:
                fixed = [i.length.size.value for i in result.type.axes if i.length.size is not None]
                sizes = [*fixed, *result.type.sizes]
                if sizes and math.prod(sizes) > MOST_ELEMENTS:
                    raise too_large(node.span or el.spec.file.span, sizes)


def _context(definition: Definition, own: Iterable[Index]) -> Context:
    """Where a definition's right side is read."""
    scope = definition.scope
    vars_ = {name: index for name, index in scope.axes.items() if index in own}
    active = frozenset(own) | frozenset(definition.outer)
    ranges = {}
    for index in own:
        lo, hi = _open_range(definition, index)
        if (lo, hi) != (index.lo, index.hi):
            ranges[index] = (lo, hi)
    return Context(scope, vars_, active, ranges=ranges)


def _open_range(definition: Definition, index: Index) -> tuple[Affine, Affine]:
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


def _general(el: Elaborator, definition: Definition) -> tuple[tuple[Expressions, Term], tuple[Index, ...]]:
    builder = Builder()
    ex = Expressions(el, builder, definition.name)
    if definition.draw is not None:
        assert definition.annotation is not None
        axes = frozenset(definition.annotation.axes)
        ctx = _context(definition, definition.own)
        value = draws.noise(ex, definition.draw, axes, definition.annotation.shape, ctx)
        return (ex, Term(value)), ()
    assert definition.general is not None
    ctx = definition.context or _context(definition, definition.own)
    term = ex.term(definition.general, ctx)
    lifted = tuple(sorted(term.lifted - set(definition.own) - set(definition.outer), key=lambda i: i.name))
    if definition.context is None and term.value is not None:
        _check_axes(definition, term, lifted)
    return (ex, term), lifted


def _check_axes(definition: Definition, term: Term, lifted: tuple[Index, ...]) -> None:
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


def _boundary(el: Elaborator, definition: Definition, boundary: Boundary) -> tuple[Expressions, Term]:
    free = [p for p in boundary.positions if isinstance(p, Index)]
    ex = Expressions(el, Builder(), f"{definition.name}[{boundary.label}]")
    return ex, ex.term(boundary.value, _context(definition, ()) if not free else _free(definition, free))


def _free(definition: Definition, free: list[Index]) -> Context:
    ctx = _context(definition, ())
    names = {name: index for name, index in definition.scope.axes.items() if index in free}
    return replace(ctx, vars=names, active=ctx.active | frozenset(free))


def _settle(
    el: Elaborator,
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
    own = _narrowed(definition, known[:1])
    axes: set[Index] = {*own, *definition.outer, *lifted}
    # Dependence on the batch only ever grows, also through a cycle.
    if any(BATCH in t.axes for t in known) or (definition.guess and BATCH in definition.guess.axes):
        axes.add(BATCH)
    if definition.annotation is not None:
        shape, dtype = _annotated(definition, shape), definition.annotation.dtype
    guess = TensorType.of(dtype, axes, shape)
    if guess != definition.guess or lifted != definition.lifted or own != definition.own:
        el.rounds.changed = True
        definition.guess, definition.lifted, definition.own = guess, lifted, own


def _narrowed(definition: Definition, known: list[TensorType]) -> tuple[Index, ...]:
    """A left side's index takes the sub-range that its right side exists for."""
    by_name = {i.name: i for t in known for i in t.axes if not i.is_full}
    return tuple(by_name.get(i.name, i) for i in definition.own)


def _annotated(definition: Definition, shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
    assert definition.annotation is not None
    wanted = definition.annotation
    found = TensorType("real", (), shape)
    if not shape or wanted.same_shape(found):
        return wanted.shape
    layer, name = definition.scope.prefix.rstrip("."), definition.name.split(".")[-1]
    claim = f"`{layer}` takes `{name}` :" if layer else f"`{name}` is declared as"
    raise fault(
        "E237",
        f"{claim} {shape_text(wanted)}, and `{one_line(definition.span.text)}` is {shape_text(found)}",
        definition.span,
    )


def _bounded(definition: Definition) -> tuple[Index, ...]:
    """Lifted indices that boundary equations write: `h[0,t] = x[t]` beside `h[k] = f(h[k-1])`."""
    count = len(definition.own)
    written = [p for b in definition.boundaries for p in b.positions[count:] if isinstance(p, Index)]
    return tuple(dict.fromkeys(written)) if definition.leaf is None else ()
