"""The equations of one step of a sequence, which read what earlier steps have left.

The axis of time is taken out of the rolled equations. A read of the step itself is a read of another
equation. A read of k steps back is a leaf that holds that value (`h@1`). A read of a range of earlier steps
is a leaf that holds all of them (`k@past`), to which the step's own value is added where the range includes
it. What does not change from step to step (`h[0]`, an encoder) is a leaf, computed before the first step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from graphc.analysis.intervals import Interval, distance
from graphc.diagnostics import GraphcError, Span, fault
from graphc.driver.generation.without import Without
from graphc.frontend.arithmetic import one_line
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Node, Value
from graphc.ir.system import READ, Leaf, System, Unit
from graphc.lower.gather import aside
from graphc.lower.system import lower
from graphc.ops import elementwise as ew
from graphc.ops.indexing import BROADCAST, RENAME
from graphc.ops.leaf import INSIDE, LENGTH, POSITION, constant
from graphc.types import Affine, Index, Length, TensorType

STEP = "step@"
"""The leaf that holds the number of the step, from 1."""
NOW, PAST, WHOLE = "@now", "@past", "@whole"
"""End the names of an input's own step, of all steps before it, and of these with the step."""

Place = Affine | Value


def back(name: str, lag: int) -> str:
    """The leaf that holds what a name was `lag` steps ago."""
    return f"{name}@{lag}"


@dataclass(frozen=True, eq=False)
class OneStep:
    """A step's equations. `system` has units and leaves without the axis `axis`."""

    system: System
    axis: Index
    inputs: tuple[str, ...]
    """The sequences of which each step brings one value, in the leaf `x@now`."""
    constants: tuple[str, ...]
    """The units of the whole program that are leaves of a step."""
    lags: Mapping[str, int]
    """How many steps back a name is read."""
    histories: tuple[str, ...]
    """The names of which all earlier steps are read."""
    prompts: tuple[str, ...]
    """Leaves without the axis that have another value at each step all the same."""
    _graphs: dict[tuple[str, ...], Graph] = field(default_factory=dict, repr=False)

    def graph(self, names: Sequence[str]) -> Graph:
        """What computes names of a step, lowered once."""
        key = tuple(names)
        if key not in self._graphs:
            self._graphs[key] = lower(self.system, key)
        return self._graphs[key]

    @property
    def past(self) -> Index:
        """The index of histories."""
        return aside(self.axis)

    @property
    def following(self) -> dict[str, str]:
        """The leaves of the state, each with the name that is its value at the next step."""
        lags = {
            back(name, lag): back(name, lag - 1) if lag > 1 else name
            for name, most in self.lags.items()
            for lag in range(1, most + 1)
        }
        return {**lags, **{name + PAST: name + WHOLE for name in self.histories}}

    def state_type(self, leaf: str) -> TensorType:
        """The type of a leaf of the state."""
        return self.system.leaves[leaf].type

    @property
    def changing(self) -> frozenset[str]:
        """The leaves that have another value at each step, which is not the state's."""
        return frozenset({STEP, *(name + NOW for name in self.inputs), *self.prompts})


def one_step(system: System, axis: Index, wanted: Iterable[str], prompts: Collection[str] = ()) -> OneStep:
    """The step of the `wanted` names along an axis.

    `prompts` are inputs without the axis that have another value at each step all the same. Raises E327 for
    an equation that needs later steps, or the end of the sequence.
    """
    return _Extraction(system, axis, prompts).of(wanted)


