"""The record of a run as curves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from graphc.driver.listing import numbers_of, record_lines, summary
from graphc.train.runs.folder import RunFolder
from graphc.view.report.curves import History

PARTS = ("train", "validation")
_MOST_EPOCHS = 8


def history(metrics: Path, *, maximize: bool = False) -> History | None:
    """What `metrics.jsonl` holds; None if no epoch was finished. The best epoch is the one with the lowest
    validation loss, or with `maximize` the largest."""
    lines = record_lines(metrics)
    epochs = [line for line in lines if "epoch" in line]
    if not epochs:
        return None
    scalars = [numbers_of(line) for line in epochs]
    parts = {part: [numbers_of(line.get(part)) for line in epochs] for part in PARTS}
    names = dict.fromkeys(name for tables in parts.values() for table in tables for name in table)
    return History(
        [int(line["epoch"]) for line in epochs],
        {
            name: {part: _column(tables, name) for part, tables in parts.items() if _is_in(tables, name)}
            for name in names
        },
        _column(scalars, "lr"),
        _column(scalars, "gradient_norm"),
        _columns(epochs, "gradient_norms"),
        _columns(epochs, "update_ratios"),
        _best(epochs, _column(parts["validation"], "loss"), maximize=maximize),
        _column(scalars, "step"),
        _column(scalars, "seconds"),
    )


def told(folder: RunFolder, found: History | None) -> Iterator[str]:
    """What a reader has to know of a training that did not just run to its end."""
    yield from _ending(folder)
    resumed = folder.config.get("resumed")
    for again in resumed if isinstance(resumed, list) else ():
        yield f"It was gone on with at step {again['step']} ({again['at']})."
    if found is None:
        yield "No epoch was finished, so there are no curves; the weights are those that were kept last."
        return
    if not any("validation" in parts for parts in found.figures.values()):
        yield "There is no validation part: nothing is said of examples that the model was not trained on."
    for name, parts in found.figures.items():
        for part, values in parts.items():
            missing = [e for e, v in zip(found.epochs, values, strict=True) if not math.isfinite(v)]
            if missing:
                yield f"`{name}` ({part}) is no finite number at {_epochs(missing)}: a gap in the curve."


def _ending(folder: RunFolder) -> Iterator[str]:
    """Of an end before time."""
    state, lines = summary(folder.path).state, record_lines(folder.metrics)
    # Behind the record of an end come epochs again if the training went on.
    end: dict[str, Any] = lines[-1] if lines and "end" in lines[-1] else {}
    if state in ("diverged", "failed"):
        yield f"Training ended with a fault: {end.get('message')} ({end.get('code')})."
        yield "The weights are the last ones without it."
    elif state == "interrupted":
        yield "Training was interrupted" + (f" after step {end['step']}." if "step" in end else ".")
    elif state == "running":
        yield "Training is still going on: this is how far it had come."


def _epochs(found: Sequence[int]) -> str:
    shown = ", ".join(map(str, found[:_MOST_EPOCHS])) + (", …" if len(found) > _MOST_EPOCHS else "")
    return f"epoch {shown}" if len(found) == 1 else f"{len(found)} epochs ({shown})"


def _is_in(tables: Iterable[Mapping[str, float]], name: str) -> bool:
    return any(name in table for table in tables)


def _column(tables: Iterable[Mapping[str, float]], name: str) -> list[float]:
    return [table.get(name, math.nan) for table in tables]


def _columns(epochs: Sequence[Mapping[str, Any]], key: str) -> dict[str, list[float]]:
    tables = [numbers_of(line.get(key)) for line in epochs]
    return {name: _column(tables, name) for name in dict.fromkeys(n for table in tables for n in table)}


def _best(epochs: Sequence[Mapping[str, Any]], losses: Sequence[float], *, maximize: bool) -> int:
    """The best epoch; 0 without a validation part."""
    known = [place for place, loss in enumerate(losses) if math.isfinite(loss)]
    if not known:
        return 0
    return int(epochs[(max if maximize else min)(known, key=lambda place: losses[place])]["epoch"])
