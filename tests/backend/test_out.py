"""Results written where the caller wants them."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.backend import BACKENDS, Run
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Value
from graphc.ops.elementwise import MUL
from graphc.ops.reduction import REDUCE_SUM
from graphc.ops.summing import EXPAND
from graphc.types import BATCH, Dim, TensorType

H = Dim.literal(3)


def graph() -> Graph:
    b = Builder()
    x = Value(TensorType.of("real", [BATCH], [H]), "x")
    square = b(MUL, x, x)
    total = b(REDUCE_SUM, square, dims=(0,), indices=(BATCH,))
    spread = b(EXPAND, total, shape=(H,), source=(None,))
    return Graph((x,), tuple(b.nodes), {"square": square, "total": total, "spread": spread, "same": x})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("written", [(), ("total",), ("square", "total", "spread", "same")])
def test_named_results_go_to_the_given_arrays(dtype: type, written: tuple[str, ...]) -> None:
    executable = BACKENDS["reference"].prepare(graph())
    x = np.arange(6, dtype=dtype).reshape(2, 3)
    expected = {"square": x * x, "total": np.sum(x * x), "spread": np.full(3, np.sum(x * x)), "same": x}
    run = Run(np.dtype(dtype), batch=2)
    out = {name: np.full(np.shape(expected[name]), -1, dtype) for name in written}
    results = executable.run({"x": x, "unread": x}, run, out)
    assert list(results) == list(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(results[name], value)
        assert (name in out) == any(results[name] is array for array in out.values())
    results_without = executable.run({"x": x}, run)
    for name in out:
        assert not np.shares_memory(results_without[name], out[name])


@pytest.mark.parametrize(
    "out",
    [
        {"total": np.zeros(1)},
        {"square": np.zeros((1, 3))},
        {"square": np.zeros((2, 3), np.float32)},
        {"square": np.zeros((3, 2)).T},
        {"other": np.zeros(())},
    ],
    ids=["rank", "shape", "dtype", "order", "name"],
)
def test_arrays_that_do_not_fit_are_refused(out: dict[str, np.ndarray]) -> None:
    with pytest.raises(AssertionError):
        BACKENDS["reference"].prepare(graph()).run({"x": np.ones((2, 3))}, Run(batch=2), out)
