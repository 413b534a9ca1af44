"""Outlines of boxes: what a box is can be told by its shape as well as by its colour."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from graphc.view.drawing.geometry import Rect


def outline(role: str, r: Rect, rx: float = 4.0) -> ET.Element:
    """Inputs are pills, parameters and states have a corner cut off, losses have eight corners."""
    x, y, w, h = r.x, r.y, r.width, r.height
    if role == "loss":
        c = min(8.0, h / 3)
        across, down = w - 2 * c, h - 2 * c
        corners = f"h{across:.1f}l{c:.1f} {c:.1f}v{down:.1f}l{-c:.1f} {c:.1f}h{-across:.1f}l{-c:.1f} {-c:.1f}"
        return ET.Element("path", {"d": f"M{x + c:.1f} {y:.1f}{corners}v{-down:.1f}z"})
    if role in ("param", "state"):
        return ET.Element("path", {"d": f"M{x:.1f} {y:.1f}h{w - 7:.1f}l7 7v{h - 7:.1f}h{-w:.1f}z"})
    rx = min(14.0, h / 2) if role == "input" else rx
    size = {"x": x, "y": y, "width": w, "height": h, "rx": rx}
    return ET.Element("rect", {name: f"{number:.1f}" for name, number in size.items()})
