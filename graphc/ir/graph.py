"""The typed IR: values, nodes, graphs, and the loop node that a recurrence becomes.

A graph is acyclic and its nodes stand in an order in which they can be computed. A value belongs to the
node (or graph input) that defines it and is compared by identity. Passes build new graphs; nothing is
changed in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from graphc.diagnostics import Span
from graphc.ir.op import Op
from graphc.types import Index, TensorType

Attrs = Mapping[str, Any]
T = TypeVar("T")


@dataclass(eq=False)
class Value:
    """The result of a node or an input of a graph. `name` is for printing, except on graph inputs."""

    type: TensorType
    name: str = ""

    def __repr__(self) -> str:
        return f"<{self.name or 'value'}: {self.type}>"


@dataclass(frozen=True, eq=False)
class Node:
    """`result = op(operands; attrs)`. Attributes are hashable, so that equal nodes can be found."""

    op: Op
    operands: tuple[Value, ...]
    attrs: Attrs
    result: Value
    span: Span | None = None

    @property
    def results(self) -> tuple[Value, ...]:
        return (self.result,)


@dataclass(frozen=True, eq=False)
class LoopNode:
    """`results = loop(operands)`: what a recurrence becomes. See `Loop` for what stands where."""

    loop: Loop
    operands: tuple[Value, ...]
    results: tuple[Value, ...]
    span: Span | None = None


AnyNode = Node | LoopNode


@dataclass(frozen=True, eq=False)
class Graph:
    """Inputs, nodes in order, outputs.

    At the top level inputs are named (`Value.name`) and `outputs` maps a name to its value; in a loop's
    body both are positional, and output names are `"0"`, `"1"`, ...
    """

    inputs: tuple[Value, ...]
    nodes: tuple[AnyNode, ...]
    outputs: Mapping[str, Value]

    def input(self, name: str) -> Value:
        for value in self.inputs:
            if value.name == name:
                return value
        raise KeyError(name)

    def walk(self) -> Iterator[AnyNode]:
        """Every node, those of loop bodies included, a loop before its body."""
        for node in self.nodes:
            yield node
            if isinstance(node, LoopNode):
                yield from node.loop.body.walk()


@dataclass(frozen=True, eq=False)
class Loop:
    """What a loop node runs: the steps of an index, run one after another.

    Operands of the node, in this order: `constants` (the same at each step), `sequences` (types with
    `index`; step t sees its own slice), `carries` initial values.
    Body inputs: constants, slices (types without `index`), carries, then one whole history for each
    entry of `histories`. Body outputs: the next carries, then the values to stack.
    Results of the node: the final carries, then the stacks (types with `index`).

    A history is the stack `histories[j]` as far as it has been written (zeros elsewhere), under the bound
    index that its body input's type names: what `sum[u = 1..t-1](h[u])` reads.

    Steps run over 1..length, or from length down to 1 if `reverse`. A step outside an example's own
    length does not happen for it: its carries stay as they were, and what is stacked there is undefined.
    """

    index: Index
    reverse: bool
    body: Graph
    constants: int
    sequences: int
    carries: int
    histories: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        expected = self.constants + self.sequences + self.carries + len(self.histories)
        assert len(self.body.inputs) == expected, (len(self.body.inputs), expected)

    @property
    def stacks(self) -> int:
        return len(self.body.outputs) - self.carries

    @property
    def body_outputs(self) -> tuple[Value, ...]:
        return tuple(self.body.outputs.values())

    def split(self, operands: Sequence[T]) -> tuple[tuple[T, ...], tuple[T, ...], tuple[T, ...]]:
        """A node's operands (or the body's first inputs) as constants, sequences, carries."""
        a, b = self.constants, self.constants + self.sequences
        all_ = tuple(operands)
        return all_[:a], all_[a:b], all_[b : b + self.carries]

    def with_body(self, body: Graph) -> Loop:
        return replace(self, body=body)


def body_graph(inputs: tuple[Value, ...], nodes: tuple[AnyNode, ...], outputs: tuple[Value, ...]) -> Graph:
    return Graph(inputs, nodes, {str(i): value for i, value in enumerate(outputs)})
