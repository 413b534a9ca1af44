"""Mini-batches: shuffled ones to train on, ordered ones to judge by, chunks of a long sequence."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from graphc.train.data import Array, Batch, Part, Stream
from graphc.train.randomness import keyed


def epoch_order(count: int, *, seed: int, epoch: int) -> Array:
    """Every example once, every order equally likely; the same for the same seed and epoch."""
    return keyed(seed, "order", epoch).permutation(count)


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
    width = max(1, min(streams or 1, stream.count - 1))
    reach = (stream.count - 1) // width
    begins = stream.start + reach * np.arange(width)
    for number, at in enumerate(range(0, reach, steps)):
        if number < start:
            continue
        rows = begins[:, None] + np.arange(at, min(at + steps, reach) + 1)
        table = stream.table
        arrays = {name: table.prepared(name, values[rows]) for name, values in table.arrays.items()}
        yield Batch(arrays, {}, np.arange(width, dtype=np.uint64), first=at == 0)
