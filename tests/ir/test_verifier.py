"""Graphs that break a rule, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from graphc.diagnostics import Span
from graphc.ir.builder import Builder
from graphc.ir.graph import AnyNode, Graph, Node, Value, body_graph
from graphc.ir.verifier import VerificationFault, verify
from graphc.ops.elementwise import ADD, NEG
from graphc.ops.leaf import STEP
from graphc.ops.summing import BROADCAST, REDUCE_SUM
from graphc.types import BATCH, Dim, TensorType
from tests.ir.graphs import SOURCE, D, H, T, U, product, recurrence, the_loop

REAL = TensorType.of("real", (BATCH,), (H,))


def with_loop(**changes: object) -> Graph:
    """The recurrence with another form of its loop."""
    graph = recurrence()
    old = the_loop(graph)
    new = replace(old, loop=replace(old.loop, **changes))  # type: ignore[arg-type]
    return replace_node(graph, old, new)


def replace_node(graph: Graph, old: AnyNode, new: AnyNode) -> Graph:
    return replace(graph, nodes=tuple(new if node is old else node for node in graph.nodes))


def with_body(**changes: object) -> Graph:
    body = the_loop(recurrence()).loop.body
    return with_loop(body=replace(body, **changes))  # type: ignore[arg-type]


def check(graph: Graph, message: str) -> None:
    with pytest.raises(VerificationFault, match=message):
        verify(graph)


@pytest.mark.parametrize("make", [product, recurrence], ids=lambda make: make.__name__)
def test_a_good_graph_passes(make: object) -> None:
    verify(make())  # type: ignore[operator]


def one_node(node: Node, *inputs: Value) -> Graph:
    return Graph(inputs, (node,), {"y": node.result})


def test_use_before_definition() -> None:
    x = Value(REAL, "x")
    b = Builder()
    y = b(NEG, b(NEG, x))
    first, second = b.nodes
    check(Graph((x,), (second, first), {"y": y}), "`neg`: operand .* is not defined here")
    check(Graph((x,), (first,), {"y": y}), "graph: output y is not defined here")


def test_two_definitions() -> None:
    x = Value(REAL, "x")
    b = Builder()
    y = b(NEG, x)
    check(Graph((x,), (*b.nodes, *b.nodes), {"y": y}), "`neg`: .* is defined twice")
    check(Graph((x, x), (), {}), "two inputs have one name")


def test_a_result_of_another_type() -> None:
    x = Value(REAL, "x")
    wrong = Node(NEG, (x,), {}, Value(TensorType.of("real", (), (H,)), "h"), Span(SOURCE, 0, 4))
    check(
        one_node(wrong, x),
        r"`neg` -> h \(rnn.nn:1:1\): the result is real \(H=3\), not real \[batch\] \(H=3\)",
    )


def test_a_literal_may_stand_for_a_named_dim() -> None:
    x = Value(REAL, "x")
    verify(one_node(Node(NEG, (x,), {}, Value(REAL.with_shape((Dim.literal(3),)))), x))


def test_operands_that_do_not_fit() -> None:
    x, z = Value(REAL, "x"), Value(REAL.with_shape((D,)), "z")
    check(one_node(Node(ADD, (x, z), {}, Value(REAL)), x, z), "the operands do not fit: .*the shapes differ")
    lost = Node(REDUCE_SUM, (x,), {"dims": (), "indices": (T,)}, Value(REAL))
    check(one_node(lost, x), "the operands do not fit: broadcast before reducing")


def test_attributes_that_cannot_be_compared() -> None:
    x = Value(REAL, "x")
    node = Node(BROADCAST, (x,), {"indices": [T]}, Value(REAL.with_axes((BATCH, T))))
    check(one_node(node, x), "an attribute cannot be compared")


def test_a_step_outside_its_loop() -> None:
    b = Builder()
    y = b(STEP, index=T)
    check(Graph((), tuple(b.nodes), {"y": y}), "`step`: stands outside a loop over t")


def test_a_body_uses_only_what_it_is_handed() -> None:
    graph = recurrence()
    node = the_loop(graph)
    body = node.loop.body
    (x,) = (value for value in graph.inputs if value.name == "x")
    stray = Builder()
    stray(NEG, x)
    loop = node.loop.with_body(replace(body, nodes=(*body.nodes, *stray.nodes)))
    check(replace_node(graph, node, replace(node, loop=loop)), "`neg`: operand <x: .*> is not defined here")


def test_nothing_in_a_body_varies_over_its_index() -> None:
    graph = recurrence()
    node = the_loop(graph)
    body = node.loop.body
    wide = Builder()
    wide(BROADCAST, body.inputs[1], indices=(T,))
    loop = node.loop.with_body(replace(body, nodes=(*body.nodes, *wide.nodes)))
    fresh = replace_node(graph, node, replace(node, loop=loop))
    check(fresh, "`broadcast`: .* varies over the index of its loop")


def test_numbers_of_operands_and_results() -> None:
    graph = recurrence()
    node = the_loop(graph)
    check(replace_node(graph, node, replace(node, operands=node.operands[1:])), "2 operands, not 3")
    check(replace_node(graph, node, replace(node, results=node.results[1:])), "1 results, not 2")


def test_a_carry_keeps_its_type() -> None:
    outputs = the_loop(recurrence()).loop.body_outputs
    total = Builder()
    summed = total(REDUCE_SUM, outputs[0], dims=(0,), indices=())
    body = the_loop(recurrence()).loop.body
    other = body_graph(body.inputs, (*body.nodes, *total.nodes), (summed, outputs[1]))
    check(with_loop(body=other), "next of carry h is real .*, not real")


def test_a_slice_lacks_the_index() -> None:
    graph = recurrence()
    node = the_loop(graph)
    constant, sequence, carry = node.operands
    swapped = replace(node, operands=(constant, carry, sequence))
    check(
        replace_node(graph, node, swapped),
        r"loop over t .*: sequence is real \[batch\] \(H=3\), not real \[batch, t\]",
    )


def test_a_history_has_an_index_of_its_own() -> None:
    body = the_loop(recurrence()).loop.body
    plain = Value(body.inputs[3].type.with_axes((BATCH,)))
    check(with_body(inputs=(*body.inputs[:3], plain)), "has no index of its own")
    check(with_loop(histories=(4,)), "a history of stack 4, of 1")
    assert U in body.inputs[3].type.axes


def test_a_loop_inside_a_loop_over_the_same_index() -> None:
    graph = recurrence()
    node = the_loop(graph)
    inner = replace(node, results=tuple(Value(result.type) for result in node.results))
    body = node.loop.body
    nested = replace(
        body, nodes=(*body.nodes, replace(inner, operands=(body.inputs[0], body.inputs[1], body.inputs[2])))
    )
    check(
        replace_node(graph, node, replace(node, loop=node.loop.with_body(nested))),
        "a loop over t inside a loop over t",
    )
