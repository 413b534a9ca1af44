"""Examples as a person would look at them: pictures, texts, or numbers by name."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from graphc.driver.reporting.material import Material, Sample
from graphc.frontend.spec import InputInfo
from graphc.ir.op import Array
from graphc.view.numbers import number

SMALLEST = 4
"""The least side of what is taken for an image."""
_COLOURS = 3


def image_shape(info: InputInfo) -> tuple[int, ...] | None:
    """How the element of a real input is drawn, as `(N, M)` or `(3, N, M)`; None if it is no image.

    A vector is taken for an image if its length is a square: data sets have their pixels as vectors.
    """
    if info.type.dtype != "real" or info.axes:
        return None
    sizes = info.type.sizes
    if len(sizes) == 1:
        side = math.isqrt(sizes[0])
        sizes = (side, side) if side * side == sizes[0] else ()
    if len(sizes) == 3 and sizes[0] == 1:
        sizes = sizes[1:]
    fits = len(sizes) == 2 or (len(sizes) == 3 and sizes[0] == _COLOURS)
    return sizes if fits and min(sizes[-2:]) >= SMALLEST else None


def shown(material: Material, sample: Sample) -> Sequence[Array | str]:
    """Each example: a picture where an input is an image, else a text."""
    prepared = material.program.preparation
    for name, info in material.seen.items():
        if (shape := image_shape(info)) is not None:
            return [prepared.undo(name, one).reshape(shape) for one in sample.batch.arrays[name]]
    count = len(next(iter(sample.batch.arrays.values())))
    return [_text(material, sample, example) for example in range(count)]


def texts(material: Material, sample: Sample) -> list[str]:
    """Each example in words and numbers."""
    count = len(next(iter(sample.batch.arrays.values())))
    return [_text(material, sample, example) for example in range(count)]


def _text(material: Material, sample: Sample, example: int) -> str:
    parts = []
    for name, info in material.seen.items():
        if material.has_words(name):
            text = sample.text(name, example)
            parts.append(text if len(material.seen) == 1 else f"{name} = {text}")
        elif not info.axes:
            values = material.program.preparation.undo(name, sample.batch.arrays[name][example])
            parts.append(f"{name} = {_numbers(values)}")
    return "; ".join(parts) or f"example {int(sample.batch.example_ids[example])} of the source"


def _numbers(values: Array, most: int = 8) -> str:
    flat = np.ravel(values)
    if flat.size == 1:
        return number(flat[0])
    return f"[{', '.join(f'{value:.4g}' for value in flat[:most])}{', …' if flat.size > most else ''}]"
