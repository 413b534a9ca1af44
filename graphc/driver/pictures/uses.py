"""A system in which each use of a value reads a copy of it, an equation that nobody else reads.

In `h[t] = sigmoid(U @ h[t-1] + V @ x[t])`, `yhat[t] = w @ h[t]` there are two uses of `h`. With the copies
`a[t] = h[t]` and `b[t] = h[t]` in front they read `a[t-1]` and `b[t]`. The cotangent of a copy is what comes
back through its use: a summand of the cotangent of `h`, at the steps of `h` whatever the lag is. At a corner
and behind an example's end it is right for the same reasons as any other cotangent.

Of what all steps of an axis read there can be a copy for each step instead, `c[t] = U`, read as `c[t]`. Then
each step has a summand of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from graphc.analysis.liveness import live_nodes
from graphc.ir.builder import Builder
from graphc.ir.graph import AnyNode, Node, Value
from graphc.ir.system import READ, System, Unit
from graphc.ops.indexing import BROADCAST, RENAME
from graphc.ops.leaf import PIN
from graphc.types import Affine, Index

Use = tuple[str, int]
"""Who reads, and the number of the read among its reads."""

COPY = "@use"
"""In the name of a copy, behind the name of what it copies."""
TABLE = "@table"
"""In the name of a table, behind the name of its reader."""


@dataclass(frozen=True)
class Copied:
    """The system with the copies in it; for each use its copy, and the name that this is a copy of."""

    system: System
    copies: Mapping[Use, str]
    sources: Mapping[str, str]


def copied(system: System, readers: Collection[str], ends: Collection[str]) -> Copied:
    """A copy for each use, by the `readers`, of a real value that has several uses. That a value is one of
    the `ends` that are differentiated counts as a use."""
    counts = Counter(node.attrs["unit"] for unit in system.units.values() for node in unit.reads())
    counts.update(ends)
    uses: dict[Use, Index | None] = {
        (name, number): None
        for name in readers
        for number, node in enumerate(system.units[name].reads())
        if counts[node.attrs["unit"]] > 1 and _is_real(system, node)
    }
    return _Copying(system, uses).copied()


def copied_by_step(system: System, readers: Collection[str], length: str) -> Copied:
    """Copies by step, as the first axis, of what readers along an axis that ends at `length` read at all of
    its steps."""
    tabled, tables = _with_tables(system, readers, length)
    uses: dict[Use, Index | None] = {}
    for name in (*readers, *tables):
        unit = tabled.units[name]
        along = _along(unit, length)
        if along is None:
            continue
        for number, node in enumerate(unit.reads()):
            if _is_real(tabled, node) and not _follows(tabled, node, along):
                uses[name, number] = along
    found = _Copying(tabled, uses).copied()
    copies = {(tables.get(reader, reader), number): copy for (reader, number), copy in found.copies.items()}
    return replace(found, copies=copies)


def _is_real(system: System, read: Node) -> bool:
    return system.type(read.attrs["unit"]).dtype == "real"


def _along(unit: Unit, length: str) -> Index | None:
    """A unit's first index that ends at `length`."""
    return next((index for index in unit.indices if index.length.name == length), None)


def _with_tables(system: System, readers: Collection[str], length: str) -> tuple[System, dict[str, str]]:
    """The system with tables for readers that go over all steps for each of theirs, and the reader of each.

    `a[t] = softmax[t](s[t])` is a softmax over u of `s[u]`, of which t takes one element. Its table has the
    whole softmax for each t, `a[t] = table[t, t]`: so each t can have a copy of s for itself.
    """
    units: dict[str, Unit] = {}
    tables: dict[str, str] = {}
    for name, unit in system.units.items():
        along = _along(unit, length) if name in readers else None
        parts = [unit] if along is None else _taken_apart(unit, along)
        units |= {part.name: part for part in parts}
        tables |= {part.name: name for part in parts[:-1]}
    return replace(system, units=units), tables


