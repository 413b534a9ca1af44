"""What a model does along a sequence: attention, states, gradients by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from graphc.driver.reporting.material import Material, Sample
from graphc.ir.op import Array
from graphc.types import BATCH, Index
from graphc.view.report.page import Section
from graphc.view.report.sequences import MOST_HEADS, Attention, Flow, States, attention, flow, states

EXAMPLES = 3
"""So many examples have their attention drawn, the longest of `_CANDIDATES`."""
_CANDIDATES = 32
_GRADIENTS = 16
_TOLERANCE = 1e-2
_MOST_MAPS = 12


def attentions(material: Material) -> Iterator[Section]:
    """Real numbers over two axes or more, of some examples."""
    if found := attention_maps(material):
        yield attention(found)


def attention_maps(material: Material) -> list[Attention]:
    """Those that are shares, where any are; the longest examples first, which have more to show."""
    names = paired(material)
    if not names:
        return []
    sample = material.sample(_CANDIDATES)
    values = sample.values(*names)
    found: list[Attention] = []
    for name in names:
        maps = sorted(_maps(material, sample, name, values[name]), key=lambda one: -one.values[0].size)
        found += maps[:EXAMPLES]
    shares = [one for one in found if one.is_share]
    return (shares or [one for one in found if len(one.values) == 1])[:_MOST_MAPS]


def paired(material: Material) -> list[str]:
    """The visible names that have a number for each pair of steps, or a few: one for each head."""
    system = material.system
    return [
        name
        for name in material.program.spec.names
        if name in system.units
        and len(system.indices(name)) >= 2
        and (not (sizes := system.type(name).sizes) or (len(sizes) == 1 and sizes[0] <= MOST_HEADS))
        and system.type(name).dtype == "real"
        and BATCH in system.type(name).axes
    ]


def _maps(material: Material, sample: Sample, name: str, values: Array) -> Iterator[Attention]:
    system = material.system
    *others, down, across = system.indices(name)
    called = (down.name.rstrip("'"), across.name.rstrip("'"))
    is_inside = sample.inside(name, system)
    for example, own in enumerate(values):
        rows, columns = (_ends(material, sample, axis, example) for axis in (down, across))
        kept = is_inside[example]
        if system.type(name).sizes:
            own, kept = np.moveaxis(own, -1, 0), np.broadcast_to(kept, (own.shape[-1], *kept.shape))
        # What a part of an axis lacks, as the steps to come, stays empty.
        cells = np.where(kept, own.astype(np.float64), np.nan)[..., : len(rows), : len(columns)]
        heads = [", ".join(said) for said in product(*_heads(others, own.shape[:-2]))]
        cells = cells.reshape(-1, *cells.shape[-2:])
        if _is_share(cells):
            yield Attention(name, called, cells, rows, columns, True, heads)
        elif _is_share(turned := cells.swapaxes(1, 2)):
            yield Attention(name, called[::-1], turned, columns, rows, True, heads)
        else:
            yield Attention(name, called, cells, rows, columns, False, heads)


def _heads(axes: Sequence[Index], counts: Sequence[int]) -> list[list[str]]:
    """What tells the heads of a name apart: positions along its other axes, from 1, elements from 0."""
    if len(counts) > len(axes):
        return [[f"head {place}" for place in range(counts[0])]]
    return [
        [f"{axis.name} = {place + 1}" for place in range(count)]
        for axis, count in zip(axes, counts, strict=True)
    ]


def _is_share(cells: Array) -> bool:
    """Whether what is there of each row is a distribution over the columns."""
    known = ~np.isnan(cells)
    sums = np.nansum(cells, axis=-1)[known.any(axis=-1)]
    return bool(np.all(cells[known] >= 0) and np.allclose(sums, 1, atol=_TOLERANCE))


def _ends(material: Material, sample: Sample, axis: Index, example: int) -> list[str]:
    """What the steps of an axis are called in an example: symbols of an input as long as it, or numbers."""
    for name, info in material.program.spec.inputs.items():
        if material.has_words(name) and info.axes[0].length == axis.length:
            return sample.symbols(name, example)
    size = axis.length.size
    count = size.value if size is not None else int(sample.fed.lengths[axis.length.name][example])
    return [str(step + 1) for step in range(count)]


def recurrent(material: Material) -> dict[str, Index]:
    """The visible names with a value before the first step, `h[0]`, and the axis that they run along."""
    system = material.system
    places = [unit.place for unit in system.units.values() if unit.place is not None]
    return {
        place.of: place.positions[0][0]
        for place in places
        if place.of in material.program.spec.names
        and system.type(place.of).dtype == "real"
        # A recurrence within weights, such as a product of reflections, has no states of examples.
        and BATCH in system.type(place.of).axes
    }


def state_pictures(material: Material) -> Iterator[Section]:
    """The states of recurrences over one example."""
    system = material.system
    chosen = [
        name
        for name, axis in recurrent(material).items()
        if system.indices(name) == (axis,)
        and len(system.type(name).sizes) == 1
        and BATCH in system.type(name).axes
    ]
    if not chosen:
        return
    sample = material.sample(_CANDIDATES)
    values = sample.values(*chosen)
    found = []
    for name in chosen:
        ends = [_ends(material, sample, system.indices(name)[0], k) for k in range(sample.batch.size)]
        longest = max(range(len(ends)), key=lambda k: len(ends[k]))
        steps = values[name][longest][: len(ends[longest])]
        found.append(States(name, steps.astype(np.float64), ends[longest]))
    yield states(found, f"the longest of {sample.said}")


def flows(material: Material) -> Iterator[Section]:
    """How large gradients are at each step, along each axis of a recurrence."""
    for found, said in gradient_flows(material):
        yield flow(found, said)


def gradient_flows(material: Material) -> Iterator[tuple[Flow, str]]:
    """Norms by step along each such axis, and of which examples."""
    program = material.program
    if not program.spec.objectives:
        return
    by_axis: dict[str, list[str]] = {}
    for name, axis in recurrent(material).items():
        by_axis.setdefault(axis.name.rstrip("'"), []).append(name)
    for along, names in by_axis.items():
        sample = material.sample(_GRADIENTS)
        norms = program.norms(sample.batch.arrays, axis=along, lengths=sample.batch.lengths)
        yield _flow(along, norms, names, [*program.spec.params]), sample.said


def _flow(axis: str, norms: dict[str, Array], states: Sequence[str], params: Sequence[str]) -> Flow:
    return Flow(
        axis, {n: norms[n] for n in states if n in norms}, {n: norms[n] for n in params if n in norms}
    )
