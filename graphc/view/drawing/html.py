"""A drawing as one HTML file that needs no network: the SVG, what the page knows, and a script of our own.

Names and texts come from a spec that may be a stranger's. They reach the page as escaped text of the SVG or
as JSON, the script shows them as text only, and the page's policy lets no script run but the one whose hash
it names.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from string import Template

from graphc.view.drawing.arrangements import Arranged
from graphc.view.drawing.contents import Contents
from graphc.view.drawing.svg import svg

SCRIPTS = (
    "numbers.js",
    "squeezing.js",
    "arrangement.js",
    "view.js",
    "camera.js",
    "grids.js",
    "panel.js",
    "search.js",
    "sentences.js",
    "stepper.js",
    "keyboard.js",
    "page.js",
)
"""In the order in which they stand in the page: each uses only what is above it."""


def html(views: Mapping[str, Arranged], *, gradients: bool = False) -> str:
    """The page of a drawing, or of several of one spec by the names of their tabs, such as `rolled` and
    `unrolled`. With `gradients` a wire is as wide as its cotangent's norm is large.
    """
    contents = Contents()
    shown = [contents.view(name, arranged) for name, arranged in views.items()]
    script = "\n".join(_packaged("page", name) for name in SCRIPTS)
    script = f'"use strict";\n(() => {{\n{script}\n}})();\n'
    title = next(iter(views.values())).whole.title
    return Template(_packaged("page", "page.html")).substitute(
        policy=_policy(script),
        title=escape(title),
        style=_style(),
        figures="\n".join(_figure(arranged, gradients) for arranged in views.values()),
        data=_embedded({"arrays": contents.arrays, "views": shown}),
        script=script,
    )


def _figure(arranged: Arranged, gradients: bool) -> str:
    """The first arrangement, and the others where they take no part in the page until the script asks."""
    first, *others = (svg(placed, standalone=False, gradients=gradients) for placed in arranged.shown)
    hidden = "".join(f"<template>{other}</template>" for other in others)
    return f'<div class="view">{first}{hidden}</div>'


def _packaged(*path: str) -> str:
    return files(__package__).joinpath(*path).read_text("utf-8")


def _style() -> str:
    """The drawing's own style first: the page's rules win where both have one."""
    dark = f"@media (prefers-color-scheme: dark) {{\n{_packaged('dark.css')}}}\n"
    return _packaged("drawing.css") + dark + _packaged("page", "page.css")


def _policy(script: str) -> str:
    """What a browser may do for the page: run this script, apply styles, load nothing."""
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    allowed = f"script-src 'sha256-{digest}'; style-src 'unsafe-inline'"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def _embedded(data: object) -> str:
    """JSON that may stand in a `script` element: nothing in it can end the element or begin a comment."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
