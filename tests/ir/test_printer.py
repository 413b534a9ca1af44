"""What a graph looks like as text."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from graphc.ir.graph import Graph, Value
from graphc.ir.printer import print_graph
from graphc.types import TensorType
from tests.golden import FOLDER, check_golden
from tests.ir.graphs import product, recurrence


@pytest.mark.parametrize("make", [product, recurrence], ids=lambda make: make.__name__)
def test_graph(make: Callable[[], Graph], update_goldens: bool) -> None:
    text = print_graph(make(), make.__name__) + "\n"
    check_golden(FOLDER / "ir" / f"{make.__name__}.txt", text, update_goldens)


def test_the_text_does_not_depend_on_who_was_printed_before() -> None:
    assert print_graph(recurrence()) == print_graph(recurrence())


def test_a_value_that_nothing_defines_is_shown() -> None:
    lost = Value(TensorType.of("real"))
    assert print_graph(Graph((), (), {"y": lost})) == "output y = %?"
