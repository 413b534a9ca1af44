"""Every position that is read must exist: inside the axis, or at a boundary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphc.analysis.intervals import least
from graphc.diagnostics import Label, Span, fault
from graphc.frontend.arithmetic import one_line
from graphc.frontend.positions import Place
from graphc.frontend.scope import Definition
from graphc.frontend.terms import Context
from graphc.types import Affine, Index, Length

if TYPE_CHECKING:
    from graphc.frontend.expressions import Expressions


def check_ranges(
    ex: Expressions,
    definition: Definition,
    indices: Sequence[Index],
    places: Sequence[Place],
    span: Span,
    ctx: Context,
) -> None:
    """Every position that is read must exist: inside the axis, or at a boundary."""
    hidden = len(indices) - len(definition.visible) if definition.leaf is None else 0
    at = dict(zip(indices, places, strict=True))
    for number, (index, place) in enumerate(zip(indices, places, strict=True)):
        if not isinstance(place, Affine) or place == Affine.of(index):
            continue
        _check_length(definition, index, place, span)
        lo, hi = index.lo, index.hi
        for symbol, other in at.items():
            if isinstance(other, Affine):
                lo, hi = lo.substitute(symbol, other), hi.substitute(symbol, other)
        below, above = least(place - lo, ctx.ranges), least(hi - place, ctx.ranges)
        if not index.is_full and (below is None or below < 0 or above is None or above < 0):
            raise _beyond(definition, index, place, span)
        held = [
            b.positions[number - hidden]
            for b in definition.boundaries
            if number - hidden in range(len(b.positions))
        ]
        covered = [p for p in held if isinstance(p, Affine)]
        for short, ends, sign in ((below, lo, -1), (above, hi, 1)):
            if short is None or short >= 0:
                continue
            for step in range(1, min(-short, 64) + 1):
                beyond = ends + sign * step
                if beyond not in covered:
                    help_ = _narrower(index, place, ex.name, ctx) if definition.leaf is not None else ""
                    raise _missing(definition, number - hidden, index, place, beyond, span, help_)


def _beyond(definition: Definition, index: Index, place: Affine, span: Span) -> Exception:
    at = str(place).replace("'", "")
    bare_index = len(place.terms) == 1 and abs(place.terms[0][1]) == 1 and not place.constant
    where = f"for every `{at}`" if bare_index else f"at `{index.name} = {at}`"
    return fault(
        "E309",
        f"`{one_line(span.text)}` is read {where}, and it exists for `{_range_text(index)}` only",
        span,
        labels=definition_label(definition, span),
        help=f"read it for the same part, as in `sum[{_range_text(index)}](...)`" if bare_index else "",
    )


def _range_text(index: Index) -> str:
    return f"{index.name} = {index.lo}..{index.hi}".replace("'", "")


def _missing(
    definition: Definition, number: int, index: Index, place: Affine, at: Affine, span: Span, narrower: str
) -> Exception:
    """A position that does not exist: outside of an axis, before an input's first step, or without an
    initial value."""
    runs = f"`{index.name}` runs over {index.lo}..{index.hi}"
    text = one_line(span.text)
    # Whole multiples of an index, such as `x[2*t]`, leave the axis sooner or later: no boundary helps.
    steps = all(abs(c) == 1 for symbol, c in place.terms if isinstance(symbol, Index))
    if not any(isinstance(symbol, Index) for symbol, _ in place.terms) or not steps:
        return fault(
            "E308",
            f"`{text}` is outside the axis: {runs}",
            span,
            labels=definition_label(definition, span),
            help="axes are counted from 1" if place == Affine(0) else "",
        )
    others = [p.name for p in definition.visible]
    others[number] = str(at)
    missing = f"{shown(definition)}[{','.join(others)}]"
    if definition.leaf is not None:
        return fault(
            "E308",
            f"`{text}` reads `{missing}`, which does not exist: {runs}",
            span,
            labels=definition_label(definition, span),
            help=narrower,
        )
    return fault(
        "E304",
        f"`{text}` reads `{missing}`, which has no value: {runs}",
        span,
        labels=definition_label(definition, span),
        help=f"give it one by a boundary equation: `{missing} = 0`",
    )


def _narrower(index: Index, place: Affine, equation: str, ctx: Context) -> str:
    """How to keep from reading an input before its first or behind its last step."""
    reader = next((s for s, c in place.terms if isinstance(s, Index) and c == 1), None)
    if reader is None:
        return ""
    shift = place - Affine.of(reader)
    name = reader.name.rstrip("'")
    if not shift.is_constant:
        return ""
    if reader in ctx.bound:
        lo, hi = (Affine(1), index.hi - shift) if shift.constant > 0 else (Affine(1) - shift, index.hi)
        return f"leave that step out: `[{name} = {lo}..{hi}]`"
    edge = index.hi if shift.constant > 0 else Affine(1)
    own = equation.split(".")[-1]
    return f"give that step an equation of its own: `{own}[{edge}] = ...`" if "@" not in own else ""


def shown(definition: Definition) -> str:
    """The name as it is written inside its block."""
    return definition.name.split(".")[-1]


def definition_label(definition: Definition, place: Span, text: str = "") -> list[Label]:
    """Where a name comes from, unless that is the very line at fault."""
    span = definition.span
    inside = span.source == place.source and span.start <= place.start and place.end <= span.end
    if inside or span.source != place.source:
        return []
    return [Label(left_side(definition), text or f"`{shown(definition)}` is defined here")]


def left_side(definition: Definition) -> Span:
    """The left side of an equation, or a declaration as a whole."""
    span = definition.span
    if definition.leaf is not None or definition.general is None or "=" not in span.text:
        return span
    written = span.text.split("=")[0].rstrip()
    return Span(span.source, span.start, span.start + len(written))


def _check_length(definition: Definition, index: Index, place: Affine, span: Span) -> None:
    for symbol, _ in place.terms:
        length = symbol.length if isinstance(symbol, Index) else symbol
        if length == index.length:
            continue
        sizes = (length.size, index.length.size)
        if sizes[0] is not None and sizes[1] is not None and sizes[0].agrees(sizes[1]):
            continue
        if isinstance(symbol, Length):
            continue
        name = symbol.name.rstrip("'")
        raise fault(
            "E318",
            f"`{one_line(span.text)}`: `{name}` runs over 1..{length}, "
            f"and the axis `{index.name}` of `{shown(definition)}` over 1..{index.length}",
            span,
            labels=definition_label(definition, span),
            help=f"if both are equally long, let them have one end: `axis {name} = 1..{index.length}`",
        )
