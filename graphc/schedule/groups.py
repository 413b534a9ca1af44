"""Fusion: which elements are computed in the same loops, and the loops themselves.

A *member* is a value that is computed element by element (what is inlined into its readers is not). A group
is a kernel: members that vary over the same indices, so that one nest of outer loops serves all, one row
(everything at one point of these indices) after another. A row has stages, one inner nest of loops each: a
softmax's maximum, its sum and its result are three stages of one row. Groups are executed in the order of
their list; a member goes into the first that has its outer loops and stands behind all that it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from graphc.diagnostics import Span
from graphc.ir.graph import Value
from graphc.kernel.expr import Const, Expr, Name, Reduce
from graphc.schedule.places import Memory, Place
from graphc.schedule.program import Step
from graphc.schedule.sites import Entry, Point
from graphc.types import Index, TensorType

LARGEST = 48
"""Members of one group at most: compile time grows faster than the size of a function."""

Shape = Literal["row", "columns"]

Held = tuple[Expr, Expr]
"""A condition, and what is kept where it does not hold."""


@dataclass(frozen=True)
class Space:
    """The names of a value's coordinates: the same for all values that vary over axes of the same lengths."""

    axes: tuple[tuple[Index, Name], ...]
    """From the outermost to the innermost."""
    dims: tuple[Name, ...]
    row: Expr | None = None
    """The extent of the innermost axis, where it runs inside of rows and not around them."""

    @staticmethod
    def of(type: TensorType, memory: Memory) -> Space:
        found: list[tuple[Index, Name]] = []
        taken: set[str] = set()
        for index in memory.order(type.axes):
            name = "i_" + "".join(c if c.isalnum() else "_" for c in index.length.name)
            if index in memory.spans:
                name += "_part"  # of a segment: not as long as others of this length
            while name in taken:
                name += "_"
            taken.add(name)
            found.append((index, Name(name)))
        return Space(tuple(found), tuple(Name(f"j{i}") for i in range(type.rank)))

    def by_rows(self, memory: Memory) -> Space:
        """The space of a table of numbers, with its innermost axis inside of rows."""
        assert not self.dims
        *around, (index, _) = self.axes
        return Space((*around, (index, Name("j0"))), (), memory.extent(index))

    @property
    def point(self) -> Point:
        return Point(dict(self.axes), self.dims)

    @property
    def around(self) -> tuple[tuple[Index, Name], ...]:
        """The axes around rows."""
        return self.axes if self.row is None else self.axes[:-1]

    @property
    def outer(self) -> tuple[Name, ...]:
        return tuple(name for _, name in self.around)


@dataclass(eq=False)
class Member:
    """A value, or a copy of one, that a kernel computes."""

    value: Value | None
    """None for a copy: nobody reads it by this name."""
    type: TensorType
    space: Space
    expr: Expr
    span: Span | None = None
    place: Place | None = None
    """Where it is stored, if it is."""
    held: Held | None = None
    """The state of an example that has ended is kept."""
    shape: Shape = "row"
    summed: tuple[Index, ...] = ()
    """The indices that it sums over, in the order of its first variables."""

    @property
    def title(self) -> str:
        """What a reader calls the value."""
        return self.value.name if self.value is not None else ""

    @property
    def reads(self) -> Iterator[Entry]:
        for expr in (self.expr, *(self.held or ())):
            for part in expr.walk():
                if isinstance(part, Entry):
                    yield part

    @property
    def reduces(self) -> Reduce | None:
        """The reduction that it is, if its loops are the stage's own."""
        return self.expr if isinstance(self.expr, Reduce) else None

    @property
    def inner(self) -> tuple[Expr, ...]:
        """The extents of its inner loops: dims, or an axis, then what is reduced."""
        if self.space.row is not None:
            return (self.space.row,)
        dims = tuple(Const(dim.value) for dim in self.type.shape)
        return (*dims, *(extent for _, extent in self.reduces.over)) if self.reduces else dims

    @property
    def nested(self) -> bool:
        """Whether it reduces inside of loops over its own dims."""
        return self.reduces is not None and self.type.rank > 0


@dataclass(frozen=True)
class Copy:
    """A value that is stored at one more place, as a value of this type."""

    source: Value
    place: Place
    type: TensorType
    held: Held | None = None


