"""Algebraic identities."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from graphc.ir.graph import Graph, Node, Value
from graphc.ir.op import Op
from graphc.ops.contraction import CONTRACT
from graphc.ops.elementwise import (
    ADD,
    CAST,
    DIV,
    LOGICAL_AND,
    LOGICAL_NOT,
    LOGICAL_OR,
    MUL,
    NEG,
    POW,
    SELECT,
    STOP_GRADIENT,
    SUB,
)
from graphc.ops.indexing import RENAME, SHIFT
from graphc.ops.leaf import CONSTANT, PIN
from graphc.ops.movement import CONCAT, FLIP, PAD, RESHAPE, SLICE, TRANSPOSE
from graphc.ops.summing import BROADCAST, EXPAND, REDUCE_SUM
from graphc.passes.rebuild import Scope, rewrite, with_attrs
from graphc.passes.slicing import simpler_concat, simpler_slice
from graphc.passes.totals import simpler_sum


class Simplify:
    """Applies identities that hold for every float, NaN and infinities included (so `x * 0` stays; only
    the sign of a zero may change), and computes before spreading instead of after: elementwise ops and
    contractions take operands as they are before a broadcast."""

    name = "simplify"

    def __call__(self, graph: Graph) -> Graph:
        return rewrite(graph, _rule)


def _rule(scope: Scope, node: Node) -> Value | None:
    """What is simpler than a node, itself made as simple as it gets."""
    start = len(scope.nodes)
    found = result = _once(scope, node)
    while found is not None:
        result = found
        made = scope.producer(found)
        fresh = any(made is other for other in scope.nodes[start:])
        found = _once(scope, made) if fresh and isinstance(made, Node) else None
    return result


def _once(scope: Scope, node: Node) -> Value | None:
    rule = _RULES.get(node.op)
    found = rule(scope, node) if rule else None
    return _unspread(scope, node) if found is None else found


# Arithmetic.


def _add(scope: Scope, node: Node) -> Value | None:
    x, y = node.operands
    if scope.number(y) == 0:
        return x
    if scope.number(x) == 0:
        return y
    if negated := scope.made_by(y, NEG):
        return scope(SUB, x, negated.operands[0])
    return None


def _sub(scope: Scope, node: Node) -> Value | None:
    x, y = node.operands
    if scope.number(y) == 0:
        return x
    if scope.number(x) == 0:
        return scope(NEG, y)
    if negated := scope.made_by(y, NEG):
        return scope(ADD, x, negated.operands[0])
    return None


def _mul(scope: Scope, node: Node) -> Value | None:
    for x, y in (node.operands, node.operands[::-1]):
        if scope.number(y) == 1:
            return x
        if scope.number(y) == -1:
            return scope(NEG, x)
    return None


def _div(scope: Scope, node: Node) -> Value | None:
    return node.operands[0] if scope.number(node.operands[1]) == 1 else None


def _neg(scope: Scope, node: Node) -> Value | None:
    inner = scope.made_by(node.operands[0], NEG)
    return inner.operands[0] if inner else None


def _pow(scope: Scope, node: Node) -> Value | None:
    x, y = node.operands
    exponent = scope.number(y)
    if exponent == 1:
        return x
    return scope(MUL, x, x) if exponent == 2 else None


# Logic.


def _select(scope: Scope, node: Node) -> Value | None:
    condition, x, y = node.operands
    known = scope.number(condition)
    if known is not None:
        return x if known else y
    if x is y:
        return x
    if inverted := scope.made_by(condition, LOGICAL_NOT):
        return scope(SELECT, inverted.operands[0], y, x)
    inner = scope.made_by(x, SELECT)
    if inner and inner.operands[0] in _conjuncts(scope, condition):
        return scope(SELECT, condition, inner.operands[1], y)
    inner = scope.made_by(y, SELECT)
    if inner and inner.operands[0] is condition:
        return scope(SELECT, condition, x, inner.operands[2])
    return None


def _conjuncts(scope: Scope, condition: Value) -> list[Value]:
    """What holds wherever the condition does, itself included."""
    joined = scope.made_by(condition, LOGICAL_AND)
    parts = joined.operands if joined else ()
    return [condition, *(found for part in parts for found in _conjuncts(scope, part))]


def _and(scope: Scope, node: Node) -> Value | None:
    return _logical(scope, node, neutral=True)


def _or(scope: Scope, node: Node) -> Value | None:
    return _logical(scope, node, neutral=False)


def _logical(scope: Scope, node: Node, neutral: bool) -> Value | None:
    for x, y in (node.operands, node.operands[::-1]):
        known = scope.number(y)
        if known is not None:
            return x if bool(known) is neutral else y
    return node.operands[0] if node.operands[0] is node.operands[1] else None


def _not(scope: Scope, node: Node) -> Value | None:
    inner = scope.made_by(node.operands[0], LOGICAL_NOT)
    return inner.operands[0] if inner else None


# Moves. One of the same kind inside is joined with it; one that moves nothing goes.


def _unless_same(scope: Scope, node: Node) -> Value | None:
    """For ops that do nothing when the type stays what it was."""
    return node.operands[0] if node.operands[0].type == node.result.type else None


def _expand(scope: Scope, node: Node) -> Value | None:
    source = node.attrs["source"]
    if source == tuple(range(len(source))):
        return _unless_same(scope, node)
    inner = scope.made_by(node.operands[0], EXPAND)
    if inner is None:
        return None
    through = tuple(None if place is None else inner.attrs["source"][place] for place in source)
    (x,) = inner.operands
    if through == tuple(range(x.type.rank)) and x.type == node.result.type:
        return x
    return with_attrs(scope, node, x, source=through)


def _broadcast(scope: Scope, node: Node) -> Value | None:
    inner = scope.made_by(node.operands[0], BROADCAST)
    # The rest is added again where the result is given its type.
    return inner.operands[0] if inner else _unless_same(scope, node)


def _rename(scope: Scope, node: Node) -> Value | None:
    old, new = node.attrs["old"], node.attrs["new"]
    if old == new:
        return node.operands[0]
    inner = scope.made_by(node.operands[0], RENAME)
    if inner is None or inner.attrs["new"] != old:
        return None
    first, (x,) = inner.attrs["old"], inner.operands
    if first == new:
        return x
    return with_attrs(scope, node, x, old=first) if new not in x.type.axes else None


def _reshape(scope: Scope, node: Node) -> Value | None:
    inner = scope.made_by(node.operands[0], RESHAPE)
    if inner is None:
        return _unless_same(scope, node)
    (x,) = inner.operands
    return x if x.type == node.result.type else scope(RESHAPE, x, **node.attrs)


def _transpose(scope: Scope, node: Node) -> Value | None:
    perm = node.attrs["perm"]
    if perm == tuple(range(len(perm))):
        return node.operands[0]
    inner = scope.made_by(node.operands[0], TRANSPOSE)
    if inner is None:
        return None
    joined = tuple(inner.attrs["perm"][i] for i in perm)
    (x,) = inner.operands
    return x if joined == tuple(range(len(joined))) else scope(TRANSPOSE, x, perm=joined)


def _flip(scope: Scope, node: Node) -> Value | None:
    inner = scope.made_by(node.operands[0], FLIP)
    return inner.operands[0] if inner and inner.attrs == node.attrs else None


def _shift(scope: Scope, node: Node) -> Value | None:
    return node.operands[0] if node.attrs["offset"] == 0 else None


def _contract(scope: Scope, node: Node) -> Value | None:
    """A transposed operand is the operand with its labels in another order."""
    labels, operands = list(node.attrs["labels"]), list(node.operands)
    for i, operand in enumerate(node.operands):
        if turned := scope.made_by(operand, TRANSPOSE):
            perm = turned.attrs["perm"]
            labels[i] = tuple(labels[i][perm.index(dim)] for dim in range(len(perm)))
            operands[i] = turned.operands[0]
    if operands == list(node.operands):
        return None
    return with_attrs(scope, node, *operands, labels=tuple(labels))


_RULES: Mapping[Op, Callable[[Scope, Node], Value | None]] = {
    ADD: _add,
    SUB: _sub,
    MUL: _mul,
    DIV: _div,
    NEG: _neg,
    POW: _pow,
    SELECT: _select,
    LOGICAL_AND: _and,
    LOGICAL_OR: _or,
    LOGICAL_NOT: _not,
    CAST: _unless_same,
    EXPAND: _expand,
    BROADCAST: _broadcast,
    RENAME: _rename,
    RESHAPE: _reshape,
    TRANSPOSE: _transpose,
    FLIP: _flip,
    SLICE: lambda scope, node: _unless_same(scope, node) or simpler_slice(scope, node),
    PAD: _unless_same,
    SHIFT: _shift,
    CONCAT: simpler_concat,
    CONTRACT: _contract,
    REDUCE_SUM: simpler_sum,
}


# Spreading.


def _unspread(scope: Scope, node: Node) -> Value | None:
    """The node on operands as they are before they are spread, its result spread instead if need be."""
    if node.op is CONTRACT:
        operands = [_narrow(scope, operand) for operand in node.operands]
        axes = {index for operand in operands for index in operand.type.axes}
        if not set(node.attrs["indices"]) <= axes:
            return None
    elif node.op.scalar is not None and node.op is not PIN and node.op is not STOP_GRADIENT:
        operands = [_unexpanded(scope, _narrow(scope, operand)) for operand in node.operands]
    else:
        return None
    if all(new is old for new, old in zip(operands, node.operands, strict=True)):
        return None
    value = scope(node.op, *operands, called=node.result.name, **node.attrs)
    shape = node.result.type.shape
    if shape and not value.type.rank:
        return scope(EXPAND, value, shape=shape, source=(None,) * len(shape))
    return value


def _narrow(scope: Scope, value: Value) -> Value:
    spread = scope.made_by(value, BROADCAST)
    return spread.operands[0] if spread else value


def _unexpanded(scope: Scope, value: Value) -> Value:
    """The scalar that fills a value's shape, or the value itself."""
    made = scope.made_by(value, CONSTANT, EXPAND)
    if made is None or not value.type.rank:
        return value
    if made.op is EXPAND:
        return value if made.operands[0].type.rank else made.operands[0]
    number = made.attrs["value"]
    if isinstance(number, tuple):
        return value
    return scope(CONSTANT, value=number, dtype=made.attrs["dtype"], shape=())
