"""From the rolled equations of an optimizer to the graph of one step, and of the state before the first.

Units are copied on demand. A read of this step is another unit's value; a read of an earlier one is a vector
that comes in, as a loop's carry does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from graphc.analysis.recurrence import Single, Step, plan
from graphc.diagnostics import fault
from graphc.frontend.arithmetic import one_line
from graphc.frontend.optimizers import GRADIENT, START, STEP, STEPS, WEIGHT
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Node, Value
from graphc.ir.system import READ, System, Unit
from graphc.ops.elementwise import MUL, SELECT
from graphc.ops.indexing import BROADCAST
from graphc.ops.leaf import CONSTANT, INSIDE, LENGTH, PIN, POSITION
from graphc.passes import optimize
from graphc.types import BATCH, Affine, TensorType

SCALE = "scale"
"""By what gradients are multiplied before the equations see them."""
VECTOR = TensorType.of("real", (BATCH,))
NUMBER = TensorType.of("real")


def slot_name(name: str, lag: int) -> str:
    """What the value of `lag` steps ago is kept as: `m`, `m'` for two steps; `g` is the gradient of now."""
    return name + "'" * (lag if name == GRADIENT else lag - 1)


class Lowering:
    """Copies what an outcome needs of the units into one graph."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.builder = Builder()
        self.inputs: dict[str, Value] = {}
        self.units: dict[str, Value] = {}

    def graph(self, outputs: Mapping[str, Value]) -> Graph:
        graph = Graph(tuple(self.inputs.values()), tuple(self.builder.nodes), outputs)
        return optimize(graph, keep=(), dense=True)

    def input(self, name: str, type_: TensorType) -> Value:
        return self.inputs.setdefault(name, Value(type_, name))

    def option(self, name: str) -> Value:
        return self.input(name, self.system.leaves[name].type)

    def vector(self, value: Value) -> Value:
        return value if BATCH in value.type.axes else self.builder(BROADCAST, value, indices=(BATCH,))

    def unit(self, name: str) -> Value:
        if name not in self.units:
            unit = self.system.units[name]
            made = {node.result: node for node in unit.nodes if isinstance(node, Node)}
            self.units[name] = self._copied(unit.value, unit, made, {})
        return self.units[name]

    def _copied(
        self, value: Value, unit: Unit, made: Mapping[Value, Node], done: dict[Value, Value]
    ) -> Value:
        if value not in done:
            node = made[value]
            needed = node.operands[2:] if self._is_guard(node, made) else node.operands
            operands = [self._copied(operand, unit, made, done) for operand in needed]
            with self.builder.at(node.span):
                done[value] = (
                    operands[0] if len(needed) < len(node.operands) else self._node(unit, node, operands)
                )
        return done[value]

    def _is_guard(self, node: Node, made: Mapping[Value, Node]) -> bool:
        """Whether a select puts a state's start before a read of it: a state that has started needs none.

        The front end puts it at the place of the read itself; a `where` that somebody wrote has its own.
        """
        held = made.get(node.operands[1]) if node.op is SELECT else None
        if held is None or held.op is not READ or held.span != node.span:
            return False
        return _is_before(self.system.units.get(held.attrs["unit"]))

    def _node(self, unit: Unit, node: Node, operands: list[Value]) -> Value:
        attrs, indices = node.attrs, node.attrs.get("indices", ())
        if node.op is READ:
            return self.read(unit, node)
        if node.op is POSITION and attrs["index"].name == STEP:
            return self.input(STEP, TensorType.of("int"))
        if node.op is LENGTH and attrs["length"].name == STEPS:
            return self.input(STEPS, TensorType.of("int"))
        if node.op is INSIDE:
            return self.builder(CONSTANT, value=True, dtype="bool", shape=())
        if node.op is PIN:
            return operands[0]
        if node.op is BROADCAST:
            rest = tuple(index for index in indices if index.name != STEP)
            return self.builder(BROADCAST, *operands, indices=rest) if rest else operands[0]
        if "stream" in attrs or (node.op is not BROADCAST and BATCH in indices):
            raise fault(
                "E543",
                f"`{_text(node)}` is not computed for each parameter alone",
                node.span,
                help="an optimizer's equations are written for one number and its gradient",
            )
        return self.builder(node.op, *operands, **attrs)

    def read(self, unit: Unit, node: Node) -> Value:
        """What stands for a read of another name."""
        raise NotImplementedError


