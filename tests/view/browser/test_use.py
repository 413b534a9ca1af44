"""What a reader does with the page of a drawing: look around, look closely, step through both passes."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.view.drawing.picture import Box, Wire

from .test_page import SPECS, Show, alone, drawn, node, said

CELLS = "#panel table.heat tbody td:not(:empty)"


def transform(page: Any) -> list[float]:
    text = page.locator(".view.chosen > svg").evaluate("(svg) => svg.style.transform")
    return [float(x) for x in re.findall(r"-?[\d.]+(?=px|\))", text)]


STEPS = """
() => {
  const found = [];
  for (const next = document.getElementById("next"); !next.disabled;) {
    next.click();
    found.push(document.getElementById("said").innerText.replace(/\\s+/g, " "));
  }
  return found;
}
"""


def steps(page: Any) -> list[str]:
    """What is said at each step until the last."""
    return list(page.evaluate(STEPS))


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
    assert page.locator("g.detailed").get_attribute("data-id") == "t1"
    page.keyboard.press("Escape")
    assert page.locator("g.detailed").count() == 0
    assert page.locator("#panel").is_hidden()
    assert focused() == "t1"


def test_a_box_says_what_it_is(show: Show) -> None:
    label = node(show(drawn("sigmoid")), "e").get_attribute("aria-label")
    assert label == "e = exp, line 10, operation, shape real, value 0.04979, cotangent -0.9074"


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
    cells = page.locator("#panel table.heat").first.locator("tbody td").all_inner_texts()
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
    page = show(graphc.compile(SPECS / "elman.nn", dtype="float64").draw().html())
    node(page, "w").click()
    rows = page.locator("#panel table.summands tr").all_inner_texts()
    assert [row.split("\t")[0] for row in rows] == ["step 1", "step 2", "step 3", "sum"]
    numbers = [np.array([float(x) for x in row.split("[")[1].rstrip("]").split(",")]) for row in rows]
    np.testing.assert_allclose(np.sum(numbers[:3], axis=0), numbers[3], atol=1e-3)


def test_what_is_not_finite_not_computed_or_large_is_said(show: Show) -> None:
    odd = np.array([[np.nan, np.inf], [-np.inf, 0.0]])
    boxes = [
        Box("odd", "odd", "", "input", "[2, 2]", value=odd),
        Box("large", "large", "", "param", "[200, 100]", value=np.ones((200, 100))),
        Box("y", "y", "+", "loss", "real"),
    ]
    page = show(alone(*boxes, wires=(Wire("odd", "y"), Wire("large", "y"))))
    node(page, "odd").click()
    assert page.locator(CELLS).all_inner_texts() == ["NaN", "∞", "-∞", "0"]
    assert "not computed" in page.inner_text("#panel")
    found = page.inner_text("#panel dl.statistics").split()
    shown = dict(zip(found[::2], found[1::2], strict=True))
    assert (shown["NaN"], shown["infinite"], shown["zeros"]) == ("1", "2", "1")
    node(page, "large").click()
    assert "Too large" in page.inner_text("#panel")
    assert "20000" in page.inner_text("#panel dl.statistics")


def test_every_number_of_a_larger_array_can_be_read(show: Show) -> None:
    value = np.linspace(-1.0, 1.0, 100 * 30).reshape(100, 30)
    page = show(alone(Box("w", "w", "", "param", "[100, 30]", value=value, cotangent=np.full((2, 2), 0.5))))
    node(page, "w").click()
    cut = page.locator("#panel .cut")
    assert cut.inner_text().startswith("Rows 1 to 40 of 100.")
    cut.get_by_role("button").click()
    table = page.locator("#panel table.heat").first
    found = table.locator("tbody td").all_text_contents()
    np.testing.assert_allclose([float(x) for x in found], value.ravel(), rtol=1e-3, atol=1e-7)
    assert table.locator("tbody th").last.text_content() == "99"
    assert table.locator("thead th").last.text_content() == "29"
    bars = table.locator("tbody td").evaluate_all(
        "(cells) => [cells[0], cells[1500]]"
        ".map((cell) => [cell.className, cell.style.getPropertyValue('--share')])"
    )
    assert bars == [["below", "100%"], ["above", "2%"]]
    page.get_by_role("button", name="Wider details").click()
    assert page.locator("#panel").bounding_box()["width"] > 650


# ------------------------------------------------------------------------------------- step through


def test_both_passes_step_by_step_with_the_right_numbers(show: Show) -> None:
    page = show(drawn("sigmoid"))
    found = steps(page)
    assert len(found) == 30
    assert found[0].startswith("forward: ")
    assert "forward: e = exp(nt) = exp(-3) = 0.04979" in found
    assert "forward: t1 = w[1] * x[1] = -3 * (-2) = 6" in found
    assert "forward: nt = -t012 = -3 = -3" in found
    assert "forward: w = 0 -3 -3" in found
    assert found[15] == "backward: f gets 1, its derivative by itself"
    (once,) = [text for text in found if text.startswith("backward: e gets")]
    assert once.startswith("backward: e gets 1 · -0.9074 = -0.9074 from denom = e + 1: ")
    (fork,) = [text for text in found if text.startswith("backward: w gets")]
    assert fork.startswith("backward: w gets the sum of 3: ")
    assert "-0.04518 0 0 + 0 -0.09035 0 + 0 0 0.04518 = -0.04518 -0.09035 0.04518 , from" in fork
    assert page.inner_text("#progress") == "30 / 30"


def test_matrices_stand_in_their_equation_with_the_step_of_time(show: Show) -> None:
    page = show(drawn("elman", 3))
    page.click("#tab-1")
    found = steps(page)
    assert "forward, t = 2: U @ h[t-1] = 0.5 -0.25 0.25 0.5 @ 0.7311 0.6225 = 0.2099 0.494" in found
    assert "forward, t = 1: yhat[1] = w @ h[t] = 1 -0.5 @ 0.7311 0.6225 = 0.4198" in found
    assert any(
        text.startswith("backward, t = 1: h[1] gets the sum of 2: -0.01693 0.02728 + ") for text in found
    )
    page.evaluate("document.getElementById('first').click()")
    assert page.locator("#said .matrix").count() == 1


def test_what_is_not_computed_and_many_uses_are_said_shortly(show: Show) -> None:
    users = [Box(f"y{n}", f"y{n}", "exp", "operation", "real", cotangent=np.array(1.0)) for n in range(8)]
    wires = tuple(Wire("x", user.id, cotangent=np.array(0.5)) for user in users)
    page = show(alone(Box("x", "x", "", "input", "real", cotangent=np.array(4.0)), *users, wires=wires))
    found = steps(page)
    assert found[:2] == ["forward: x: not computed", "forward: y0 = exp: not computed"]
    assert found[-1] == (
        "backward: x gets the sum of 8: 0.5 + 0.5 + 0.5 + 0.5 + 0.5 + 0.5 + what comes through 2 more = 4, "
        "from y0 = exp, y1 = exp, y2 = exp, y3 = exp, y4 = exp, y5 = exp, …"
    )


def test_steps_are_reached_directly(show: Show) -> None:
    page = show(drawn("sigmoid"))
    page.keyboard.press("End")
    assert page.inner_text("#progress") == "30 / 30"
    assert page.locator("#next").is_disabled()
    page.keyboard.press("Home")
    assert page.inner_text("#progress") == "1 / 30"
    page.fill("#where", "12")
    assert page.inner_text("#progress") == "12 / 30"
    assert page.locator("#where").get_attribute("aria-valuetext") == "step 12 of 30"
    node(page, "e").click()
    page.get_by_role("button", name="its backward step").click()
    assert said(page).startswith("backward: e gets")
    page.get_by_role("button", name="its forward step").click()
    assert said(page).startswith("forward: e = ")
    page.keyboard.press("n")
    assert page.inner_text("#panel h2") == "denom"


def test_the_address_names_a_box(show: Show) -> None:
    page = show(drawn("elman", 3))
    page.click("#tab-1")
    node(page, "h@2").click()
    address = page.evaluate("location.hash")
    assert address == "#unrolled/h%402"
    assert show(drawn("elman", 3), address).inner_text("#panel h2") == "h[2]"
    assert page.get_by_role("tab", name="unrolled").get_attribute("aria-selected") == "true"
    page.evaluate("location.hash = '#rolled/h'")
    page.wait_for_function("document.querySelector('#panel h2').innerText === 'h[t]'")
    assert show(drawn("elman", 3), "#%zz").locator("#panel").is_hidden()


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
    assert page.locator("#finish").is_disabled()


def test_a_step_inside_a_closed_group_shows_at_the_group(show: Show) -> None:
    page = show(drawn("elman"))
    page.click("#close-all")
    number = next(n for n, text in enumerate(steps(page)) if text.startswith("forward: U @ h[t-1] ="))
    page.fill("#where", str(number + 1))
    assert page.locator("g.current").get_attribute("data-id") == "=h"


def test_playing_goes_to_the_end(show: Show) -> None:
    page = show(drawn("sigmoid"))
    page.evaluate("() => { window.setTimeout = (go, wait) => { window.waiting = [go, wait]; return 1; }; }")
    page.evaluate("() => { window.clearTimeout = () => { window.waiting = null; }; }")
    page.locator("#canvas").focus()
    page.keyboard.press(" ")
    assert page.inner_text("#play") == "Pause"
    assert page.evaluate("for (let n = 0; n < 5; n++) waiting[0](); waiting[1]") == 1000
    assert page.inner_text("#progress") == "6 / 30"
    page.keyboard.press(" ")
    assert page.evaluate("waiting") is None
    assert page.inner_text("#progress") == "6 / 30"
    page.fill("#speed", "1")
    page.keyboard.press("Escape")
    page.locator("#canvas").focus()
    page.keyboard.press(" ")
    assert page.evaluate("waiting[1]") == 500
    page.evaluate("while (waiting) waiting[0]()")
    assert page.inner_text("#progress") == "30 / 30"
    assert page.inner_text("#play") == "Play"
