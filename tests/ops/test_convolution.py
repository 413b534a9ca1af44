"""Convolution and pooling against loops written out, and derivatives of derivatives."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from graphc.autodiff import differentiate
from graphc.backend.reference import Run, prepare
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Value
from graphc.ir.op import Op, TypeFault
from graphc.ops.convolution import CONV
from graphc.ops.elementwise import MUL
from graphc.ops.pooling import AVERAGE_POOL, MAX_POOL
from graphc.ops.summing import REDUCE_SUM
from graphc.types import BATCH, Dim, TensorType
from tests.ops.calls import evaluate

GEOMETRIES = [
    {"stride": (1, 1), "pad": ((0, 0), (0, 0)), "dilation": (1, 1)},
    {"stride": (2, 3), "pad": ((1, 0), (2, 1)), "dilation": (1, 1)},
    {"stride": (1, 2), "pad": ((2, 2), (0, 1)), "dilation": (2, 3)},
]


def written_out(x: np.ndarray, f: np.ndarray, how: Mapping[str, Any]) -> np.ndarray:
    """The definition, one element at a time."""
    wide = np.pad(x, [(0, 0), *how["pad"]])
    reach = [d * (k - 1) + 1 for d, k in zip(how["dilation"], f.shape[2:], strict=True)]
    outs = [(n - r) // s + 1 for n, r, s in zip(wide.shape[1:], reach, how["stride"], strict=True)]
    result = np.zeros((f.shape[0], *outs))
    for k, i, j in np.ndindex(*result.shape):
        for c, a, b in np.ndindex(*f.shape[1:]):
            row = i * how["stride"][0] + a * how["dilation"][0]
            column = j * how["stride"][1] + b * how["dilation"][1]
            result[k, i, j] += wide[c, row, column] * f[k, c, a, b]
    return result


@pytest.mark.parametrize("how", GEOMETRIES)
def test_convolution_is_what_its_definition_says(how: Mapping[str, Any]) -> None:
    generator = np.random.default_rng(0)
    x, f = generator.normal(size=(3, 2, 7, 8)), generator.normal(size=(4, 2, 3, 2))
    found = evaluate(CONV, x, f, axes=((BATCH,), ()), **how)
    for example, result in zip(x, found, strict=True):
        np.testing.assert_allclose(result, written_out(example, f, how), atol=1e-12)


def test_sizes_stay_symbolic() -> None:
    n, k = Dim.named("N", 28), Dim.literal(16)
    x = TensorType.of("real", (BATCH,), (Dim.literal(1), n))
    f = TensorType.of("real", (), (k, Dim.literal(1), Dim.literal(3)))

    def size(stride: int, pad: int) -> Dim:
        return CONV.infer([x, f], {"stride": (stride,), "pad": ((pad, pad),), "dilation": (1,)}).shape[1]

    assert size(1, 1).agrees(n)
    assert size(1, 0).expression == "N - 2"
    assert size(2, 1).value == 14
    assert size(2, 1) == size(2, 1)


def test_faults() -> None:
    def infer(op: Op, *shapes: tuple[int, ...], **attrs: Any) -> TensorType:
        return op.infer([TensorType.of("real", (), map(Dim.literal, s)) for s in shapes], attrs)

    with pytest.raises(TypeFault, match="the input has 3 channels, the filters take 2") as fault:
        infer(CONV, (3, 5, 5), (4, 2, 3, 3), **GEOMETRIES[0])
    assert fault.value.code == "E205"
    with pytest.raises(TypeFault, match="a window of 3 does not fit into 2") as fault:
        infer(CONV, (3, 2, 5), (4, 3, 3, 3), **GEOMETRIES[0])
    assert fault.value.code == "E206"
    with pytest.raises(TypeFault, match="a window of 7 does not fit into 5 padded by 1"):
        infer(CONV, (3, 8, 5), (4, 3, 3, 3), **GEOMETRIES[2])
    with pytest.raises(TypeFault, match="a window of 2 can lie in padding of 2"):
        infer(MAX_POOL, (3, 8), window=(2,), stride=(2,), pad=((2, 0),))


def test_pooling_takes_each_window() -> None:
    x = np.random.default_rng(0).normal(size=(2, 5, 6))
    how: dict[str, Any] = {"window": (2, 3), "stride": (2, 1), "pad": ((0, 0), (1, 1))}
    most, mean = evaluate(MAX_POOL, x, **how), evaluate(AVERAGE_POOL, x, **how)
    assert most.shape == mean.shape == (2, 2, 6)
    for c, i, j in itertools.product(range(2), range(2), range(6)):
        window = x[c, 2 * i : 2 * i + 2, max(j - 1, 0) : j + 2]
        assert most[c, i, j] == window.max()
        assert mean[c, i, j] == pytest.approx(window.sum() / 6)


def squared_gradient(op: Op, types: list[TensorType], attrs: Mapping[str, Any]) -> Graph:
    """A graph whose loss is made of the squared gradients of sum(y^3): twice through the op's rule."""
    inputs = tuple(Value(kind, f"x{i}") for i, kind in enumerate(types))
    b = Builder()
    y = b(op, *inputs, **attrs)
    cubed = b(MUL, y, b(MUL, y, y))
    loss = _total(b, cubed)
    first = differentiate(
        Graph(inputs, tuple(b.nodes), {"loss": loss}), "loss", [v.name for v in inputs]
    ).graph
    b = Builder()
    b.nodes.extend(first.nodes)
    gradients = [value for name, value in first.outputs.items() if name.startswith("grad:")]
    parts = [_total(b, b(MUL, g, g)) for g in gradients]
    total = parts[0] if len(parts) == 1 else b(MUL, parts[0], parts[1])
    return Graph(first.inputs, tuple(b.nodes), {"loss": total})


def _total(b: Builder, value: Value) -> Value:
    return b(REDUCE_SUM, value, dims=tuple(range(value.type.rank)), indices=value.type.axes)


@pytest.mark.parametrize("op", [CONV, MAX_POOL, AVERAGE_POOL], ids=lambda op: op.name)
def test_second_derivatives(op: Op) -> None:
    two, three, five = map(Dim.literal, (2, 3, 5))
    x = TensorType.of("real", (BATCH,), (two, five, five))
    if op is CONV:
        types, attrs = [x, TensorType.of("real", (), (three, two, two, three))], GEOMETRIES[1]
    else:
        types, attrs = [x], {"window": (2, 2), "stride": (2, 1), "pad": ((0, 1), (0, 0))}
    run = Run(batch=2)
    graph = squared_gradient(op, types, attrs)
    generator = np.random.default_rng(3)
    names = [value.name for value in graph.inputs]
    arrays = {
        v.name: generator.uniform(-1, 1, ((2,) if v.type.axes else ()) + v.type.sizes) for v in graph.inputs
    }
    gradient = prepare(differentiate(graph, "loss", names).graph).run(arrays, run)
    forward = prepare(graph)
    for name in names:
        direction = generator.uniform(-1, 1, arrays[name].shape)
        above, below = (
            forward.run({**arrays, name: arrays[name] + by * direction}, run)["loss"] for by in (1e-5, -1e-5)
        )
        found = np.sum(gradient[f"grad:{name}"] * direction)
        assert found == pytest.approx(float(above - below) / 2e-5, rel=1e-6)
