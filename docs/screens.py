"""Pages in Chromium: `python docs/screens.py` takes pictures of a drawing and of a report into docs/pictures.

It needs the extra `test` and Chromium. Training is on the `cpu` backend and takes a few seconds.
"""

from __future__ import annotations

import os
import shutil
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import sync_playwright

import graphc
from graphc.driver.reporting.report import report

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "pictures"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

DRAWING = {"width": 1280, "height": 720}
REPORT = {"width": 1000, "height": 1500}
SUM = ("h[2]", "the sum of")
"""What is said at the step where the drawing is looked at: two summands of a cotangent meet."""


def main() -> None:
    """Write both."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    # Its sandbox refuses to run for root.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as engine, TemporaryDirectory() as folder, chdir(ROOT):
        browser = engine.chromium.launch(executable_path=found, args=options)
        drawing(browser, Path(folder))
        training(browser, Path(folder))
        browser.close()


def drawing(browser: Any, folder: Path) -> None:
    """An Elman network at the step of the backward pass where summands of a cotangent meet."""
    page = browser.new_page(viewport=DRAWING)
    path = folder / "elman.html"
    graphc.compile(Path("specs/elman.nn"), backend="reference").draw(unroll=True).save(path)
    page.goto(path.as_uri())
    said = page.locator("#said")
    while not all(text in said.inner_text() for text in SUM):
        page.click("#next:enabled", timeout=1000)
    page.screenshot(path=FOLDER / "page.png")


def training(browser: Any, folder: Path) -> None:
    """The report of a network that separates two half circles."""
    run = folder / "moons"
    graphc.compile(Path("specs/moons.nn")).fit(run_dir=run)
    path = folder / "report.html"
    path.write_text(report(run).html(), encoding="utf-8")
    page = browser.new_page(viewport=REPORT)
    page.goto(path.as_uri())
    page.screenshot(path=FOLDER / "report.png")


if __name__ == "__main__":
    main()
