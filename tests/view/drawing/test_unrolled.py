"""Steps have the numbers of the rolled picture, weights are next to their users with each step's share."""

from __future__ import annotations

import numpy as np
import pytest

import graphc
from graphc.view.drawing.unrolled import unrolled
from tests.view.drawing.pictures import SPECS, computed


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


def test_shares_of_a_weight_add_up_to_its_gradient() -> None:
    found = unrolled(computed("elman"), "T", 3)
    program = graphc.compile(str(SPECS / "elman.nn"), backend="reference")
    for name in ("U", "V", "w"):
        chips = [box for box in found.boxes if box.copies == name]
        assert len(chips) == 3
        at_wires = [wire.cotangent for chip in chips for wire in found.wires if wire.source == chip.id]
        for shares in ([chip.cotangent for chip in chips], at_wires):
            np.testing.assert_allclose(sum(shares), program.gradient_shares(name).total)


def test_what_comes_back_through_a_recurrence_is_what_is_left_of_the_sum() -> None:
    found = unrolled(computed("elman"), "T", 3)
    for step in (1, 2):
        parts = [wire.cotangent for wire in found.wires if wire.source == f"h@{step}"]
        assert len(parts) == 2
        np.testing.assert_allclose(sum(parts), found.box(f"h@{step}").cotangent)
