"""Gradients of random graphs: against finite differences, of loops against their steps, and summands."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.autodiff import differentiate
from graphc.backend.reference import Run, execute
from graphc.passes.unroll import unroll
from tests.gradient_checks import assert_gradients, draw_inputs, valid
from tests.random_graphs import random_graph

RAGGED = Run(batch=3, lengths={"T": np.array([1, 3, 0])})
DENSE = Run(batch=2, lengths={"T": 3})


@pytest.mark.parametrize("seed", range(24))
def test_gradients_agree_with_finite_differences(seed: int) -> None:
    drawn = random_graph(seed)
    assert_gradients(drawn.graph, RAGGED, drawn.inputs, tolerance=1e-6)


@pytest.mark.parametrize("seed", range(40, 60))
def test_gradients_of_loops_equal_gradients_of_steps(seed: int) -> None:
    drawn = random_graph(seed)
    inputs = draw_inputs(drawn.graph, DENSE)
    loops = execute(differentiate(drawn.graph, "loss", drawn.inputs).graph, inputs, DENSE)
    flat = unroll(drawn.graph, {"T": 3})
    steps = execute(differentiate(flat, "loss", drawn.inputs).graph, inputs, DENSE)
    for name, array in loops.items():
        np.testing.assert_allclose(steps[name], array, rtol=1e-11, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("seed", range(60, 80))
def test_summands_add_up_exactly(seed: int) -> None:
    drawn = random_graph(seed)
    names = [*drawn.inputs, *drawn.pins]
    gradients = differentiate(drawn.graph, "loss", names, summands=True)
    result = execute(gradients.graph, draw_inputs(drawn.graph, RAGGED), RAGGED)
    for name in names:
        total = result[f"grad:{name}"]
        where = valid(gradients.graph.outputs[f"grad:{name}"].type, RAGGED)
        parts = [result[part.output] for part in gradients.summands[name]]
        added = np.zeros_like(total) if not parts else parts[0].copy()
        for part in parts[1:]:
            added += part
        np.testing.assert_array_equal(added[where], total[where], err_msg=name)
