"""Closed frames: the same wires, merged where they are the same; long axes and large pictures."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.view.drawing.drawing import ALL, Drawing
from graphc.view.drawing.folding import MOST, PARALLEL, fitting, folded
from graphc.view.drawing.parts import PARTS
from graphc.view.drawing.picture import Box, Frame, Line, Picture, Wire
from graphc.view.drawing.unrolled import unrolled
from tests.view.drawing.pictures import bare, lengths, rolled


def test_a_closed_equation_says_its_formula_and_has_its_result_s_numbers() -> None:
    found = rolled("elman")
    closed = folded(found, {"=h"})
    box, result = closed.box("=h"), found.box("h")
    assert box.title == "h[t] = sigmoid(U @ h[t-1] + V @ x[t])"
    assert box.value is result.value
    assert box.cotangent is result.cotangent
    assert "=h" not in {frame.id for frame in closed.frames}
    loop = next(wire for wire in closed.wires if wire.source == wire.target == "=h")
    assert loop.is_back
    assert loop.said == "t-1"


@pytest.mark.parametrize("name", ["elman", "lstm", "bidirectional", "sentiment", "circuit"])
def test_wires_are_kept(name: str) -> None:
    found = rolled(name)
    for closed in ({frame.id} for frame in found.frames):
        inside = {b.id for b in found.boxes if any(f.id in closed for f in found.around(b.frame))}
        (key,) = closed
        wanted = {
            tuple(key if end in inside else end for end in (wire.source, wire.target))
            for wire in found.wires
            if wire.is_back or not {wire.source, wire.target} <= inside
        }
        assert {(wire.source, wire.target) for wire in folded(found, closed).wires} == wanted


def test_frames_are_closed_where_they_are_not_open() -> None:
    found = Picture(
        "", [Box("a", "a", "", "input", "real", frame="f")], [], [Frame("f", "f", "layer", "", False)]
    )
    assert [box.id for box in folded(found).boxes] == ["f"]


def test_uses_of_one_value_are_one_wire_whose_cotangents_add_up() -> None:
    found = Picture(
        "",
        [
            Box("x", "x", "", "input", "real"),
            Box("a", "", "+", "operation", "real", frame="=y"),
            Box("y", "y", "*", "operation", "real", frame="=y"),
        ],
        [
            Wire("x", "a", cotangent=np.array(2.0)),
            Wire("x", "y", cotangent=np.array(0.5)),
            Wire("a", "y"),
        ],
        [Frame("=y", "y", "equation", line=Line("", 1, "y = (x + 1) * x"))],
    )
    (wire,) = folded(found, {"=y"}).wires
    assert wire.said == "2 uses"
    assert wire.cotangent == 2.5


def test_many_values_into_one_box_are_one_wire_that_says_how_many() -> None:
    count = PARALLEL + 1
    boxes = [Box(f"x{n}", f"x{n}", "", "input", "real", frame="f") for n in range(count)]
    wires = [Wire(box.id, "y") for box in boxes]
    found = Picture("", [*boxes, Box("y", "y", "", "output", "real")], wires, [Frame("f", "f", "layer")])
    (wire,) = folded(found, {"f"}).wires
    assert wire.said == f"{count} wires"
    assert wire.merged == count


def test_what_is_folded_again_still_counts_all_wires() -> None:
    """Two bundles from one closed frame to two boxes are one bundle where these are closed too."""
    count = PARALLEL + 1
    boxes = [Box(f"x{n}", f"x{n}", "", "input", "real", frame="f") for n in range(count)]
    users = [Box(key, key, "", "output", "real", frame="g") for key in "yz"]
    wires = [Wire(box.id, user.id) for box in boxes for user in users]
    found = Picture("", [*boxes, *users], wires, [Frame(key, key, "layer") for key in "fg"])
    (wire,) = folded(folded(found, {"f"}), {"g"}).wires
    assert (wire.said, wire.merged, sorted(wire.parts)) == ("8 wires", 8, list(range(8)))


def test_a_value_in_a_closed_frame_is_named_where_it_is_not_the_only_one_read() -> None:
    boxes = [Box(n, n, "", "input", "real", frame="f", value=np.array(1.0)) for n in "ab"]
    found = Picture(
        "",
        [*boxes, Box("y", "y", "", "output", "real")],
        [Wire("a", "y"), Wire("b", "y")],
        [Frame("f", "f", "layer")],
    )
    assert [wire.said for wire in folded(found, {"f"}).wires] == ["a", "b"]
    assert all(wire.value == 1.0 for wire in folded(found, {"f"}).wires)


def test_a_small_picture_is_left_open() -> None:
    assert fitting(rolled("elman")) is rolled("elman")


def test_equations_of_a_larger_one_are_closed_and_named() -> None:
    found = fitting(rolled("lstm"))
    assert {frame.label for frame in found.frames if not frame.is_open} >= {"c[t]", "h[t]"}
    assert found.notes == ("45 boxes: closed o[t], f[t], i[t], g[t], c[t], h[t], loss",)


@pytest.mark.parametrize("name", ["elman", "attention", "residual_stack"])
def test_an_axis_of_many_steps_fits(name: str) -> None:
    found = bare(rolled(name))
    for length in lengths(found):
        assert len(folded(fitting(unrolled(found, length, 60))).boxes) <= MOST


def test_a_long_axis_has_its_first_steps_an_ellipsis_and_the_last() -> None:
    found = fitting(unrolled(bare(rolled("elman")), "T", 100))
    assert "t = 4 … 99: 96 steps as one box" in found.notes
    closed = folded(found)
    steps = [frame.label for frame in closed.frames if frame.kind == "step"]
    assert steps == ["t = 1", "t = 2", "t = 3", "t = 100"]
    box = next(box for box in closed.boxes if "…" in box.title)
    into = [wire for wire in closed.wires if wire.target == box.id]
    assert [wire.source for wire in into] == ["=h@3"]
    assert any(wire.source == box.id and wire.merged == 96 for wire in closed.wires)


def test_equations_without_layers_are_closed_in_the_order_of_computation() -> None:
    count = 300
    boxes = [
        Box("x", "x", "", "input", "real"),
        *(Box(f"w{n}", f"w{n}", "", "param", "real") for n in range(count)),
    ]
    boxes += [Box(f"y{n}", f"y{n}", "*", "operation", "real") for n in range(count)]
    wires = [Wire(f"y{n - 1}" if n else "x", f"y{n}") for n in range(count)]
    wires += [Wire(f"w{n}", f"y{n}") for n in range(count)]
    found = fitting(Picture("", boxes, wires))
    closed = folded(found)
    assert closed.boxes[0].name == "y0 … y14"
    assert len(closed.boxes) == PARTS
    assert [(wire.source, wire.target) for wire in closed.wires] == [
        (f"part {n}", f"part {n + 1}") for n in range(1, PARTS)
    ]
    assert found.notes[0].startswith("601 boxes: closed y0 … y14, ")
    opened = Drawing(Picture("", boxes, wires), frozenset({ALL}))
    assert len(opened.explorable.boxes) == 601
    assert not opened.explorable.frames
