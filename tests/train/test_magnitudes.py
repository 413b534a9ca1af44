"""Norms of gradients and of moves, by parameter."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.train.optimize.magnitudes import norms, relative_moves
from graphc.train.state import Generations, Layout, Vector

LAYOUT = Layout({"W": (2, 3), "b": (), "c": (4,), "none": (0, 2)})


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_norms_are_those_of_the_parts(dtype: type) -> None:
    vector = Vector(LAYOUT, np.dtype(dtype))
    vector.flat[:] = np.arange(LAYOUT.size)
    found = norms(vector, vector.parts)
    assert list(found) == ["W", "b", "c", "none"]
    assert norms(vector, ["c"]) == {"c": found["c"]}
    for name, part in vector.parts.items():
        assert found[name] == pytest.approx(np.linalg.norm(part.astype(np.float64)), rel=1e-12)


def test_squares_do_not_overflow() -> None:
    vector = Vector(LAYOUT, np.dtype(np.float32))
    vector.flat[:] = 1e30
    assert norms(vector, ["c"])["c"] == pytest.approx(2e30, rel=1e-6)


def test_moves_are_relative_to_the_weights_before() -> None:
    weights = Generations(LAYOUT, np.dtype(np.float32))
    weights.now.parts["W"][...] = 2
    weights.now.parts["b"][...] = -3
    weights.before.flat[:] = weights.now.flat
    weights.before.parts["W"][...] *= 1.5
    weights.before.parts["c"][...] = 1
    weights.turn()
    assert relative_moves(weights.now, weights.before) == pytest.approx({"W": 0.5, "b": 0.0})


def test_small_moves_are_seen_in_single_precision() -> None:
    weights = Generations(Layout({"w": (1,)}), np.dtype(np.float32))
    weights.now.flat[:] = 1
    weights.before.flat[:] = np.nextafter(np.float32(1), np.float32(2))
    weights.turn()
    assert relative_moves(weights.now, weights.before)["w"] == pytest.approx(2.0**-23, rel=1e-6)
