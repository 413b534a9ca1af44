"""Steps of a sequence as one graph: a loop does several in a call, each with the state that the last left."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.driver.generation.one_step import OneStep
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Loop, Value, body_graph
from graphc.types import Index, Length, TensorType

STEPS = "steps@"
"""The length that says how many steps a call does."""
ROUND = Index.full("round@", Length(STEPS))
"""The index over the steps of a call."""


def by_round(type_: TensorType) -> TensorType:
    """The type of a step's value, for all steps of a call."""
    return type_.with_axes({*type_.axes, ROUND})


def along(type_: TensorType) -> int:
    """The dimension along which the steps of a call lie."""
    return by_round(type_).axes.index(ROUND)


def looped(step: OneStep, names: Sequence[str]) -> Graph:
    """What computes `names` for each step of a call, with one more index, and the state behind the last one.

    Inputs and outputs have the names of leaves and units: of state leaves (`h@1`, `k@past`) the value before
    the first step goes in, and the one behind the last step comes out.
    """
    following = step.following
    once = step.graph((*names, *following.values()))
    given = {value.name: value for value in once.inputs}
    carries = [given[leaf] if leaf in given else Value(step.state_type(leaf), leaf) for leaf in following]
    sequences = [value for name, value in given.items() if name in step.changing]
    constants = [v for name, v in given.items() if name not in step.changing and name not in following]
    after = [once.outputs[name] for name in (*following.values(), *names)]
    body = body_graph((*constants, *sequences, *carries), once.nodes, tuple(after))
    loop = Loop(ROUND, False, body, len(constants), len(sequences), len(carries))
    builder = Builder()
    operands = [
        *(Value(value.type, value.name) for value in constants),
        *(Value(by_round(value.type), value.name) for value in sequences),
        *(Value(value.type, value.name) for value in carries),
    ]
    results = builder.loop(loop, *operands)
    outputs = dict(zip((*following, *names), results, strict=True))
    return Graph(tuple(operands), tuple(builder.nodes), outputs)
