"""Shipped specs that learn from real data: what they reach on parts that chose nothing, what they keep."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import graphc

pytest.importorskip("sklearn")
SPECS = Path(__file__).parents[2] / "specs"


def test_the_irises() -> None:
    program = graphc.compile(SPECS / "iris.nn")
    result = program.fit()
    assert result.metrics["test"]["accuracy"] >= 0.9
    assert program.preparation.vocabularies == {"species": ("setosa", "versicolor", "virginica")}


def test_the_progression_of_diabetes_is_predicted_in_its_units() -> None:
    from sklearn.datasets import load_diabetes

    program = graphc.compile(SPECS / "progression.nn")
    result = program.fit()
    # A linear model on all rows explains 0.52; a part of 88 rows scatters by about 0.07.
    assert result.metrics["test"]["r2"] > 0.35
    found = load_diabetes()
    predicted = program.predict({"x": found.data})["yhat"]
    assert np.mean(predicted) == pytest.approx(found.target.mean(), rel=0.05)
    assert np.corrcoef(predicted, found.target)[0, 1] > 0.7


def test_decay_is_an_l2_penalty() -> None:
    """Without mini-batches the decayed model ends where scikit-learn's solver for that penalty does."""
    from sklearn.linear_model import LogisticRegression

    program = graphc.compile(SPECS / "decayed.nn", dtype="float64")
    part = program.dataset().train
    given = part.table.batch(part.rows).arrays
    program.fit(epochs=600)
    # The solver weighs the sum of the losses against the penalty, the spec their mean.
    solver = LogisticRegression(C=1 / (0.02 * len(given["y"])), tol=1e-10, max_iter=10_000)
    expected = solver.fit(given["x"], given["y"]).coef_[0]
    np.testing.assert_allclose(program.params["w"], expected, atol=5e-3)
    assert np.abs(expected).max() > 0.5


class Stop(Exception):
    """Ends a training from outside."""


def test_an_interrupted_training_of_the_digits_goes_on(tmp_path: Path) -> None:
    """With its schedule, its average and its patience, as if there had been no interruption."""

    def stop(line: str) -> None:
        if line.startswith("epoch 3/"):
            raise Stop

    whole, cut, resumed = (graphc.compile(SPECS / "digits_mlp.nn", dims={"H": 8}) for _ in range(3))
    expected = whole.fit(epochs=5)
    with pytest.raises(Stop):
        cut.fit(epochs=5, run_dir=tmp_path, progress=stop)
    found = resumed.fit(epochs=5, run_dir=tmp_path, resume=True)
    assert found.metrics == expected.metrics
    for name in whole.params:
        np.testing.assert_array_equal(resumed.params[name], whole.params[name])
