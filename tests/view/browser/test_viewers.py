"""The SVG in a plain viewer: the shapes are those of a browser."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any

import numpy as np
import pytest

from graphc.view.drawing.layout import lay_out
from graphc.view.drawing.svg import svg
from graphc.view.drawing.unrolled import unrolled
from tests.view.drawing.pictures import rolled

APART = 64
"""So far apart are two colours, of 255, where a shape is missing or filled otherwise."""


def pixels(content: bytes) -> np.ndarray:
    image = pytest.importorskip("PIL.Image")
    return np.asarray(image.open(BytesIO(content)).convert("RGB"), int)


def test_a_plain_viewer_shows_the_shapes_of_a_browser(browser: Any) -> None:
    resvg = pytest.importorskip("resvg_py")
    found = svg(lay_out(unrolled(rolled("elman"), "T", 2), engine="plain"), gradients=True)
    # Letters differ with the fonts that each of them finds.
    shapes = re.sub("<text.*?</text>", "", found, flags=re.DOTALL)
    size = re.search(r'width="(\d+)" height="(\d+)"', shapes)
    assert size is not None
    page = browser.new_page(viewport={"width": int(size[1]), "height": int(size[2])})
    page.set_content(f'<body style="margin: 0">{shapes}</body>')
    in_browser = pixels(page.screenshot())
    page.close()
    plain = pixels(bytes(resvg.svg_to_bytes(svg_string=shapes, background="#ffffff")))
    assert plain.shape == in_browser.shape
    assert len(np.unique(plain @ [65536, 256, 1])) > 20
    apart = np.abs(plain - in_browser).max(axis=2) > APART
    assert apart.mean() < 1e-4
