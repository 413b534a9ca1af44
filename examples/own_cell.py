"""A recurrent cell of one's own, written as equations and trained from Python.

The task: each step brings a number and a mark; the sum of the two marked numbers is wanted at the end. The
sequences differ in length. Run it with `python examples/own_cell.py`; `--steps 50` makes it short.
"""

from __future__ import annotations

import argparse

import numpy as np

import graphc

SPEC = """
dim H = 16
axis t = 1..T
input x[t] : [2], y : real

# One gate decides how much of the state is new: a cell with half the weights of a GRU.
block Leaky(D, H) {
  input x[t] : [D]
  param Wg : [H, D], Ug : [H, H] ~ orthogonal, bg : [H] = -1
  param Wc : [H, D], Uc : [H, H] ~ orthogonal, bc : [H] = 0
  h[0] = 0
  g[t] = sigmoid(Wg @ x[t] + Ug @ h[t-1] + bg)
  c[t] = tanh(Wc @ x[t] + Uc @ h[t-1] + bc)
  h[t] = (1 - g[t]) * h[t-1] + g[t] * c[t]
  output h
}
layer cell = Leaky(2, H)
param w : [H], b : real = 0

h    = cell(x)
yhat = w @ h[T] + b
minimize mse(yhat, y)

fit { optimizer = adam(lr = 1e-2), clip = 1.0 }
"""


def batch(
    rng: np.random.Generator, size: int, longest: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Numbers and marks, the sums that are wanted, and each sequence's own length."""
    lengths = rng.integers(4, longest + 1, size)
    x = np.zeros((size, longest, 2))
    x[:, :, 0] = rng.uniform(0, 1, (size, longest))
    for example, length in enumerate(lengths):
        x[example, rng.choice(length, 2, replace=False), 1] = 1
    # What lies behind a sequence's end is never looked at; any number will do.
    x[np.arange(longest) >= lengths[:, None]] = np.nan
    return {"x": x, "y": np.nansum(x[:, :, 0] * (x[:, :, 1] == 1), axis=1)}, {"T": lengths}


def main(steps: int = 600, longest: int = 10) -> float:
    """Train, say how it goes, and return the last error on fresh sequences."""
    program = graphc.compile(SPEC, seed=1)
    size = sum(array.size for array in program.params.values())
    print(f"{len(program.params)} parameters, {size} numbers")

    rng = np.random.default_rng(0)
    test, test_lengths = batch(np.random.default_rng(1), 500, longest)
    print(f"always guessing the mean has the error {test['y'].var():.4f}")
    for step in range(1, steps + 1):
        arrays, lengths = batch(rng, 64, longest)
        loss = program.step(arrays, lengths=lengths)
        if step == 1 or step % 100 == 0:
            print(f"step {step:4d}: error {loss:.4f}")

    error, _ = program.value_and_grad(test, lengths=test_lengths, mode="eval")
    print(f"error on {len(test['y'])} other sequences: {error:.4f}")

    # Cotangents of any name: how much the loss would change with the cell's state at each step.
    one, own = {"x": test["x"][:1], "y": test["y"][:1]}, {"T": test_lengths["T"][:1]}
    _, gradients = program.value_and_grad(one, lengths=own, wrt=["cell.h", "yhat", "cell.Uc"])
    print(f"d loss / d yhat = {gradients['yhat'][0]:.4f}")
    for t, cotangent in enumerate(gradients["cell.h"][0][: own["T"][0]], start=1):
        print(f"|d loss / d cell.h[{t}]| = {np.linalg.norm(cotangent):.1e}")
    print(f"|d loss / d cell.Uc| = {np.linalg.norm(gradients['cell.Uc']):.4f}")
    return error


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=600)
    main(parser.parse_args().steps)
