"""A branch that is not taken has no influence, and no gradient either.

Its cotangent is zero, but zero times the infinite slope of a division by zero is not. So what a branch
divides by, or takes the logarithm of, is replaced by a harmless number wherever the branch is not taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from graphc.ir.builder import Builder
from graphc.ir.graph import Node, Value
from graphc.ir.op import Op
from graphc.ops import elementwise as ew
from graphc.ops.indexing import RENAME
from graphc.ops.leaf import CONSTANT

_HARMLESS: Mapping[Op, tuple[int, float]] = {
    ew.DIV: (1, 1.0),
    ew.LOG: (0, 1.0),
    ew.LOG1P: (0, 0.0),
    ew.SQRT: (0, 1.0),
    ew.POW: (0, 1.0),
    ew.XLOGY: (1, 1.0),
    ew.EXP: (0, 0.0),
    ew.EXPM1: (0, 0.0),
}
"""The operand at which an op's value or slope can be infinite, and a number at which it is not."""


def guarded(b: Builder, branch: Value, taken: Value) -> Value:
    """`branch`, finite wherever the bool `taken` is false as far as its own operations decide."""
    makers = {result: node for node in b.nodes if isinstance(node, Node) for result in node.results}
    copies: dict[Value, Value] = {}
    for value in _needed(makers, branch):
        node = makers[value]
        if _passable(node, taken):
            copies[value] = _copied(b, node, taken, copies)
    return copies.get(branch, branch)


def _copied(b: Builder, node: Node, taken: Value, copies: Mapping[Value, Value]) -> Value:
    operands = [copies.get(operand, operand) for operand in node.operands]
    place, harmless = _HARMLESS.get(node.op, (0, 0.0))
    if node.op in _HARMLESS and (not taken.type.rank or operands[place].type.same_shape(taken.type)):
        number = b(CONSTANT, value=harmless, dtype="real", shape=())
        operands[place] = b(ew.SELECT, taken, operands[place], number)
    if all(new is old for new, old in zip(operands, node.operands, strict=True)):
        return node.result
    with b.at(node.span):
        return b(node.op, *operands, **node.attrs)


def _passable(node: Node, taken: Value) -> bool:
    """Whether an operation's operands vary over what `taken` does, so that it may choose among them."""
    if taken.type.rank and node.op.scalar is None:
        return False
    return node.op is not RENAME or node.attrs["new"] not in taken.type.axes


def _needed(makers: Mapping[Value, Node], branch: Value) -> Iterable[Value]:
    """What the branch is made of, operands first."""
    order: dict[Value, None] = {}
    stack = [(branch, False)]
    while stack:
        value, done = stack.pop()
        if value in order or value not in makers:
            continue
        if done:
            order[value] = None
            continue
        stack.append((value, True))
        stack += [(operand, False) for operand in makers[value].operands]
    return order
