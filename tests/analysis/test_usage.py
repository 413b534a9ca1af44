"""Names that nothing asked for uses."""

from __future__ import annotations

import pytest

import graphc


def unused(text: str) -> list[str]:
    return [warning.message for warning in graphc.compile(text).warnings if warning.code == "W201"]


SPEC = """
input x : [2], z : [2]
param w : [2], v : [2], u : [2]
noise eps : [2] ~ normal(0, 1)
idle = sum(v * x)
minimize sum(w * x)
"""


def test_what_leads_nowhere() -> None:
    found = [warning for warning in graphc.compile(SPEC).warnings if warning.code == "W201"]
    assert [warning.message for warning in found] == [
        "`z` is not used",
        "`v` is not used",
        "`u` is not used",
        "`eps` is not used",
    ]
    assert found[1].note == "it leads to `idle` only, which nothing asks for"
    assert all(warning.severity == "warning" for warning in found)


@pytest.mark.parametrize(
    "asked",
    [
        "report sum(z * v + u + eps)",
        "output z * v + u + eps",
        "b = z * v + u + eps\noutput b",
        "b = z * v + u + eps\nreport a = sum(b)",
    ],
)
def test_what_is_asked_for_is_used(asked: str) -> None:
    assert unused(SPEC + asked) == []


def test_checks_ask_too() -> None:
    text = "input x : [2] = [1, 2]\nparam w : [2] = 1, v : real = 2\nk = v * 2\nminimize sum(w * x)\n"
    assert unused(text) == ["`v` is not used"]
    assert unused(text + "check { k ~= 4 }\n") == []
    assert unused(text + "check { grad(v) ~= 0 }\n") == []


def test_without_a_loss_everything_is_asked_for() -> None:
    text = "input x : [2]\nparam w : [2], v : [2]\na = sum(w * x)\n"
    assert unused(text) == ["`v` is not used"]


def test_a_layer_is_named_once() -> None:
    text = "input x : [2]\nlayer a = Dense(2, 3), b = Dense(2, 3)\nminimize sum(a(x))\n"
    assert unused(text) == ["layer `b` is not used"]
    assert unused(text + "c = b(x)\n") == ["layer `b` is not used"]
    assert unused(text + "output b(x)\n") == []


BLOCK = """
block Two(D) {
  input x : [D]
  param W : [D, D], V : [D, D]
  a = W @ x
  b = V @ x
  output a, b
}
input x : [2]
layer two = Two(2)
minimize sum(two(x).a)
"""


def test_a_part_of_a_layer() -> None:
    assert unused(BLOCK) == ["`two.V` is not used"]


def test_a_generated_input_is_used() -> None:
    text = """
axis t = 1..T
input s[t] : real, c : real
param w : real
h[1] = 0
h[t] = w * s[t-1]
minimize mean[t](w * h[t])
generate T = 5 {
  s[1] = prompt
  s[t] = h[t] + c
}
"""
    assert unused(text) == []


def test_unused_names_are_not_also_called_unmoved() -> None:
    codes = [warning.code for warning in graphc.compile(SPEC).warnings]
    assert codes == ["W201"] * 4
