"""One step of an optimizer as a graph: of the rolled equations, the step `k` alone.

What the equations read of earlier steps is the optimizer's state. It comes in as vectors as long as all
parameters together and goes out as their successors, as a loop's carries do; the training is the loop.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from graphc.diagnostics import Diagnostic, GraphcError, fault
from graphc.frontend import ast
from graphc.frontend.arithmetic import one_line
from graphc.frontend.optimizers import GRADIENT, START, STEP, STEPS, WEIGHT, rule_system
from graphc.frontend.scope import Library
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Node, Value
from graphc.ir.system import READ, System, Unit
from graphc.ops.elementwise import MUL, SELECT
from graphc.ops.indexing import BROADCAST
from graphc.ops.leaf import CONSTANT, INSIDE, LENGTH, PIN, POSITION
from graphc.ops.reduction import REDUCE_SUM
from graphc.passes import optimize
from graphc.types import BATCH, Affine, Dim, TensorType

SCALE = "scale"
MOVES = "moves"
_VECTOR = TensorType.of("real", (BATCH,))
_NUMBER = TensorType.of("real")


@dataclass(frozen=True)
class Rule:
    """An optimizer's equations, ready to be compiled. The batch of these graphs is all parameters' numbers.

    `start` gives the first state from the weights (`w`) and the options, `numbers` what is the same for all
    parameters from the step (`k`, of `K`) and the options, and `step` gives new weights and state from the
    old ones, the gradients (`g`), their factor (`scale`) and the numbers.
    """

    slots: tuple[str, ...]
    start: Graph
    numbers: Graph
    step: Graph

    @property
    def starts_at_zero(self) -> bool:
        """Whether the first state is all zeros, as memory is."""
        made = {node.result: node for node in self.start.nodes if isinstance(node, Node)}
        for value in self.start.outputs.values():
            source = made[value].operands[0] if value in made and made[value].op is BROADCAST else None
            if source not in made or made[source].attrs.get("value") != 0.0:
                return False
        return True

    def masked(self) -> Graph:
        """The step where only some parameters move: the others, and their state, stay (`moves` is false)."""
        b = Builder()
        b.nodes.extend(self.step.nodes)
        moves = Value(_VECTOR.with_dtype("bool"), MOVES)
        old = {value.name: value for value in self.step.inputs}
        missing = [Value(_VECTOR, name) for name in self.step.outputs if name not in old]
        old |= {value.name: value for value in missing}
        outputs = {name: b(SELECT, moves, new, old[name]) for name, new in self.step.outputs.items()}
        return Graph((*self.step.inputs, *missing, moves), tuple(b.nodes), outputs)


@lru_cache(maxsize=64)
def compile_rule(
    definition: ast.OptimizerDefinition,
    library: Library,
    choices: frozenset[str] = frozenset(),
    grouped: frozenset[str] = frozenset(),
) -> Rule:
    """The graphs of a definition where the options in `choices` are true, and those in `grouped` are vectors.

    Raises the faults of its equations.
    """
    system = rule_system(definition, library, choices, grouped)
    lowering = _Step(system)
    outcome = lowering.outcome()
    start = _Start(system)
    first = start.outcome([carry for carry in lowering.carries if carry != (WEIGHT, 1)])
    if STEPS in start.inputs:
        what = f"the state of `{definition.name}` begins with `{STEPS}`, which is not known then"
        raise fault("E542", what, definition.span)
    numbers, step = _parted(lowering.graph(outcome))
    slots = tuple(name for name in outcome if name != WEIGHT)
    return Rule(slots, start.graph(first), numbers, step)


def slot_name(name: str, lag: int) -> str:
    """What the value of `lag` steps ago is kept as: `m`, `m'` for two steps; `g` is the gradient of now."""
    return name + "'" * (lag if name == GRADIENT else lag - 1)


def faults(file: ast.File, library: Library) -> list[Diagnostic]:
    """What is wrong with the steps of a file's own optimizers, whose equations are sound."""
    found: list[Diagnostic] = []
    for statement in file.statements:
        if isinstance(statement, ast.OptimizerDefinition):
            try:
                compile_rule(statement, library)
            except GraphcError as error:
                found += error.diagnostics
    return found