class OneStep(Lowering):
    """The equations at step `k`."""

    def __init__(self, system: System) -> None:
        super().__init__(system)
        self.carries: dict[tuple[str, int], Value] = {}

    def outcome(self) -> dict[str, Value]:
        """The new weights and the new state by slot."""
        for name in _order(plan(self.system, [WEIGHT])):
            if not _is_before(self.system.units[name]):
                self.unit(name)
        new = {WEIGHT: self.vector(self.unit(WEIGHT))}
        done = 0
        # What follows a state may read another one.
        while done < len(self.carries):
            name, lag = list(self.carries)[done]
            done += 1
            following = self._carry(name, lag - 1) if lag > 1 else self.vector(self._now(name))
            new.setdefault(slot_name(name, lag), following)
        return new

    def read(self, unit: Unit, node: Node) -> Value:
        name, places = node.attrs["unit"], node.attrs["subscripts"]
        target = self.system.units.get(name)
        if target is not None and target.place is not None:
            base, place = target.place.of, _place(target)
            if not _is_before(target):
                # An equation for one step, such as `m[1]`, stands inside the general one of its name only.
                return self.unit(name)
        elif not places:
            return self._now(name)
        else:
            base, place = name, places[0]
        own = _place(unit)
        gap = own - place if own is not None and isinstance(place, Affine) else None
        if gap is None or not gap.is_constant or gap.constant < 0:
            raise fault(
                "E542",
                f"`{_text(node)}` is not a fixed number of steps back",
                node.span,
                help=f"a state holds the last step: read `{base}[k-1]`",
            )
        return self._carry(base, gap.constant) if gap.constant else self._now(base)

    def _now(self, name: str) -> Value:
        if name in self.system.units:
            return self.unit(name)
        if name != GRADIENT:
            return self.option(name)
        if name not in self.units:
            raw = self.input(name, VECTOR)
            self.units[name] = self.builder(MUL, raw, self.input(SCALE, NUMBER))
        return self.units[name]

    def _carry(self, name: str, lag: int) -> Value:
        if (name, lag) not in self.carries:
            # A lag of two needs the value of one step ago to be carried along.
            for shorter in range(1, lag + 1):
                self.carries.setdefault((name, shorter), self.input(slot_name(name, shorter), VECTOR))
        return self.carries[name, lag]


class Start(Lowering):
    """What the equations give for steps before the first one."""

    def outcome(self, carries: Collection[tuple[str, int]]) -> dict[str, Value]:
        """The first state by slot."""
        for name in _order(plan(self.system, self.system.units)):
            if _is_before(self.system.units[name]):
                self.unit(name)
        found: dict[str, Value] = {}
        for name, lag in carries:
            for unit in self.system.units.values():
                if unit.place is not None and unit.place.of == name and _place(unit) == Affine(1 - lag):
                    found[slot_name(name, lag)] = self.vector(self.unit(unit.name))
        return found

    def read(self, unit: Unit, node: Node) -> Value:
        name = node.attrs["unit"]
        if name == START:
            return self.input(WEIGHT, VECTOR)
        if _is_before(self.system.units.get(name)):
            return self.unit(name)
        if name in self.system.leaves and not node.attrs["subscripts"]:
            return self.option(name)
        what = f"`{_text(node)}` is not known before the first step"
        raise fault("E542", what, node.span, help="a start is made of options, numbers and `w[0]`")


def _order(steps: Sequence[Step]) -> Iterator[str]:
    """Units in the order of a plan, so that copying one never goes deep into others."""
    for step in steps:
        if isinstance(step, Single):
            yield step.unit
        else:
            yield from _order(step.steps)


def _place(unit: Unit) -> Affine | None:
    """The step that a unit is for: `k`, a fixed one, or none in particular."""
    if unit.place is not None:
        return unit.place.positions[0][1]
    return Affine.of(unit.indices[0]) if unit.indices else None


def _is_before(unit: Unit | None) -> bool:
    """Whether a unit is for a step before the first one."""
    if unit is None or unit.place is None:
        return False
    place = unit.place.positions[0][1]
    return place.is_constant and place.constant < 1


def _text(node: Node) -> str:
    return one_line(node.span.text) if node.span is not None else node.op.name
