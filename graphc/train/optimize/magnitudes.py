"""How large gradients and moves are, parameter by parameter: what a record of a training may hold.

A network that learns well moves its weights by about a thousandth of their size at each step; a parameter
whose gradient is far smaller than the others' hardly learns.
"""

from __future__ import annotations

import math

import numpy as np

from graphc.train.data.examples import Array
from graphc.train.state import Generations, Vector


def norms(vector: Vector) -> dict[str, float]:
    """The Euclidean norm of each part, computed in double precision: sqrt of the sum of squares."""
    return {name: _norm(part) for name, part in vector.parts.items()}


def relative_moves(weights: Generations) -> dict[str, float]:
    """For each parameter |w - w0| / |w0|: the norm of the last move by the norm before it.

    Holds after a step and before the next one; of several losses the last one's move counts. Parameters that
    were all zero have no ratio and are left out.
    """
    found: dict[str, float] = {}
    for name, before in weights.before.parts.items():
        size = _norm(before)
        if size > 0:
            # In double precision: small moves of large weights are lost otherwise.
            found[name] = _norm(np.subtract(weights.now.parts[name], before, dtype=np.float64)) / size
    return found


def _norm(part: Array) -> float:
    flat = part.reshape(-1)
    return math.sqrt(float(np.einsum("i,i->", flat, flat, dtype=np.float64)))
