"""Text files as they stand."""

from __future__ import annotations

from pathlib import Path

from graphc.diagnostics import fault
from graphc.train.data.origins import Origin, content


def read_text(path: Path, origin: Origin) -> str:
    """A text file, every character as it stands (line ends too). Raises E417 if it is none or empty."""
    text = decoded(content(path, origin), origin, "utf-8")
    if not text:
        raise fault("E417", f"{origin} is empty", origin.span)
    return text


def decoded(found: bytes, origin: Origin, encoding: str) -> str:
    """Raises E417 at the first byte that is no UTF-8."""
    try:
        return found.decode(encoding)
    except UnicodeDecodeError as error:
        is_wide = found.startswith((b"\xff\xfe", b"\xfe\xff"))
        line = found.count(b"\n", 0, error.start) + 1
        raise fault(
            "E417",
            f"{origin} is no UTF-8 text: byte {error.start} (line {line}) is 0x{found[error.start]:02x}",
            origin.span,
            help="it begins like UTF-16: save it as UTF-8" if is_wide else "",
        ) from None
