"""What comes back through each wire: summands of what comes back to its source, at every fork."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import pytest

import graphc
from graphc.driver import pipeline
from graphc.driver.pictures.picturing import Picturing
from graphc.driver.program import Program
from graphc.view.drawing.picture import Picture
from graphc.view.drawing.unrolled import unrolled
from tests.view.drawing.pictures import NAMES, SPECS

SHORT = 20
"""Axes of so many steps are unrolled."""
EXACT = {"rtol": 1e-9, "atol": 1e-12}

LAGS = """
axis t = 1..T
input x[t] : [2] = [[1, 2], [-1, 0.5], [0.5, 1], [2, -1]]
param a : [2] = [0.5, -0.25], b : [2] = [0.75, 0.3]
h[0]  = 0
h[-1] = a
h[t]  = tanh(a * h[t-1] + b * h[t-2] + x[t]) * h[t-1]
k[T+1] = b
k[t]  = tanh(b * k[t+1] + h[t] * k[t+1])
first = h[1] * h[0]
loss  = sum(first * k[1] + h[T] + h[T] * k[T])
minimize loss
"""

STARTS = """
axis t = 1..T
input x[t] : real = [1, 2, 3, 4]
param a = 0.5, b = 0.25
h[1] = b * x[1]
h[2] = a * h[1]
h[t] = a * h[t-1] + x[t] * h[t-2]
minimize sum[t](h[t]^2) + h[T]
"""

TWO_AXES = """
dim D = 2, L = 2
axis l = 1..L, t = 1..T
input x[t] : [D] = [[1, -1], [0.5, 2], [-1, 0.25]]
param W[l] : [D, D] = [[[0.5, 0.25], [-0.25, 1]], [[1, 0.5], [0.75, -0.5]]]
param U : [D, D] = [[0.3, 0.1], [-0.2, 0.4]]
h[0, t] = x[t]
h[l, 0] = 0
h[l, t] = tanh(W[l] @ h[l-1, t] + U @ h[l, t-1] + h[l-1, t])
minimize sum[t](sum(h[L, t]^2)) + sum[l](sum(h[l, T]))
"""

HISTORY = """
axis t = 1..T, u = 1..T
input x[t] : real = [1, -0.5, 2]
param a = 0.5, c = 0.1
h[t] = tanh(x[t] + a * sum[u = 1..t-1](h[u] * c))
y[t] = x[T-t+1] * h[t]
minimize sum[t](y[t]^2)
"""

RAGGED = """
axis t = 1..T
input x[t] : real = batch([1, -0.5, 2], [0.5])
param a = 0.5, b = 0.3
h[0] = b
h[t] = tanh(a * h[t-1] + x[t]) * h[t-1]
k[T+1] = b
k[t] = a * k[t+1] + x[t]
minimize h[T]^2 * k[1] + a * h[T]
"""

POOL = """
axis t = 1..T
input x[t] : [2] = batch([[1, 0.5], [-1, 2], [0.3, 1]], [[2, 1], [0.5, -1]])
param w : [2] = [0.5, -0.25]
s[t] = tanh(w * x[t]) @ w
a[t] = softmax[t](s[t] + w[0])
y = sum[t](a[t] * x[t])
minimize sum(y^2)
"""

OWN = {
    "pool": POOL,
    "lags": LAGS,
    "starts": STARTS,
    "two_axes": TWO_AXES,
    "history": HISTORY,
    "ragged": RAGGED,
}


@cache
def program(name: str) -> Program:
    source = OWN.get(name, str(SPECS / f"{name}.nn"))
    return graphc.compile(source, backend="reference", dtype="float64")


def check_forks(picture: Picture) -> None:
    """At every box the summands add up; the loss has one more, itself."""
    parts: dict[str, list[np.ndarray]] = {}
    for wire in picture.wires:
        if picture.box(wire.source).cotangent is not None:
            assert wire.cotangent is not None, (wire.source, wire.target)
            parts.setdefault(wire.source, []).append(wire.cotangent)
    for key, found in parts.items():
        box = picture.box(key)
        own = [np.ones_like(box.cotangent)] if box.role == "loss" else []
        np.testing.assert_allclose(sum([*found, *own]), box.cotangent, **EXACT, err_msg=key)


def check_shares(rolled: Picture, taken_apart: Picture) -> None:
    """The shares of a weight add up to its gradient."""
    shares: dict[str, list[np.ndarray]] = {}
    for box in taken_apart.boxes:
        if box.copies and box.cotangent is not None:
            shares.setdefault(box.copies, []).append(box.cotangent)
    for key, found in shares.items():
        np.testing.assert_allclose(sum(found), rolled.box(key).cotangent, **EXACT, err_msg=key)


def with_values() -> Iterator[str]:
    for name in NAMES:
        text = (SPECS / f"{name}.nn").read_text()
        inputs = [line for line in text.splitlines() if line.startswith("input")]
        if "\nminimize " in text and all("=" in line.split("#")[0] for line in inputs):
            yield name


@pytest.mark.parametrize("name", [*OWN, *with_values()])
def test_summands_add_up_to_the_gradient(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name not in OWN:
        monkeypatch.setattr(pipeline, "VERIFY_ALWAYS", False)  # graphs of these kinds are verified above
    model = program(name)
    pictures = Picturing(model)
    sizes = {axis.length: axis.size for box in pictures.outline.boxes for axis in box.axes}
    short = [length for length, size in sizes.items() if size is not None and size <= SHORT]
    rolled = pictures.by_step(*short)
    check_forks(rolled)
    _, gradients = model.value_and_grad()
    for key, gradient in gradients.items():
        np.testing.assert_allclose(rolled.box(key).cotangent, gradient, **EXACT, err_msg=key)
    for length in short:
        found = unrolled(rolled, length, sizes[length] or 0)
        check_forks(found)
        check_shares(rolled, found)


def test_users_that_read_alike_have_their_own_shares() -> None:
    """Scores and sum of `causal_attention.nn` both read `x[u]`; the sum's share is a'ybar."""
    picture = Picturing(program("causal_attention")).picture
    a, ybar = picture.box("a").value, picture.box("y").cotangent
    assert a is not None
    assert ybar is not None
    wires = {wire.target: wire.cotangent for wire in picture.wires if wire.source == "x"}
    expected = np.einsum("tu,td->ud", a, ybar)
    assert np.linalg.norm(expected) > 1
    np.testing.assert_allclose(wires["y~0"], expected, rtol=1e-12)


def test_gates_of_an_lstm_hand_back_what_their_products_say() -> None:
    """Through `U @ h[t-1]` with cotangent p comes U'p to `h[t-1]`, and p h[t-1]' to U."""
    rolled = Picturing(program("lstm")).by_step("T")
    found = unrolled(rolled, "T", 3)
    products = [box for box in found.boxes if box.operation == "@" and box.line and "h[t-1]" in box.line.text]
    assert len(products) == 4 * 3
    for product in products:
        into = {wire.source.split("@")[0]: wire for wire in found.wires if wire.target == product.id}
        ((state, back),) = [(key, wire) for key, wire in into.items() if key in ("h", "h[0]")]
        ((weight, share),) = [(key, wire) for key, wire in into.items() if key != state]
        p, u, h = product.cotangent, rolled.box(weight).value, found.box(back.source).value
        assert p is not None
        assert u is not None
        np.testing.assert_allclose(back.cotangent, u.T @ p, rtol=1e-12)
        np.testing.assert_allclose(share.cotangent, np.outer(p, h), rtol=1e-12)


def sources(name: str, size: int) -> dict[str, set[str]]:
    """What each box of the unrolled picture reads, but weights."""
    found = unrolled(Picturing(program(name)).picture, "T", size)
    read: dict[str, set[str]] = {}
    for wire in found.wires:
        if found.box(wire.source).role != "param":
            read.setdefault(wire.target, set()).add(found.box(wire.source).name or wire.source)
    return read


def test_lags_and_leads_read_their_own_steps() -> None:
    read = sources("lags", 4)
    h, k = (sorted(key for key in read if key.startswith(name)) for name in ("h~", "k~"))
    states = {key: {x for x in read[key] if x[0] in "hk" and "~" not in x} for key in (*h, *k)}
    assert states["h~0@1"] == {"h[0]"}
    assert states["h~0@3"] == {"h[2]"}
    assert states["h~1@1"] == {"h[-1]"}
    assert states["h~1@2"] == {"h[0]"}
    assert states["h~1@4"] == {"h[2]"}
    assert states["k~0@4"] == {"k[T+1]"}
    assert states["k~0@1"] == {"k[2]"}
    assert read["first"] == {"h[1]", "h[0]"}


def test_a_softmax_over_its_own_axis_reads_all_steps_at_each() -> None:
    picture = Picturing(program("pool")).picture
    assert [wire.said for wire in picture.wires if wire.target == "a"] == ["all t"]
    read = sources("pool", 3)
    assert [read[f"a@{step}"] for step in (1, 2, 3)] == [{f"a~1@{step}" for step in (1, 2, 3)}] * 3


def test_a_boundary_within_the_axis_is_the_value_of_its_step() -> None:
    """Nothing of the equation is drawn where it does not count."""
    read = sources("starts", 4)
    assert read["h@1"] == {"h[1]"}
    assert read["h@2"] == {"h[2]"}
    assert {key for key in read if key.startswith("h~")} == {
        f"h~{n}@{step}" for n in (0, 1) for step in (3, 4)
    }
    assert read["h~1@4"] == {"x[4]", "h[2]"}


def test_a_sum_over_earlier_steps_reads_these_and_mirrored_positions_are_numbers() -> None:
    read = sources("history", 3)
    assert [read.get(f"h~0@{step}", set()) for step in (1, 2, 3)] == [set(), {"h[1]"}, {"h[1]", "h[2]"}]
    assert [read[f"y@{step}"] for step in (1, 2, 3)] == [{"x[3]", "h[1]"}, {"x[2]", "h[2]"}, {"x[1]", "h[3]"}]


def test_ends_are_those_of_each_example() -> None:
    """Of two examples with 3 steps and 1 both last states are read, and both first steps back."""
    read = sources("ragged", 3)
    assert {"h[1]", "h[3]"} <= set().union(*(found for key, found in read.items() if key.startswith("loss")))
    ends = {key.split("@")[1] for key, found in read.items() if key.startswith("k") and "k[T+1]" in found}
    assert ends == {"1", "3"}


def test_a_corner_that_no_sequence_has_is_not_drawn() -> None:
    """`last = h[T]` is `h[0]` only where there are no steps."""
    picture = Picturing(program("lstm")).picture
    assert [wire.source for wire in picture.wires if wire.target == "last"] == ["h"]
