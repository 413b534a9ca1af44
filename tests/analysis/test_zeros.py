"""Parameters that never move: what the lecture's exercises say, what training does, what must not be said."""

from __future__ import annotations

import numpy as np
import pytest

import graphc
from graphc.diagnostics import Diagnostic

DATA = """
input x : [2] = batch([1, 2], [-1, 0.5], [0.5, -1], [2, 1])
input y : index(2) = batch(0, 0, 1, 0)
fit { optimizer = sgd(lr = 1), batch = all, epochs = 5 }
"""

NET = """
p = softmax(W2 @ {f}(W1 @ x + b1) + b2)
minimize cross_entropy(p, y)
"""


def net(params: str, f: str = "relu") -> str:
    return DATA + params + NET.format(f=f)


def still(text: str, **options: str) -> set[str]:
    found = graphc.compile(text, settings=options).warnings
    return {warning.message.split("`")[1] for warning in found if warning.code == "W202"}


def first(text: str) -> Diagnostic:
    return next(warning for warning in graphc.compile(text).warnings if warning.code == "W202")


ZERO = "param W1 : [3, 2] = 0, b1 : [3] = 0, W2 : [2, 3] = 0, b2 : [2] = 0"
FIRST_ZERO = "param W1 : [3, 2] = 0, b1 : [3] = 0, W2 : [2, 3] ~ he, b2 : [2] = 0"
SECOND_ZERO = "param W1 : [3, 2] ~ he, b1 : [3] = 0, W2 : [2, 3] = 0, b2 : [2] = 0"

EXERCISES = [
    (ZERO, "relu", {"W1", "b1", "W2"}),
    (ZERO, "tanh", {"W1", "b1", "W2"}),
    (ZERO, "sigmoid", set()),
    (FIRST_ZERO, "relu", {"W1", "b1", "W2"}),
    (FIRST_ZERO, "tanh", set()),
    (SECOND_ZERO, "relu", set()),
    (SECOND_ZERO, "tanh", set()),
    (ZERO.replace("b1 : [3] = 0", "b1 : [3] = 1"), "relu", set()),
    (ZERO.replace("= 0", "~ zero"), "relu", {"W1", "b1", "W2"}),
    (ZERO.replace("param W1 : [3, 2] = 0", "param W1 : [3, 2] ~ constant(0)"), "relu", {"W1", "b1", "W2"}),
]


@pytest.mark.parametrize(("params", "f", "expected"), EXERCISES)
def test_the_exercises(params: str, f: str, expected: set[str]) -> None:
    assert still(net(params, f)) == expected


@pytest.mark.parametrize(("params", "f", "expected"), EXERCISES)
def test_what_is_said_is_true_in_training(params: str, f: str, expected: set[str]) -> None:
    program = graphc.compile(net(params, f))
    before = {name: program.params[name] for name in program.params}
    program.fit()
    unmoved = {name for name in before if np.array_equal(before[name], program.params[name])}
    assert unmoved == expected


def test_the_message() -> None:
    warning = first(net(ZERO))
    assert warning.severity == "warning"
    assert warning.message == "`W1` never moves"
    assert warning.note == "its gradient is zero as long as `W1`, `b1` and `W2` are as at the start"
    assert warning.span is not None
    assert warning.span.text.startswith("W1")


def test_frozen_parameters_are_meant_to_stay() -> None:
    assert still(net("frozen param W1 : [3, 2] = 0, b1 : [3] = 0\nparam W2 : [2, 3] = 0, b2 : [2] = 0")) == {
        "W2"
    }


def test_what_a_frozen_zero_holds() -> None:
    text = "input x : [2]\nparam v : [2]\nfrozen param w : real = 0\nparam c : real\n"
    text += "minimize w * sum(v * x) + c\n"
    assert still(text) == {"v"}
    assert first(text).note == "its gradient is zero as long as `w` is as at the start"


def test_of_many_the_first_are_named() -> None:
    names = ["W1", "b1", "W2", "W3", "b3"]
    params = ", ".join(f"{name} : real = 0" for name in names)
    text = f"input x : real\nparam {params}\nminimize W3 * relu(W2 * relu(W1 * x + b1) + b3)\n"
    assert (
        first(text).note == "its gradient is zero as long as `W1`, `b1`, `W2` and 2 more are as at the start"
    )


def test_no_way_to_the_loss() -> None:
    text = "input x : [2]\nparam v : [2], w : [2], u : [2]\nreport sum(u * x)\n"
    text += "minimize sum(w * x) + stop_gradient(sum(v * x)) + real(argmax(v))\n"
    assert still(text) == {"v", "u"}
    assert first(text).note == "no way from it to the loss carries a gradient"


def test_a_penalty_moves_what_is_not_zero() -> None:
    text = "input x : [2]\nparam v : [2] = {v}, w : [2]\nminimize sum(w * x) + sum(v^2)\n"
    assert still(text.format(v=0)) == {"v"}
    assert still(text.format(v=1)) == set()


def test_without_a_loss_nothing_is_said() -> None:
    assert still("input x : [2]\nparam w : [2] = 0\noutput sum(w * x)\n") == set()


