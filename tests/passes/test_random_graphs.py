"""Every pass and all of them together, on random graphs and recurrences with their gradients."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from graphc.autodiff import differentiate
from graphc.ir.graph import Graph
from graphc.passes import NAMES, optimize
from graphc.passes.signature import signature
from tests.autodiff.recurrences import EXAMPLES
from tests.passes.comparing import DENSE, RUNS, assert_same
from tests.random_graphs import random_graph


def _with_gradients(graph: Graph, wrt: Sequence[str]) -> Graph:
    return differentiate(graph, "loss", wrt).graph


@pytest.mark.parametrize("seed", range(24))
def test_an_optimised_graph_computes_the_same(seed: int) -> None:
    drawn = random_graph(seed)
    graph = _with_gradients(drawn.graph, drawn.inputs)
    assert_same(graph, optimize(graph, keep=(), verify=True))
    assert_same(graph, optimize(graph, dense=True, verify=True), {"dense": DENSE})


@pytest.mark.parametrize("seed", range(100, 112))
def test_the_gradient_of_an_optimised_graph_is_the_same(seed: int) -> None:
    drawn = random_graph(seed)
    first = optimize(drawn.graph, keep=(), verify=True)
    then = optimize(_with_gradients(first, drawn.inputs), keep=(), verify=True)
    assert_same(_with_gradients(drawn.graph, drawn.inputs), then)


@pytest.mark.parametrize("name", EXAMPLES)
def test_recurrences_and_their_gradients_stay_the_same(name: str) -> None:
    example = EXAMPLES[name]()
    graph = _with_gradients(example.graph, example.wrt)
    assert_same(graph, optimize(graph, keep=(), verify=True))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "dense"])
def test_each_pass_alone_keeps_values_and_is_done_after_one_time(name: str) -> None:
    others = [other for other in NAMES if other != name]
    for seed in range(40, 46):
        drawn = random_graph(seed)
        graph = _with_gradients(drawn.graph, drawn.inputs)
        once = optimize(graph, disabled=others, keep=(), verify=True)
        assert_same(graph, once, {"ragged": RUNS["ragged"]})
        again = optimize(once, disabled=others, keep=(), verify=True)
        assert signature(again) == signature(once)


@pytest.mark.parametrize("name", EXAMPLES)
def test_sums_in_another_order_and_values_computed_again_are_the_same_to_the_last_bits(name: str) -> None:
    example = EXAMPLES[name]()
    graph = _with_gradients(example.graph, example.wrt)
    changes = ("reassociate", "hoist", "sink", "recompute", "project", "dce")
    only = optimize(graph, disabled=[other for other in NAMES if other not in changes], keep=(), verify=True)
    assert_same(graph, only, tolerance=1e-12)


def test_a_graph_without_work_stays_the_graph_it_was() -> None:
    drawn = random_graph(3)
    once = optimize(drawn.graph)
    assert optimize(once) is once


def test_unknown_names_of_passes_are_refused() -> None:
    with pytest.raises(AssertionError, match="no passes"):
        optimize(random_graph(0).graph, disabled=["simplfy"])
