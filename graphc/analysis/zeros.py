"""Parameters whose gradient is zero at every step of a training, whatever the data.

An abstract run of the gradient graph: a value is known to be one number everywhere, or it is not known
(`facts.py`). Parameters begin as their constant initial values. One whose gradient is not known to be zero
moves, so nothing is known of it from then on; that is repeated until no more of them move. What is left
never moves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphc.analysis.facts import Fact, fact_of, joined
from graphc.ir.graph import AnyNode, Graph, LoopNode, Value

Facts = dict[Value, Fact]


@dataclass(frozen=True, eq=False)
class Step:
    """One loss: its graph, and for each parameter that it moves the output that holds the gradient.

    None stands for a parameter that the loss does not depend on at all.
    """

    graph: Graph
    gradients: Mapping[str, str | None]


def never_moving(steps: Sequence[Step], initial: Mapping[str, Fact]) -> set[str]:
    """The parameters that no step ever moves; `initial` says what is known of parameters at the start."""
    candidates = {name for step in steps for name in step.gradients}
    moving: set[str] = set()
    while True:
        known = {name: fact for name, fact in initial.items() if name not in moving}
        found = {name for step in steps for name in _moved(step, known)} | moving
        if found == moving:
            return candidates - moving
        moving = found


def _moved(step: Step, known: Mapping[str, Fact]) -> set[str]:
    facts = facts_of(step.graph, known)
    outputs = {name: output for name, output in step.gradients.items() if output is not None}
    return {name for name, output in outputs.items() if facts[step.graph.outputs[output]] != 0.0}


def facts_of(graph: Graph, known: Mapping[str, Fact]) -> Facts:
    """What is known of every value of a graph, `known` being facts of its inputs by name."""
    facts: Facts = {value: known.get(value.name) for value in graph.inputs}
    _follow(graph.nodes, facts)
    return facts


def _follow(nodes: Sequence[AnyNode], facts: Facts) -> None:
    for node in nodes:
        if isinstance(node, LoopNode):
            _follow_loop(node, facts)
        else:
            facts[node.result] = fact_of(node, [facts[operand] for operand in node.operands])


def _follow_loop(node: LoopNode, facts: Facts) -> None:
    """What holds at every step: carries are what they were or what a step makes of them.

    A history holds zeros where nothing has been written yet.
    """
    loop = node.loop
    inputs = loop.body.inputs
    views = inputs[len(inputs) - len(loop.histories) :]
    first = len(inputs) - len(views) - loop.carries
    facts.update(dict.fromkeys(views, 0.0))
    for operand, value in zip(node.operands, inputs, strict=False):
        facts[value] = facts[operand]
    carries = inputs[first : first + loop.carries]
    outputs = loop.body_outputs
    pairs = [
        *zip(carries, outputs, strict=False),
        *((view, outputs[loop.carries + stack]) for view, stack in zip(views, loop.histories, strict=True)),
    ]
    settled = False
    while not settled:
        _follow(loop.body.nodes, facts)
        after = {value: joined([facts[value], facts[output]]) for value, output in pairs}
        settled = all(facts[value] == fact for value, fact in after.items())
        facts.update(after)
    for value, result in zip((*carries, *outputs[loop.carries :]), node.results, strict=True):
        facts[result] = facts[value]
