"""The numbers behind the figures of a report, held to NumPy: rows of the validation part, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.driver.reporting.activations import inspected
from graphc.driver.reporting.history import history
from graphc.driver.reporting.material import Material
from graphc.driver.reporting.predictions import predictions
from graphc.driver.reporting.sequences import attention_maps, gradient_flows
from graphc.driver.reporting.showing import pictured
from graphc.view.report.predicted import Classified, Estimated
from graphc.view.report.sequences import Flow
from graphc.view.report.units import Activation

Array = np.ndarray[Any, Any]
COUNT, LONGEST, KEPT = 30, 6, 12

SPEC = f"""
dim V = 5, E = 3, K = 3, H = 4, A = 2
axis t = 1..T, u = 1..T, n = 1..A
input s[t] : index(V), y[t] : index(K), x[t] : real
input f : [2], ok : real, sure : real, place : [2]
param Emb : [V, E] ~ normal(1), W : [K, E] ~ normal(2)
param a = 0.5, c = 0.1
param U : [H, H] ~ orthogonal, B, w : [H] ~ normal(1)
param R : [H, 2] ~ normal(1), d : [H] = [0, 0, 0, -90], q : [H] ~ normal(1), k : [2], P : [2, 2]
param M[n] : [E, E] ~ normal(1)

p[t]     = softmax(W @ Emb[s[t]])
v[t]     = a * x[t] + c
h[0]     = 0
h[t]     = tanh(U @ h[t-1] + B * x[t])
r        = relu(R @ f + d)
chance   = sigmoid(q @ r)
logit    = 9 * (k @ f)
where_   = P @ f
look[n,t,u] = softmax[u = 1..t](Emb[s[t]] @ M[n] @ Emb[s[u]])

minimize mean[t](cross_entropy(p[t], y[t])) + mean[t = 1..T-1]((v[t] - x[t+1])^2)
    + binary_cross_entropy(chance, ok) + binary_cross_entropy_of_logit(logit, sure)
    + mse(where_, place) + (w @ h[T])^2 + 0 * sum[t](sum[u = 1..t](sum[n](look[n,t,u])))

