"""Places: nothing lies on anything else, wires meet their boxes, a library that fails is named."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from graphc.diagnostics import GraphcError
from graphc.view.drawing import engines
from graphc.view.drawing.engines import Engine, chosen
from graphc.view.drawing.folding import MOST, fitting, folded
from graphc.view.drawing.geometry import Placed
from graphc.view.drawing.layered import Item, Link, Problem
from graphc.view.drawing.layout import lay_out
from graphc.view.drawing.picture import Box, Frame, Picture, Wire
from graphc.view.drawing.plain import plain
from graphc.view.drawing.svg import svg
from graphc.view.drawing.unrolled import unrolled
from tests.view.drawing.pictures import NAMES, bare, collisions, crossed, outside, pictures, rolled

LIBRARIES = [name for name, module in engines.MODULES.items() if importlib.util.find_spec(module)]


@pytest.mark.parametrize("name", NAMES)
def test_nothing_collides_in_any_spec_rolled_and_unrolled(name: str) -> None:
    for found in pictures(name):
        shown = folded(fitting(found))
        assert len(shown.boxes) <= MOST
        placed = lay_out(shown, engine="plain", labels=True)
        assert not collisions(placed)
        assert not crossed(placed)
        assert not outside(placed)
        check_wires(placed)
        check_svg(placed)


def check_svg(placed: Placed) -> None:
    """The drawing is valid XML, with a group for each box and a path for each wire."""
    root = ElementTree.fromstring(svg(placed))
    groups = {group.get("data-id") for group in root.iter("{http://www.w3.org/2000/svg}g")}
    paths = [p for p in root.iter("{http://www.w3.org/2000/svg}path") if p.get("data-wire")]
    assert groups >= {box.id for box in placed.picture.boxes}
    assert len(paths) == len(placed.picture.wires)


@pytest.mark.parametrize("engine", LIBRARIES)
@pytest.mark.parametrize("name", ["sigmoid", "elman", "bidirectional", "lstm", "attention", "residual_stack"])
def test_nothing_collides_when_a_library_finds_the_places(name: str, engine: str) -> None:
    with Engine(engine, seconds=60) as library:
        found = [lay_out(picture, engine=library, labels=True) for picture in pictures(name)]
    for placed in found:
        assert placed.engine == engine
        assert not placed.notes
        assert not collisions(placed)
        assert not crossed(placed)
        assert not outside(placed)
        check_wires(placed)


def check_wires(placed: Placed) -> None:
    """Each wire begins at a border of its source, and ends at a border of its target."""
    for wire, way in zip(placed.picture.wires, placed.wires, strict=True):
        for (x, y), key in ((way[0], wire.source), (way[-1], wire.target)):
            box = placed.boxes[key]
            to_side = min(abs(x - box.x), abs(x - box.right))
            to_end = min(abs(y - box.y), abs(y - box.bottom))
            assert min(to_side, to_end) < 0.5, (wire.source, wire.target)
            assert box.x - 0.5 <= x <= box.right + 0.5
            assert box.y - 0.5 <= y <= box.bottom + 0.5


@pytest.mark.parametrize("engine", ["plain", *LIBRARIES])
def test_steps_stand_side_by_side_and_are_computed_upwards(engine: str) -> None:
    placed = lay_out(unrolled(rolled("elman"), "T", 3), engine=engine)
    first, second, third = (placed.frames[f"T={step}"] for step in (1, 2, 3))
    assert [second.bottom, third.bottom] == pytest.approx([first.bottom] * 2, abs=2)
    assert first.right < second.x
    assert second.right < third.x
    assert placed.boxes["x@2"].y > placed.boxes["h@2"].bottom > placed.boxes["yhat@2"].bottom


@pytest.mark.parametrize("engine", ["plain", *LIBRARIES])
def test_a_wire_goes_past_steps_on_the_side_where_that_is_shorter(engine: str) -> None:
    """What leaves a step at its top goes on above those that follow."""
    placed = lay_out(unrolled(rolled("elman"), "T", 3), engine=engine)
    ways = [
        way
        for wire, way in zip(placed.picture.wires, placed.wires, strict=True)
        if wire.source.startswith("loss~") and wire.target == "loss"
    ]
    assert len(ways) == 3
    bottom = placed.frames["T=1"].bottom
    assert all(y < bottom for way in ways for _, y in way)


def test_numbers_of_a_wire_are_on_it() -> None:
    placed = lay_out(rolled("elman"), engine="plain", flow="right")
    assert all(label is not None and not label.beside for label in placed.labels)
    for way, label in zip(placed.wires, placed.labels, strict=True):
        assert label is not None
        assert any(
            abs(y - label.rect.center[1]) < 0.5 and label.rect.x - 1 <= x <= label.rect.right + 1
            for x, y in way
        )


def test_a_recurrence_of_one_operation_is_a_loop_at_its_box() -> None:
    found = Picture(
        "loop",
        [Box("h", "h[t]", "tanh", "operation", "real", value=np.array(1.0))],
        [Wire("h", "h", said="t-1", is_back=True)],
    )
    for flow in ("right", "up"):
        placed = lay_out(found, engine="plain", flow=flow)
        assert not collisions(placed)
        assert len(placed.wires[0]) == 4
        check_wires(placed)
        label = placed.labels[0]
        assert label is not None
        assert label.above == "t-1: 1"


@pytest.mark.parametrize("engine", ["plain", *LIBRARIES])
def test_several_recurrences_of_a_box_are_loops_around_each_other(engine: str) -> None:
    boxes = [Box(key, key, "", "operation", "real", value=np.array(1.0)) for key in ("x", "y", "h")]
    loops = [Wire("h", "h", said=said, is_back=True) for said in ("t-1", "t-2", "t-3")]
    found = Picture("loops", boxes, [Wire("x", "h"), Wire("y", "h"), *loops])
    for flow in ("right", "up"):
        placed = lay_out(found, engine=engine, flow=flow)
        assert not collisions(placed)
        assert not crossed(placed)
        assert not outside(placed)
        assert len({way[1] for way in placed.wires[2:]}) == 3


def test_a_picture_with_nothing_and_frames_with_nothing() -> None:
    assert lay_out(Picture("", [], []), engine="plain").frames == {}
    lonely = Picture("", [Box("x", "x", "", "input", "real")], [], [Frame("f", "f", "layer")])
    assert lay_out(lonely, engine="plain").frames == {}


def test_a_library_that_takes_too_long_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "MODULES", {"graphlay": "json", "graphviz": "pygraphviz"})
    placed = lay_out(rolled("elman"), engine="graphlay", seconds=0.0)
    assert placed.engine == "plain"
    assert placed.notes == ("graphlay took more than 0 s: laid out plainly",)
    assert not collisions(placed)


def test_a_library_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines.sys, "executable", "/bin/false")
    monkeypatch.setattr(engines, "MODULES", {"graphlay": "json", "graphviz": "pygraphviz"})
    placed = lay_out(rolled("elman"), engine="graphlay")
    assert placed.engine == "plain"
    assert placed.notes == ("graphlay failed: laid out plainly",)


def test_which_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda module: None)
    assert chosen("auto") == "plain"
    with pytest.raises(GraphcError) as missing:
        chosen("graphlay")
    assert missing.value.diagnostics[0].code == "E721"
    with pytest.raises(GraphcError) as unknown:
        chosen("graphly")
    assert unknown.value.diagnostics[0].code == "E522"
    monkeypatch.setattr(engines, "find_spec", lambda module: module == "pygraphviz")
    assert chosen("auto") == "graphviz"


def test_equal_steps_are_laid_out_once() -> None:
    placed = []

    class Counting(Engine):
        def _ask(self, problem: Problem):
            raise AssertionError

        def solve(self, problem: Problem):
            placed.append(problem)
            return super().solve(problem)

    with Counting("plain") as engine:
        from graphc.view.drawing.nesting import Nesting

        Nesting(unrolled(bare(rolled("rnn_sum")), "T", 20), False, "right", engine).solved()
    assert len(placed) > 3 * len(set(placed))


# ------------------------------------------------------------------------------------ the plain layout


def test_layers_are_those_of_the_longest_path() -> None:
    items = tuple(Item(10, 10) for _ in range(4))
    found = plain(Problem(items, (Link(0, 1), Link(1, 2), Link(0, 2), Link(3, 2))))
    along = [a for a, _ in found.centers]
    assert along[0] < along[1] < along[2]
    assert along[3] == along[1]
    assert len(found.ways[2]) > len(found.ways[0])


def test_a_cycle_has_layers_in_the_order_of_computation() -> None:
    items = tuple(Item(10, 10) for _ in range(3))
    found = plain(Problem(items, (Link(0, 1), Link(1, 2), Link(2, 0))))
    along = [a for a, _ in found.centers]
    assert along == sorted(along)
    assert found.ways[2][0][0] > found.ways[2][-1][0]


def test_ends_are_first_and_last() -> None:
    items = (Item(10, 10), Item(1, 1, "last"), Item(10, 10), Item(1, 1, "first"))
    found = plain(Problem(items, (Link(0, 1), Link(0, 2), Link(3, 2))))
    along = [a for a, _ in found.centers]
    assert along[1] == max(along)
    assert along[3] == min(along)


def test_room_beside_an_item_is_kept_free() -> None:
    items = (Item(10, 10, behind=100), Item(10, 10), Item(10, 10))
    (_, a), (_, b), _ = plain(Problem(items, (Link(0, 2), Link(1, 2)))).centers
    assert abs(a - b) >= 20 if b < a else b - a >= 110


def test_a_link_over_many_layers_goes_straight() -> None:
    count = 200
    items = tuple(Item(10, 10) for _ in range(count))
    chain = tuple(Link(n, n + 1) for n in range(count - 1))
    found = plain(Problem(items, (*chain, Link(0, count - 1))))
    assert len(found.ways[-1]) == 4


def test_a_change_of_places_changes_no_wire() -> None:
    found = rolled("elman")
    plainly, again = (lay_out(found, engine="plain") for _ in range(2))
    assert replace(plainly, picture=again.picture) == again
