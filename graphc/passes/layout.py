"""Which values that a loop stacks lie side by side, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from graphc.ir.builder import Builder
from graphc.ir.graph import LoopNode, Node, Value
from graphc.ops.elementwise import SELECT
from graphc.ops.indexing import SCATTER_ADD
from graphc.ops.movement import CONCAT
from graphc.passes.products import Product, shared, sums
from graphc.passes.rebuild import Stack
from graphc.passes.rows import Level, Row, slices, together

Group = frozenset[Value]


def wanted(level: Level) -> dict[LoopNode, dict[int, list[Group]]]:
    """For each loop of a level and each dim the sets of body values that one product would take together."""
    found: dict[LoopNode, dict[int, list[Group]]] = {}
    for group in groups(level):
        sources = [_source(level, product.part, product.dim) for product in group]
        places = {(source.loop, source.dim) for source in sources if source}
        if len(places) == 1 and all(sources):
            ((loop, dim),) = places
            values = frozenset(source.value for source in sources if source)
            found.setdefault(loop, {}).setdefault(dim, []).append(values)
    return found


def groups(level: Level) -> list[list[Product]]:
    """Products that can be joined by their parts, largest groups first; each product is in one of them."""
    totals = sums(level.nodes, level.uses())
    found = [list(side) for total in totals for side in zip(*total.products, strict=True)]
    taken: set[Node] = set()
    for group in shared(level.nodes):
        if taken.isdisjoint(product.node for product in group):
            found.append(group)
            taken.update(product.node for product in group)
    return found


@dataclass(frozen=True)
class _Source:
    """The loop that stacks a value, what it is in the loop's body, and the dim that is looked at."""

    loop: LoopNode
    value: Value
    dim: int


def _source(level: Level, value: Value, dim: int) -> _Source | None:
    """Where a value comes from that is stacked, and behind the loop perhaps masked or summed by number."""
    if mask := level.made_by(value, SELECT):
        condition, inside, fill = mask.operands
        return None if condition.type.rank or fill.type.rank else _source(level, inside, dim)
    if sums := level.made_by(value, SCATTER_ADD):
        stacked, number = sums.operands
        new = sums.attrs["dim"]
        return None if number.type.rank or new == dim else _source(level, stacked, dim - (new < dim))
    node = level.producers.get(value)
    if not isinstance(node, LoopNode):
        return None
    place = node.results.index(value)
    if place < node.loop.carries or place - node.loop.carries in node.loop.histories:
        return None
    return _Source(node, node.loop.body_outputs[place], dim)


def arrange(body: Level, stacked: dict[int, list[Group]]) -> list[tuple[int, list[Value]]]:
    """The body's values that lie side by side: a dim and the values in order, for each row.

    What the body's own products take together goes in one piece as well, where that is possible.
    """
    own = [frozenset(product.part for product in group) for group in groups(body)]
    found: list[tuple[int, list[Value]]] = []
    for dim, sets in stacked.items():
        free = set(chain(*sets)) - {value for _, row in found for value in row}
        fitting = [group for group in (*own, *sets) if group <= free]
        # The reverse walk meets what is computed in the order o, f, i, c in the order c, i, f, o.
        row = in_order(fitting, key=lambda value: -body.made_at(value))
        found += [(dim, values) for values in row]
    return found


def in_order(sets: Iterable[Group], key: Callable[[Value], int]) -> list[list[Value]]:
    """Rows of the members, each set without a gap in its row if that is possible.

    Sets come in one after another, largest first; each has its new members at an end of the row that it
    overlaps with. One that would leave a gap is passed over.
    """
    rows: list[list[Group]] = []
    for group in sorted(dict.fromkeys(sets), key=len, reverse=True):
        touched = [row for row in rows if any(block & group for block in row)]
        if not touched:
            rows.append([group])
        elif len(touched) == 1:
            row = touched[0]
            row[:] = _extended(row, group) or _extended(row[::-1], group) or row
    return [[value for block in row for value in sorted(block, key=key)] for row in rows]


def _extended(row: Sequence[Group], group: Group) -> list[Group] | None:
    """The row with the group at its right end, or inside of it if it has no new member."""
    hit = [i for i, block in enumerate(row) if block & group]
    first, last = hit[0], hit[-1]
    new = group - frozenset().union(*row)
    if any(not row[i] <= group for i in range(first + 1, last)):
        return None
    if new and (last < len(row) - 1 or (last > first and not row[last] <= group)):
        return None
    if first == last:
        middle = [row[first] - group, row[first] & group]
    else:
        middle = [row[first] - group, row[first] & group, *row[first + 1 : last]]
        middle += [row[last] & group, row[last] - group]
    return [block for block in (*row[:first], *middle, *row[last + 1 :], new) if block]


def stack_together(level: Level, body: Level, dim: int, values: Sequence[Value]) -> None:
    """Stack values of a body side by side, and hand out what was stacked as parts of that."""
    assert body.parts
    assert body.node
    b = Builder()
    whole = b(CONCAT, *values, called=together(values), dim=dim)
    last = max(map(body.made_at, values))
    body.replace(b.nodes, (), body.at(last + 1))
    body.rows.append(Row(whole, dim, tuple(values)))
    stacks = {stack.value: stack for stack in body.parts.stacks}
    gone = [stacks[value] for value in values]
    body.parts.stacks = [stack for stack in body.parts.stacks if stack not in gone]
    result = Value(whole.type.with_axes({*whole.type.axes, body.parts.index}), whole.name)
    body.parts.stacks.append(Stack(whole, result))
    results = [stack.result for stack in gone]
    level.replace(slices(result, dim, results), (), level.at(level.number(body.node) + 1))
    level.rows.append(Row(result, dim, tuple(results)))
