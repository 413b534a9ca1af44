"""Steps have the numbers of the rolled picture, weights are next to their users with each step's share."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.view.drawing.folding import folded
from graphc.view.drawing.formulas import at_step
from graphc.view.drawing.sizes import rows
from graphc.view.drawing.unrolled import unrolled
from tests.view.drawing.pictures import computed


@pytest.mark.parametrize(("name", "length", "size"), [("elman", "T", 3), ("bidirectional", "T", 4)])
def test_each_step_has_its_part_of_the_rolled_numbers(name: str, length: str, size: int) -> None:
    rolled = computed(name)
    found = unrolled(rolled, length, size)
    compared = 0
    for box in rolled.boxes:
        for step in range(1, size + 1) if box.axes else ():
            part = found.box(f"{box.id}@{step}")
            for whole, own in ((box.value, part.value), (box.cotangent, part.cotangent)):
                assert whole is not None
                assert own is not None
                np.testing.assert_array_equal(own, whole[step - 1])
                compared += 1
    assert compared > 4 * size


def test_a_recurrence_goes_from_step_to_step() -> None:
    found = unrolled(computed("bidirectional"), "T", 4)
    steps = {
        (wire.source, int(wire.target.split("@")[-1]))
        for wire in found.wires
        if wire.source.startswith(("f@", "b@")) and "yhat" not in wire.target
    }
    assert steps == {("f@1", 2), ("f@2", 3), ("f@3", 4), ("b@2", 1), ("b@3", 2), ("b@4", 3)}
    assert not any(wire.is_back for wire in found.wires)


def test_boundaries_are_read_at_their_own_steps() -> None:
    found = unrolled(computed("bidirectional"), "T", 4)
    boundary = {box.id for box in found.boxes if box.name in ("f[0]", "b[T+1]")}
    steps = {found.box(w.source).name: w.target.split("@")[-1] for w in found.wires if w.source in boundary}
    assert steps == {"f[0]": "1", "b[T+1]": "4"}


def test_each_step_has_a_copy_of_a_weight_with_its_share() -> None:
    found = unrolled(computed("elman"), "T", 3)
    for name in ("U", "V", "w"):
        chips = [box for box in found.boxes if box.copies == name]
        at_wires = [wire.cotangent for chip in chips for wire in found.wires if wire.source == chip.id]
        assert len(chips) == 3
        np.testing.assert_array_equal([chip.cotangent for chip in chips], at_wires)


def test_a_closed_equation_has_its_weights_in_its_box() -> None:
    whole = unrolled(computed("lstm"), "T", 3)
    closed = {frame.id for frame in whole.frames if frame.kind == "equation"}
    found = folded(whole, closed)
    assert [chip.copies for chip in found.box("=o@2").chips] == ["Wo", "Uo", "bo"]
    shares = [found.box(f"=o@{step}").chips[0].cotangent for step in (1, 2, 3)]
    np.testing.assert_allclose(sum(shares), computed("lstm").box("Wo").cotangent, rtol=1e-5)
    texts = [row.text for row in rows(found)["=o@2"] if row.kind == "chip"]
    assert texts == ["Wo", "Uo", "bo"]


def test_equations_say_their_step() -> None:
    whole = unrolled(computed("lstm"), "T", 3)
    closed = {frame.id for frame in whole.frames if frame.kind == "equation"}
    found = {key: folded(whole, closed).box(key) for key in ("=h@2", "=c@1")}
    assert found["=h@2"].title == "h[2] = o[2] * tanh(c[2])"
    assert found["=c@1"].title == "c[1] = f[1] * c[0] + i[1] * g[1]"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("o[t] * tanh(c[t-1])", "o[2] * tanh(c[1])"),
        ("x[T-t+1] + x[2*t-1] * t", "x[2] + x[3] * 2"),
        ("h[l-1, t] @ W[l]", "h[l-1, 2] @ W[l]"),
        ("sum[t](x[t] * z) / x[t]", "sum[t](x[t] * z) / x[2]"),
        ("sum[u = 1..t-1](a[t, u] * h[u]) + 1e-3", "sum[u = 1..1](a[2, u] * h[u]) + 1e-3"),
        ("concat(e.h[t], W[0, 1:2], table[words[t]])", "concat(e.h[2], W[0, 1:2], table[words[2]])"),
        ("rate[max(t, 1)]", "rate[max(2, 1)]"),
    ],
)
def test_a_formula_at_a_step(text: str, expected: str) -> None:
    assert at_step(text, {"t": 2}, {"T": 3}) == expected
