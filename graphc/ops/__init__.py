"""The op table: every operation there is, by name.

`TABLE` is built here from each family's `OPS`; importing a family registers nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from graphc.ir.op import Op
from graphc.ops import (
    choosing,
    contraction,
    convolution,
    elementwise,
    first,
    indexing,
    leaf,
    movement,
    pooling,
    random,
    reduction,
    softmax,
    summing,
    windows,
)

FAMILIES = (
    *(leaf, elementwise, summing, first, reduction, softmax, contraction),
    *(movement, indexing, windows, convolution, pooling, choosing, random),
)


def _table(ops: Iterable[Op]) -> Mapping[str, Op]:
    table: dict[str, Op] = {}
    for op in ops:
        assert op.name not in table, f"two ops are named {op.name}"
        table[op.name] = op
    return MappingProxyType(table)


TABLE: Mapping[str, Op] = _table(op for family in FAMILIES for op in family.OPS)
