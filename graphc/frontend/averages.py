"""Running statistics: state that training updates and evaluation reads in the place of the equation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.diagnostics import Diagnostic
from graphc.frontend import reads
from graphc.frontend.expressions import Expressions
from graphc.frontend.scope import Definition
from graphc.frontend.spec import StateInfo
from graphc.ir.builder import Builder
from graphc.ir.system import Leaf, Unit
from graphc.ops.leaf import PIN
from graphc.types import Affine

if TYPE_CHECKING:
    from graphc.frontend.elaborate import Elaborator


def keep_averages(el: Elaborator) -> None:
    """Give each running statistic its state; in evaluation its unit reads that."""
    for definition in el.definitions:
        if definition.running is None or definition.guess is None or definition.name not in el.units:
            continue
        info = el.spec.states[definition.name]
        type_ = definition.guess
        _check_state(el, definition)
        el.spec.states[definition.name] = StateInfo(info.name, type_, info.decay, info.start, info.span)
        if el.mode == "train":
            el.spec.updates[definition.name] = definition.name
            continue
        leaf = Leaf(f"{definition.name}@average", "state", type_, definition.indices, definition.span)
        el.spec.system.leaves[leaf.name] = leaf
        unit = el.units[definition.name]
        builder = Builder()
        ex = Expressions(el, builder, definition.name)
        places = [Affine.of(i) for i in leaf.indices]
        value = ex.b(PIN, reads.node(ex, leaf.name, type_, leaf.indices, places), name=definition.name)
        el.spec.system.units[definition.name] = Unit(
            definition.name, unit.indices, tuple(builder.nodes), value, unit.span
        )


def _check_state(el: Elaborator, definition: Definition) -> None:
    """An average is kept from batch to batch, so its size must not change with their lengths."""
    loose = [i for i in definition.indices if not i.length.is_fixed]
    if loose:
        el.faults.append(
            Diagnostic(
                "E265",
                f"`{definition.name}` varies over `{loose[0].name}`, "
                "whose length changes from batch to batch",
                definition.span,
                help=f"average over it as well: `mean[batch, {loose[0].name}](...)`",
            )
        )
