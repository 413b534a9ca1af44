"""Examples as a person would look at them: pictures, texts, or numbers by name."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from graphc.driver.reporting.material import Material, Sample
from graphc.frontend.spec import InputInfo
from graphc.ir.graph import Node, Value
from graphc.ir.op import Array
from graphc.ir.system import READ, Unit
from graphc.ops.leaf import PIN
from graphc.ops.summing import BROADCAST, EXPAND
from graphc.types import BATCH
from graphc.view.numbers import number

SMALLEST = 4
"""The least side of what is taken for an image."""
COLOURS = 3
SAME = (PIN, EXPAND, BROADCAST)
"""What changes no number."""
_BEFORE, _BEHIND = 24, 6
"""So many words or characters stand around the step that is shown."""


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
    fits = len(sizes) == 2 or (len(sizes) == 3 and sizes[0] == COLOURS)
    return sizes if fits and min(sizes[-2:]) >= SMALLEST else None


def image_of(material: Material, name: str) -> str:
    """The input that a name is, or is made of element by element, as a scaled one; empty if there is none."""
    if name in material.program.spec.inputs:
        return name
    unit = material.system.units.get(name)
    return "" if unit is None else image_of(material, read_by(material, unit, unit.value))


def read_by(material: Material, unit: Unit, value: Value) -> str:
    """The name that an equation reads for a value, or the only one of examples that it makes the value of
    element by element; empty for any other value."""
    system = material.system
    made = {node.result: node for node in unit.nodes if isinstance(node, Node)}
    if made[value].op is READ:
        return str(made[value].attrs["unit"])
    varying, rest = set[str](), [value]
    while rest:
        node = made[rest.pop()]
        if node.op is READ:
            name = str(node.attrs["unit"])
            varying |= {name} if BATCH in system.type(name).axes else set()
        elif node.op.scalar is None and node.operands and node.op not in SAME:
            return ""
        else:
            rest += node.operands
    (name,) = varying if len(varying) == 1 else ("",)
    return name if name and system.type(name).sizes == value.type.sizes else ""


def pictured(material: Material, sample: Sample) -> Callable[[int], Array] | None:
    """What draws an example of the sample, if an input is an image: `[N, M]`, or `[3, N, M]` for colours.

    A sequence of vectors is one too, with a row for each step, and one of as many numbers as a square has
    cells, since data sets are read pixel by pixel as well.
    """
    undo = material.program.preparation.undo
    for name, info in material.seen.items():
        values = sample.batch.arrays[name]
        if (shape := image_shape(info)) is not None:
            return lambda example, n=name, v=values, s=shape: undo(n, v[example]).reshape(s)  # type: ignore[misc]
        if _is_of_vectors(info):
            return lambda example, n=name, v=values: undo(n, v[example])[: sample.length(n, example)]  # type: ignore[misc]
        if (side := _side(sample, info)) is not None:
            return lambda example, n=name, v=values, k=side: undo(n, v[example]).reshape(k, k)  # type: ignore[misc]
    return None


def _side(sample: Sample, info: InputInfo) -> int | None:
    """The side of the square that a sequence of numbers fills in each example, if it is large enough."""
    if info.type.dtype != "real" or len(info.axes) != 1 or info.type.sizes not in ((), (1,)):
        return None
    counts = {sample.length(info.name, example) for example in range(sample.batch.size)}
    side = math.isqrt(max(counts, default=0))
    return side if counts == {side * side} and side >= SMALLEST else None


def _is_of_vectors(info: InputInfo) -> bool:
    sizes = info.type.sizes
    return info.type.dtype == "real" and len(info.axes) == 1 == len(sizes) and sizes[0] >= SMALLEST


def in_words(
    material: Material, sample: Sample, example: int, target: str = "", step: int | None = None
) -> str:
    """An example as its words and numbers; `step` is the one of the target that it is shown for, from 1."""
    if step is not None and (around := _around(material, sample, example, target, step)):
        return around
    parts = []
    for name, info in material.seen.items():
        if material.has_words(name):
            text = sample.text(name, example)
            parts.append(text if len(material.seen) == 1 else f"{name} = {text}")
        elif not info.axes:
            values = material.program.preparation.undo(name, sample.batch.arrays[name][example])
            parts.append(f"{name} = {_numbers(values)}")
    number_of = f"example {int(sample.batch.example_ids[example])} of the source"
    said = "; ".join(parts) or number_of
    return said if step is None else f"{said}, step {step}"


def _around(material: Material, sample: Sample, example: int, target: str, step: int) -> str:
    """The words up to a step, that one between angle quotes; empty where no words belong to the steps."""
    (axis,) = material.program.spec.inputs[target].axes
    names = [target, *material.seen]
    worded = [n for n in names if material.has_words(n) and sample.axis(n).length == axis.length]
    if not worded:
        return ""
    words = sample.symbols(worded[0], example)
    gap = sample.gap(worded[0])
    before = words[max(0, step - 1 - _BEFORE) : step - 1]
    after = [] if worded[0] == target else words[step : step + _BEHIND]
    start = "…" if step - 1 > _BEFORE else ""
    return f"{start}{gap.join([*before, f'‹{words[step - 1]}›', *after])}"


def _numbers(values: Array, most: int = 8) -> str:
    flat = np.ravel(values)
    if flat.size == 1:
        return number(flat[0], 4)
    return f"[{', '.join(f'{value:.4g}' for value in flat[:most])}{', …' if flat.size > most else ''}]"
