"""Truncated backpropagation through time: chunks compute what the whole sequence does."""

from __future__ import annotations

import numpy as np
import pytest

import graphc

SPEC = """
dim V = 4, H = 3
axis t = 1..T
input s[t] : index(V)
param E : [H, V], U : [H, H], W : [V, H]
h[0] = 0.3
h[t] = tanh(E @ one_hot(s[t], V) + U @ h[t-1] + EXTRA)
p[t] = softmax(W @ h[t])
minimize mean[t = 1..T-1](cross_entropy(p[t], s[t+1]))
report perplexity = exp(mean[batch, t = 1..T-1](cross_entropy(p[t], s[t+1])))
fit { optimizer = sgd(lr = 1e-30), batch = 2, epochs = 1 }
"""
TEXT = np.random.default_rng(3).integers(0, 4, (1, 83))


def figures(spec: str, steps: int) -> dict[str, float]:
    program = graphc.compile(spec, dtype="float64")
    return program.fit({"s": TEXT}, bptt=steps).metrics["train"]


@pytest.mark.parametrize("extra", ["0 * h[t-1]", "0.5 * h[t-2]\nh[-1] = 0.2"])
def test_figures_do_not_depend_on_the_size_of_chunks(extra: str) -> None:
    spec = (
        SPEC.replace(" + EXTRA)", f" + {extra.splitlines()[0]})") + "\n".join(extra.splitlines()[1:]) + "\n"
    )
    whole = figures(spec, 41)
    for steps in (2, 3, 5, 8, 40):
        found = figures(spec, steps)
        assert found["loss"] == pytest.approx(whole["loss"], rel=1e-12)
        assert found["perplexity"] == pytest.approx(whole["perplexity"], rel=1e-12)


def test_training_in_one_chunk_is_training_on_whole_sequences() -> None:
    spec = SPEC.replace(" + EXTRA", "").replace("sgd(lr = 1e-30)", "sgd(lr = 0.5)")
    chunked, whole = (graphc.compile(spec, dtype="float64") for _ in range(2))
    chunked.fit({"s": TEXT}, bptt=41)
    whole.step({"s": np.stack([TEXT[0, :42], TEXT[0, 41:83]])})
    for name in whole.params:
        np.testing.assert_allclose(chunked.params[name], whole.params[name], rtol=1e-12)


def test_a_boundary_at_the_first_step_cannot_be_cut() -> None:
    spec = SPEC.replace("h[0] = 0.3", "h[1] = E @ one_hot(s[1], V)").replace(" + EXTRA", "")
    with pytest.raises(graphc.GraphcError, match="E323"):
        figures(spec, 4)


def test_a_lag_longer_than_a_chunk_is_refused() -> None:
    spec = SPEC.replace("EXTRA", "h[t-3]") + "h[-1] = 0\nh[-2] = 0\n"
    with pytest.raises(graphc.GraphcError, match=r"bptt = 2"):
        figures(spec, 2)
    assert figures(spec, 3)["loss"] == pytest.approx(figures(spec, 41)["loss"], rel=1e-12)


def test_a_recurrence_against_time_is_refused() -> None:
    spec = SPEC.replace("h[0] = 0.3", "h[T+1] = 0.3").replace("h[t-1]", "h[t+1]").replace(" + EXTRA", "")
    with pytest.raises(graphc.GraphcError, match="E322"):
        figures(spec, 4)


def test_a_state_that_is_the_same_for_all_examples() -> None:
    spec = SPEC.replace("EXTRA", "c[t]") + "c[0] = 0\nc[t] = 0.9 * c[t-1] + 0.1\n"
    assert figures(spec, 4)["loss"] == pytest.approx(figures(spec, 41)["loss"], rel=1e-12)


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_states_that_count_and_decide_are_carried_too(backend: str) -> None:
    program = graphc.compile(
        "axis t = 1..T\ninput x[t] : real\nparam w : real = 1\n"
        "n[0] = 0\nn[t] = n[t-1] + 1\non[0] = 1 > 0\non[t] = n[t-1] < 6\n"
        "minimize sum[t](where(on[t-1], w * x[t] * n[t], 0))\n"
        "fit { bptt = 4, batch = 1, epochs = 1, optimizer = sgd(lr = 1e-14) }\n",
        dtype="float64",
        backend=backend,
    )
    found = program.fit({"x": np.ones((1, 13))}).metrics["train"]["loss"]
    # Three chunks of five steps: 1 + 2 + 3 + 4 + 5, then 5 + 6 + 7 and two that are off, then none.
    assert found == pytest.approx((15 + 18 + 0) / 3, rel=1e-10)