def squares_graph(size: int) -> Graph:
    """The sum of the squares of `size` numbers `g`: a dim, since sums over one are added up in a tree."""
    b = Builder()
    g = Value(TensorType.of("real", (), (Dim.literal(size),)), GRADIENT)
    total = b(REDUCE_SUM, b(MUL, g, g), dims=(0,), indices=())
    return Graph((g,), tuple(b.nodes), {"squares": total})


class _Lowering:
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


class _Step(_Lowering):
    """The equations at step `k`."""

    def __init__(self, system: System) -> None:
        super().__init__(system)
        self.carries: dict[tuple[str, int], Value] = {}

    def outcome(self) -> dict[str, Value]:
        """The new weights and the new state by slot."""
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
            raw = self.input(name, _VECTOR)
            self.units[name] = self.builder(MUL, raw, self.input(SCALE, _NUMBER))
        return self.units[name]

    def _carry(self, name: str, lag: int) -> Value:
        if (name, lag) not in self.carries:
            # A lag of two needs the value of one step ago to be carried along.
            for shorter in range(1, lag + 1):
                self.carries.setdefault((name, shorter), self.input(slot_name(name, shorter), _VECTOR))
        return self.carries[name, lag]


class _Start(_Lowering):
    """What the equations give for steps before the first one."""

    def outcome(self, carries: Collection[tuple[str, int]]) -> dict[str, Value]:
        """The first state by slot."""
        found: dict[str, Value] = {}
        for name, lag in carries:
            for unit in self.system.units.values():
                if unit.place is not None and unit.place.of == name and _place(unit) == Affine(1 - lag):
                    found[slot_name(name, lag)] = self.vector(self.unit(unit.name))
        return found

    def read(self, unit: Unit, node: Node) -> Value:
        name = node.attrs["unit"]
        if name == START:
            return self.input(WEIGHT, _VECTOR)
        if _is_before(self.system.units.get(name)):
            return self.unit(name)
        if name in self.system.leaves and not node.attrs["subscripts"]:
            return self.option(name)
        what = f"`{_text(node)}` is not known before the first step"
        raise fault("E542", what, node.span, help="a start is made of options, numbers and `w[0]`")


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


def _parted(graph: Graph) -> tuple[Graph, Graph]:
    """A graph cut in two: what is the same for all parameters, and the rest, which takes the results of that.

    These numbers are few: they can be had for many steps at once and at full precision, which 1 - 0.999^k
    needs.
    """
    uniform = {value for value in graph.inputs if not value.type.axes}
    before: list[Node] = []
    after: list[Node] = []
    for node in graph.nodes:
        assert isinstance(node, Node)
        alone = not node.result.type.axes and all(operand in uniform for operand in node.operands)
        (before if alone else after).append(node)
        if alone:
            uniform.add(node.result)
    literal = {node.result: node for node in before if node.op is CONSTANT}
    read = dict.fromkeys([*(o for node in after for o in node.operands), *graph.outputs.values()])
    handed = [v for v in read if v in uniform and v not in literal and v.name != SCALE]
    names = {value: f"number{count}" for count, value in enumerate(handed, 1)}
    moved = {value: Value(value.type, name) for value, name in names.items()}
    nodes = [replace(n, operands=tuple(moved.get(o, o) for o in n.operands)) for n in after]
    vectors = [value for value in graph.inputs if value.type.axes or value.name == SCALE]
    numbers = [value for value in graph.inputs if not value.type.axes and value.name != SCALE]
    return (
        Graph(tuple(numbers), tuple(before), {name: value for value, name in names.items()}),
        Graph(
            (*vectors, *moved.values()),
            (*(node for value, node in literal.items() if value in read), *nodes),
            graph.outputs,
        ),
    )
