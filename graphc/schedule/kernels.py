"""From a group of members to a kernel: loops, locals, loads and stores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from graphc.ir.graph import Value
from graphc.kernel.expr import Const, DType, Expr, Load, Name, Reduce, rewrite, select
from graphc.kernel.nest import Accumulator, For, Gather, If, Kernel, Let, Parameter, Statement, Store
from graphc.schedule.groups import Group, Member, Stage
from graphc.schedule.places import Memory, Place, identifier
from graphc.schedule.program import Argument, Launch
from graphc.schedule.sites import Entry
from graphc.types import BATCH, Index


@dataclass
class Writer:
    """What the kernels of one level have in common: where values lie, and all buffers by name."""

    memory: Memory
    places: Mapping[Value, Place]

    def launch(self, group: Group, sliced: bool) -> Launch:
        """The group's kernel. `sliced`: in a loop, where workers share out the batch."""
        body = _columns(self, group) if group.shape == "columns" else _rows(self, group, sliced)
        stem = next((m.value.name for m in reversed(group.members) if m.value and m.value.name), "kernel")
        return self.kernel(stem, body)

    def kernel(self, stem: str, body: tuple[Statement, ...]) -> Launch:
        """A launch of the kernel with this body."""
        buffers = self.memory.buffers
        used: dict[str, tuple[DType, bool]] = {}
        free: dict[str, None] = {}
        for name, dtype, written in _accesses(body):
            used[name] = (dtype, written or used.get(name, (dtype, False))[1])
        for name in _free_names(body, set()):
            free.setdefault(name)
        extent = next((s.extent for s in _statements(body) if isinstance(s, For) and s.ranged), None)
        plain = "".join(c if c.isalnum() and c.isascii() else "_" for c in stem)
        parameters = tuple(Parameter(n, dtype, written) for n, (dtype, written) in used.items())
        return Launch(
            Kernel(plain, parameters, tuple(free), body),
            tuple(Argument(buffers[name]) for name in used),
            tuple(Name(name) for name in free),
            extent,
        )

    def load(self, entry: Entry) -> Expr:
        place = self.places[entry.value]
        return Load(place.buffer.name, place.at(dict(entry.axes), entry.dims), entry.dtype)


@dataclass
class Scope:
    """The locals of a kernel: which name holds a member's element."""

    writer: Writer
    group: Group
    names: dict[Value, Name] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)

    @cached_property
    def read_locally(self) -> frozenset[Value | None]:
        """The values that a member of the kernel reads as locals."""
        group = self.group
        reads = ((reader, entry) for reader in group.members for entry in reader.reads)
        return frozenset(
            e.value for reader, e in reads if e.value in group.stage_of and group.kept_inside(reader, e)
        )

    def name(self, member: Member) -> Name:
        stem = member.value.name if member.value is not None and member.value.name else "e"
        plain = identifier(stem)
        name, number = f"{plain}_", 1
        while name in self.taken:
            number += 1
            name = f"{plain}_{number}"
        self.taken.add(name)
        return Name(name, member.type.dtype)

    def resolved(self, member: Member, expr: Expr) -> Expr:
        """The expression with each element as a local, or as a load from its place."""

        def replaced(part: Expr) -> Expr | None:
            if not isinstance(part, Entry):
                return None
            if part.value in self.group.spaces and self.group.kept_inside(member, part):
                return self.names[part.value]
            load = self.writer.load(part)
            assert isinstance(load, Load)
            return Load(load.buffer, rewrite(load.offset, replaced), load.dtype)

        return rewrite(expr, replaced)

    def offset(self, member: Member) -> Expr:
        assert member.place is not None
        return member.place.at(dict(member.space.axes), member.space.dims)

    def store(self, member: Member, value: Expr) -> Statement:
        assert member.place is not None
        if member.held is not None:
            condition, old = (self.resolved(member, part) for part in member.held)
            value = select(condition, value, old)
        return Store(
            member.place.buffer.name, self.offset(member), value, span=member.span, title=member.title
        )


def _rows(writer: Writer, group: Group, sliced: bool) -> tuple[Statement, ...]:
    scope = Scope(writer, group)
    body: list[Statement] = []
    for stage in group.stages:
        body += _nested(scope, stage) if stage.nested else _stage(scope, stage)
    loops = [(name, writer.memory.extent(index), index) for index, name in group.outer]
    if not loops:
        only = len(body) == 1 and isinstance(body[0], For)
        return tuple(_ranged(s) if only and isinstance(s, For) else s for s in body)
    by_batch = sliced and any(index == BATCH for *_, index in loops)
    chosen: Index = BATCH if by_batch else loops[0][2]
    return loop_nest([(name, extent, index == chosen) for name, extent, index in loops], body)


def _stage(scope: Scope, stage: Stage) -> list[Statement]:
    """Loops over the stage's inner coordinates: elements are locals there, sums are complete behind it."""
    before, inside, behind = stage_parts(scope, stage)
    names = [Name(f"j{i}") for i in range(len(stage.inner))]
    loops = [(name, extent, False) for name, extent in zip(names, stage.inner, strict=True)]
    return [*before, *loop_nest(loops, inside), *behind]


