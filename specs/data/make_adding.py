"""Writes `adding.npz`: sequences of numbers, two of which are marked and are to be added.

An example is 100 steps of two channels: a value, evenly drawn from 0 to 1, and a marker, which is 1 at one
step of either half and 0 elsewhere. The target is the sum of the two marked values.
Source: Hochreiter and Schmidhuber 1997, with the markers of Le, Jaitly and Hinton 2015.
Run `python make_adding.py` to write the same file again (18 MB).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def adding(examples: int = 22_000, steps: int = 100, seed: int = 1) -> dict[str, NDArray[np.float32]]:
    """Sequences x [examples, steps, 2] and their sums y [examples]."""
    draw = np.random.default_rng(seed)
    values = draw.random((examples, steps), dtype=np.float32)
    markers = np.zeros_like(values)
    rows = np.arange(examples)
    markers[rows, draw.integers(0, steps // 2, examples)] = 1
    markers[rows, draw.integers(steps // 2, steps, examples)] = 1
    return {"x": np.stack([values, markers], axis=2), "y": (values * markers).sum(axis=1)}


if __name__ == "__main__":
    np.savez(Path(__file__).with_name("adding.npz"), **adding())
