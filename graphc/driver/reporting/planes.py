"""Models of two numbers: what they say at each place of a plane."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from graphc.driver.reporting.material import Material, Sample
from graphc.driver.reporting.predictions import both_chances, both_labels, estimated, odds, scored, shares
from graphc.ir.op import Array
from graphc.view.report.boundary import Plane, boundary
from graphc.view.report.page import Section

EXAMPLES = 600
_CELLS = 160
_MARGIN = 0.12


def sections(material: Material) -> Iterator[Section]:
    """A plane for each class or number that is predicted from two numbers alone."""
    inputs = coordinates(material)
    if not inputs:
        return
    sample = material.sample(EXAMPLES)
    points = _points(material, sample, inputs)
    margin = _MARGIN * np.ptp(points, axis=0)
    low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
    across, up = (np.linspace(low[k], high[k], _CELLS) for k in range(2))
    grid = np.stack(np.meshgrid(across, up), axis=-1)
    undo = material.program.preparation.undo
    for name, target, labels in _wanted(material):
        values, truth = _values(material, sample, inputs, name, grid), sample.batch.arrays[target]
        if not labels:
            values, truth = undo(target, values), undo(target, truth.astype(np.float64))
        elif name in odds(material):
            values = both_chances(material, name, values)
        else:
            values = shares(values)
        called = _called(material, inputs)
        yield boundary(Plane(name, called, across, up, values, points, truth, labels, sample.said))


def coordinates(material: Material) -> list[str]:
    """The one input of two numbers, or the two inputs of one number each, that a model sees; else none."""
    if not _wanted(material):
        return []
    seen = {name: info for name, info in material.seen.items() if name not in material.targets}
    if any(info.axes or info.type.dtype != "real" for info in seen.values()):
        return []
    sizes = [info.type.sizes for info in seen.values()]
    return list(seen) if sizes in ([(2,)], [(), ()]) else []


def _wanted(material: Material) -> list[tuple[str, str, list[str]]]:
    """Names, what they are held against, and the labels of its classes, none for a number."""
    system, found = material.system, []
    for target, names in scored(material).items():
        found.append((names[0], target, material.labels(target, system.type(names[0]).sizes[0])))
    for name, target in odds(material).items():
        if not system.type(name).sizes and target not in scored(material):
            found.append((name, target, both_labels(material, target)))
    numbers = estimated(material).items()
    found += [(name, target, []) for name, target in numbers if not system.type(name).sizes]
    return [one for one in found if not system.indices(one[0]) and not system.indices(one[1])]


def _points(material: Material, sample: Sample, inputs: list[str]) -> Array:
    undo = material.program.preparation.undo
    columns = [undo(name, sample.batch.arrays[name].astype(np.float64)) for name in inputs]
    return columns[0] if len(columns) == 1 else np.stack(columns, axis=-1)


def _values(material: Material, sample: Sample, inputs: list[str], name: str, grid: Array) -> Array:
    """A name everywhere on the grid. Inputs that it does not see, as targets, are those of some example."""
    places, apply = grid.reshape(-1, 2), material.program.preparation.apply
    columns = [places] if len(inputs) == 1 else [places[:, 0], places[:, 1]]
    given = {n: np.repeat(own[:1], len(places), axis=0) for n, own in sample.batch.arrays.items()}
    given |= {one: apply(one, column) for one, column in zip(inputs, columns, strict=True)}
    values = material.program.forward(given, names=[name])[name].astype(np.float64)
    return values.reshape(*grid.shape[:2], *values.shape[1:])


def _called(material: Material, inputs: list[str]) -> tuple[str, str]:
    if len(inputs) == 2:
        return inputs[0], inputs[1]
    return f"{inputs[0]}[0]", f"{inputs[0]}[1]"