data {{ source = "many.npz", validation = {KEPT}, standardize = place }}
fit {{ optimizer = sgd(lr = 1e-3), batch = all, epochs = 1 }}
"""


@dataclass
class Case:
    """A trained program, and the rows of the source that its report looks at, by input."""

    material: Material
    data: dict[str, Array]
    lengths: Array

    @property
    def weights(self) -> dict[str, Array]:
        return self.material.program.weights()

    def predicted(self, name: str) -> Classified | Estimated:
        (found,) = (one for one in predictions(self.material) if one.name == name)
        return found

    def classified(self, name: str) -> Classified:
        found = self.predicted(name)
        assert isinstance(found, Classified)
        return found

    def estimated(self, name: str) -> Estimated:
        found = self.predicted(name)
        assert isinstance(found, Estimated)
        return found


def source() -> dict[str, Array]:
    rng = np.random.default_rng(3)
    shape = (COUNT, LONGEST)
    return {
        "s": rng.integers(0, 5, shape),
        "y": rng.integers(0, 3, shape),
        "x": rng.normal(size=shape),
        "f": rng.normal(size=(COUNT, 2)),
        "ok": rng.integers(0, 2, COUNT).astype(np.float64),
        "sure": rng.integers(0, 2, COUNT).astype(np.float64),
        "place": 100 + 7 * rng.normal(size=(COUNT, 2)),
        "lengths_T": rng.integers(2, LONGEST + 1, COUNT),
    }


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    folder = tmp_path_factory.mktemp("numbers")
    data = source()
    np.savez(folder / "many.npz", **data)  # type: ignore[arg-type]
    (folder / "many.nn").write_text(SPEC, encoding="utf-8")
    program = graphc.compile(folder / "many.nn", backend="reference", dtype="float64")
    program.fit()
    material = Material(program)
    ids = material.sample(KEPT).batch.example_ids.astype(np.int64)
    assert len(ids) == KEPT
    chosen = {name: array[ids] for name, array in data.items()}
    return Case(material, chosen, chosen.pop("lengths_T"))


def softmax(scores: Array) -> Array:
    powers = np.exp(scores)
    found: Array = powers / powers.sum()
    return found


def sigmoid(x: Array) -> Array:
    found: Array = 1 / (1 + np.exp(-x))
    return found


def check_classes(found: Classified, rows: list[tuple[Array, int]]) -> None:
    """The confusion matrix and the worst rows, counted one by one."""
    counts = [[0] * len(found.labels) for _ in found.labels]
    for chances, truth in rows:
        counts[truth][int(np.argmax(chances))] += 1
    assert found.confusion.tolist() == counts
    own = [chances[truth] for chances, truth in rows]
    np.testing.assert_allclose(found.chances[np.arange(len(rows)), found.truth], own, rtol=1e-9)
    assert found.worst(5).tolist() == sorted(range(len(rows)), key=lambda row: own[row])[:5]


def test_classes_of_the_steps_of_ragged_sequences(case: Case) -> None:
    found, weights = case.classified("p"), case.weights
    rows = [
        (softmax(weights["W"] @ weights["Emb"][case.data["s"][e, t]]), int(case.data["y"][e, t]))
        for e, length in enumerate(case.lengths)
        for t in range(length)
    ]
    check_classes(found, rows)
    assert found.unit == "steps"
    assert found.scope() == f"{case.lengths.sum()} steps of all examples of the validation part"
    assert found.shown(0).endswith(", step 1")  # type: ignore[union-attr]


def test_a_chance_of_one(case: Case) -> None:
    found, weights = case.classified("chance"), case.weights
    rows = []
    for f, ok in zip(case.data["f"], case.data["ok"], strict=True):
        chance = sigmoid(weights["q"] @ np.maximum(0, weights["R"] @ f + weights["d"]))
        rows.append((np.array([1 - chance, chance]), int(ok)))
    check_classes(found, rows)
    assert found.labels == ["0", "1"]


def test_a_logit_of_one(case: Case) -> None:
    chances = sigmoid(9 * (case.data["f"] @ case.weights["k"]))
    rows = [(np.array([1 - q, q]), int(ok)) for q, ok in zip(chances, case.data["sure"], strict=True)]
    check_classes(case.classified("logit"), rows)


def test_numbers_of_the_step_behind(case: Case) -> None:
    found, weights = case.estimated("v"), case.weights
    steps = [(e, t) for e, length in enumerate(case.lengths) for t in range(length - 1)]
    x = case.data["x"]
    np.testing.assert_allclose(found.predicted, [weights["a"] * x[e, t] + weights["c"] for e, t in steps])
    np.testing.assert_allclose(found.truth, [x[e, t + 1] for e, t in steps])
    assert found.along is not None
    assert [own.tolist() for own in found.along] == [[e for e, _ in steps], [t + 2 for _, t in steps]]


def test_vectors_are_told_in_the_units_of_the_data(case: Case) -> None:
    found = case.estimated("where_")
    np.testing.assert_allclose(found.truth, case.data["place"].ravel(), rtol=1e-12)
    whole = source()["place"]
    training = np.array([row for row in whole if not (row == case.data["place"]).all(axis=1).any()])
    predicted = case.data["f"] @ case.weights["P"].T * training.std(axis=0) + training.mean(axis=0)
    np.testing.assert_allclose(found.predicted, predicted.ravel(), rtol=1e-9)
    assert str(found.shown(3)).endswith("; place[1]")


def activation(case: Case, function: str) -> Activation:
    (found,) = (one for one in inspected(case.material)[1] if one.function == function)
    return found


def test_dead_units_and_saturation(case: Case) -> None:
    before = case.data["f"] @ case.weights["R"].T + case.weights["d"]
    relu = activation(case, "relu")
    np.testing.assert_allclose(relu.before, before, rtol=1e-9)
    assert relu.active.tolist() == [np.mean(column > 0) for column in before.T]
    assert relu.active[3] == 0
    logits = np.maximum(0, before) @ case.weights["q"]
    flat = [s * (1 - s) < 0.05 / 4 for s in sigmoid(logits)]
    assert activation(case, "sigmoid").saturated == pytest.approx(np.mean(flat))


def states(case: Case) -> Array:
    """h[0..T] of each example, NaN behind its end: `[examples, 1 + T, H]`."""
    found = np.full((KEPT, 1 + LONGEST, 4), np.nan)
    found[:, 0] = 0
    for e, length in enumerate(case.lengths):
        for t in range(length):
            drive = case.weights["B"] * case.data["x"][e, t]
            found[e, t + 1] = np.tanh(case.weights["U"] @ found[e, t] + drive)
    return found


def test_saturation_counts_the_steps_that_there_are(case: Case) -> None:
    h = states(case)[:, 1:]
    flat = 1 - h[np.isfinite(h).all(axis=-1)] ** 2 < 0.05
    found = activation(case, "tanh")
    assert len(found.before) == case.lengths.sum()
    assert found.saturated == pytest.approx(flat.mean())


def the_flow(case: Case) -> Flow:
    ((found, _),) = gradient_flows(case.material)
    return found


def test_gradients_flow_back_step_by_step(case: Case) -> None:
    """Backpropagation through time by hand, from the square of w @ h[T], the mean over the examples."""
    h, w, U = states(case), case.weights["w"], case.weights["U"]
    cotangents = np.zeros((KEPT, LONGEST, 4))
    through = np.zeros((LONGEST, 4, 4))
    for e, length in enumerate(case.lengths):
        above = 2 * (w @ h[e, length]) * w / KEPT
        for t in range(length, 0, -1):
            cotangents[e, t - 1] = above
            inner = above * (1 - h[e, t] ** 2)
            through[t - 1] += np.outer(inner, h[e, t - 1])
            above = U.T @ inner
    found = the_flow(case)
    longest = int(case.lengths.max())
    norms = np.sqrt(np.sum(cotangents**2, axis=(0, 2)))
    np.testing.assert_allclose(found.values["h"], norms[:longest], rtol=1e-9)
    norms = np.sqrt(np.sum(through**2, axis=(1, 2)))
    np.testing.assert_allclose(found.weights["U"], norms[:longest], rtol=1e-9, atol=1e-15)


def test_heads_look_at_what_is_behind_them(case: Case) -> None:
    longest = int(np.argmax(case.lengths))
    found = attention_maps(case.material)[0]
    assert (found.is_share, found.axes, list(found.heads)) == (True, ("t", "u"), ["n = 1", "n = 2"])
    rows = case.weights["Emb"][case.data["s"][longest, : case.lengths[longest]]]
    for head, own in enumerate(found.values):
        for t, row in enumerate(own):
            scores = rows[t] @ case.weights["M"][head] @ rows[: t + 1].T
            np.testing.assert_allclose(row[: t + 1], softmax(scores), rtol=1e-9)
            assert np.isnan(row[t + 1 :]).all()


def test_each_of_two_losses_has_its_gradients_and_moves(tmp_path: Path) -> None:
    spec = (
        "input x : real = batch(1, 2)\nparam a = 2, b = 3\n"
        "minimize (a * x - 1)^2 over a\nminimize (a * b * x - 1)^2 over b\n"
        "fit { optimizer = sgd(lr = 0.1), batch = all, epochs = 1 }\n"
    )
    program = graphc.compile(spec, backend="reference", dtype="float64")
    program.fit(run_dir=tmp_path / "run")
    x, a, b = np.array([1.0, 2.0]), 2.0, 3.0
    of_a = np.mean(2 * (a * x - 1) * x)
    a -= 0.1 * of_a
    of_b = np.mean(2 * (a * b * x - 1) * a * x)
    found = history(tmp_path / "run" / "metrics.jsonl")
    assert found is not None
    norms = {name: values[0] for name, values in found.gradients.items()}
    assert norms == pytest.approx({"a": abs(of_a), "b": abs(of_b)})
    ratios = {name: values[0] for name, values in found.updates.items()}
    assert ratios == pytest.approx({"a": 0.1 * abs(of_a) / 2, "b": 0.1 * abs(of_b) / 3})


def test_a_square_of_numbers_one_by_one_is_a_picture() -> None:
    numbers = [", ".join(str(k * place) for place in range(16)) for k in (1, 2)]
    rows = ", ".join(f"[{text}]" for text in numbers)
    program = graphc.compile(
        f"axis t = 1..T\ninput x[t] : real = batch({rows}), y : real = batch(0, 1)\nparam w = 1\n"
        "yhat = w * mean[t](x[t])\nminimize mse(yhat, y)\nfit { steps = 1 }\n",
        backend="reference",
    )
    program.fit()
    material = Material(program)
    picture = pictured(material, material.sample(2))
    assert picture is not None
    assert picture(1).tolist() == (2.0 * np.arange(16).reshape(4, 4)).tolist()


def test_one_share_among_many_zeros_and_ones_is_no_class() -> None:
    truth = [0.0, 0.5, *[0.0, 1.0] * 200]
    rows = ", ".join(map(str, truth))
    program = graphc.compile(
        f"input x : real = batch({rows}), y : real = batch({rows})\nparam w = 1\np = sigmoid(w * x)\n"
        "minimize (p - y)^2\nfit { steps = 1 }\n",
        backend="reference",
        dtype="float64",
    )
    (found,) = predictions(Material(program))
    assert isinstance(found, Estimated)
    np.testing.assert_allclose(found.truth, truth)
    np.testing.assert_allclose(found.predicted, sigmoid(np.array(truth)))