class _Extraction:
    """Copies what a step needs, from what is wanted back to the leaves."""

    def __init__(self, system: System, axis: Index, prompts: Collection[str]) -> None:
        self.system, self.axis, self.prompts = system, axis, prompts
        self.moving = _moving(system, axis, prompts)
        self.rest = Without(axis)
        self.past = aside(axis)
        self.units: dict[str, Unit] = {}
        self.leaves: dict[str, Leaf] = {}
        self.inputs: dict[str, None] = {}
        self.constants: dict[str, None] = {}
        self.lags: dict[str, int] = {}
        self.histories: dict[str, None] = {}
        self.pending: list[str] = []

    def of(self, wanted: Iterable[str]) -> OneStep:
        self.pending = list(wanted)
        while self.pending:
            name = self.pending.pop()
            if name in self.units or name in self.leaves:
                continue
            if name not in self.moving:
                self._constant(name)
            elif name in self.system.units:
                self.units[name] = self._unit(self.system.units[name])
            else:
                self._input(self.system.leaves[name])
        # The order of the file decides between equations that could come in any order.
        order = {name: number for number, name in enumerate(self.system.units)}
        units = dict(sorted(self.units.items(), key=lambda item: order.get(item[0], -1)))
        return OneStep(
            System(self.leaves, units),
            self.axis,
            tuple(self.inputs),
            tuple(self.constants),
            self.lags,
            tuple(self.histories),
            tuple(self.prompts),
        )

    # -------------------------------------------------------------------------------------- leaves

    def _leaf(self, name: str, type_: TensorType, indices: Iterable[Index], span: Span) -> str:
        if name not in self.leaves:
            self.leaves[name] = Leaf(name, "state", type_, tuple(indices), span)
        return name

    def _constant(self, name: str) -> None:
        if name in self.system.leaves:
            self.leaves[name] = self.system.leaves[name]
            return
        unit = self.system.units[name]
        self._leaf(name, unit.value.type, unit.indices, unit.span)
        self.constants[name] = None

    def _input(self, leaf: Leaf) -> None:
        if self.axis not in leaf.indices:
            self.leaves[leaf.name] = leaf
            return
        self.inputs[leaf.name] = None
        b, indices, type_ = Builder(), self.rest.indices(leaf.indices), self.rest.type(leaf.type)
        value = _read(b, self._leaf(leaf.name + NOW, type_, indices, leaf.span), _here(indices), type_)
        self.units[leaf.name] = Unit(leaf.name, indices, tuple(b.nodes), value, leaf.span)

    # --------------------------------------------------------------------------------------- units

    def _unit(self, unit: Unit) -> Unit:
        builder = Builder()
        moved: dict[Value, Value] = {}
        for node in unit.nodes:
            assert isinstance(node, Node)
            with builder.at(node.span):
                moved[node.result] = self._node(builder, unit, node, [moved[o] for o in node.operands])
            found, wanted = moved[node.result].type, self.rest.type(node.result.type)
            assert found == wanted, (unit.name, node.op.name, str(found), str(wanted))
        return replace(
            unit,
            indices=self.rest.indices(unit.indices),
            nodes=tuple(builder.nodes),
            value=moved[unit.value],
            place=None,
        )

    def _node(self, b: Builder, unit: Unit, node: Node, operands: Sequence[Value]) -> Value:
        if node.op is READ:
            return self._reading(b, unit, node, operands)
        if node.op is POSITION and node.attrs["index"] == self.axis:
            return self._step(b)
        if node.op is INSIDE:
            return self._inside(b, unit, node)
        if node.op is LENGTH and node.attrs["length"] == self.axis.length:
            raise self._endless(unit, node.span)
        attrs = {key: self.rest.attribute(value) for key, value in node.attrs.items()}
        idle = node.op is BROADCAST and not attrs["indices"]
        if idle or (node.op is RENAME and attrs["old"] == attrs["new"]):
            return operands[0]
        return b(node.op, *operands, called=node.result.name, **attrs)

    def _inside(self, b: Builder, unit: Unit, node: Node) -> Value:
        """Whether a position is one of its range, which may end at the step itself."""
        index: Index = node.attrs["index"]
        if index == self.axis:
            inside = constant(b, True, "bool")
        elif self.axis in index.dependencies:
            here = b(POSITION, index=self.rest.index(index))
            inside = b(ew.LESS_EQUAL, self._position(b, unit, index.lo), here)
            inside = b(ew.LOGICAL_AND, inside, b(ew.LESS_EQUAL, here, self._position(b, unit, index.hi)))
        elif index.length == self.axis.length and not index.length.is_fixed:
            raise self._endless(unit, node.span)
        else:
            return b(INSIDE, index=index, steps=frozenset())
        missing = [axis for axis in self.rest.type(node.result.type).axes if axis not in inside.type.axes]
        return b(BROADCAST, inside, indices=tuple(missing)) if missing else inside

    def _step(self, b: Builder) -> Value:
        type_ = TensorType.of("int")
        return _read(b, self._leaf(STEP, type_, (), next(iter(self.system.units.values())).span), (), type_)

    def _position(self, b: Builder, unit: Unit, place: Affine) -> Value:
        """The nodes that compute a position."""
        total = constant(b, place.constant, "int")
        for symbol, coefficient in place.terms:
            if symbol == self.axis.length:
                raise self._endless(unit, b.span)
            if isinstance(symbol, Length):
                part = b(LENGTH, length=symbol)
            elif symbol == self.axis:
                part = self._step(b)
            else:
                part = b(POSITION, index=self.rest.index(symbol))
            total = b(ew.ADD, total, b(ew.MUL, part, constant(b, coefficient, "int")))
        return total

    # --------------------------------------------------------------------------------------- reads

    def _reading(self, b: Builder, unit: Unit, node: Node, operands: Sequence[Value]) -> Value:
        name: str = node.attrs["unit"]
        type_ = self.rest.type(node.result.type)
        indices = list(self.system.indices(name))
        places: list[Place] = [s if isinstance(s, Affine) else operands[s] for s in node.attrs["subscripts"]]
        source = name
        if name in self.moving and self.axis in indices:
            at = indices.index(self.axis)
            lag = self._lag(unit, node, places[at])
            if lag is None:
                source = self._history(name, strictly=self._gap(places[at]).strictly_forward)
            else:
                del indices[at], places[at]
                source = self._earlier(name, lag) if lag else name
        if source == name:
            self.pending.append(name)
        return _read(b, source, [self._place(b, unit, place) for place in places], type_)

    def _lag(self, unit: Unit, node: Node, place: Place) -> int | None:
        """How many steps back a read reaches; None for a range of steps. Raises E327 for later steps."""
        gap = self._gap(place)
        if self.axis not in unit.indices or not gap.forward:
            raise self._ahead(unit, node)
        return gap.lo if gap.lo == gap.hi else None

    def _gap(self, place: Place) -> Interval:
        return distance(self.axis, place if isinstance(place, Affine) else None)

    def _earlier(self, name: str, lag: int) -> str:
        self.lags[name] = max(lag, self.lags.get(name, 0))
        self.pending.append(name)
        type_, indices = self.rest.type(self.system.type(name)), self.rest.indices(self.system.indices(name))
        for between in range(1, lag):
            self._leaf(back(name, between), type_, indices, self._span(name))
        return self._leaf(back(name, lag), type_, indices, self._span(name))

    def _history(self, name: str, *, strictly: bool) -> str:
        """The leaf with the earlier steps, or unless `strictly` the unit that adds this one to them."""
        self.histories[name] = None
        self.pending.append(name)
        indices = tuple(
            self.past if i == self.axis else self.rest.index(i) for i in self.system.indices(name)
        )
        now = self.rest.type(self.system.type(name))
        type_ = now.with_axes({*now.axes, self.past})
        past = self._leaf(name + PAST, type_, indices, self._span(name))
        if name + WHOLE not in self.units:
            b = Builder()
            own = _read(b, name, _here(self.rest.indices(self.system.indices(name))), now)
            here = b(ew.EQUAL, b(POSITION, index=self.past), self._step(b))
            value = b(ew.SELECT, here, own, _read(b, past, _here(indices), type_))
            self.units[name + WHOLE] = Unit(name + WHOLE, indices, tuple(b.nodes), value, self._span(name))
        return past if strictly else name + WHOLE

    def _place(self, b: Builder, unit: Unit, place: Place) -> Place:
        """A place without the axis: where it depends on the step it is computed."""
        if isinstance(place, Value):
            return place
        if any(symbol == self.axis or symbol == self.axis.length for symbol, _ in place.terms):
            return self._position(b, unit, place)
        for symbol, _ in place.terms:
            if isinstance(symbol, Index):
                place = place.substitute(symbol, Affine.of(self.rest.index(symbol)))
        return place

    def _span(self, name: str) -> Span:
        return (self.system.units.get(name) or self.system.leaves[name]).span

    # -------------------------------------------------------------------------------------- faults

    def _ahead(self, unit: Unit, node: Node) -> GraphcError:
        text = one_line(node.span.text) if node.span is not None else node.attrs["unit"]
        own = self.axis in unit.indices
        return fault(
            "E327",
            f"`{_shown(unit)}` cannot be computed step by step: `{text}` needs "
            + (f"later `{self.axis.name}`" if own else "several steps at once"),
            node.span or unit.span,
            help=f"a step sees itself and what came before, as `softmax[u = 1..{self.axis.name}]` does",
        )

    def _endless(self, unit: Unit, span: Span | None) -> GraphcError:
        return fault(
            "E327",
            f"`{_shown(unit)}` cannot be computed step by step: it needs `{self.axis.length}`, "
            "which is known at the end only",
            span or unit.span,
        )


def _shown(unit: Unit) -> str:
    return unit.name.partition("@")[0]


def _read(b: Builder, source: str, places: Sequence[Place], type_: TensorType) -> Value:
    operands = tuple(place for place in places if isinstance(place, Value))
    subscripts = tuple(place if isinstance(place, Affine) else operands.index(place) for place in places)
    return b(READ, *operands, called=source, unit=source, subscripts=subscripts, type=type_)


def _here(indices: Iterable[Index]) -> list[Place]:
    return [Affine.of(index) for index in indices]


def _moving(system: System, axis: Index, prompts: Collection[str]) -> set[str]:
    """The names that have another value at each step."""
    found = {name for name, leaf in system.leaves.items() if leaf.kind == "input" and axis in leaf.indices}
    found |= {*prompts} | {name for name, unit in system.units.items() if axis in unit.indices}
    grows = True
    while grows:
        more = {n for n, unit in system.units.items() if any(r.attrs["unit"] in found for r in unit.reads())}
        grows = not more <= found
        found |= more
    return found
