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


@pytest.fixture
def show(browser: Any, tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Opens the text of a page. When the test is over, no page may have erred or asked for anything."""
    seen = Seen()
    context = browser.new_context(viewport={"width": 1300, "height": 800}, reduced_motion="reduce")

    def opened(text: str) -> Any:
        path = tmp_path / "drawing.html"
        path.write_text(text, encoding="utf-8")
        page = context.new_page()
        page.set_default_timeout(5000)
        page.on("console", lambda message: seen.faults.append(message.text))
        page.on("pageerror", lambda error: seen.faults.append(str(error)))
        page.on("request", lambda request: seen.requests.append(request.url))
        page.goto(path.as_uri())
        assert seen.requests.pop() == path.as_uri()
        return page

    yield opened
    context.close()
    assert seen == Seen()
