"""The drawing as a page, in a real browser."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import graphc
from graphc.driver.pictures.picturing import Picturing
from graphc.view.drawing.html import html
from graphc.view.drawing.layout import lay_out
from graphc.view.drawing.picture import Box, Picture
from graphc.view.drawing.unrolled import unrolled

SPECS = Path(__file__).parents[3] / "specs"
Show = Callable[[str], Any]

RECTS = """
() => {
  const shown = [...document.querySelectorAll(".chosen :is(g.box, g.frame, g.numbers)")]
    .filter((node) => !node.classList.contains("hidden"));
  return shown.map((node) => {
    const isGroup = node.classList.contains("frame");
    const {x, y, width, height} = (isGroup ? node.querySelector("rect") : node).getBoundingClientRect();
    const isOpen = isGroup && !node.classList.contains("closed");
    return {id: node.dataset.id ?? node.dataset.wire, isGroup, isOpen, x, y, width, height};
  });
}
"""
"""Where everything is that can be seen, in px of the screen."""
WAYS = "[...document.querySelectorAll('.chosen path.wire')].map((path) => path.getAttribute('d'))"


@cache
def drawn(name: str, steps: int = 0) -> str:
    """The page of a spec; with steps, its axis unrolled into so many on a second tab."""
    found = Picturing(graphc.compile(SPECS / f"{name}.nn", dtype="float64")).picture
    views = {"rolled": lay_out(found)}
    if steps:
        views["unrolled"] = lay_out(unrolled(found, "T", steps))
    return html(views)


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
    found = Picturing(graphc.compile(path)).picture
    box = Box("b", HOSTILE, HOSTILE, "operation", HOSTILE, notes=(HOSTILE,))
    page = show(
        html(lay_out(Picture(found.title, [*found.boxes, box], found.wires, found.frames, (HOSTILE,))))
    )
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


def test_print_is_light_and_whole(show: Show) -> None:
    page = show(drawn("lstm", 3))
    page.emulate_media(color_scheme="dark")
    page.keyboard.press("+")
    node(page, "c").click()
    page.emulate_media(color_scheme="dark", media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("footer").is_visible()
    assert not page.locator("#panel").is_visible()
    x, width = page.evaluate(
        "(({x, width}) => [x, width])(document.querySelector('svg').getBoundingClientRect())"
    )
    assert x >= 0
    assert x + width <= 1300
    assert len(page.pdf()) > 10_000


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


@pytest.mark.parametrize(("text", "key"), [("exp", "e"), ("[3]", "w"), ("denom", "denom")])
def test_search_knows_names_operations_and_shapes(show: Show, text: str, key: str) -> None:
    page = show(drawn("sigmoid"))
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


def overlaps(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Pairs that share more than a border. What is open holds others, and is not compared."""
    solid = [r for r in found if not r["isOpen"]]
    return [
        (a["id"], b["id"])
        for n, a in enumerate(solid)
        for b in solid[:n]
        if min(a["x"] + a["width"], b["x"] + b["width"]) - max(a["x"], b["x"]) > 1
        and min(a["y"] + a["height"], b["y"] + b["height"]) - max(a["y"], b["y"]) > 1
    ]


@pytest.mark.parametrize(("name", "steps"), [("sigmoid", 0), ("lstm", 3)])
def test_nothing_overlaps_after_any_sequence_of_opening_and_closing(
    show: Show, name: str, steps: int
) -> None:
    page = show(drawn(name, steps))
    if steps:
        page.click("#tab-1")
    begin, ways = page.evaluate(RECTS), page.evaluate(WAYS)
    draw = random.Random(1)
    for _ in range(12):
        group = draw.choice([r["id"] for r in page.evaluate(RECTS) if r["isGroup"]])
        node(page, group).focus()
        page.keyboard.press("Enter")
        assert overlaps(page.evaluate(RECTS)) == []
    page.click("#close-all")
    assert overlaps(page.evaluate(RECTS)) == []
    page.click("#open-all")
    page.keyboard.press("0")
    assert page.evaluate(WAYS) == ways
    for now, before in zip(page.evaluate(RECTS), begin, strict=True):
        assert now == pytest.approx(before, abs=0.1)


def test_a_closed_equation_is_a_box_with_its_text_and_its_recurrence(show: Show) -> None:
    page = show(drawn("elman"))
    wires = page.locator("path.wire:not(.hidden)").count()
    page.locator('g[data-id="=h"] > text').click()
    closed = node(page, "=h")
    assert closed.get_attribute("aria-expanded") == "false"
    assert closed.locator("text:not(.loop)").text_content() == "h[t] = sigmoid(U @ h[t-1] + V @ x[t])"
    assert closed.locator("text.loop").text_content() == "t-1"
    assert page.locator("path.wire:not(.hidden):not(.loop)").count() == wires - 4
    closed.click()
    assert closed.get_attribute("aria-expanded") == "true"
    assert page.locator("path.wire:not(.hidden)").count() == wires


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
    page = show(drawn("elman"))
    page.click("#close-all")
    ends, rects = page.evaluate(ENDS)
    assert len(ends) > len(page.evaluate(WAYS)) / 3
    for x, y in ends:
        assert any(
            left - 2 <= x <= right + 2 and top - 2 <= y <= bottom + 2 for left, top, right, bottom in rects
        )
