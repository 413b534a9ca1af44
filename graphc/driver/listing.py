"""The runs below a folder, and what became of each."""

from __future__ import annotations

import fcntl
import json
import math
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from graphc.diagnostics import GraphcError, fault
from graphc.train.runs import folder as runs
from graphc.train.runs.folder import RunFolder
from graphc.view.runs import RunState, RunSummary

_DIVERGED = ("E501", "E502")


def listing(folder: Path | None = None) -> list[RunSummary]:
    """What is known of every run in a folder (`runs` by default), the oldest first. Raises E711."""
    base = runs.FOLDER if folder is None else folder
    try:
        found = [entry for entry in base.iterdir() if (entry / "config.json").is_file()]
    except FileNotFoundError:
        raise fault("E711", f"there is no folder `{base}`", help="`graphc run` makes it") from None
    except OSError as error:
        raise fault("E711", f"`{base}` cannot be read: {(error.strerror or str(error)).lower()}") from None
    return sorted((summary(path) for path in found), key=lambda run: (run.started, run.name))


def newest(folder: Path | None = None) -> Path:
    """The run that was begun last. Raises E711 if there is none."""
    found = listing(folder)
    if not found:
        raise fault("E711", f"`{runs.FOLDER if folder is None else folder}` holds no run")
    return Path(found[-1].path)


def summary(path: Path) -> RunSummary:
    """What the files of a run say, as far as they can be read."""
    folder = RunFolder(path)
    try:
        config = folder.config
    except GraphcError:
        config = {}
    lines = record_lines(folder.metrics)
    epochs = [line for line in lines if "epoch" in line]
    losses = [numbers_of(line.get("validation")).get("loss", math.nan) for line in epochs]
    fit = config.get("fit")
    best = max if isinstance(fit, dict) and fit.get("maximize") is True else min
    # Behind the record of an end come epochs again if the training went on.
    end = lines[-1] if lines and "end" in lines[-1] else {}
    return RunSummary(
        path.name,
        str(path),
        Path(str(config.get("name", ""))).name,
        len(epochs),
        best((loss for loss in losses if not math.isnan(loss)), default=None),
        numbers_of(end.get("test")),
        _state(folder, end),
        next((found["seconds"] for line in reversed(lines) if "seconds" in (found := numbers_of(line))), 0.0),
        _started(path, config),
    )


def record_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a record; a process that was killed may have left part of one."""
    return [value for value in _values(path) if value is not None]


def damaged_lines(path: Path) -> int:
    """How many lines of a record cannot be read, but for the last one."""
    return sum(value is None for value in _values(path)[:-1])


def _values(path: Path) -> list[dict[str, Any] | None]:
    """What the lines of a record say; None for what says nothing."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [_value(line) for line in text.splitlines()]


def _value(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    is_whole = isinstance(value, dict) and isinstance(value.get("epoch", 0), int)
    return value if is_whole else None


def numbers_of(table: Any) -> dict[str, float]:
    """The numbers of a table by name; NaN and infinities are texts there."""
    found = {}
    for name, value in table.items() if isinstance(table, dict) else ():
        with suppress(TypeError, ValueError):
            found[name] = float(value)
    return found


def _state(folder: RunFolder, end: Mapping[str, Any]) -> RunState:
    if _is_locked(folder.lock):
        return "running"
    if end.get("end") == "fault":
        return "diverged" if end.get("code") in _DIVERGED else "failed"
    return "interrupted" if end.get("end", "interrupt") == "interrupt" else "finished"


def _is_locked(path: Path) -> bool:
    """Whether a process trains in the folder now: it holds the lock as long as it lives."""
    try:
        number = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(number)
    return False


def _started(path: Path, config: Mapping[str, Any]) -> datetime:
    try:
        return datetime.fromisoformat(str(config.get("started"))).astimezone()
    except ValueError:
        return datetime.fromtimestamp((path / "config.json").stat().st_mtime).astimezone()
