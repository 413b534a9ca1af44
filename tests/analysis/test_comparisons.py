"""What is held against what: the input that a name predicts, however the loss is written."""

from __future__ import annotations

import pytest

import graphc
from graphc.analysis.comparisons import Comparisons, comparisons

HEAD = "input x : real, y : real, s : index(3)\nparam a = 1, W : [3]\nz = a * x\nq = W * x\n"


def held(text: str) -> Comparisons:
    return comparisons(graphc.compile(HEAD + text).pipeline.system("eval"))


@pytest.mark.parametrize(
    "loss",
    [
        "minimize mse(z, y)",
        "minimize (y - z)^2",
        "minimize huber(z, y)",
        "minimize quantile(z, y, tau = 0.9)",
        "cost(a, b) = abs(b - a)\nminimize cost(z, y)",
        "e = z - y\nminimize e^2",
        "minimize z^2\nreport r2(z, y)",
    ],
)
def test_an_error_says_what_is_predicted(loss: str) -> None:
    assert held(loss).values == {"z": "y"}


@pytest.mark.parametrize(
    "loss",
    [
        "minimize cross_entropy(softmax(q), s)\noutput q",
        "minimize z * y",
        "minimize (z - 2 * y)^2",
        "minimize (x - y)^2 * a",
        "minimize (z - y)^2 + (z - x)^2",
    ],
)
def test_other_meetings_say_nothing_of_units(loss: str) -> None:
    assert held(loss).values == {}


@pytest.mark.parametrize(
    "loss",
    [
        "minimize cross_entropy(p, s)",
        "minimize p[s]",
        "minimize z^2\nreport accuracy(p, s)",
        "minimize hinge(p, s)",
    ],
)
def test_scores_of_classes(loss: str) -> None:
    found = held(
        f"p = softmax(q)\nguess = argmax(p)\n{loss}\noutput guess, argmax(p), argmin(p), argmax(q)\n"
    )
    assert found.scores == {"p": "s"}
    assert found.choices == {"guess": "s", "output@argmax(p)": "s"}


def test_sequences() -> None:
    text = """
axis t = 1..T
input x[t] : real, y[t] : index(4)
param W : [4]
p[t] = softmax(W * x[t])
minimize mean[t = 1..T-1](cross_entropy(p[t], y[t+1]))
output argmax(p)
"""
    found = comparisons(graphc.compile(text.lstrip()).pipeline.system("eval"))
    assert found.scores == {"p": "y"}


@pytest.mark.parametrize(
    ("loss", "chances", "logits"),
    [
        ("p = sigmoid(z)\nminimize binary_cross_entropy(p, y)", {"p": "y"}, {}),
        ("p = sigmoid(z)\nminimize -y * log(p) - (1 - y) * log(1 - p)", {"p": "y"}, {}),
        ("input b : index(2)\np = sigmoid(z)\nminimize binary_cross_entropy(p, b)", {"p": "b"}, {}),
        ("minimize binary_cross_entropy_of_logit(z, y)", {}, {"z": "y"}),
        ("p = softmax(q)\ninput d : [3]\nminimize cross_entropy(p, d)", {"p": "d"}, {}),
        ("minimize z * y", {}, {}),
        ("minimize log(x) * z", {}, {}),
    ],
)
def test_chances_and_logits(loss: str, chances: dict[str, str], logits: dict[str, str]) -> None:
    found = held(loss + "\n")
    assert (found.chances, found.logits) == (chances, logits)
