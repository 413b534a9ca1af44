"""The equations that are printed are right: formulas evaluated point by point, against the gradients."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.view.latex.evaluating import Run, compiled

SMALL = (
    "attention batchnorm bidirectional causal_attention circuit conv cs231n_neuron elman embedding gates gru"
)
OTHER = (
    "l2_step lstm mazur micrograd orthogonal penalties rnn_sum sigmoid two_linear_layers window zero_start"
)
SPECS = [*SMALL.split(), *OTHER.split()]


@pytest.mark.parametrize("name", SPECS)
def test_the_gradients_of_a_spec(name: str) -> None:
    run = Run(compiled(f"specs/{name}.nn"))
    assert sum(run.check(step) for step in run.found.steps) > 0
    assert run.check_forward() > 0


RAGGED = """
axis t = 1..T, u = 1..T
input x[t] : [2] = batch([[1, 0], [0, 1], [1, 1]], [[2, -1], [0, 0.5]], [[1, 3], [0.5, 0.25], [1, 2], [0, 1]])
param W : [2, 2] = [[0.5, -0.25], [0.25, 0.5]], h1 : [2] = [0.1, -0.2], v : [2] = [1, 2]
h[1] = tanh(h1)
h[t] = tanh(W @ h[t-1] + x[T+1-t])
a[t,u] = softmax[u = 1..t](h[t] @ h[u])
y[t] = sum[u = 1..t](a[t,u] * x[u])
"""


@pytest.mark.parametrize(
    "end",
    [
        "minimize mean[t](sum((y[t] * v)^2)) + v @ h[T]",
        "minimize sum[t](v @ y[t]) / T",
        "z = W.T @ v\nminimize mean[batch](v @ h[T]) * (z @ h[1])",
    ],
)
def test_lengths_boundaries_and_shared_weights(end: str, tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "ragged.nn"
    path.write_text(RAGGED + end + "\n")
    run = Run(compiled(str(path)))
    assert {"W", "h1", "v"} <= {step.name for step in run.found.steps}
    assert sum(run.check(step) for step in run.found.steps) > 6
    assert run.check_forward() > 6


@pytest.mark.parametrize("path", sorted((Path(__file__).parent / "specs").glob("*.nn")), ids=lambda p: p.stem)
def test_what_few_specs_have(path: Path) -> None:
    """Corners and edges, parts of axes, a softmax read at single positions, letters that are taken."""
    run = Run(compiled(str(path)))
    assert sum(run.check(step) for step in run.found.steps) > 0
    assert run.check_forward() > 0
    run.check_shortcuts()


MIXED = """
axis t = 1..T
input x[t] : [2] = batch([[1, 0.5], [-2, 1]], [[2, -1]], [[1, 3], [0.5, 0.25], [1, 2]])
input y : [2] = batch([1, -1], [0, 2], [0.5, 0.5]), k : index(2) = batch(1, 0, 1)
input q = batch(0.9, 0.2, 0.5)
param a : [2] = [0.5, -1.5], W : [2, 2] = [[1, 0.5], [-0.25, 2]], s = 0.75
layer ln = LayerNorm(2)
m = max[t](a @ x[t]) + max(a) + mean[t](huber(x[t], a))
c = concat(a, W @ y)
e = W[0, 1] * W[1] + W[:, 1] + relu(W.T @ y)
g = exp(s * y) / (1 + exp(-s * y))
p = softmax(W @ ln(y))
r = sigmoid(sum(g))
o = 0.3 * sum(outer(a, y)) + logsumexp(W @ y) + sum(abs(a - y)) - 2 * sum(W.T @ W)
l = cross_entropy(p, k) + binary_cross_entropy(r, q) + elastic_net(a, 0.1, 0.2) + prod(a) + s / 4
minimize m + sum(c^3) + sum(e) + o + l
"""


def test_functions_of_many_kinds(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "mixed.nn"
    path.write_text(MIXED)
    run = Run(compiled(str(path)))
    assert sum(run.check(step) for step in run.found.steps) > 10
    assert run.check_forward() > 10
    assert run.found.short
    run.check_shortcuts()


def test_a_wrong_formula_is_found() -> None:
    run = Run(compiled("specs/elman.nn"))
    run.bars["yhat"] = run.bars["yhat"] * (1 + 1e-8)
    (step,) = (step for step in run.found.steps if step.name == "yhat")
    with pytest.raises(AssertionError, match="yhat"):
        run.check(step)
