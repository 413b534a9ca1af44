"""A report in a real browser: light and dark, in a narrow window, on paper, and asking for nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from graphc.view.report import plotting
from graphc.view.report.page import Figure, Item, Note, Report, Section, Table, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

WIDE = Table(["a name", *(f"column {place}" for place in range(20))], [["x", *["1.2345"] * 20]], "Wide")


def draw(canvas: Canvas) -> None:
    axes = plotting.one(canvas)
    axes.plot([1, 2], [3, 4], color=plotting.SERIES[0])
    plotting.picture(axes, np.eye(2))


@pytest.fixture(scope="module")
def text() -> str:
    figure = Figure(plotting.svg(draw), "a caption", "what it shows", WIDE)
    wide = Figure(plotting.svg(draw, 10.6), "a wide one", "in words", is_wide=True)
    items: list[Item] = [
        Note("`x` is missing"),
        figure,
        wide,
        WIDE,
        Text("<b>a text</b> " * 40, is_code=True),
    ]
    return Report("a model: a run", [("State", "finished")], [Section("Training", items)]).html()


@pytest.fixture
def page(show: Callable[[str], Any], text: str) -> Any:
    return show(text)


def style(page: Any, selector: str, name: str) -> str:
    script = "([selector, name]) => getComputedStyle(document.querySelector(selector))[name]"
    return str(page.evaluate(script, [selector, name]))


def test_a_report_is_light_or_dark_and_light_on_paper(page: Any) -> None:
    light = style(page, "body", "backgroundColor")
    ink = style(page, "figure svg text", "fill")
    page.emulate_media(color_scheme="dark")
    assert style(page, "body", "backgroundColor") != light
    assert style(page, "figure svg text", "fill") != ink
    page.emulate_media(color_scheme="dark", media="print")
    assert style(page, "body", "backgroundColor") == light
    assert style(page, "figure svg text", "fill") == ink
    assert style(page, "nav", "display") == "none"


@pytest.mark.parametrize("width", [1300, 390])
def test_only_parts_of_a_report_scroll_sideways(page: Any, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_report_has_names_for_who_hears_it(page: Any) -> None:
    assert page.get_by_role("img", name="what it shows").count() == 1
    assert page.get_by_role("heading", name="Training").count() == 1
    assert page.get_by_role("navigation", name="Sections").count() == 1
    tables = page.get_by_role("region", name="Wide")
    assert tables.count() == 1
    page.get_by_text("Numbers of figure 1: a caption").click()
    assert tables.count() == 2
