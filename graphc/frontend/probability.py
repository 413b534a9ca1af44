"""What counts as a probability: anything but what is plainly a logit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphc.diagnostics import fault
from graphc.frontend import ast, ranges
from graphc.frontend.arithmetic import one_line
from graphc.frontend.scope import Definition
from graphc.frontend.terms import Context, Term
from graphc.ir.graph import AnyNode, Node, Value
from graphc.ir.system import READ
from graphc.ops import elementwise as ew
from graphc.ops.contraction import CONTRACT
from graphc.ops.convolution import CONV
from graphc.ops.indexing import BROADCAST, GATHER, RENAME
from graphc.ops.leaf import PIN
from graphc.ops.movement import EXPAND, RESHAPE, SLICE, TRANSPOSE

if TYPE_CHECKING:
    from graphc.frontend.expressions import Expressions

_LINEAR = frozenset({CONTRACT, CONV})
_SUMS = frozenset({ew.ADD, ew.SUB})
_CARRIED = frozenset({RENAME, BROADCAST, EXPAND, RESHAPE, SLICE, TRANSPOSE, GATHER, PIN, ew.NEG})


def check_probability(ex: Expressions, term: Term, expr: ast.Call, ctx: Context) -> None:
    """Raises E257 if the argument is the result of a product, a convolution, or a sum with one."""
    if term.value is None or not _is_logit(ex, ex.b.nodes, term.value, 0):
        return
    argument: ast.Expr = expr.args[0]
    while isinstance(argument, ast.Name) and ctx.env is not None and argument.id in ctx.env.parameters:
        closure = ctx.env.parameters[argument.id]
        argument, ctx = closure.expr, ctx.enter(closure)
    entry = ex.lookup(argument.id, ctx) if isinstance(argument, ast.Name) else None
    text = "a product, or a sum with one, is any number"
    labels = ranges.definition_label(entry, argument.span, text) if isinstance(entry, Definition) else []
    raise fault(
        "E257",
        f"`{one_line(argument.span.text)}` is a logit, where a probability belongs",
        argument.span,
        labels=labels,
        help="apply `softmax` (classes) or `sigmoid` (yes or no) to it first",
    )


def _is_logit(ex: Expressions, nodes: Sequence[AnyNode], value: Value, depth: int) -> bool:
    node = next((n for n in nodes if isinstance(n, Node) and n.result is value), None)
    if node is None or depth > 50:
        return False
    if node.op is READ:
        unit = ex.el.units.get(node.attrs["unit"])
        return unit is not None and _is_logit(ex, unit.nodes, unit.value, depth + 1)
    if node.op in _LINEAR:
        return True
    if node.op in _SUMS:
        return any(_is_logit(ex, nodes, operand, depth + 1) for operand in node.operands)
    return node.op in _CARRIED and _is_logit(ex, nodes, node.operands[0], depth + 1)
