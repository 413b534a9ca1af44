"""The drawing as SVG: valid, with all that is said of a box, and nothing of a user's text as markup."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from graphc.view.drawing.layout import lay_out
from graphc.view.drawing.numbers import brief
from graphc.view.drawing.picture import Box, Frame, Line, Picture, Wire
from graphc.view.drawing.svg import svg
from graphc.view.drawing.widths import NARROW, WIDEST, Widths
from tests.view.drawing.pictures import rolled

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = '</text></svg><script>alert("&")</script>'


def drawn(found: Picture, **options: bool) -> ET.Element:
    return ET.fromstring(svg(lay_out(found, engine="plain"), **options))


def texts(root: ET.Element) -> list[str]:
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def test_markup_in_texts_is_text() -> None:
    line = Line(HOSTILE, 3, HOSTILE)
    found = Picture(
        HOSTILE,
        [Box("a", "a", HOSTILE, "input", "real", frame="f", line=line)],
        [],
        [Frame("f", HOSTILE, "layer", line=line)],
        (HOSTILE,),
    )
    root = drawn(found)
    assert not [*root.iter(f"{SVG}script")]
    assert root.findtext(f"{SVG}title") == HOSTILE
    assert HOSTILE in texts(root)
    assert f"{HOSTILE}  :3" in texts(root)


def test_roles_differ_in_shape() -> None:
    roles = ["input", "param", "loss", "operation"]
    root = drawn(Picture("", [Box(role, role, "", role, "real") for role in roles], []))
    shapes = {}
    for role in roles:
        group = next(g for g in root.iter(f"{SVG}g") if g.get("class") == f"box {role}")
        shape = next(e for e in group if e.tag in (f"{SVG}rect", f"{SVG}path"))
        shapes[role] = (shape.tag, shape.get("rx"), (shape.get("d") or "").count("l"))
    assert len(set(shapes.values())) == len(roles)


def test_who_hears_the_drawing_is_told_what_it_is() -> None:
    root = drawn(rolled("elman"))
    assert root.get("role") == "img"
    ids = (root.get("aria-labelledby") or "").split()
    assert [root.find(f"*[@id='{key}']") is not None for key in ids] == [True, True]
    assert "h[t] = sigmoid" in (root.findtext(f"{SVG}desc") or "")


def test_notes_and_a_legend_stand_below() -> None:
    found = replace(rolled("elman"), notes=("a note",))
    assert {"a note", "parameter", "from an earlier step", "value", "cotangent"} <= {*texts(drawn(found))}
    assert "parameter" not in texts(drawn(found, standalone=False))


def test_summands_stand_at_wires_and_their_sum_in_the_box() -> None:
    found = Picture(
        "",
        [
            Box("x", "x", "", "input", "real", value=np.array(2.0), cotangent=np.array(0.75)),
            Box("a", "a", "-", "output", "real", value=np.array(-2.0)),
            Box("b", "b", "+", "loss", "real", value=np.array(np.nan), cotangent=np.array(1.0)),
        ],
        [Wire("x", "a", cotangent=np.array(0.5)), Wire("x", "b", cotangent=np.array(0.25))],
    )
    shown = texts(drawn(found))
    assert {"0.5", "0.25", "sum of 2: 0.75", "NaN", "1", "-2"} <= {*shown}


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (None, ""),
        (np.array(-0.0), "0"),
        (np.array(np.inf), "∞"),
        (np.array(1.23456e-7), "1.235e-7"),
        (np.array(1234567.0), "1.235e6"),
        (np.array([1.0, -np.inf]), "[1, -∞]"),
        (np.array([[3.0, 0.0], [0.0, 4.0]]), "2×2 ‖5‖"),
        (np.array([[np.nan, 0.0], [0.0, 4.0]]), "2×2, 1 not finite"),
        (np.zeros((2, 0)), "empty 2×0"),
        (np.array([True, False]), "[true, false]"),
        (np.zeros((2, 3), int), "int64 2×3"),
    ],
)
def test_numbers_are_short(array: np.ndarray | None, text: str) -> None:
    assert brief(array) == text


def test_wires_are_as_wide_as_their_gradients() -> None:
    sizes = [None, 0.0, 1e-6, 1e-3, 1.0, np.inf, np.nan]
    boxes = [Box(f"x{n}", f"x{n}", "", "input", "real") for n in range(len(sizes))]
    wires = [
        Wire(box.id, "y", cotangent=None if size is None else np.array(size))
        for box, size in zip(boxes, sizes, strict=True)
    ]
    found = Picture("", [*boxes, Box("y", "y", "sum", "loss", "real")], wires)
    widths = Widths.of(found)
    assert (widths.least, widths.most) == (1e-6, 1.0)
    shown = [widths.width(wire.cotangent) for wire in wires]
    middle = (NARROW + WIDEST) / 2
    assert shown == pytest.approx([NARROW, NARROW, NARROW, middle, WIDEST, WIDEST, WIDEST])
    large = Picture("", found.boxes, [Wire("x0", "y", cotangent=np.full(2, 1e200))])
    assert Widths.of(large).most == pytest.approx(np.sqrt(2) * 1e200)
    assert "norm of the gradient 1e-6" in texts(drawn(found, gradients=True))
