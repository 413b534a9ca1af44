"""One step of each optimizer of the library, compiled: the same as the reference makes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.backend import BACKENDS, Run
from graphc.frontend.library import optimizer_names, standard_optimizer
from graphc.ir.graph import Graph
from graphc.train.optimize.rules import compile_rule

COUNT = 1003


def given(graph: Graph, random: np.random.Generator) -> dict[str, Any]:
    """Vectors and numbers between 0 and 1, and conditions that hold half of the time."""
    found: dict[str, Any] = {}
    for value in graph.inputs:
        array = random.random(COUNT if value.type.axes else ())
        found[value.name] = np.asarray(array > 0.5 if value.type.dtype == "bool" else array)
    return found


@pytest.mark.parametrize("name", sorted(optimizer_names()))
def test_a_step(name: str) -> None:
    library, run = standard_optimizer(name), Run(np.dtype(np.float64), batch=COUNT)
    for definition in library.optimizers[name]:
        rule = compile_rule(definition, library)
        for graph in (rule.step, rule.masked()):
            inputs = given(graph, np.random.default_rng(3))
            expected = BACKENDS["reference"].prepare(graph).run(inputs, run)
            for output, found in BACKENDS["cpu"].prepare(graph).run(inputs, run).items():
                np.testing.assert_allclose(found, expected[output], rtol=1e-14, atol=1e-15)
