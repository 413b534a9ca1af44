"""Texts as sequences of class numbers: each character is one class of the vocabulary."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from graphc.diagnostics import fault
from graphc.ir.op import Array
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


def vocabulary_of(text: str) -> tuple[str, ...]:
    """The characters of a text, in the order of their code points."""
    return tuple(chr(point) for point in np.unique(_points(text)))


def encode(text: str, vocabulary: tuple[str, ...], origin: Origin) -> Array:
    """The text as positions in a vocabulary. Raises E464 at a character that is not in it."""
    points, known = _points(text), _points("".join(vocabulary))
    codes = np.searchsorted(known, points)
    codes[codes == len(known)] = 0
    unknown = np.flatnonzero(known[codes] != points) if len(known) else np.arange(len(text))
    if len(unknown):
        at = int(unknown[0])
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        raise fault(
            "E464",
            f"{origin} has the character {text[at]!r} in line {line}, column {column}, "
            f"which is none of the {len(vocabulary)} that the model was trained on",
            origin.span,
        )
    return codes.astype(np.int64)


def _points(text: str) -> Array:
    # Strings of Python may hold halves of characters, which have code points too.
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
