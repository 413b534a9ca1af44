"""Mini-batches: shuffled ones to train on, ordered ones to evaluate on, chunks of a long sequence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from graphc.train.data.examples import Array, Batch, Examples, Flow, Part, Stream
from graphc.train.fit_settings import FitSettings
from graphc.train.randomness import keyed

# Evaluation keeps nothing for a reverse pass, so that its batches may be larger than training's.
_EVALUATED_AT_ONCE = 256


def training_batches(part: Examples, settings: FitSettings, *, epoch: int, start: int = 0) -> Iterator[Batch]:
    """The batches of an epoch (from 1), from batch `start` (from 0) on, as the `fit` block asks for them."""
    if isinstance(part, Flow):
        return islice(part.begin(), start, None)
    if isinstance(part, Stream):
        return _chunks(part, settings, start)
    if settings.buckets is not None and settings.per_step is not None:
        order = _bucketed(part, settings.per_step, settings.buckets, seed=settings.seed, epoch=epoch)
        return (part.table.batch(rows) for rows in order[start:])
    if settings.shuffle:
        return shuffled_batches(part, settings.per_step, seed=settings.seed, epoch=epoch, start=start)
    return ordered_batches(part, settings.per_step, start=start)


def evaluation_batches(part: Examples, settings: FitSettings) -> Iterable[Batch]:
    """All examples of a part, as often as asked: in order, or with `buckets` in that of their lengths.

    Batches that come only once are gone: none.
    """
    return _Evaluation(part, settings)


@dataclass(frozen=True)
class _Evaluation:
    """Batches that are made anew each time: figures may need several rounds over more than memory holds."""

    part: Examples
    settings: FitSettings

    def __iter__(self) -> Iterator[Batch]:
        part, batch = self.part, self.settings.batch
        if isinstance(part, Flow):
            return iter(()) if part.again is None else part.again()
        if isinstance(part, Stream):
            return _chunks(part, self.settings, 0)
        size = batch and max(batch, _EVALUATED_AT_ONCE)
        if self.settings.buckets is not None:
            return _batches(part, part.rows[_by_length(part, part.rows)], size, 0)
        return ordered_batches(part, size)


def batches_in_epoch(part: Examples, settings: FitSettings) -> int | None:
    """How many batches `training_batches` makes; None where only the end of an iterator can tell."""
    if isinstance(part, Flow):
        return part.count
    if isinstance(part, Stream):
        reach = (part.count - 1) // _width(part, settings.per_step)
        return -(-reach // _steps(settings))
    return -(-part.count // (settings.per_step or max(1, part.count)))


def _chunks(part: Stream, settings: FitSettings, start: int) -> Iterator[Batch]:
    return chunks(part, settings.per_step, _steps(settings), start=start)


def _steps(settings: FitSettings) -> int:
    if settings.bptt is None:
        raise ValueError("a stream was loaded for settings without `bptt`")
    return settings.bptt


def epoch_order(count: int, *, seed: int, epoch: int) -> Array:
    """Every example once, every order equally likely; the same for the same seed and epoch."""
    return keyed(seed, "order", epoch).permutation(count)


def _bucketed(part: Part, size: int, buckets: int, *, seed: int, epoch: int) -> list[Array]:
    """The rows of each batch of an epoch, those of a batch being of similar lengths.

    A shuffled epoch is sorted in runs of `buckets` batches and cut; then the batches are shuffled. So any two
    examples can meet, and short ones do not come first. Of several axes the sum of the lengths counts.
    """
    rows = part.rows[epoch_order(part.count, seed=seed, epoch=epoch)]
    runs = [rows[at : at + buckets * size] for at in range(0, len(rows), buckets * size)]
    ordered = np.concatenate([run[_by_length(part, run)] for run in runs])
    batches = [ordered[at : at + size] for at in range(0, len(ordered), size)]
    return [batches[place] for place in keyed(seed, "batches", epoch).permutation(len(batches))]


def _by_length(part: Part, rows: Array) -> Array:
    """The order of some rows by the number of their steps; equal ones stay as they stand."""
    steps = sum((own[rows] for own in part.table.lengths.values()), np.zeros(len(rows), np.int64))
    return np.argsort(steps, kind="stable")


def shuffled_batches(
    part: Part, size: int | None, *, seed: int, epoch: int, start: int = 0
) -> Iterator[Batch]:
    """One epoch, from batch `start` on; the last batch may be short. `size` None takes all at once."""
    return _batches(part, part.rows[epoch_order(part.count, seed=seed, epoch=epoch)], size, start)


def ordered_batches(part: Part, size: int | None, *, start: int = 0) -> Iterator[Batch]:
    """The examples in the order of the source."""
    return _batches(part, part.rows, size, start)


def _batches(part: Part, rows: Array, size: int | None, start: int) -> Iterator[Batch]:
    step = size or max(1, len(rows))
    for at in range(start * step, len(rows), step):
        yield part.table.batch(rows[at : at + step])


def chunks(stream: Stream, streams: int | None, steps: int, *, start: int = 0) -> Iterator[Batch]:
    """A long sequence as `streams` parallel ones, each cut into chunks of `steps` steps.

    A target is the next step's input, so that k predictions need k + 1 steps: a chunk begins with the
    step that the one before ended with, and so does a stream. What is carried from chunk to chunk is
    therefore the state before a chunk's last step. `Batch.first` is true where the streams begin. The
    last chunk may be short. Streams are of one length: fewer than `streams` steps at the end of the
    sequence are left out, and short sequences make fewer streams.
    """
    width = _width(stream, streams)
    reach = (stream.count - 1) // width
    begins = stream.start + reach * np.arange(width)
    for number, at in enumerate(range(0, reach, steps)):
        if number < start:
            continue
        stream.table.check_files()
        rows = begins[:, None] + np.arange(at, min(at + steps, reach) + 1)
        table = stream.table
        arrays = {name: table.prepared(name, values[rows]) for name, values in table.arrays.items()}
        yield Batch(arrays, {}, np.arange(width, dtype=np.uint64), first=at == 0)


def _width(stream: Stream, streams: int | None) -> int:
    """How many parallel sequences there are."""
    return max(1, min(streams or 1, stream.count - 1))
