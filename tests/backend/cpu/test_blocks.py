"""Rows that are so long that they are cut."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.backend import BACKENDS
from graphc.backend.reference import Run, execute
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Value
from graphc.ops.elementwise import EXP, MUL, SUB, TANH
from graphc.ops.reduction import REDUCE_MAX
from graphc.ops.summing import REDUCE_SUM
from graphc.schedule import schedule
from graphc.types import BATCH, Dim, TensorType


def _graph(*shape: int) -> Graph:
    """Sums and a maximum over a long row, a number that needs them, and elements that need none."""
    b = Builder()
    x = Value(TensorType.of("real", (BATCH,), [Dim.literal(size) for size in shape]), "x")
    dims = tuple(range(len(shape)))
    y = b(TANH, x)
    total = b(REDUCE_SUM, b(MUL, y, x), dims=dims, indices=())
    largest = b(REDUCE_MAX, y, dims=dims, indices=())
    outputs = {"y": y, "total": total, "gap": b(EXP, b(SUB, largest, total))}
    return Graph((x,), tuple(b.nodes), outputs)


@pytest.mark.parametrize("shape", [(40_001,), (5, 50, 200), (33_000, 1)])
def test_a_cut_row_gives_what_a_whole_one_gives(shape: tuple[int, ...]) -> None:
    graph = _graph(*shape)
    assert any(buffer.name.startswith("parts") for buffer in schedule(graph).buffers)
    x = np.random.default_rng(0).standard_normal((3, *shape)) / 100
    found = BACKENDS["cpu"].prepare(graph)
    for batch in (3, 1):
        given, run = {"x": x[:batch]}, Run(batch=batch)
        expected = execute(graph, given, run)
        for name, array in found.run(given, run).items():
            np.testing.assert_allclose(array, expected[name], rtol=1e-12, err_msg=name)


def test_short_rows_stay_whole() -> None:
    assert not any(buffer.name.startswith("parts") for buffer in schedule(_graph(1000)).buffers)
