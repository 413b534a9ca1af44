"""Padding changes nothing: the losses and gradients of examples in one batch and of each by itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc
from graphc.train.data.examples import Batch

SPEC = """
dim V = 6, H = 3
axis t = 1..T, u = 1..N
input s[t] : index(V), r[u] : index(V), x[t] : [2]
param E : [V, H] ~ normal(1), W : [V, H], A : [H, 2], M : [H, H]
b[T+1] = 0
b[t]   = tanh(M @ b[t+1] + E[s[t]] + A @ x[t])
g[0]   = max[t](b[t])
g[u]   = tanh(M @ g[u-1] + E[r[u]])
a[u,t] = softmax[t](g[u] @ b[t])
p[u]   = softmax(W @ sum[t](a[u,t] * b[t]))
minimize mean[u = 1..N-1](cross_entropy(p[u], r[u+1]))
"""
COUNT, LONGEST = 10, 13


def examples() -> tuple[dict[str, Any], dict[str, Any]]:
    """What stands behind an example's end is no number, or no class."""
    rng = np.random.default_rng(8)
    lengths = {"T": rng.integers(1, LONGEST + 1, COUNT), "N": rng.integers(2, LONGEST + 1, COUNT)}
    shape = (COUNT, LONGEST)
    arrays = {
        "s": rng.integers(0, 6, shape),
        "r": rng.integers(0, 6, shape),
        "x": rng.normal(size=(*shape, 2)),
    }
    for name, length in (("s", "T"), ("r", "N"), ("x", "T")):
        outside = np.arange(LONGEST) >= lengths[length][:, None]
        arrays[name][outside] = np.nan if name == "x" else 99
    return arrays, lengths


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_a_batch_is_the_mean_of_its_examples_alone(backend: str) -> None:
    program = graphc.compile(SPEC, backend=backend, dtype="float64")
    arrays, lengths = examples()

    def measured(rows: list[int]) -> tuple[float, np.ndarray]:
        some = {name: array[rows] for name, array in arrays.items()}
        own = {name: array[rows] for name, array in lengths.items()}
        found = program.losses.gradients(Batch(some, own, np.array(rows, np.uint64)), step=1)
        return found.loss, found.gradients.flat.copy()

    loss, gradient = measured(list(range(COUNT)))
    alone = [measured([row]) for row in range(COUNT)]
    assert len(set(lengths["T"].tolist())) > 4
    assert abs(loss - np.mean([own for own, _ in alone])) < 1e-12
    assert np.abs(gradient).max() > 0.01
    np.testing.assert_allclose(gradient, np.mean([own for _, own in alone], axis=0), rtol=0, atol=1e-12)