def _taken_apart(unit: Unit, along: Index) -> list[Unit]:
    """The table of a unit and the unit that reads it; the unit alone if it goes over nothing."""
    renames = [n for n, node in enumerate(unit.nodes) if _is_rename(node, along)]
    if not renames:
        return [unit]
    at = renames[-1]
    rename = unit.nodes[at]
    assert isinstance(rename, Node)
    name, over = f"{unit.name}{TABLE}", rename.attrs["old"]
    others = [index for index in unit.indices if index != along]
    b = Builder()
    value = b(PIN, b(BROADCAST, rename.operands[0], indices=(along,)), name=name)
    table = Unit(name, (along, over, *others), (*unit.nodes[:at], *b.nodes), value, unit.span)
    subscripts = tuple(Affine.of(index) for index in (along, along, *others))
    attrs = {"unit": name, "subscripts": subscripts, "type": rename.result.type}
    read = Node(READ, (), attrs, rename.result, rename.span)
    return [table, replace(unit, nodes=(read, *unit.nodes[at + 1 :]))]


def _is_rename(node: AnyNode, new: Index) -> bool:
    return isinstance(node, Node) and node.op is RENAME and node.attrs["new"] == new


def _follows(system: System, read: Node, index: Index) -> bool:
    """Whether each step of the reader reads a step of its own: `h[t-1]`, not `W` and not `h[u]`."""
    places = zip(system.indices(read.attrs["unit"]), read.attrs["subscripts"], strict=True)
    first = next((place for own, place in places if own.length == index.length), None)
    return isinstance(first, Affine) and any(symbol == index for symbol, _ in first.terms)


@dataclass
class _Copying:
    system: System
    uses: Mapping[Use, Index | None]
    """Each use that gets a copy, and the reader's index along which it gets one for each step."""
    copies: dict[Use, str] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)

    def copied(self) -> Copied:
        units: dict[str, Unit] = {}
        readers = {reader for reader, _ in self.uses}
        for name, unit in self.system.units.items():
            units |= {copy.name: copy for copy in self._of_reads(unit)}
            units[name] = self._reading(unit) if name in readers else unit
        return Copied(replace(self.system, units=units), self.copies, self.sources)

    def _of_reads(self, unit: Unit) -> Iterator[Unit]:
        for number, node in enumerate(unit.reads()):
            if (unit.name, number) not in self.uses:
                continue
            source: str = node.attrs["unit"]
            name = f"{source}{COPY}{len(self.sources)}"
            self.copies[unit.name, number] = name
            self.sources[name] = source
            yield self._copy(name, source, self.uses[unit.name, number])

    def _copy(self, name: str, source: str, along: Index | None) -> Unit:
        own = self.system.indices(source)
        b = Builder()
        subscripts = tuple(Affine.of(index) for index in own)
        value = b(READ, unit=source, subscripts=subscripts, type=self.system.type(source))
        steps: tuple[Index, ...] = ()
        if along is not None:
            steps = (Index.full(along.name + COPY, along.length),)  # the value may have the reader's index
            value = b(BROADCAST, value, indices=steps)
        value = b(PIN, value, name=name)
        span = (self.system.units.get(source) or self.system.leaves[source]).span
        return Unit(name, (*steps, *own), tuple(b.nodes), value, span)

    def _reading(self, unit: Unit) -> Unit:
        """The unit on copies. Its nodes are built anew: read by step, a value varies over the step."""
        b = Builder()
        moved: dict[Value, Value] = {}
        numbers = {node: number for number, node in enumerate(unit.reads())}
        for node in unit.nodes:
            assert isinstance(node, Node)
            operands = [moved[operand] for operand in node.operands]
            attrs = dict(node.attrs)
            use = (unit.name, numbers.get(node, -1))
            if use in self.copies:
                attrs["unit"] = self.copies[use]
                if (along := self.uses[use]) is not None:
                    attrs["subscripts"] = (Affine.of(along), *attrs["subscripts"])
                    attrs["type"] = attrs["type"].with_axes({*attrs["type"].axes, along})
            if node.op is BROADCAST:
                attrs["indices"] = tuple(i for i in attrs["indices"] if i not in operands[0].type.axes)
                if not attrs["indices"]:
                    moved[node.result] = operands[0]
                    continue
            with b.at(node.span):
                moved[node.result] = b(node.op, *operands, called=node.result.name, **attrs)
        value = moved[unit.value]
        assert value.type == unit.value.type
        return replace(unit, nodes=tuple(live_nodes(b.nodes, [value])), value=value)
