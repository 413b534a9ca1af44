"""How much of the last step's gradient is left at each step before it, in the networks of `vanishing.nn`.

A number is the norm of the loss's derivative by the state at a step, relative to that at the last one. Run
it with `python examples/vanishing.py`; `--seed 1` draws other weights.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np

import graphc

SPEC = Path(__file__).parents[1] / "specs" / "vanishing.nn"
STATES = {
    "linear": "linear, Q",
    "shrinking": "linear, 0.9 Q",
    "growing": "linear, 1.1 Q",
    "sigmoid_1": "sigmoid, Q",
    "sigmoid_16": "sigmoid, 16 Q",
    "tanh_half": "tanh, 0.5 Q",
    "tanh_1": "tanh, Q",
    "tanh_8": "tanh, 8 Q",
    "lstm.c": "LSTM, cell",
    "turning.h": "modrelu, orthogonal",
}
"""The names of states in the spec, and what to call them."""


def left(seed: int = 0) -> dict[str, np.ndarray]:
    """By state: [T], the norm of the gradient at steps 1 to T over that at step T."""
    # Nothing is computed twice here, so nothing is worth compiling first.
    program = graphc.compile(SPEC, backend="reference", dtype="float64", seed=seed)
    norms = program.norms()
    return {name: norms[name] / norms[name][-1] for name in STATES}


def table(found: Mapping[str, np.ndarray], every: int) -> str:
    """A line for each network: at step 1, and at each `every`-th."""
    steps = [1, *range(every, len(next(iter(found.values()))) + 1, every)]
    lines = [f"{'gradient at step':20}" + "".join(f"{step:9d}" for step in steps)]
    for name, values in found.items():
        lines.append(f"{STATES[name]:20}" + "".join(f"{values[step - 1]:9.1e}" for step in steps))
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=10, metavar="N", help="show each N-th step")
    options = parser.parse_args()
    print(table(left(options.seed), options.every))
