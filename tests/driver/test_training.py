"""Training through the Python API: on arrays, on data blocks, on the networks that are shipped."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

import graphc
from graphc import GraphcError

SPECS = Path(graphc.__file__).parents[1] / "specs"

LINE = """
input x : [2], y : real
param w : [2] = 0, b : real = 0
yhat = w @ x + b
minimize mse(yhat, y)
report error = rmse(yhat, y)
fit { optimizer = sgd(lr = 0.1), batch = 4, epochs = 60 }
"""


def line(count: int = 24) -> dict[str, np.ndarray]:
    x = np.random.default_rng(4).normal(size=(count, 2))
    return {"x": x, "y": x @ [2, -1] + 0.5}


def test_fit_on_arrays() -> None:
    program = graphc.compile(LINE)
    lines: list[str] = []
    result = program.fit(line(), progress=lines.append)
    assert (result.epochs, result.steps, len(lines)) == (60, 360, 60)
    assert result.metrics["train"]["error"] < 1e-3
    np.testing.assert_allclose(program.params["w"], [2, -1], atol=1e-3)
    np.testing.assert_allclose(program.params["b"], 0.5, atol=1e-3)


def test_options_win_over_the_block() -> None:
    program = graphc.compile(LINE)
    assert program.fit(line(), epochs=2, batch=8).steps == 6
    assert program.fit(line(), steps=5).steps == 5


def test_the_seed_decides() -> None:
    def trained(seed: int) -> np.ndarray:
        program = graphc.compile(LINE, seed=seed)
        program.fit(line(), epochs=2)
        return program.params["w"]

    np.testing.assert_array_equal(trained(1), trained(1))
    assert not np.array_equal(trained(1), trained(2))


def test_step_is_gradient_descent() -> None:
    program, batch = graphc.compile(LINE, dtype="float64"), line(8)
    loss, gradients = program.value_and_grad(batch)
    before = program.params["w"]
    assert program.step(batch) == loss
    np.testing.assert_allclose(program.params["w"], before - 0.1 * gradients["w"], rtol=1e-14)
    assert program.step(batch) < loss


def test_fit_on_a_file_below_the_root(tmp_path: Path) -> None:
    np.savez(tmp_path / "line.npz", **line())
    text = LINE + 'data { source = "line.npz", validation = 4, test = 4 }\n'
    result = graphc.compile(text, root=tmp_path).fit()
    assert set(result.metrics) == {"train", "validation", "test"}
    with pytest.raises(GraphcError, match="E413"):
        graphc.compile(text.replace("line.npz", "missing.npz"), root=tmp_path).fit()


def test_fit_on_ragged_arrays() -> None:
    text = """
axis t = 1..T
input x[t] : real, y : real
param a = 0.5, w = 0.1
h[0] = 0
h[t] = a * h[t-1] + w * x[t]
minimize mse(h[T], y)
fit { optimizer = adam(lr = 0.02), batch = 8, epochs = 40 }
"""
    rng = np.random.default_rng(0)
    x, own = rng.normal(size=(32, 6)), rng.integers(1, 7, 32)
    y = np.zeros(32)
    for example, end in enumerate(own):
        for t in range(end):
            y[example] = 0.8 * y[example] + 1.5 * x[example, t]
        x[example, end:] = np.nan
    program = graphc.compile(text)
    result = program.fit({"x": x, "y": y}, lengths={"T": own})
    assert result.metrics["train"]["loss"] < 0.01
    np.testing.assert_allclose(program.params["a"], 0.8, atol=0.05)


def test_digits() -> None:
    """What a newcomer sees first."""
    pytest.importorskip("sklearn")
    result = graphc.compile(SPECS / "digits_mlp.nn").fit()
    assert result.metrics["test"]["accuracy"] >= 0.97


def test_diabetes_has_the_published_share() -> None:
    pytest.importorskip("sklearn")
    result = graphc.compile(SPECS / "diabetes.nn").fit()
    assert result.metrics["train"]["r2"] == pytest.approx(0.517748, abs=5e-4)


def test_the_loss_of_the_tied_autoencoder_falls() -> None:
    pytest.importorskip("sklearn")
    program = graphc.compile(SPECS / "tied_autoencoder.nn")
    first = program.fit(epochs=1).metrics["validation"]["loss"]
    later = program.fit(epochs=5).metrics["validation"]["loss"]
    assert later < 0.8 * first


def test_a_few_steps_of_the_character_model_beat_guessing() -> None:
    program = graphc.compile(SPECS / "charlm.nn", dims={"H": 32})
    result = program.fit(steps=12)
    assert result.metrics["validation"]["loss"] < math.log(32)


# ------------------------------------------------------------------------------------------ generate

WALK = """
dim V = 6
axis t = 1..T
input s[t] : index(V)
param W : [V, V] ~ normal(1)
p[t] = softmax(W @ one_hot(s[t], V))
minimize mean[t = 1..T-1](cross_entropy(p[t], s[t+1]))
generate T = 40, stop = 0 {
  s[1] = prompt
  s[t] = sample(p[t-1])
}
"""


def test_generation_is_decided_by_the_seed() -> None:
    program = graphc.compile(WALK.replace(", stop = 0", ""), seed=2)
    first = program.generate([1, 2, 3])
    assert first.shape == (40,)
    assert set(first) <= set(range(6))
    np.testing.assert_array_equal(first, program.generate([1, 2, 3]))
    assert any(not np.array_equal(first, program.generate([1, 2, 3], seed=seed)) for seed in (8, 9))


def test_a_prompt_clamps() -> None:
    program = graphc.compile(WALK.replace(", stop = 0", ""))
    for prompt in ([5], [4, 4, 4, 2], list(range(6)) * 2):
        assert program.generate(prompt, ends={"T": 15})[: len(prompt)].tolist() == prompt
    assert len(program.generate([1], ends={"T": 15})) == 15
    for wrong in ([], [1] * 41, [[1]]):
        with pytest.raises(GraphcError, match="E443"):
            program.generate(wrong)


def test_generation_stops() -> None:
    program = graphc.compile(WALK)
    for seed in range(5):
        drawn = program.generate([3, 0, 2], seed=seed)
        # A stop symbol in the prompt ends nothing.
        assert len(drawn) > 3
        assert 0 not in drawn[3:-1]
        assert drawn[-1] == 0 or len(drawn) == 40


def test_generation_and_training_are_one_set_of_equations() -> None:
    """What is drawn greedily is what the forward pass over the drawn sequence finds most likely."""
    text = WALK.replace("sample(p[t-1])", "argmax(p[t-1])").replace(", stop = 0", "")
    program = graphc.compile(text, seed=1)
    drawn = program.generate([1], ends={"T": 12})
    likely = program.forward({"s": drawn[None]}, names=["p"])["p"][0].argmax(axis=1)
    np.testing.assert_array_equal(drawn[1:], likely[:-1])
