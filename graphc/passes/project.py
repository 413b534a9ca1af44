"""Tables whose rows are multiplied before they are looked up."""

from __future__ import annotations

from graphc.ir.graph import Graph, Node, Value
from graphc.ops.contraction import CONTRACT
from graphc.ops.elementwise import ADD
from graphc.ops.indexing import GATHER
from graphc.ops.summing import EXPAND
from graphc.passes.rebuild import Scope, rewrite

_MOST_ROWS = 256
"""A table with more rows is left alone: a batch may well look up fewer."""


class Project:
    """Turns a product with rows of a table into rows of a product with the table: `W @ Emb[s[t]]` multiplies
    each symbol's row once, not once for each step of each example. What is added to each row, a bias, is
    added to the table. The gradient follows: cotangents are added up by symbol first and multiplied then.

    Only for a table and a factor that vary over no index, of which rows are looked up along at least `along`
    (two: examples and steps), and only if the table is small: how many rows a run looks up is not known here.
    Where the table is kept from run to run, one will do."""

    name = "project"

    def __init__(self, along: int = 2) -> None:
        self._along = along

    def __call__(self, graph: Graph) -> Graph:
        return rewrite(graph, lambda scope, node: _rule(scope, node, self._along))


def _rule(scope: Scope, node: Node, along: int) -> Value | None:
    if node.op is not ADD and (node.op is not CONTRACT or node.attrs["indices"]):
        return None
    for side in (0, 1):
        lookup = scope.producer(node.operands[side])
        if isinstance(lookup, Node) and _fits(lookup, node.operands[1 - side], along):
            if node.op is CONTRACT:
                return _projected(scope, node, side, lookup)
            if scope.uses(lookup.result) == 1:
                return _added(scope, lookup, node.operands[1 - side])
    return None


def _fits(lookup: Node, factor: Value, along: int) -> bool:
    if lookup.op is not GATHER or factor.type.axes:
        return False
    table, number = (operand.type for operand in lookup.operands)
    rows = table.shape[lookup.attrs["dim"]].value
    return not table.axes and not number.rank and len(number.axes) >= along and rows <= _MOST_ROWS


def _added(scope: Scope, lookup: Node, term: Value) -> Value | None:
    table, number = lookup.operands
    if term.type.rank == lookup.result.type.rank:
        dim = lookup.attrs["dim"]
        source = (*range(dim), None, *range(dim, term.type.rank))
        term = scope(EXPAND, term, shape=table.type.shape, source=source)
    elif term.type.rank:
        return None
    return scope(GATHER, scope(ADD, table, term), number, dim=lookup.attrs["dim"])


def _projected(scope: Scope, node: Node, side: int, lookup: Node) -> Value:
    table, number = lookup.operands
    dim = lookup.attrs["dim"]
    labels = list(node.attrs["labels"])
    row = "row"
    while any(row in group for group in labels):
        row += "_"
    labels[side] = (*labels[side][:dim], row, *labels[side][dim:])
    labels[2] = (row, *labels[2])
    operands = [node.operands[0], node.operands[1]]
    operands[side] = table
    product = scope(CONTRACT, *operands, labels=tuple(labels), indices=())
    return scope(GATHER, product, number, dim=0)
