"""The record of a run: `metrics.jsonl`, a line of JSON for each epoch and one for the end.

JSON has no NaN and no infinities: they are the strings "nan", "inf" and "-inf".
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from graphc.diagnostics import Diagnostic, fault
from graphc.train.reporting import EpochRecord, History, Metrics
from graphc.train.runs.durable import replace_file, unwritable
from graphc.view.results import dumps

_PARTS = ("train", "validation")


class Journal:
    """Lines that are kept in a file. What a full disk refuses is written with the next line.

    Lines of epochs are on the disk from the next `sync` on, those of an end at once.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: list[str] = []
        self._written = 0
        """How many bytes of the file are whole lines."""
        self._pending = ""

    def resume(self, epochs: int) -> list[EpochRecord]:
        """Cut the record back to what was known after some epochs, and return it.

        Raises E608 if an epoch is missing, E601 if the file cannot be written.
        """
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines() if epochs else []
            # A line that a killed process left unfinished can only be behind those of whole epochs.
            found = [_record(json.loads(line)) for line in lines[:epochs]]
        except OSError as error:
            raise self._damaged((error.strerror or str(error)).lower()) from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise self._damaged("a line in it is no record of an epoch") from None
        if [record.epoch for record in found] != list(range(1, epochs + 1)):
            raise self._damaged(f"it does not hold the epochs 1 to {epochs}, one a line")
        text = "".join(line + "\n" for line in lines[:epochs])
        replace_file(self._path, text.encode())
        self._written = len(text.encode())
        return found

    def epoch(self, record: EpochRecord, compile_seconds: float) -> None:
        """Add an epoch. Raises E601."""
        values = {part: record.metrics[part] for part in _PARTS if part in record.metrics}
        self._append(
            {
                "epoch": record.epoch,
                "step": record.step,
                **values,
                "seconds": record.seconds,
                "lr": record.lr,
                "gradient_norm": record.gradient_norm,
                "examples_per_second": record.examples_per_second,
                "compile_seconds": compile_seconds,
                "gradient_norms": record.gradients,
                "update_ratios": record.moves,
            }
        )

    def end(self, history: History) -> None:
        """Add how it ended: metrics of the weights that were left, those of the test part among them."""
        self._append(
            {
                "end": history.ending,
                "step": history.steps,
                "best_epoch": history.best_epoch,
                **history.metrics,
                "seconds": history.seconds,
            }
        )
        self.sync()

    def stop(self, step: int, found: Diagnostic) -> None:
        """Add what went wrong behind a step."""
        self._append({"end": "fault", "step": step, "code": found.code, "message": found.message})
        self.sync()

    def sync(self) -> None:
        """Put what was added on the disk; no checkpoint is of use without the lines before. Raises E601."""
        with self._opened() as file:
            os.fsync(file.fileno())

    def _append(self, values: Mapping[str, Any]) -> None:
        self._pending += dumps(values) + "\n"
        with self._opened() as file:
            # What a full disk took of a line last time is written over.
            file.seek(min(self._written, file.seek(0, os.SEEK_END)))
            file.write(self._pending.encode())
            file.truncate()
            file.flush()
            self._written, self._pending = file.tell(), ""

    @contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        try:
            with os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644), "r+b") as file:
                yield file
        except OSError as error:
            raise unwritable(self._path, error) from None

    def _damaged(self, why: str) -> Exception:
        return fault("E608", f"`{self._path}` cannot be gone on with: {why}")


def _record(values: Mapping[str, Any]) -> EpochRecord:
    rate = values["examples_per_second"]
    return EpochRecord(
        values["epoch"],
        None,
        values["step"],
        {part: _numbers(values[part]) for part in _PARTS if part in values},
        float(values["seconds"]),
        None if values["lr"] is None else float(values["lr"]),
        float(values["gradient_norm"]),
        None if rate is None else float(rate),
        _numbers(values["gradient_norms"]),
        _numbers(values["update_ratios"]),
    )


def _numbers(table: Mapping[str, Any]) -> Metrics:
    """Numbers by name; those that JSON does not know are texts in the file."""
    return {name: float(value) for name, value in table.items()}
