"""870 steps of momentum SGD on the digits: the same weights, the same batches, the same parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
datasets = pytest.importorskip("sklearn.datasets")

SPEC = Path(__file__).parents[2] / "specs" / "digits_mlp.nn"
STEPS, BATCH, RATE = 870, 32, 0.05


def digits() -> tuple[Any, Any]:
    found = datasets.load_digits()
    return found.data / 16 - 0.3, found.target


def torch_parameters(start: dict[str, Any], x: Any, y: Any, rows: Any, dtype: Any) -> dict[str, Any]:
    """What PyTorch makes of the same start."""
    weights = {n: torch.tensor(v, dtype=dtype, requires_grad=True) for n, v in start.items()}
    optimizer = torch.optim.SGD(weights.values(), lr=RATE, momentum=0.9)
    inputs, targets = torch.tensor(x, dtype=dtype), torch.tensor(y)
    for batch in rows:
        optimizer.zero_grad()
        h = torch.relu(inputs[batch] @ weights["W1"].T + weights["b1"])
        logits = h @ weights["W2"].T + weights["b2"]
        penalty = (weights["W1"] ** 2).sum() + (weights["W2"] ** 2).sum()
        loss = torch.nn.functional.cross_entropy(logits, targets[batch]) + 3e-3 * penalty / 2
        loss.backward()
        optimizer.step()
    return {name: value.detach().numpy() for name, value in weights.items()}


# In single precision an input of relu close to zero may be rounded to the other side.
@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-12), ("float32", 1e-3)])
def test_momentum_on_digits(dtype: str, tolerance: float) -> None:
    x, y = digits()
    options = {"fit.optimizer": f"sgd({RATE}, momentum = 0.9)", "fit.clip": "1e9"}
    program = graphc.compile(SPEC, dtype=dtype, settings=options)
    start = {name: np.array(program.params[name]) for name in program.params}
    rows = np.random.default_rng(0).integers(0, len(x), (STEPS, BATCH))
    for batch in rows:
        program.step({"x": x[batch], "y": y[batch]})
    expected = torch_parameters(start, x, y, rows, getattr(torch, dtype))
    for name, value in expected.items():
        gap = np.abs(program.params[name] - value).max()
        assert gap <= tolerance * np.abs(value).max(), (name, gap)
    p = program.forward({"x": x, "y": y}, names=["p"])["p"]
    assert np.mean(p.argmax(1) == y) > 0.98
