"""An SVG as pixels, by the extra `draw`."""

from __future__ import annotations

import re

from graphc.diagnostics import fault

MOST = 100e6
"""So many pixels are drawn: four bytes each, and more than any screen shows."""

_SIZE = re.compile(r'<svg[^>]* width="([0-9.]+)" height="([0-9.]+)"')


def png(svg: str, scale: float) -> bytes:
    """The content of a `.png` file, `scale` pixels for each px of the drawing, on white.

    Raises E721 if the library is not installed, E725 for more than `MOST` pixels.
    """
    try:
        import resvg_py
    except ImportError:
        raise fault("E721", "PNG needs the library `resvg_py`", help="pip install 'graphc[draw]'") from None
    found = _SIZE.search(svg)
    assert found is not None
    width, height = (float(part) * scale for part in found.groups())
    if width * height > MOST:
        raise fault(
            "E725",
            f"a PNG of {width:.0f} by {height:.0f} pixels is too large",
            help="close frames, or write SVG or HTML, which have no pixels",
        )
    return bytes(resvg_py.svg_to_bytes(svg_string=svg, zoom=scale, background="#ffffff"))
