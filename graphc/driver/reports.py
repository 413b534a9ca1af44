"""Losses and reports over a whole part of the data, whatever the sizes of the batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING

import numpy as np

from graphc.driver import streams
from graphc.driver.arrays import feed_spec
from graphc.driver.execution import Chunk
from graphc.driver.pooling import pooled
from graphc.frontend.spec import Spec
from graphc.ir.graph import Graph, Node
from graphc.ir.op import Array
from graphc.ir.system import System
from graphc.ops.indexing import BROADCAST
from graphc.train.data.examples import Batch
from graphc.types import BATCH

if TYPE_CHECKING:
    from graphc.driver.program import Program


def report(program: Program, batches: Iterable[Batch]) -> dict[str, float]:
    """Each figure as one large batch would give it.

    A figure that each example has for itself is averaged over the examples; of chunks of sequences by the
    number of their steps. One that pools over the batch (`mean[batch](...)`) is computed from sums over all
    batches, or, where sums do not do (`max[batch](...)`), on all examples and whole sequences at once.
    Sums of sums need several rounds: what can only be iterated once is kept in memory then.
    """
    units = figures(program.pipeline.spec("eval"))
    rest = iter(batches)
    begin = list(islice(rest, 2))
    if not units or not begin:
        return {}
    wanted = list(dict.fromkeys(units.values()))
    chunked = any(not batch.first for batch in begin)
    all_ = chain(begin, rest) if rest is batches else batches
    found = _figures(program, all_, wanted, chunked)
    return {name: found[unit] for name, unit in units.items()}


def _figures(
    program: Program, batches: Iterable[Batch], wanted: list[str], chunked: bool
) -> dict[str, float]:
    if not pools(program.pipeline.graph("eval", wanted)):
        return _averaged(program, batches, wanted, chunked)
    if (sums := pooled(program.pipeline, wanted, chunked)) is not None:
        return sums.figures(program, batches)
    whole = list(batches)
    return _averaged(program, [_in_time(whole) if chunked else _joined(whole)], wanted, False)


def _averaged(
    program: Program, batches: Iterable[Batch], wanted: list[str], chunked: bool
) -> dict[str, float]:
    totals = dict.fromkeys(wanted, 0.0)
    weight = 0.0
    carried: dict[str, Array] = {}
    for batch in batches:
        values, carried, size = _values(program, batch, wanted, carried, chunked)
        weight += size
        for unit in wanted:
            totals[unit] += size * float(np.mean(values[unit], dtype=np.float64))
    return {unit: total / weight for unit, total in totals.items()}


def figures(spec: Spec) -> dict[str, str]:
    """The unit of each figure: `loss`, `loss_2` and so on, then each `report` by name."""
    losses = {
        "loss" if number == 0 else f"loss_{number + 1}": objective.unit
        for number, objective in enumerate(spec.objectives)
    }
    return losses | {metric.name: metric.unit for metric in spec.metrics}


def asked(system: System, wanted: Sequence[str], chunked: bool) -> list[str]:
    """What is computed of a batch: the units wanted and, of a chunk, what the next one goes on from."""
    items = streams.carried(system) if chunked else []
    return list(dict.fromkeys([*wanted, *(i.source for i in items if i.source in system.units)]))


def _values(
    program: Program, batch: Batch, wanted: list[str], carried: dict[str, Array], chunked: bool
) -> tuple[dict[str, Array], dict[str, Array], float]:
    spec = program.spec
    fed = feed_spec(spec, batch.arrays, batch.lengths, program.real)
    system = program.pipeline.system("eval")
    later = chunked and not batch.first
    items = streams.carried(system) if chunked else []
    execution = program.execution
    run = execution.run(fed, ids=batch.example_ids)
    values = execution.values(
        "eval", asked(system, wanted, chunked), fed, run, Chunk(carried) if later else None
    )
    known = {**values, **fed.arrays}
    left = {item.leaf: item.take(system, known) for item in items}
    # A chunk begins with the step that the one before ended with: k + 1 steps, k of them new.
    steps = max((int(own.max(initial=0)) for own in fed.lengths.values()), default=2) - 1 if chunked else 1
    return values, left, float(fed.batch * steps)


def pools(graph: Graph) -> bool:
    """Whether examples of a batch meet anywhere."""
    return any(
        isinstance(n, Node) and n.op is not BROADCAST and BATCH in n.attrs.get("indices", ())
        for n in graph.walk()
    )


def _in_time(chunks: Sequence[Batch]) -> Batch:
    """The chunks of parallel sequences put together again."""
    first, *later = chunks
    arrays = {
        name: np.concatenate([array, *(chunk.arrays[name][:, 1:] for chunk in later)], axis=1)
        for name, array in first.arrays.items()
    }
    return Batch(arrays, {}, first.example_ids)


def _joined(batches: Sequence[Batch]) -> Batch:
    """All examples as one batch, shorter ones filled up."""
    if len(batches) == 1:
        return batches[0]
    arrays: dict[str, Array] = {}
    for name in batches[0].arrays:
        parts = [batch.arrays[name] for batch in batches]
        longest = np.max([part.shape[1:] for part in parts], axis=0, initial=0)
        whole = np.zeros((sum(map(len, parts)), *longest), parts[0].dtype)
        start = 0
        for part in parts:
            place = (slice(start, start + len(part)), *(slice(size) for size in part.shape[1:]))
            whole[place] = part
            start += len(part)
        arrays[name] = whole
    lengths = {
        name: np.concatenate([batch.lengths[name] for batch in batches]) for name in batches[0].lengths
    }
    return Batch(arrays, lengths, np.concatenate([batch.example_ids for batch in batches]))