RECURRENCE = """
axis t = 1..T
input x[t] : [2], y : real
param W : [3, 2] = 0, U : [3, 3] = 0, v : [3] = 0, c : real = 0
h[0] = {start}
h[t] = tanh(W @ x[t] + U @ h[t-1])
minimize (v @ h[T] + c - y)^2
"""


def test_a_recurrence_of_zeros() -> None:
    assert still(RECURRENCE.format(start=0)) == {"W", "U", "v"}


def test_a_recurrence_that_starts_elsewhere() -> None:
    # h is zero from the first step on, but in a sequence without steps h[T] is h[0].
    assert still(RECURRENCE.format(start=1)) == set()


def test_a_history_of_zeros() -> None:
    text = """
axis t = 1..T
input x[t] : real
param w : real = 0, u : real = 0, v : real = 0
h[1] = w * x[1]
h[t] = w * x[t] + u * sum[s = 1..t-1](h[s])
axis s = 1..T
minimize sum[t](v * h[t])^2
"""
    assert still(text) == {"w", "u", "v"}


CHUNKS = """
axis t = 1..T
input x[t] : real
param w : real = 0, u : real = 0
h[0] = 0
h[t] = u * h[t-1] + w * {term}
minimize mean[t = 1..T-1]((h[t] - x[t+1])^2)
fit {{ bptt = 4, batch = 1, optimizer = sgd(lr = 0.1), epochs = 2 }}
"""


def test_chunks_begin_with_a_state_that_is_not_known() -> None:
    assert still(CHUNKS.format(term="x[t]")) == set()
    # Where h is zero in the first chunk and the state of later ones is taken for unknown, nothing is said.
    assert still(CHUNKS.format(term="0")) == {"w"}
    assert still(CHUNKS.format(term="0").replace("bptt = 4, ", "")) == {"w", "u"}


def test_several_losses_each_move_their_own() -> None:
    text = """
input x : real
param a : real = 0, b : real = 0, c : real
minimize a * x over a
minimize a * b * x + c over b, c
"""
    assert still(text) == set()
    assert still(text.replace("minimize a * x over a", "minimize a * b * x over a")) == {"a", "b"}


def test_families_of_layers() -> None:
    text = """
axis k = 1..5
input x : [2]
param W[k] : [2, 2] = 0
z[0] = x
z[k] = z[k-1] + tanh(W[k] @ z[k-1])
minimize sum(z[5])
"""
    assert still(text) == set()
    assert still(text.replace("z[0] = x", "z[0] = 0")) == {"W"}


def test_convolution_and_pooling() -> None:
    text = """
input x : [1, 6, 6], y : index(2)
param F : [3, 1, 3, 3] = 0, V : [2, 12] = 0, c : [2] = 0
h = maxpool(relu(conv(x, F)), 2)
p = softmax(V @ flatten(h) + c)
minimize cross_entropy(p, y)
"""
    assert still(text) == {"F", "V"}
    assert still(text.replace("F : [3, 1, 3, 3] = 0", "F : [3, 1, 3, 3] ~ he")) == set()


@pytest.mark.parametrize("f", ["relu", "tanh", "gelu"])
@pytest.mark.parametrize("first", ["= 0", "= 1", "~ he"])
@pytest.mark.parametrize("second", ["= 0", "= 1", "~ he"])
@pytest.mark.parametrize("bias", ["= 0", "= 1"])
def test_nothing_is_said_of_what_moves(f: str, first: str, second: str, bias: str) -> None:
    params = f"param W1 : [3, 2] {first}, b1 : [3] {bias}, W2 : [2, 3] {second}, b2 : [2] = 0"
    program = graphc.compile(net(params, f), dtype="float64")
    before = {name: program.params[name] for name in program.params}
    program.fit()
    unmoved = {name for name in before if np.array_equal(before[name], program.params[name])}
    assert still(net(params, f)) <= unmoved


@pytest.mark.parametrize("w", ["= 0", "~ normal(1)"])
@pytest.mark.parametrize("u", ["= 0", "= 1", "~ orthogonal"])
@pytest.mark.parametrize("v", ["= 0", "~ normal(1)"])
@pytest.mark.parametrize("start", [0, 1])
def test_nothing_is_said_of_what_moves_in_a_recurrence(w: str, u: str, v: str, start: int) -> None:
    text = f"""
axis t = 1..T
input x[t] : [2] = batch([[1, 2], [0, 1]], [[-1, 3], [2, 0]]), y : real = batch(1, -2)
param W : [3, 2] {w}, U : [3, 3] {u}, v : [3] {v}, c : real = 0
h[0] = {start}
h[t] = tanh(W @ x[t] + U @ h[t-1])
minimize (v @ h[T] + c - y)^2
fit {{ optimizer = sgd(lr = 0.1), batch = all, epochs = 4 }}
"""
    program = graphc.compile(text, dtype="float64")
    before = {name: program.params[name] for name in program.params}
    program.fit()
    unmoved = {name for name in before if np.array_equal(before[name], program.params[name])}
    assert still(text) <= unmoved
    if start == 0:
        assert still(text) == unmoved