def stage_parts(scope: Scope, stage: Stage) -> tuple[list[Statement], list[Statement], list[Statement]]:
    """What stands in front of a stage's loops, in them, and behind them."""
    before: list[Statement] = []
    inside: list[Statement] = []
    behind: list[Statement] = []
    for member in stage.members:
        reduce = member.reduces
        name = scope.name(member)
        if reduce is not None:
            before.append(Accumulator(name, reduce.kind))
            inside.append(_gather(scope, member, reduce, name))
            if member.place is not None:
                behind.append(scope.store(member, name))
        else:
            value = scope.resolved(member, member.expr)
            if member.value in scope.read_locally:
                inside.append(Let(name, value, member.span, member.title))
                value = name
            if member.place is not None:
                inside.append(scope.store(member, value))
        if member.value is not None:
            scope.names[member.value] = name
    return before, inside, behind


def _nested(scope: Scope, stage: Stage) -> list[Statement]:
    """Reductions inside of loops over dims: each is complete before the next element is begun."""
    rank = stage.members[0].type.rank
    before: list[Statement] = []
    inside: list[Statement] = []
    behind: list[Statement] = []
    for member in stage.members:
        reduce = member.reduces
        assert reduce is not None
        name = scope.name(member)
        before.append(Accumulator(name, reduce.kind))
        inside.append(_gather(scope, member, reduce, name))
        behind.append(scope.store(member, name))
    names = [Name(f"j{i}") for i in range(len(stage.inner))]
    loops = [(name, extent, False) for name, extent in zip(names, stage.inner, strict=True)]
    return list(loop_nest(loops[:rank], [*before, *loop_nest(loops[rank:], inside), *behind]))


def _gather(scope: Scope, member: Member, reduce: Reduce, name: Name) -> Statement:
    number: Expr | None = None
    if reduce.kind in ("argmax", "argmin"):
        number = Const(0)
        for variable, extent in reduce.over:
            number = number * extent + variable
    body = scope.resolved(member, reduce.body)
    return Gather(name, reduce.kind, body, number, member.span, member.title)


def _columns(writer: Writer, group: Group) -> tuple[Statement, ...]:
    """Sums over outer coordinates: one pass over memory, adding rows to rows; shared out by columns."""
    scope = Scope(writer, group)
    (stage,) = group.stages
    first = stage.members[0]
    reduce = first.reduces
    assert reduce is not None
    zero: list[Statement] = []
    inside: list[Statement] = []
    for member in stage.members:
        own = member.reduces
        assert own is not None
        assert member.place is not None
        buffer, offset = member.place.buffer.name, scope.offset(member)
        zero.append(Store(buffer, offset, Const(0.0, "real")))
        body = scope.resolved(member, own.body)
        inside.append(Store(buffer, offset, body, True, member.span, member.title))
    memory = writer.memory
    axes = {index: (name, memory.extent(index)) for index, name in group.outer}
    sums = dict(zip(first.summed, reduce.over, strict=False))
    dims = [(name, Const(d.value)) for name, d in zip(first.space.dims, first.type.shape, strict=True)]
    # A slice of the batch, if there is a batch; else part of what is outermost in the result.
    ranged = axes[BATCH][0] if BATCH in axes else next(name for name, _ in (*axes.values(), *dims))
    outer = [{**axes, **sums}[index] for index in memory.order([*axes, *sums])]
    order = [*outer, *reduce.over[len(sums) :], *dims]
    return (
        *loop_nest([(n, e, n == ranged) for n, e in (*axes.values(), *dims)], zero),
        *loop_nest([(n, e, n == ranged) for n, e in order], inside),
    )


def loop_nest(loops: Sequence[tuple[Name, Expr, bool]], body: Sequence[Statement]) -> tuple[Statement, ...]:
    if not body:
        return ()
    made = tuple(body)
    for name, extent, ranged in reversed(loops):
        made = (For(name, extent, made, ranged),)
    return made


def _ranged(loop: For) -> For:
    return For(loop.var, loop.extent, loop.body, True)


def _statements(body: Iterable[Statement]) -> Iterable[Statement]:
    for statement in body:
        yield statement
        if isinstance(statement, For | If):
            yield from _statements(statement.body)


def _expressions(statement: Statement) -> tuple[Expr, ...]:
    if isinstance(statement, Let):
        return (statement.value,)
    if isinstance(statement, Store):
        return (statement.offset, statement.value)
    if isinstance(statement, Gather):
        return (statement.value,) if statement.number is None else (statement.value, statement.number)
    if isinstance(statement, For):
        return (statement.extent,)
    return (statement.condition,) if isinstance(statement, If) else ()


def _accesses(body: Iterable[Statement]) -> Iterable[tuple[str, DType, bool]]:
    """The buffers that statements use: name, dtype, whether written."""
    for statement in _statements(body):
        for expr in _expressions(statement):
            for part in expr.walk():
                if isinstance(part, Load):
                    yield part.buffer, part.dtype, False
        if isinstance(statement, Store):
            yield statement.buffer, statement.value.dtype, True


def _free_names(body: Iterable[Statement], bound: set[str]) -> Iterable[str]:
    """The names that a body reads and does not define: sizes, and steps of loops around the kernel."""
    own = set(bound)
    for statement in body:
        for expr in _expressions(statement):
            yield from _free(expr, own)
        if isinstance(statement, Let | Accumulator):
            own.add(statement.name.name)
        elif isinstance(statement, For):
            yield from _free_names(statement.body, own | {statement.var.name})
        elif isinstance(statement, If):
            yield from _free_names(statement.body, own)


def _free(expr: Expr, bound: set[str]) -> Iterable[str]:
    if isinstance(expr, Name):
        if expr.name not in bound:
            yield expr.name
    elif isinstance(expr, Reduce):
        for _, extent in expr.over:
            yield from _free(extent, bound)
        yield from _free(expr.body, bound | {name.name for name, _ in expr.over})
    else:
        for part in expr.parts:
            yield from _free(part, bound)
