"""What an optimizer is compiled to: the graph of one step, and what goes with it.

What the equations read of earlier steps is the optimizer's state. It comes in as vectors as long as all
parameters together and goes out as their successors, as a loop's carries do; the training is the loop.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from graphc.diagnostics import Diagnostic, GraphcError, fault
from graphc.frontend import ast
from graphc.frontend.optimizers import GRADIENT, STEPS, WEIGHT, rule_system
from graphc.frontend.scope import Library
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Node, Value
from graphc.ops.elementwise import MUL, SELECT
from graphc.ops.indexing import BROADCAST
from graphc.ops.leaf import CONSTANT
from graphc.ops.reduction import REDUCE_SUM
from graphc.train.optimize.one_step import SCALE, VECTOR, OneStep, Start
from graphc.types import Dim, TensorType

MOVES = "moves"
"""Which numbers of the parameters an objective moves."""


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
        moves = Value(VECTOR.with_dtype("bool"), MOVES)
        old = {value.name: value for value in self.step.inputs}
        missing = [Value(VECTOR, name) for name in self.step.outputs if name not in old]
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
    lowering = OneStep(system)
    outcome = lowering.outcome()
    start = Start(system)
    first = start.outcome([carry for carry in lowering.carries if carry != (WEIGHT, 1)])
    if STEPS in start.inputs:
        what = f"the state of `{definition.name}` begins with `{STEPS}`, which is not known then"
        raise fault("E542", what, definition.span)
    numbers, step = _parted(lowering.graph(outcome))
    slots = tuple(name for name in outcome if name != WEIGHT)
    return Rule(slots, start.graph(first), numbers, step)


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
