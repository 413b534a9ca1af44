"""Long rows, cut into blocks that workers share out.

A kernel is shared out along its outer loop; where that is short (one example with a million numbers) the row
itself has to be cut. What a block sums is kept by itself, and a second kernel adds these parts up, in their
order: so a sum does not depend on the number of workers.
"""

from __future__ import annotations

from math import prod

from graphc.kernel.expr import Const, Expr, Load, Name, call
from graphc.kernel.nest import Accumulator, For, Gather, Let, Statement, Store
from graphc.schedule.groups import Group, Member, Stage
from graphc.schedule.kernels import Scope, Writer, loop_nest, stage_parts
from graphc.schedule.program import Launch

_LONG = 1 << 15
_BLOCK = 1 << 12
"""Elements of a block: enough to be worth a start, and small enough to stay in the first cache."""


def cut(group: Group) -> bool:
    """Whether a group's rows are cut: one stage of long rows, and nothing behind it but numbers of a row."""
    first, *rest = group.stages
    sizes = [extent.value for extent in first.inner if isinstance(extent, Const)]
    return (
        group.shape == "row"
        and not first.nested
        and len(sizes) == len(first.inner) > 0
        and prod(int(size) for size in sizes) >= _LONG
        and all(not stage.inner and not stage.nested for stage in rest)
        and all(m.reduces is None or m.reduces.kind not in ("argmax", "argmin") for m in first.members)
    )


def launches(writer: Writer, group: Group) -> list[Launch]:
    """The kernel over blocks and, if there are sums or numbers of a row, the one that ends them."""
    first, *rest = group.stages
    extents = [int(extent.value) for extent in first.inner if isinstance(extent, Const)]
    rows = max(1, _BLOCK // prod(extents[1:]))
    count = Const(-(-extents[0] // rows))
    block, inside = Name("block"), Name("inside")
    scope = Scope(writer, group)
    before, body, _ = stage_parts(scope, first)
    outer = [(name, writer.memory.extent(index), False) for index, name in group.outer]
    row = _row(outer)
    sums = [member for member in first.members if member.reduces is not None]
    parts = {
        member: writer.memory.buffer("parts", member.type.dtype, _total(outer) * count) for member in sums
    }
    kept: list[Statement] = []
    for member in sums:
        assert member.value is not None
        kept.append(Store(parts[member].name, row * count + block, scope.names[member.value]))
    place = block * rows + inside
    left = call("minimum", Const(rows), Const(extents[0]) - block * rows, dtype="int")
    inner = [(Name(f"j{i}"), Const(extent), False) for i, extent in enumerate(extents)][1:]
    nest = For(inside, left, (Let(Name("j0"), place), *loop_nest(inner, body)))
    made = [writer.kernel("blocks", loop_nest([*outer, (block, count, True)], [*before, nest, *kept]))]
    if sums or rest:
        made.append(_ended(writer, group, rest, {m: (p.name, row * count) for m, p in parts.items()}, count))
    return made


def _ended(
    writer: Writer, group: Group, rest: list[Stage], parts: dict[Member, tuple[str, Expr]], count: Expr
) -> Launch:
    """The kernel that adds up the blocks' parts, and computes what needs the sums."""
    scope = Scope(writer, group)
    body: list[Statement] = []
    number = Name("block")
    for member, (buffer, start) in parts.items():
        reduce, name = member.reduces, scope.name(member)
        assert reduce is not None
        assert member.value is not None
        gathered = Gather(name, reduce.kind, Load(buffer, start + number, member.type.dtype))
        body += [Accumulator(name, reduce.kind), For(number, count, (gathered,))]
        scope.names[member.value] = name
        if member.place is not None:
            body.append(scope.store(member, name))
    for stage in rest:
        before, inside, behind = stage_parts(scope, stage)
        body += [*before, *inside, *behind]
    outer = [(name, writer.memory.extent(index), n == 0) for n, (index, name) in enumerate(group.outer)]
    return writer.kernel("sums", loop_nest(outer, body))


def _row(outer: list[tuple[Name, Expr, bool]]) -> Expr:
    """The number of a row."""
    number: Expr = Const(0)
    for name, extent, _ in outer:
        number = number * extent + name
    return number


def _total(outer: list[tuple[Name, Expr, bool]]) -> Expr:
    total: Expr = Const(1)
    for _, extent, _ in outer:
        total = total * extent
    return total