@dataclass(eq=False)
class Stage:
    inner: tuple[Expr, ...]
    nested: bool
    members: list[Member] = field(default_factory=list)

    def takes(self, member: Member) -> bool:
        return (member.inner, member.nested) == (self.inner, self.nested)


@dataclass(eq=False)
class Group:
    outer: tuple[tuple[Index, Name], ...]
    shape: Shape
    stages: list[Stage] = field(default_factory=list)
    stage_of: dict[Value, int] = field(default_factory=dict)
    spaces: dict[Value, Space] = field(default_factory=dict)

    @property
    def members(self) -> list[Member]:
        return [member for stage in self.stages for member in stage.members]

    def aligned(self, entry: Entry) -> bool:
        """Whether a member's element is read in the row in which it is computed."""
        own = self.spaces[entry.value]
        return all(dict(entry.axes)[index] == name for index, name in own.around)

    def local(self, entry: Entry) -> bool:
        """Whether it is read at the very point at which it is computed."""
        own = self.spaces[entry.value]
        return dict(entry.axes) == dict(own.axes) and entry.dims == own.dims

    def add(self, member: Member) -> bool:
        """Take a member in, if its outer loops and what it reads allow it."""
        if self.shape != member.shape or len(self.members) >= LARGEST:
            return False
        if {name for _, name in self.outer} != set(member.space.outer):
            return False
        own = [entry for entry in member.reads if entry.value in self.spaces]
        if self.shape == "columns":
            (stage,) = self.stages
            if own or not all(_columns_key(other) == _columns_key(member) for other in stage.members):
                return False
            stage.members.append(member)
            self._note(member, 0)
            return True
        if not all(self.aligned(entry) for entry in own):
            return False
        if member.space.row is not None:
            self.outer = member.space.around  # rows of a table follow one another as they lie in memory
        lowest = max((self._earliest(member, entry) for entry in own), default=0)
        for number, stage in enumerate(self.stages):
            if number >= lowest and stage.takes(member):
                stage.members.append(member)
                self._note(member, number)
                return True
        self.stages.append(Stage(member.inner, member.nested, [member]))
        self._note(member, len(self.stages) - 1)
        return True

    def _earliest(self, member: Member, entry: Entry) -> int:
        """The first stage in which a member may stand because of something that it reads."""
        number = self.stage_of[entry.value]
        stage = self.stages[number]
        producer = next(m for m in stage.members if m.value is entry.value)
        together = producer.reduces is None and stage.takes(member) and self.local(entry) and not stage.nested
        return number if together else number + 1

    def _note(self, member: Member, number: int) -> None:
        if member.value is not None:
            self.stage_of[member.value] = number
            self.spaces[member.value] = member.space

    def kept_inside(self, member: Member, entry: Entry) -> bool:
        """Whether a reader in this group finds the element in a local rather than in memory."""
        number = self.stage_of[entry.value]
        if not self.local(entry):
            return False
        here = next(i for i, stage in enumerate(self.stages) if member in stage.members)
        producer = next(m for m in self.stages[number].members if m.value is entry.value)
        return number == here or (producer.type.rank == 0 and producer.space.row is None)


def _columns_key(member: Member) -> object:
    reduce = member.reduces
    assert reduce is not None
    return reduce.over, member.summed, tuple(dim.value for dim in member.type.shape)


@dataclass(eq=False)
class Single:
    """Steps that are no group: a product, a scatter, a loop. `emit` is called when all places are known."""

    reads: tuple[Value, ...]
    emit: Callable[[], list[Step]]
    apart: Callable[[], bool]
    """Whether it treats each example of the batch by itself."""


def assign(groups: list[Group | Single], position: dict[Value, int], member: Member) -> None:
    """Put a member into the first group that takes it, or into a new one."""
    lowest = 0
    for entry in member.reads:
        at = position.get(entry.value)
        if at is None:
            continue
        found = groups[at]
        inside = isinstance(found, Group) and entry.value in found.spaces
        lowest = max(lowest, at if inside else at + 1)
    for number in range(lowest, len(groups)):
        group = groups[number]
        if isinstance(group, Group) and group.add(member):
            break
    else:
        number = len(groups)
        group = Group(member.space.around, member.shape)
        group.stages.append(Stage(member.inner, member.nested))
        groups.append(group)
        added = group.add(member)
        assert added, member
    if member.value is not None:
        position[member.value] = number
