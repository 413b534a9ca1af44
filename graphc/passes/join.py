"""Products that are computed as one."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace

from graphc.ir.builder import Builder
from graphc.ir.graph import AnyNode, Graph, LoopNode, Node, Value
from graphc.ops.contraction import CONTRACT
from graphc.ops.elementwise import ADD
from graphc.ops.indexing import SCATTER_ADD
from graphc.ops.summing import REDUCE_SUM
from graphc.passes.layout import arrange, stack_together, wanted
from graphc.passes.products import Product, Sum, shared, sums
from graphc.passes.rebuild import changed
from graphc.passes.rows import Level, Row, slices, together


class Join:
    """Makes one product of several, on every level: for backends that win by fewer and larger ones.

    Products with an operand in common become one product of that operand with the others side by side,
    of which the results are slices: the gates of a cell. Sums of products become one product that sums
    over what lies side by side: the cotangent of what the gates share. Sums over indices of parts of one
    value become one sum, and so do sums by number (`scatter_add`) and additions of parameters to such parts.

    What is laid side by side is what costs nothing or little: parameters, for all steps of a loop at once;
    in a loop, a step's own values; behind a loop, what it stacks, which it then stacks as one value. Nothing
    is padded and no multiplication is added. Run `Dce` afterwards: what is replaced may be left."""

    name = "join"

    def __call__(self, graph: Graph) -> Graph:
        level = Level(graph)
        _join(level)
        return changed(graph, level.nodes, graph.outputs)


def _join(level: Level) -> None:
    together = wanted(level)
    # Loops of the reverse walk come first: they choose the order of the parts, which the others then follow.
    for node in [node for node in reversed(level.nodes) if isinstance(node, LoopNode)]:
        body = Level(node.loop.body, level, node)
        for dim, values in arrange(body, together.get(node, {})):
            stack_together(level, body, dim, values)
        _join(body)
        level.replace([body.loop()], [node], node)
    while _sum_up(level) or _add_up(level) or _share(level) or _add_to(level):
        pass


# Sums of products. They come before what is shared: what they sum over may then be.


def _add_up(level: Level) -> bool:
    return any(_added(level, total) for total in sums(level.nodes, level.uses()))


def _added(level: Level, total: Sum) -> bool:
    """One product in the place of those of a sum, if the operands of both sides can lie side by side."""
    root, columns = total.root, list(zip(*total.products, strict=True))
    # What varies is the more likely not to fit, and then nothing has been copied yet.
    places = sorted((0, 1), key=lambda i: -len(columns[i][0].part.type.axes))
    order = _order(level, columns[places[0]], root) or _order(level, columns[places[1]], root)
    # The reverse walk adds up in the order c, i, f, o what was computed in the order o, f, i, c.
    order = order or list(reversed(range(len(total.products))))
    b, first = Builder(), total.products[0]
    operands: dict[int, Value] = {}
    with b.at(root.span):
        for place in places:
            whole = _side_by_side(level, b, [columns[place][i] for i in order], root)
            if whole is None:
                return False
            operands[first[place].side] = whole
        terms = [b(CONTRACT, operands[0], operands[1], **first[0].node.attrs), *total.rest]
        _conclude(b, terms, root)
    level.replace(b.nodes, [root], root)
    return True


def _conclude(b: Builder, terms: Sequence[Value], root: Node) -> None:
    """Add up the terms, so that the last addition makes what the root has made."""
    value = terms[0]
    for term in terms[1:]:
        value = b(ADD, value, term)
    last = b.nodes.pop()
    assert isinstance(last, Node)
    b.nodes.append(replace(last, result=root.result))


def _order(level: Level, products: Sequence[Product], place: AnyNode | None) -> list[int] | None:
    return level.order([product.part for product in products], products[0].dim, place)


def _side_by_side(
    level: Level, b: Builder, products: Sequence[Product], place: AnyNode | None
) -> Value | None:
    parts, copy = [product.part for product in products], bool(level.outer) or products[0].rereads()
    return level.side_by_side(b, parts, products[0].dim, place, copy=copy)


# Products with an operand in common.


def _share(level: Level) -> bool:
    for group in shared(level.nodes):
        # Where not all can be computed at once, the first ones may.
        for count in range(len(group), 1, -1):
            if _shared(level, group[:count]):
                return True
    return False


def _shared(level: Level, group: Sequence[Product]) -> bool:
    """One product in the place of several, in front of the first use of any, if all operands are there."""
    place = level.early([product.node for product in group])
    if not level.are_ready([group[0].other, *(product.part for product in group)], place):
        return False
    order = _order(level, group, place)
    products = [group[i] for i in order] if order else list(group)
    b, first = Builder(), products[0]
    with b.at(first.node.span):
        whole = _side_by_side(level, b, products, place)
        if whole is None:
            return False
        operands = (whole, first.other) if first.side == 0 else (first.other, whole)
        joined = b(CONTRACT, *operands, **first.node.attrs)
    dim = first.node.attrs["labels"][2].index(first.label)
    _hand_out(level, b, joined, dim, [product.node for product in products], place)
    return True


def _hand_out(
    level: Level, b: Builder, joined: Value, dim: int, nodes: Sequence[Node], place: AnyNode | None
) -> None:
    """Put what `b` has in front of a place, and make the results of nodes parts of what was joined."""
    results = [node.result for node in nodes]
    joined.name = together(results)
    level.replace([*b.nodes, *slices(joined, dim, results)], nodes, place)
    level.rows.append(Row(joined, dim, tuple(results)))


# Terms that are added to what lies side by side: the biases of gates.


def _add_to(level: Level) -> bool:
    found: dict[Row, list[tuple[Node, int]]] = {}
    for node in level.nodes:
        if isinstance(node, Node) and node.op is ADD:
            for side in (0, 1):
                part, term = node.operands[side], node.operands[1 - side]
                row, mask = level.row(part)
                if row and not mask and not term.type.axes and term.type.same_shape(part.type):
                    found.setdefault(row, []).append((node, side))
    return any(_added_to(level, row, adds) for row, adds in found.items() if len(adds) > 1)


def _added_to(level: Level, row: Row, adds: Sequence[tuple[Node, int]]) -> bool:
    """One addition in the place of several, if the parts are one value without a gap."""
    by_part = {node.operands[side]: (node, node.operands[1 - side]) for node, side in adds}
    parts = [part for part in row.parts if part in by_part]
    nodes, terms = [by_part[part][0] for part in parts], [by_part[part][1] for part in parts]
    place = level.early(nodes)
    if len(parts) < len(adds) or not level.are_ready([*parts, *terms], place):
        return False
    b = Builder()
    with b.at(nodes[0].span):
        whole = level.side_by_side(b, parts, row.dim, place, copy=False)
        added = level.side_by_side(b, terms, row.dim, place, copy=True) if whole else None
        if whole is None or added is None:
            return False
        joined = b(ADD, whole, added)
    _hand_out(level, b, joined, row.dim, nodes, place)
    return True


# Sums of what lies side by side.


def _sum_up(level: Level) -> bool:
    found: dict[Hashable, list[Node]] = {}
    for node in level.nodes:
        if isinstance(node, Node) and _sums_parts(node):
            row, mask = level.row(node.operands[0])
            if row and row.dim not in node.attrs.get("dims", ()):
                key = (node.op, node.operands[1:], row, mask, tuple(node.attrs.items()))
                found.setdefault(key, []).append(node)
    return any(_summed(level, nodes) for nodes in found.values() if len(nodes) > 1)


def _sums_parts(node: Node) -> bool:
    """Whether a node adds up its first operand, element by element: over indices or dims, or by numbers."""
    return node.op is REDUCE_SUM or (node.op is SCATTER_ADD and not node.operands[1].type.rank)


def _summed(level: Level, nodes: list[Node]) -> bool:
    """One sum in the place of several, if what they sum is one value without a gap."""
    place = level.early(nodes)
    row, _ = level.row(nodes[0].operands[0])
    assert row
    parts = [node.operands[0] for node in nodes]
    order = level.order(parts, row.dim, place)
    if order is None or not level.are_ready([*parts, *nodes[0].operands[1:]], place):
        return False
    b = Builder()
    with b.at(nodes[0].span):
        whole = level.side_by_side(b, [parts[i] for i in order], row.dim, place, copy=False)
        if whole is None:
            return False
        joined = b(nodes[0].op, whole, *nodes[0].operands[1:], **nodes[0].attrs)
    if nodes[0].op is SCATTER_ADD:
        dim = row.dim + (nodes[0].attrs["dim"] <= row.dim)
    else:
        dim = row.dim - sum(summed < row.dim for summed in nodes[0].attrs["dims"])
    _hand_out(level, b, joined, dim, [nodes[i] for i in order], place)
    return True
