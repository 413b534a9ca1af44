"""Where values go: several uses, and how long a value is needed."""

from __future__ import annotations

import graphc
from graphc.analysis.forks import forks, last_uses, uses
from graphc.analysis.recurrence import plan
from graphc.ir.system import System

SPEC = """
axis t = 1..T
input x[t] : real
param u : real, w : real
h[0] = 0
h[t] = tanh(u * h[t-1] + w * x[t])
y[t] = h[t] * h[t] + x[t]
e = y[T]
minimize e
"""


def system(text: str = SPEC) -> System:
    return graphc.compile(text).spec.system


def test_forks() -> None:
    found = {name: [str(use) for use in several] for name, several in forks(system()).items()}
    assert found == {"x": ["h", "y"], "h": ["h (t 1 back)", "y", "y"]}


def test_every_name_has_its_uses() -> None:
    found = uses(system())
    assert [use.reader for use in found["u"]] == ["h"]
    assert found["loss@0"] == ()


def test_a_value_is_dead_after_its_last_use() -> None:
    rolled = system()
    last = last_uses(rolled, plan(rolled, rolled.units))
    assert last["x"] == "y"
    assert last["y"] == "e"
    assert last["e"] == "loss@0"
    assert last["loss@0"] == "loss@0"


def test_a_recurrence_needs_what_it_reads_until_its_end() -> None:
    text = SPEC.replace("u * h[t-1]", "g[t]") + "g[t] = u * h[t-1]\n"
    rolled = system(text)
    last = last_uses(rolled, plan(rolled, rolled.units))
    assert last["u"] == last["w"] == last["g"]
