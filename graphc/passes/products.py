"""Matrix products that can be computed as one: those that share an operand, and those that are added up."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from graphc.ir.graph import AnyNode, Node, Value
from graphc.ops.contraction import CONTRACT
from graphc.ops.elementwise import ADD
from graphc.types import Dim


@dataclass(frozen=True)
class Product:
    """A contraction, seen from one operand, the part, that is to lie beside those of other products.

    `label` names the dim of the part along which they lie.
    """

    node: Node
    side: int
    label: str

    @property
    def part(self) -> Value:
        return self.node.operands[self.side]

    @property
    def other(self) -> Value:
        return self.node.operands[1 - self.side]

    @property
    def dim(self) -> int:
        found: int = self.node.attrs["labels"][self.side].index(self.label)
        return found

    @property
    def width(self) -> Dim:
        return self.part.type.shape[self.dim]

    @property
    def kind(self) -> Hashable:
        """Equal for products of which the parts may lie side by side: all but the width is the same."""
        *operands, result = self.node.attrs["labels"]
        part, other = operands[self.side], operands[1 - self.side]
        names = {label: i for i, label in enumerate(dict.fromkeys((*other, *part)))}
        numbered = tuple(tuple(names[label] for label in labels) for labels in (part, other, result))
        rest = _without(self.part, self.dim)
        return numbered, names[self.label], self.node.attrs["indices"], self.part.type.axes, rest

    def rereads(self) -> bool:
        """Whether each element of the part meets more than one of the other operand."""
        labels, axes = self.node.attrs["labels"], self.part.type.axes
        return any(index not in axes for index in self.other.type.axes) or any(
            label not in labels[self.side] and dim.value > 1
            for label, dim in zip(labels[1 - self.side], self.other.type.shape, strict=True)
        )


def _without(value: Value, dim: int) -> tuple[Dim, ...]:
    return value.type.shape[:dim] + value.type.shape[dim + 1 :]


def is_product(node: AnyNode) -> bool:
    return isinstance(node, Node) and node.op is CONTRACT and node.result.type.dtype == "real"


def shared(nodes: Iterable[AnyNode]) -> list[list[Product]]:
    """Groups of products with an operand in common, largest first; a product can be in several.

    The label along which the parts lie is one that the result has and the common operand has not.
    """
    found: dict[Hashable, list[Product]] = {}
    for node in nodes:
        if isinstance(node, Node) and is_product(node):
            for product in _views(node):
                found.setdefault((product.other, product.kind), []).append(product)
    groups = [_distinct(group) for group in found.values()]
    return sorted((group for group in groups if len(group) > 1), key=len, reverse=True)


def _views(node: Node) -> Iterable[Product]:
    *operands, result = node.attrs["labels"]
    for side in (0, 1):
        free = [label for label in operands[side] if label in result and label not in operands[1 - side]]
        yield from (Product(node, side, label) for label in free)


def _distinct(group: Iterable[Product]) -> list[Product]:
    return list({product.part: product for product in group}.values())


@dataclass(frozen=True)
class Sum:
    """An addition of products that sum one label each, and of other terms."""

    root: Node
    products: tuple[tuple[Product, Product], ...]
    """Each seen from both operands, in the same order of the two."""
    rest: tuple[Value, ...]


def sums(nodes: Sequence[AnyNode], uses: Mapping[Value, int]) -> list[Sum]:
    """Sums in use in which at least two products can be one; nobody else uses these products."""
    made = {node.result: node for node in nodes if isinstance(node, Node)}
    inner = {operand for node in made.values() for operand in _terms(node, made, uses)}
    found: list[Sum] = []
    for node in made.values():
        if node.op is ADD and node.result not in inner and uses[node.result]:
            leaves = _leaves(node, made, uses)
            groups: dict[Hashable, list[tuple[Product, Product]]] = {}
            for leaf in leaves:
                pair = _pair(made.get(leaf), node, uses)
                if pair:
                    groups.setdefault(tuple(product.kind for product in pair), []).append(pair)
            for group in groups.values():
                found += _sum(node, group, leaves)
    return found


def _terms(node: Node, made: Mapping[Value, Node], uses: Mapping[Value, int]) -> list[Value]:
    """The operands of an addition that are additions of the same sum."""
    if node.op is not ADD:
        return []
    return [
        operand
        for operand in node.operands
        if operand in made
        and made[operand].op is ADD
        and uses[operand] == 1
        and operand.type == node.result.type
    ]


def _leaves(root: Node, made: Mapping[Value, Node], uses: Mapping[Value, int]) -> list[Value]:
    leaves: list[Value] = []
    waiting = [root]
    while waiting:
        node = waiting.pop()
        inner = _terms(node, made, uses)
        leaves += [operand for operand in node.operands if operand not in inner]
        waiting += [made[operand] for operand in inner]
    return leaves


def _pair(node: Node | None, root: Node, uses: Mapping[Value, int]) -> tuple[Product, Product] | None:
    """A product as a term of a sum, seen from both sides in an order that equal ones share."""
    if node is None or not is_product(node) or uses[node.result] > 1 or node.result.type != root.result.type:
        return None
    left, right, result = node.attrs["labels"]
    summed = {*left, *right} - {*result}
    if len(summed) != 1 or not summed <= {*left} & {*right}:
        return None
    (label,) = summed
    sides = sorted(
        (0, 1), key=lambda side: [result.index(x) if x in result else -1 for x in (left, right)[side]]
    )
    first, second = (Product(node, side, label) for side in sides)
    return first, second


def _sum(root: Node, group: list[tuple[Product, Product]], leaves: Sequence[Value]) -> list[Sum]:
    kept: list[tuple[Product, Product]] = []
    seen: set[Value] = set()
    for pair in group:
        # Products that share an operand are better joined as such.
        if seen.isdisjoint(pair[0].node.operands):
            kept.append(pair)
            seen.update(pair[0].node.operands)
    if len(kept) < 2:
        return []
    taken = {pair[0].node.result for pair in kept}
    return [Sum(root, tuple(kept), tuple(leaf for leaf in leaves if leaf not in taken))]
