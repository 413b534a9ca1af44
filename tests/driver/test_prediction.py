"""Outputs over whole sets: batches, lengths, units of the data, names of classes, what is said of faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.diagnostics import GraphcError
from graphc.driver.program import Program
from tests.golden import FOLDER, check_golden

GOLDEN = FOLDER / "errors" / "prediction"
RNG = np.random.default_rng(3)

LINE = """
input x : [2], y : real
param w : [2], b = 0
yhat = w @ x + b
minimize mse(yhat, y)
report rmse(yhat, y)
output yhat
data { source = "line.npz", standardize = [x, y], test = 0.25 }
fit { optimizer = momentum(lr = 0.2), batch = all, epochs = 400 }
"""
X = RNG.normal(size=(40, 2)) * [10, 0.1] + [100, 0]
Y = X @ [0.5, 30] - 700

SEQUENCES = """
dim D = 2
axis t = 1..T
input x[t] : [D]
param w : [D], U = 0.5
h[0] = 0
h[t] = tanh(w @ x[t] + U * h[t-1])
last = h[T]
output h, last, stack(last, w[0])
minimize last^2
"""
LENGTHS = np.array([3, 1, 5, 2, 4, 2, 1])
S = RNG.normal(size=(7, 5, 2))

CLASSES = """
dim D = 2, K = 3
input x : [D], y : index(K)
param W : [K, D]
p = softmax(W @ x)
guess = argmax(p)
minimize cross_entropy(p, y)
report accuracy(p, y)
output p, guess
"""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("line")
    np.savez(folder / "line.npz", x=X, y=Y)
    (folder / "line.nn").write_text(LINE, encoding="utf-8")
    program = graphc.compile(folder / "line.nn", dtype="float64")
    program.fit()
    return program


def test_predictions_have_the_units_of_the_data(line: Program) -> None:
    found = line.predict({"x": X})
    assert list(found) == ["yhat"]
    np.testing.assert_allclose(found["yhat"], Y, rtol=1e-6)


def test_inputs_are_shown_as_the_data_has_them(line: Program) -> None:
    found = line.predict({"x": X, "y": Y}, outputs=["x", "y"])
    np.testing.assert_allclose(found["x"], X, rtol=1e-12)
    np.testing.assert_allclose(found["y"], Y, rtol=1e-12)


def test_an_untrained_program_prepares_its_data_as_training_would(line: Program) -> None:
    found = line.fresh().predict(part="train")["yhat"]
    # A linear function of standardized inputs without an offset predicts the mean, on average.
    assert found.mean() == pytest.approx(Y[line.dataset().train.rows].mean(), rel=1e-9)


def test_without_data_it_is_the_test_part(line: Program) -> None:
    rows = line.dataset().test.rows
    assert len(rows) == 10
    np.testing.assert_allclose(line.predict()["yhat"], Y[rows], rtol=1e-6)
    assert len(line.predict(part="train")["yhat"]) == 30


def test_evaluation_is_what_training_reported(line: Program) -> None:
    metrics = line.fit(epochs=1).metrics
    for part in ("train", "test"):
        assert line.evaluate(part=part) == pytest.approx(metrics[part], rel=1e-12, abs=1e-30)
    given = line.evaluate({"x": X, "y": Y})
    assert list(given) == ["loss", "rmse"]
    assert given["rmse"] < 1e-6


@pytest.mark.parametrize("batch", [1, 3, 256])
def test_batches_of_sequences_are_joined(batch: int) -> None:
    program = graphc.compile(SEQUENCES)
    found = program.predict({"x": S}, lengths={"T": LENGTHS}, batch=batch)
    whole = program.forward({"x": S}, lengths={"T": LENGTHS}, names=["h", "last"])
    assert list(found) == ["h", "last", "stack(last, w[0])", "lengths_T"]
    np.testing.assert_array_equal(found["lengths_T"], LENGTHS)
    np.testing.assert_allclose(found["h"], whole["h"], rtol=1e-6)
    np.testing.assert_allclose(found["last"], whole["last"], rtol=1e-6)
    for example, length in enumerate(LENGTHS):
        assert not found["h"][example, length:].any()


def test_lengths_are_left_out_where_nothing_is_ragged() -> None:
    program = graphc.compile(SEQUENCES)
    assert "lengths_T" not in program.predict({"x": S})
    assert list(program.predict({"x": S}, lengths={"T": LENGTHS}, outputs="last")) == ["last"]


def test_an_output_in_which_examples_meet_is_computed_at_once() -> None:
    program = graphc.compile("input x : real\ny = x - mean[batch](x)\noutput y\n", dtype="float64")
    x = np.arange(6.0)
    np.testing.assert_allclose(program.predict({"x": x}, batch=2)["y"], x - 2.5)


def test_an_output_of_no_example_is_given_once() -> None:
    program = graphc.compile("input x : real\nparam w : [2] = 3\noutput w * 2, x + w[0]\n")
    found = program.predict({"x": np.arange(5.0)}, batch=2)
    assert found["w * 2"].tolist() == [6, 6]
    assert found["x + w[0]"].tolist() == [3, 4, 5, 6, 7]


def test_units_come_back_in_losses_of_ones_own_and_in_sequences() -> None:
    text = """
    axis t = 1..T
    input x[t] : real, z[t] : real
    param w = 1, c = 0
    cost(a, e) = mean[t](abs(e - a))
    y[t] = w * x[t] + c
    minimize cost(y, z)
    output y
    """
    program = graphc.compile(text.replace("\n    ", "\n"), dtype="float64")
    known = prepared(program, standardization={"z": (5.0, 2.0)}, scale={"z": 0.5})
    program.preparation = known
    found = program.predict({"x": [[1, 2, 3], [4, 0, 0]]}, lengths={"T": [3, 1]})
    assert found["y"].tolist() == [[14, 18, 22], [26, 0, 0]]


def prepared(program: Program, standardization: dict[str, Any], **rest: Any) -> Any:
    from graphc.train.data.preparation import Standardization

    pairs = {n: Standardization(np.array(m), np.array(d)) for n, (m, d) in standardization.items()}
    return replace(program.preparation, standardization=pairs, **rest)


def test_a_choice_is_named_as_in_the_data() -> None:
    program = graphc.compile(CLASSES)
    x = RNG.normal(size=(4, 2))
    plain = program.predict({"x": x})
    np.testing.assert_array_equal(plain["guess"], plain["p"].argmax(axis=1))
    program.preparation = replace(program.preparation, first={"y": 1})
    np.testing.assert_array_equal(program.predict({"x": x})["guess"], plain["guess"] + 1)
    words = ("red", "green", "ultramarine")
    program.preparation = replace(program.preparation, first={}, vocabularies={"y": words})
    assert program.predict({"x": x}, batch=1)["guess"].tolist() == [words[i] for i in plain["guess"]]


TEXT = """
axis t = 1..T
input s[t] : index(3)
param U = 0.5, W : [3]
h[0] = 0
h[t] = tanh(U * h[t-1] + W[s[t]])
p[t] = softmax(W * h[t])
minimize mean[t = 1..T-1](cross_entropy(p[t], s[t+1]))
output p
data { source = "a.txt" }
fit { bptt = 4, batch = 8, epochs = 1 }
"""


def test_a_text_is_one_sequence(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abcabcabacbabcabc" * 4, encoding="utf-8")
    (tmp_path / "b.txt").write_text("cabacbbac", encoding="utf-8")
    (tmp_path / "a.nn").write_text(TEXT, encoding="utf-8")
    program = graphc.compile(tmp_path / "a.nn", dtype="float64")
    program.fit()
    codes = np.array([["abc".index(c) for c in "cabacbbac"]])
    whole = program.forward({"s": codes}, names=["p"])["p"]
    np.testing.assert_allclose(program.predict(tmp_path / "b.txt")["p"], whole, rtol=1e-12)
    # A figure of its own steps, with the state carried from the first one to the last.
    expected = -np.log(whole[0, np.arange(8), codes[0, 1:]]).mean()
    assert program.evaluate(tmp_path / "b.txt")["loss"] == pytest.approx(expected, rel=1e-12)


def test_inputs_that_outputs_do_not_need_may_be_there() -> None:
    program = graphc.compile(CLASSES)
    x = np.zeros((3, 2))
    found = program.predict({"x": x, "y": [0, 1, 2]})
    np.testing.assert_array_equal(found["p"], program.predict({"x": x})["p"])


def test_any_name_can_be_asked_for() -> None:
    program = graphc.compile(CLASSES.replace("output p, guess", ""))
    assert list(program.predict({"x": np.zeros((3, 2))}, outputs=["guess", "p"])) == ["guess", "p"]


def classes(text: str = CLASSES, **options: Any) -> Callable[[], object]:
    return lambda: graphc.compile(text).predict(**{"data": {"x": np.zeros((3, 2))}, **options})


CASES: dict[str, Callable[[], object]] = {
    "no_output": classes(CLASSES.replace("output p, guess", "")),
    "output_unknown": classes(outputs=["P"]),
    "part_unknown": classes(data=None, part="testing"),
    "input_missing": classes(data={}),
    "input_unknown": classes(data={"X": np.zeros((3, 2))}),
    "target_missing": lambda: graphc.compile(CLASSES).evaluate({"x": np.zeros((3, 2))}),
    "no_data": classes(data=None),
    "nothing_to_measure": lambda: graphc.compile("input x : real\noutput x * 2\n").evaluate({"x": [1.0]}),
    "no_examples": classes(data={"x": np.zeros((0, 2))}),
    "batch_of_nothing": classes(batch=0),
    "no_mapping": classes(data=np.zeros((3, 2))),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said(name: str, update_goldens: bool) -> None:
    with pytest.raises(GraphcError) as caught:
        CASES[name]()
    check_golden(GOLDEN / f"{name}.txt", str(caught.value) + "\n", update_goldens)


def test_a_part_that_the_data_does_not_have(line: Program) -> None:
    with pytest.raises(GraphcError, match="the data has no validation part"):
        line.predict(part="validation")


def test_an_example_that_only_the_loss_finds_too_short_has_a_prediction() -> None:
    """The loss holds each step against the next one, which a text of one step does not have."""
    program = graphc.compile(
        "axis t = 1..T\ninput s[t] : index(3)\nparam W : [3, 3]\np[t] = softmax(W @ one_hot(s[t], 3))\n"
        "late = mean[t = 2..T](p[t])\nminimize mean[t = 1..T-1](cross_entropy(p[t], s[t+1]))\noutput p\n",
        backend="reference",
    )
    short = {"s": np.array([[1]])}
    scores = program.weights()["W"][:, 1]
    expected = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(program.predict(short)["p"], [[expected]], rtol=1e-6)
    np.testing.assert_allclose(program.forward(short, names=["p"])["p"], [[expected]], rtol=1e-6)
    asked: list[Callable[[], object]] = [
        lambda: program.predict(short, outputs=["late"]),
        lambda: program.forward(short, names=["late"]),
        lambda: program.evaluate(short),
        lambda: program.value_and_grad(short),
    ]
    for ask in asked:
        with pytest.raises(GraphcError, match="has nothing to go over in example 0") as caught:
            ask()
        assert caught.value.diagnostics[0].code == "E450"
