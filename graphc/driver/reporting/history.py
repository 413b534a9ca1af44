"""The record of a run as curves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from graphc.driver.listing import numbers_of, record_lines
from graphc.view.report.curves import History

PARTS = ("train", "validation")


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
