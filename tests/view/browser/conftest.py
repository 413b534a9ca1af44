"""Pages in a real browser. What they say on the console or ask of the network is kept: it must be nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
VIEWPORT = {"width": 1300, "height": 800}


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"none of {', '.join(BROWSERS)} is installed")
    # Its sandbox refuses to run for root.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with playwright.sync_playwright() as engine:
        started = engine.chromium.launch(executable_path=found, args=options)
        yield started
        started.close()


@dataclass
class Seen:
    """What a page did that it must not do."""

    faults: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def tab(browser: Any) -> Iterator[tuple[Any, Seen]]:
    """One page for all tests, and what it did."""
    seen = Seen()
    context = browser.new_context(viewport=VIEWPORT, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(5000)
    page.on("console", lambda message: seen.faults.append(message.text))
    page.on("pageerror", lambda error: seen.faults.append(str(error)))
    page.on("request", lambda request: seen.requests.append(request.url))
    yield page, seen
    context.close()


@pytest.fixture
def show(tab: tuple[Any, Seen], tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Opens the text of a page. When the test is over, it may not have erred or asked for anything."""
    page, seen = tab
    page.emulate_media(color_scheme="light", media="screen")
    page.set_viewport_size(VIEWPORT)
    page.mouse.move(5, 5)

    def opened(text: str, address: str = "") -> Any:
        path = tmp_path / "drawing.html"
        path.write_text(text, encoding="utf-8")
        # From elsewhere: another address within the same page would not load it.
        page.goto("about:blank")
        seen.requests.clear()
        page.goto(path.as_uri() + address)
        assert seen.requests.pop() == path.as_uri()
        return page

    yield opened
    found = Seen(seen.faults[:], seen.requests[:])
    seen.faults.clear()
    seen.requests.clear()
    assert found == Seen()
