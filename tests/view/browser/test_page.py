"""The drawing as a page, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

import graphc
from graphc.driver.pictures.picturing import Picturing
from graphc.view.drawing.arrangements import ROOM, arranged
from graphc.view.drawing.engines import Engine
from graphc.view.drawing.folding import folded
from graphc.view.drawing.geometry import Flow, Placed
from graphc.view.drawing.html import html
from graphc.view.drawing.layout import lay_out
from graphc.view.drawing.picture import Box, Picture, Wire

SPECS = Path(__file__).parents[3] / "specs"
Show = Callable[..., Any]

RECTS = """
() => {
  const shown = [...document.querySelectorAll(".chosen :is(g.box, g.frame, g.numbers)")]
    .filter((node) => !node.classList.contains("hidden"));
  return shown.map((node) => {
    const isGroup = node.hasAttribute("aria-expanded");
    const outline = isGroup ? node.querySelector("rect, path") : node;
    const {x, y, width, height} = outline.getBoundingClientRect();
    const isOpen = node.getAttribute("aria-expanded") === "true";
    return {id: node.dataset.id ?? node.dataset.wire, isGroup, isOpen, x, y, width, height};
  });
}
"""
"""Where everything is that can be seen, in px of the screen."""
WAYS = "[...document.querySelectorAll('.chosen path.wire')].map((path) => path.getAttribute('d'))"


@cache
def pictures(name: str, steps: int) -> dict[str, Picture]:
    """A spec, with everything open; with steps, its axis unrolled into so many beside it."""
    program = graphc.compile(SPECS / f"{name}.nn", backend="reference", dtype="float64")
    found = {"rolled": Picturing(program).by_step()}
    return found | ({"unrolled": program.draw(unroll=steps).picture} if steps else {})


def placed(picture: Picture, flow: Flow | None = None, engine: Engine | str = "auto") -> Placed:
    return lay_out(picture, flow=flow, engine=engine)


@cache
def drawn(name: str, steps: int = 0, room: int = ROOM) -> str:
    """The page of a spec, rolled and, with steps, unrolled on a second tab."""
    with Engine() as engine:
        place = partial(placed, engine=engine)
        return html({view: arranged(found, place, room) for view, found in pictures(name, steps).items()})


def alone(*boxes: Box, wires: tuple[Wire, ...] = ()) -> str:
    """The page of a picture without groups."""
    return html({"": arranged(Picture("p", boxes, wires), placed)})


def node(page: Any, key: str) -> Any:
    return page.locator(f'.view.chosen g[data-id="{key}"]')


def said(page: Any) -> str:
    return str(page.inner_text("#said"))


# ------------------------------------------------------------------------------------ the whole page


def test_values_and_cotangents_stand_in_the_drawing(show: Show) -> None:
    page = show(drawn("sigmoid"))
    assert page.title() == page.inner_text("h1")
    assert page.locator("g.box").count() == 15
    assert "0.04979" in page.inner_text(".view")
    assert "-0.9074" in page.inner_text(".view")


def test_the_page_needs_no_script_to_be_read(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "drawing.html").write_text(drawn("sigmoid"), encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto((tmp_path / "drawing.html").as_uri())
    assert page.locator("g.box").first.is_visible()
    context.close()


HOSTILE = '</script><img src=x onerror="window.hurt = 1">'


def test_markup_in_names_and_comments_is_shown_and_not_executed(show: Show, tmp_path: Path) -> None:
    path = tmp_path / f"{HOSTILE.replace('/', '')}.nn"
    path.write_text(f"input x : [2] = [1, 2]\ny = x[0] + (  # {HOSTILE}\n    x[1])\noutput y\n")
    found = graphc.compile(path).draw().picture
    box = Box("b", HOSTILE, HOSTILE, "operation", HOSTILE, notes=(HOSTILE,))
    whole = Picture(found.title, [*found.boxes, box], found.wires, found.frames, (HOSTILE,))
    page = show(html({"": arranged(whole, placed)}))
    assert "<img src=x onerror=" in page.inner_text("h1")
    assert page.inner_text("#notes") == HOSTILE
    node(page, "b").click()
    assert page.inner_text("#panel h2") == HOSTILE
    node(page, "y").click()
    assert "onerror" in page.inner_text("#panel")
    page.keyboard.press("n")
    assert page.locator("img").count() == 0
    assert page.evaluate("window.hurt") is None


def test_a_script_that_is_not_the_pages_own_does_not_run(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "drawing.html"
    path.write_text(drawn("sigmoid").replace("<header>", "<script>window.hurt = 1</script><header>", 1))
    page = browser.new_page()
    page.goto(path.as_uri())
    assert page.locator("#tabs").is_hidden()  # the page's own script hid it
    assert page.evaluate("window.hurt") is None
    page.close()


def test_colours_follow_the_system_and_the_button_wins(show: Show) -> None:
    page = show(drawn("sigmoid"))

    def ground() -> int:
        text = page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, re.findall(r"\d+", text)[:3]))

    light = ground()
    page.emulate_media(color_scheme="dark")
    assert ground() < 150 < 600 < light
    page.click("#theme")
    assert page.inner_text("#theme") == "Dark"
    page.click("#theme")
    assert (page.inner_text("#theme"), ground()) == ("Light", light)
    page.emulate_media(color_scheme="light")
    page.click("#theme")
    page.click("#theme")
    assert ground() < 150


@pytest.mark.parametrize(("name", "steps", "box"), [("elman", 3, "h@1"), ("residual", 0, "x")])
def test_print_is_light_and_one_page_turned_as_the_drawing_lies(
    show: Show, name: str, steps: int, box: str
) -> None:
    page = show(drawn(name, steps))
    if steps:
        page.click("#tab-1")
    page.emulate_media(color_scheme="dark")
    page.keyboard.press("+")
    node(page, box).click()
    page.emulate_media(color_scheme="dark", media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    for hidden in ("footer", "#panel", "#search"):
        assert not page.locator(hidden).is_visible()
    width, height = page.locator(".view.chosen > svg").evaluate(
        "(svg) => [svg.clientWidth, svg.clientHeight]"
    )
    paper = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type */Page\b", paper)) == 1
    (right, top) = map(float, re.findall(rb"/MediaBox *\[0 0 ([\d.]+) ([\d.]+)\]", paper)[0])
    assert (right > top) == (width > height)


def test_a_narrow_window_holds_everything(show: Show) -> None:
    page = show(drawn("elman"))
    for width in (380, 600):
        page.set_viewport_size({"width": width, "height": 750})
        node(page, "h").click()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("#canvas").bounding_box()["height"] > 150
        assert page.locator("#next").bounding_box()["y"] < 740
        page.click("[aria-label='Close details']")


# -------------------------------------------------------------------------------------------- search


def test_search_goes_from_hit_to_hit(show: Show) -> None:
    page = show(drawn("sigmoid"))
    page.keyboard.press("/")
    page.keyboard.type("w[")
    assert page.inner_text("#hits") == "3"
    hits = []
    for _ in range(4):
        page.keyboard.press("Enter")
        hits.append(page.locator("g.here").get_attribute("aria-label").split(",")[0])
    assert page.inner_text("#hits") == "1 of 3"
    assert hits[0] == hits[3]
    assert len(set(hits)) == 3
    page.keyboard.press("Escape")
    assert page.locator("g.hit").count() == 0


def test_search_knows_names_operations_and_shapes(show: Show) -> None:
    page = show(drawn("sigmoid"))
    for text, key in (("exp", "e"), ("[3]", "w"), ("denom", "denom")):
        page.fill("#search", text)
        assert page.locator("g.hit").get_attribute("data-id") == key


def test_a_hit_in_a_closed_group_opens_it(show: Show) -> None:
    page = show(drawn("elman"))
    page.click("#close-all")
    assert not node(page, "h").is_visible()
    page.fill("#search", "sigmoid")
    page.keyboard.press("Enter")
    assert node(page, "h").is_visible()


# -------------------------------------------------------------------------------------------- groups


TOGGLES = """
([seed, times, rects]) => {
  const found = eval(rects);
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const overlaps = [];
  let shown = found();
  for (let time = 0; time < times; time++) {
    const groups = shown.filter((one) => one.isGroup);
    const chosen = groups[Math.floor(random() * groups.length)];
    const node = document.querySelector(`.chosen g[data-id="${chosen.id}"]`);
    node.focus();
    node.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true}));
    shown = found();
    const solid = shown.filter((one) => !one.isOpen);
    solid.forEach((a, n) => solid.slice(0, n).forEach((b) => {
      const across = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
      const down = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
      if (Math.min(across, down) > 1) overlaps.push([time, a.id, b.id]);
    }));
  }
  return overlaps;
}
"""
"""Opens and closes groups, chosen by chance, and says what shares more than a border then. What is open holds
others, and is not compared."""


@pytest.mark.parametrize(("name", "steps", "room"), [("sigmoid", 0, 0), ("sigmoid", 0, ROOM), ("lstm", 2, 0)])
def test_nothing_overlaps_after_any_sequence_of_opening_and_closing(
    show: Show, name: str, steps: int, room: int
) -> None:
    page = show(drawn(name, steps, room))
    if steps:
        page.click("#tab-1")
    begin, ways = page.evaluate(RECTS), page.evaluate(WAYS)
    assert page.evaluate(TOGGLES, [1, 15, RECTS]) == []
    page.click("#open-all")
    page.keyboard.press("0")
    assert page.evaluate(WAYS) == ways
    for now, before in zip(page.evaluate(RECTS), begin, strict=True):
        assert now == pytest.approx(before, abs=0.1)


def test_what_is_closed_is_laid_out_as_a_picture_of_its_own(show: Show) -> None:
    whole = pictures("lstm", 2)["unrolled"]
    page = show(drawn("lstm", 2, room=0))
    page.click("#tab-1")
    page.click("#close-all")
    closed = folded(whole, {frame.id for frame in whole.frames})
    own = placed(closed)
    found = {one["id"]: one for one in page.evaluate(RECTS)}
    first, last = found["h[0]"], found["last"]
    scale = first["height"] / own.boxes["h[0]"].height
    for one, box in ((first, "h[0]"), (last, "last")):
        assert one["x"] - first["x"] == pytest.approx(
            (own.boxes[box].x - own.boxes["h[0]"].x) * scale, rel=0.05
        )
    assert {box.id for box in closed.boxes} <= set(found)
    assert page.locator(".chosen path.wire").count() == len(closed.wires)
    assert node(page, "T=1").get_attribute("aria-expanded") == "false"


def test_wires_beside_each_other_to_a_closed_group_are_one(show: Show) -> None:
    """Four operations of a step read h of the step before: one wire between two closed steps."""
    page = show(drawn("lstm", 2, room=0))
    page.click("#tab-1")
    count = page.locator(".chosen path.wire:not(.hidden)").count()
    for step in (1, 2):
        node(page, f"T={step}").locator("text").first.click()
    texts = page.locator(".chosen g.numbers.counted:not(.hidden) > .value").all_text_contents()
    assert "4 wires" in texts
    assert page.locator(".chosen path.wire:not(.hidden)").count() < count / 2


def test_a_closed_equation_is_a_box_with_its_text_and_its_recurrence(show: Show) -> None:
    page = show(drawn("elman"))
    wires = page.locator("path.wire:not(.hidden)").count()
    page.locator('g[data-id="=h"] > text').click()
    closed = node(page, "=h")
    assert closed.get_attribute("aria-expanded") == "false"
    text = "".join(closed.locator("text.name").all_text_contents())
    assert text.replace(" ", "") == "h[t]=sigmoid(U@h[t-1]+V@x[t])"
    assert page.locator("path.wire.back").count() == 1
    assert page.locator("path.wire").count() < wires
    closed.click()
    assert closed.get_attribute("aria-expanded") == "true"
    assert page.locator("path.wire:not(.hidden)").count() == wires


def test_a_group_that_is_closed_in_no_arrangement_takes_less_room(show: Show) -> None:
    page = show(drawn("elman", room=0))
    wide = node(page, "=h").bounding_box()["height"]
    page.locator('g[data-id="=h"] > text').click()
    closed = node(page, "=h")
    assert closed.locator("text:not(.loop)").text_content() == "▸ h[t] = sigmoid(U @ h[t-1] + V @ x[t])"
    assert closed.locator("text.loop").text_content() == "t-1"
    assert closed.bounding_box()["height"] < wide
    closed.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.dataset.id") == "=h"
    assert closed.get_attribute("aria-expanded") == "true"


ENDS = """
() => {
  const ends = [...document.querySelectorAll("path.wire:not(.hidden, .loop)")].map((path) => {
    const {x, y} = path.getPointAtLength(path.getTotalLength()).matrixTransform(path.getScreenCTM());
    return [x, y];
  });
  const nodes = [...document.querySelectorAll("g.box:not(.hidden), g.frame.closed > rect")];
  const rects = nodes.map((node) => node.getBoundingClientRect());
  return [ends, rects.map(({left, top, right, bottom}) => [left, top, right, bottom])];
}
"""


def test_wires_of_a_closed_group_end_at_its_border(show: Show) -> None:
    page = show(drawn("elman", room=0))
    page.locator('g[data-id="=h"] > text').click()
    ends, rects = page.evaluate(ENDS)
    assert len(ends) > len(page.evaluate(WAYS)) / 3
    for x, y in ends:
        assert any(
            left - 2 <= x <= right + 2 and top - 2 <= y <= bottom + 2 for left, top, right, bottom in rects
        )
