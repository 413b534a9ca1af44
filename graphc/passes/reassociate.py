"""Sums in loops, in an order that lets terms leave together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from graphc.ir.builder import Builder
from graphc.ir.graph import AnyNode, Graph, LoopNode, Node, Value
from graphc.ops.elementwise import ADD, NEG, SUB
from graphc.passes.hoist import choice_of
from graphc.passes.rebuild import Parts, Scope, rewrite


class Reassociate:
    """Adds up first what a step need not wait for: `W @ x[t] + U @ h[t-1] + b` becomes
    `(W @ x[t] + b) + U @ h[t-1]`, of which `Hoist` computes the first sum for all steps at once.

    Terms that are the same at each step come together; where a term leaves the loop anyway, so do all that
    wait for no carry. The other terms keep their order. Where nothing but slices could leave, they stay: a
    sum of them in front of the loop would be one more array over all steps. Sums of reals are taken to be
    associative: results change in their last bits."""

    name = "reassociate"

    def __call__(self, graph: Graph) -> Graph:
        return rewrite(graph, loop_rule=_rule)


@dataclass(frozen=True)
class _Term:
    value: Value
    negative: bool = False

    def times(self, negative: bool) -> _Term:
        return replace(self, negative=self.negative != negative)


def _rule(scope: Scope, node: LoopNode) -> tuple[Value, ...] | None:
    sums = _Sums(Parts.of(node))
    if not sums.found:
        return None
    scope.nodes.append(sums.written())
    return node.results


class _Sums:
    """The sums of one loop's body that gain by another order: the node of each, and its terms anew."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.uses = parts.body_uses()
        self.made = {node.result: node for node in parts.nodes if isinstance(node, Node)}
        choice = choice_of(parts)
        self.free, self.varying = choice.values, choice.varying
        self.leaving = {node.result for node in choice.moved}
        self.inner = {x for node in self.made.values() for x in self._inner(node)}
        self.found: dict[AnyNode, tuple[list[_Term], list[_Term]]] = {}
        for node in self.made.values():
            if node.op in (ADD, SUB) and node.result not in self.inner | self.free:
                terms = self._terms(node)
                first = self._first([term.value for term in terms])
                if len(first) > 1:
                    parted = [[t for t in terms if (t.value in first) is side] for side in (True, False)]
                    self.found[node] = (parted[0], parted[1])

    def _inner(self, node: Node) -> list[Value]:
        """The operands of an addition that are parts of the same sum."""
        if node.op not in (ADD, SUB, NEG) or node.result.type.dtype != "real" or node.result in self.free:
            return []
        return [x for x in node.operands if x not in self.free and self.uses[x] == 1 and self._is_sum(x)]

    def _is_sum(self, value: Value) -> bool:
        return value in self.made and self.made[value].op in (ADD, SUB, NEG)

    def _terms(self, node: Node) -> list[_Term]:
        """What is added up, from left to right; a sum that waits for no carry is one term."""
        inner, found = self._inner(node), list[_Term]()
        for i, operand in enumerate(node.operands):
            below = self._terms(self.made[operand]) if operand in inner else [_Term(operand)]
            negative = node.op is NEG or (node.op is SUB and i == 1)
            found += [term.times(negative) for term in below]
        return found

    def _first(self, terms: Sequence[Value]) -> set[Value]:
        """The terms to add up first."""
        free = {term for term in terms if term in self.free}
        return free if free & self.leaving else free - self.varying

    # Writing them.

    def written(self) -> LoopNode:
        """The loop with these sums."""
        b, gone = Builder(), set[Value]()
        for root in self.found:
            assert isinstance(root, Node)
            gone |= self._below(root)
        for node in self.parts.nodes:
            if isinstance(node, Node) and node in self.found:
                with b.at(node.span):
                    self._write(b, node, *self.found[node])
            elif gone.isdisjoint(node.results):
                b.nodes.append(node)
        self.parts.nodes = b.nodes
        return self.parts.joined()

    def _below(self, node: Node) -> set[Value]:
        """The sums that only this one reads."""
        inner = self._inner(node)
        return {*inner, *(x for value in inner for x in self._below(self.made[value]))}

    def _write(self, b: Builder, root: Node, first: Sequence[_Term], rest: Sequence[_Term]) -> None:
        same = [term for term in first if term.value not in self.varying]
        others = [term for term in first if term.value in self.varying]
        ahead = _added(b, [*others, _added(b, same)] if same else others)
        total = _added(b, [ahead, *rest])
        if total.negative:
            b(NEG, total.value)
        last = b.nodes.pop()
        assert isinstance(last, Node)
        assert last.result.type == root.result.type
        b.nodes.append(replace(last, result=root.result))


def _added(b: Builder, terms: Sequence[_Term]) -> _Term:
    """The sum of terms, a negative one if all of them are."""
    start = next((i for i, term in enumerate(terms) if not term.negative), 0)
    value, negative = terms[start].value, terms[start].negative
    for term in (*terms[:start], *terms[start + 1 :]):
        value = b(ADD if term.negative == negative else SUB, value, term.value)
    return _Term(value, negative)
