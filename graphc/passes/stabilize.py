"""Pairs of functions that lose digits together, and one that does not."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass

from graphc.ir.graph import Graph, Node, Value
from graphc.ops.elementwise import (
    ABS,
    DIV,
    EQUAL,
    EXP,
    LOG,
    LOG1P,
    LOGICAL_AND,
    MUL,
    NEG,
    SELECT,
    SIGMOID,
    SOFTPLUS,
    SUB,
    XLOGY,
)
from graphc.ops.indexing import GATHER, PICK, RENAME, SHIFT
from graphc.ops.leaf import PIN, constant
from graphc.ops.movement import FLIP, RESHAPE, SLICE, TRANSPOSE
from graphc.ops.reduction import REDUCE_MAX
from graphc.ops.softmax import LOG_SOFTMAX, LOGSUMEXP, SOFTMAX
from graphc.ops.summing import BROADCAST, EXPAND, REDUCE_SUM
from graphc.passes.masks import holds_inside
from graphc.passes.rebuild import Scope, rewrite, with_attrs

_MOVES = (BROADCAST, EXPAND, RESHAPE, TRANSPOSE, FLIP, SLICE, RENAME, SHIFT, PICK, GATHER)
"""Ops that show elements of their first operand, so that a function may be taken before them."""


@dataclass(frozen=True)
class Stabilize:
    """Rewrites logarithms of softmax, sigmoid, `1 - sigmoid`, exp and sums of exp, and exp over its sum,
    so that nothing overflows or rounds to zero on the way. It looks through what only moves or selects
    elements (a position that does not exist shows zero either way, and nobody may use it) and through
    pins, whose values stay as they are. A pin named in `pinned` is one whose cotangent is wanted: a pair
    with that name between its halves is left alone."""

    pinned: Collection[str] = ()
    name = "stabilize"

    def __call__(self, graph: Graph) -> Graph:
        return rewrite(graph, self._rule)

    def _rule(self, scope: Scope, node: Node) -> Value | None:
        if node.op is LOG:
            return self._log(scope, node.operands[0])
        if node.op is LOG1P:
            negated = self._maker(scope, node.operands[0], NEG)
            return self._log_of_rest(scope, negated.operands[0]) if negated else None
        if node.op is XLOGY:
            return self._xlogy(scope, *node.operands)
        return self._softmax(scope, *node.operands) if node.op is DIV else None

    def _xlogy(self, scope: Scope, x: Value, y: Value) -> Value | None:
        found = self._log(scope, y)
        if found is None:
            return None
        # Only 0 times an infinity needs care: elsewhere the derivative by x is the logarithm, also at 0.
        zero = constant(scope, 0.0)
        infinite = scope(EQUAL, scope(ABS, found), constant(scope, math.inf))
        undefined = scope(LOGICAL_AND, scope(EQUAL, x, zero), infinite)
        return scope(MUL, x, scope(SELECT, undefined, zero, found))

    def _maker(self, scope: Scope, value: Value, *ops: object) -> Node | None:
        """The node that computes a value, behind its pins, if it is one of these operations."""
        while pin := scope.made_by(value, PIN):
            if pin.attrs["name"] in self.pinned:
                return None
            value = pin.operands[0]
        return scope.made_by(value, *ops)

    # Logarithms.

    def _log(self, scope: Scope, value: Value) -> Value | None:
        """The logarithm of a value, if there is a better way than to take it."""
        return self._through(scope, value, self._log_here) or self._sum_of_exp(scope, value)

    def _through(
        self,
        scope: Scope,
        value: Value,
        function: Callable[[Scope, Value], Value | None],
        budget: int = 50,
    ) -> Value | None:
        """A function taken before the moves that lead to a value, where it has an answer."""
        found = function(scope, value)
        node = self._maker(scope, value, SELECT, *_MOVES)
        if found is not None or node is None or not budget:
            return found
        if node.op is not SELECT:
            inner = self._through(scope, node.operands[0], function, budget - 1)
            return None if inner is None else with_attrs(scope, node, inner, *node.operands[1:])
        condition, *branches = node.operands
        results = [self._through(scope, branch, function, budget // 2) for branch in branches]
        if function != self._log_here or results == [None, None]:
            return None
        taken = [r or scope(LOG, branch) for r, branch in zip(results, branches, strict=True)]
        return scope(SELECT, condition, *taken)

    def _log_here(self, scope: Scope, value: Value) -> Value | None:
        node = self._maker(scope, value, SOFTMAX, SIGMOID, EXP, SUB)
        if node is None:
            return None
        x = node.operands[0]
        if node.op is SUB:
            return self._log_of_rest(scope, node.operands[1]) if scope.number(x) == 1 else None
        if node.op is SOFTMAX:
            return scope(LOG_SOFTMAX, x, **node.attrs)
        return x if node.op is EXP else scope(NEG, scope(SOFTPLUS, scope(NEG, x)))

    def _log_of_rest(self, scope: Scope, value: Value) -> Value | None:
        """log(1 - value)."""
        return self._through(scope, value, self._rest_of_sigmoid)

    def _rest_of_sigmoid(self, scope: Scope, value: Value) -> Value | None:
        node = self._maker(scope, value, SIGMOID)
        return scope(NEG, scope(SOFTPLUS, node.operands[0])) if node else None

    def _sum_of_exp(self, scope: Scope, value: Value) -> Value | None:
        total = self._maker(scope, value, REDUCE_SUM)
        x = self._summed_exponent(scope, total.operands[0]) if total else None
        return scope(LOGSUMEXP, x, **total.attrs) if total and x else None

    def _summed_exponent(self, scope: Scope, summand: Value) -> Value | None:
        """x of exp(x), with -inf where the summand is masked by zero."""
        node = self._maker(scope, summand, SELECT)
        if node is None:
            return self._exponent(scope, summand)
        condition, inside, outside = node.operands
        exponent = self._exponent(scope, inside)
        if exponent is None or scope.number(outside) != 0:
            return None
        return scope(SELECT, condition, exponent, constant(scope, float("-inf")))

    def _exponent(self, scope: Scope, value: Value) -> Value | None:
        """x of exp(x), also where the whole is read under another index."""
        node = self._maker(scope, value, EXP, RENAME)
        if node is None or node.op is EXP:
            return node.operands[0] if node else None
        inner = self._maker(scope, node.operands[0], EXP)
        return scope(RENAME, inner.operands[0], **node.attrs) if inner else None

    # Softmax.

    def _softmax(self, scope: Scope, e: Value, total: Value) -> Value | None:
        """exp(x) / sum(exp(x))."""
        above = self._maker(scope, e, EXP)
        if above is None:
            return None
        spread, below = self._reduction(scope, total, REDUCE_SUM)
        if below is None or not _spreads_back(spread, below):
            return None
        x = self._summed_exponent(scope, below.operands[0])
        masked = self._maker(scope, below.operands[0], SELECT)
        if masked and not holds_inside(scope, masked.operands[0]):
            # At a position inside that the user leaves out of the sum, the quotient is not zero.
            return None
        summand = masked.operands[1] if masked else below.operands[0]
        if x is None:
            return None
        if self._same(scope, summand, e):
            return scope(SOFTMAX, x if masked else self._unshifted(scope, x, below), **below.attrs)
        moved = self._over_an_axis(scope, summand, above.operands[0], below)
        if moved is None:
            return None
        return scope(RENAME, scope(SOFTMAX, x, **below.attrs), old=moved.attrs["new"], new=moved.attrs["old"])

    def _over_an_axis(self, scope: Scope, summand: Value, x: Value, below: Node) -> Node | None:
        """The renaming by which `sum[t](exp(x[t]))` reads the x that stands above it under a bound index."""
        first = self._maker(scope, summand, EXP, RENAME)
        second = self._maker(scope, first.operands[0], EXP, RENAME) if first else None
        if first is None or second is None or first.op is second.op or second.operands[0] is not x:
            return None
        rename = first if first.op is RENAME else second
        old, new = rename.attrs["old"], rename.attrs["new"]
        whole = old.is_full and new.is_full and below.attrs["indices"] == (new,) and not below.attrs["dims"]
        return rename if whole else None

    def _same(self, scope: Scope, one: Value, other: Value) -> bool:
        return self._maker(scope, one, EXP) is self._maker(scope, other, EXP)

    def _reduction(self, scope: Scope, value: Value, op: object) -> tuple[Node | None, Node | None]:
        """What spreads a reduction over dims again, and the reduction."""
        spread = self._maker(scope, value, EXPAND)
        return spread, self._maker(scope, spread.operands[0] if spread else value, op)

    def _unshifted(self, scope: Scope, x: Value, total: Node) -> Value:
        """x without its own maximum subtracted, which softmax does by itself."""
        shifted = self._maker(scope, x, SUB)
        if shifted is None:
            return x
        spread, top = self._reduction(scope, shifted.operands[1], REDUCE_MAX)
        if top is None or top.attrs != total.attrs or not _spreads_back(spread, top):
            return x
        plain = shifted.operands[0]
        return plain if top.operands[0] is plain and plain.type == x.type else x


def _spreads_back(spread: Node | None, reduction: Node) -> bool:
    """Whether the result of a reduction stands at the dims that it came from."""
    dims, rank = reduction.attrs["dims"], reduction.operands[0].type.rank
    if spread is None:
        return len(dims) in (0, rank)
    kept = iter(range(rank - len(dims)))
    return bool(spread.attrs["source"] == tuple(None if i in dims else next(kept) for i in range(rank)))
