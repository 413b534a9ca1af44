"""What a reader does with the page of a drawing: look around, look closely, step through both passes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.view.drawing.html import html
from graphc.view.drawing.layout import lay_out
from graphc.view.drawing.picture import Box, Picture, Wire

from .test_page import SPECS, Show, drawn, node, said


def transform(page: Any) -> list[float]:
    text = page.locator(".view.chosen > svg").evaluate("(svg) => svg.style.transform")
    return [float(x) for x in re.findall(r"-?[\d.]+(?=px|\))", text)]


def steps(page: Any) -> list[str]:
    """What is said at each step until the last."""
    found = []
    while page.locator("#next").is_enabled():
        page.keyboard.press("n")
        found.append(said(page))
    return found


# ------------------------------------------------------------------------------------ look around


def test_drag_wheel_and_keys_move_the_drawing(show: Show) -> None:
    page = show(drawn("sigmoid"))
    x, y, scale = transform(page)
    page.mouse.move(300, 600)
    page.mouse.down()
    page.mouse.move(340, 630, steps=3)
    page.mouse.up()
    assert transform(page) == pytest.approx([x + 40, y + 30, scale])
    page.mouse.wheel(0, -200)
    assert transform(page)[2] > scale
    page.keyboard.press("0")
    assert transform(page) == pytest.approx([x, y, scale])
    page.locator("#canvas").focus()
    page.keyboard.press("ArrowRight")
    assert transform(page) == pytest.approx([x - 60, y, scale])
    for key, grows in (("+", True), ("-", False)):
        before = transform(page)[2]
        page.keyboard.press(key)
        assert (transform(page)[2] > before) == grows


def test_a_drag_that_ends_on_a_box_opens_nothing(show: Show) -> None:
    page = show(drawn("sigmoid"))
    place = node(page, "e").bounding_box()
    page.mouse.move(place["x"] - 40, place["y"] + 30)
    page.mouse.down()
    page.mouse.move(place["x"] + 5, place["y"] + 5, steps=4)
    page.mouse.up()
    assert page.locator("#panel").is_hidden()


def test_two_fingers_zoom(show: Show) -> None:
    page = show(drawn("sigmoid"))
    scale = transform(page)[2]
    page.evaluate("""() => {
      const send = (type, pointerId, clientX) => document.getElementById("canvas").dispatchEvent(
        new PointerEvent(type, {pointerId, clientX, clientY: 400, bubbles: true}));
      send("pointerdown", 7, 400);
      send("pointerdown", 8, 500);
      send("pointermove", 8, 600);
    }""")
    assert transform(page)[2] == pytest.approx(2 * scale, rel=1e-4)


def test_hovering_shows_wires_inputs_and_outputs(show: Show) -> None:
    page = show(drawn("sigmoid"))
    node(page, "denom").hover()
    near = page.locator("g.near").evaluate_all("(nodes) => nodes.map((node) => node.dataset.id)")
    assert set(near) == {"e", "denom", "f"}
    assert (page.locator("path.into").count(), page.locator("path.from").count()) == (1, 1)
    page.mouse.move(5, 5)
    assert page.locator("g.near").count() == 0


def test_keys_walk_along_wires_and_open_and_close(show: Show) -> None:
    page = show(drawn("sigmoid"))

    def focused() -> str:
        return str(page.evaluate("document.activeElement.dataset.id"))

    page.locator("#canvas").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('g[data-id]')")
    node(page, "denom").focus()
    page.keyboard.press("ArrowLeft")
    assert focused() == "e"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert focused() == "f"
    node(page, "t01").focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    assert focused() == "t1"
    page.keyboard.press("Enter")
    assert page.inner_text("#panel h2") == "t1"
    page.keyboard.press("Escape")
    assert page.locator("#panel").is_hidden()
    assert focused() == "t1"


def test_a_box_says_what_it_is(show: Show) -> None:
    label = node(show(drawn("sigmoid")), "e").get_attribute("aria-label")
    assert label == "e is exp, operation, shape real, value 0.04979, cotangent -0.9074"


def test_rolled_and_unrolled_are_tabs(show: Show) -> None:
    page = show(drawn("elman", 3))
    assert page.get_by_role("tab").all_inner_texts() == ["rolled", "unrolled"]
    assert not node(page, "h@2").count()
    page.get_by_role("tab", name="unrolled", exact=True).click()
    node(page, "h@2").click()
    assert page.inner_text("#panel h2") == "h[2]"
    assert "0.6779" in page.inner_text("#panel table.heat")
    page.get_by_role("tab", name="rolled", exact=True).click()
    assert page.locator("#panel").is_hidden()
    assert node(page, "h").is_visible()


# ------------------------------------------------------------------------------------- look closely


def test_the_panel_has_numbers_statistics_equation_and_summands(show: Show) -> None:
    page = show(drawn("elman"))
    node(page, "h").click()
    panel = page.inner_text("#panel")
    for text in (
        "sigmoid",
        "h[t] = sigmoid(U @ h[t-1] + V @ x[t])",
        "elman.nn:12",
        "t = 1..3",
        "[H=2]",
        "h̄[t]",
    ):
        assert text in panel
    values = graphc.compile(SPECS / "elman.nn", dtype="float64").forward(names=["h"])["h"]
    mean = page.locator("#panel dl.statistics").first.inner_text().split("mean")[1].split()[0]
    assert float(mean) == pytest.approx(float(np.mean(values)), rel=1e-3)
    cells = page.locator("#panel table.heat").first.locator("td").all_inner_texts()
    assert [float(x) for x in cells] == pytest.approx(np.ravel(values), rel=1e-3)


def test_summands_of_a_fork_and_their_sum(show: Show) -> None:
    page = show(drawn("sigmoid"))
    node(page, "w").click()
    rows = page.locator("#panel table.summands tr").all_inner_texts()
    assert [row.split("\t")[1] for row in rows] == [
        "[-0.04518, 0, 0]",
        "[0, -0.09035, 0]",
        "[0, 0, 0.04518]",
        "[-0.04518, -0.09035, 0.04518]",
    ]


def test_summands_of_a_shared_weight_by_step(show: Show) -> None:
    page = show(drawn("elman"))
    node(page, "w").click()
    rows = page.locator("#panel table.summands tr").all_inner_texts()
    assert [row.split("\t")[0] for row in rows] == ["step 1", "step 2", "step 3", "sum"]
    numbers = [np.array([float(x) for x in row.split("[")[1].rstrip("]").split(",")]) for row in rows]
    np.testing.assert_allclose(np.sum(numbers[:3], axis=0), numbers[3], atol=1e-3)


def test_what_is_not_finite_not_computed_or_large_is_said(show: Show) -> None:
    odd = np.array([[np.nan, np.inf], [-np.inf, 0.0]])
    boxes = [
        Box("odd", "odd", "", "input", "[2, 2]", value=odd),
        Box("large", "large", "", "param", "[40, 50]", value=np.ones((40, 50))),
        Box("y", "y", "+", "loss", "real"),
    ]
    page = show(html(lay_out(Picture("odd", boxes, [Wire("odd", "y"), Wire("large", "y")]))))
    node(page, "odd").click()
    assert page.locator("#panel table.heat td").all_inner_texts() == ["NaN", "∞", "-∞", "0"]
    assert "not computed" in page.inner_text("#panel")
    found = page.inner_text("#panel dl.statistics").split()
    shown = dict(zip(found[::2], found[1::2], strict=True))
    assert (shown["NaN"], shown["infinite"], shown["zeros"]) == ("1", "2", "1")
    node(page, "large").click()
    assert "Too large" in page.inner_text("#panel")
    assert "2000" in page.inner_text("#panel dl.statistics")


# ------------------------------------------------------------------------------------- step through


def test_both_passes_step_by_step_with_the_right_numbers(show: Show) -> None:
    page = show(drawn("sigmoid"))
    found = steps(page)
    assert len(found) == 30
    assert found[0].startswith("forward: ")
    assert "forward: e = exp(nt) is 0.04979, from nt = -3" in found
    starts = "backward: f starts with 1, its derivative by itself"
    assert found[15].startswith(starts)
    assert "gives back" in found[15]
    assert any(text.startswith("backward: e gets -0.9074 = 1 · -0.9074") for text in found)
    (fork,) = [text for text in found if text.startswith("backward: w gets")]
    assert "[-0.04518, -0.09035, 0.04518] = [-0.04518, 0, 0]" in fork
    assert fork.count(" + ") >= 2
    assert page.inner_text("#progress") == "30 / 30"


def test_numbers_come_with_the_steps_and_go_with_them(show: Show) -> None:
    page = show(drawn("sigmoid"))

    def visible(kind: str) -> int:
        return int(
            page.locator(f".chosen .numbers .{kind}").evaluate_all(
                "(nodes) => nodes.filter((node) => getComputedStyle(node).opacity === '1').length"
            )
        )

    everything = visible("value"), visible("cotangent")
    page.keyboard.press("n")
    assert 0 < visible("value") < everything[0]
    assert visible("cotangent") == 0
    assert page.locator("g.current").count() == 1
    steps(page)
    assert (visible("value"), visible("cotangent")) == everything
    page.keyboard.press("p")
    assert page.inner_text("#progress") == "29 / 30"
    page.keyboard.press("Escape")
    assert (visible("value"), visible("cotangent")) == everything
    assert page.locator("#finish").is_hidden()


def test_a_step_inside_a_closed_group_shows_at_the_group(show: Show) -> None:
    page = show(drawn("elman"))
    page.click("#close-all")
    while "U @ h[t-1] is" not in said(page):
        page.keyboard.press("n")
    assert page.locator("g.current").get_attribute("data-id") == "=h"


def test_playing_goes_to_the_end(show: Show) -> None:
    page = show(drawn("sigmoid"))
    page.clock.install()
    page.locator("#canvas").focus()
    page.keyboard.press(" ")
    assert page.inner_text("#play") == "Pause"
    page.clock.run_for(5_500)
    assert page.inner_text("#progress") == "6 / 30"
    page.keyboard.press(" ")
    page.clock.run_for(5_000)
    assert page.inner_text("#progress") == "6 / 30"
    page.keyboard.press(" ")
    page.clock.run_for(40_000)
    assert page.inner_text("#progress") == "30 / 30"
    assert page.inner_text("#play") == "Play"
