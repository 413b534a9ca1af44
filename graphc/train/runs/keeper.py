"""A training's state in the folder of its run: what is written when, and what happens if that fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from graphc.diagnostics import Diagnostic, GraphcError, fault
from graphc.train.fit_settings import Saving
from graphc.train.reporting import EpochRecord, History, Reporter
from graphc.train.runs.checkpoint import Checkpoint, write
from graphc.train.runs.folder import RunFolder
from graphc.train.runs.journal import Journal
from graphc.train.runs.keeping import Snapshot

_SPARING = 9
"""How much longer than it takes to keep a state nothing is kept, where that is to be sparing."""


class RunKeeper:
    """Writes a training's checkpoints and its record.

    `base` is what all checkpoints of the run have in common: the spec, and what happened to the data; `files`
    are texts by name that a new folder gets, `config` is what `config.json` says. A
    failure to write does not end a training, which may be worth more than its record: it is told as a
    warning, tried again the next time, and an error only at the end.
    """

    wants_best = True
    wants_magnitudes = True

    def __init__(
        self,
        folder: RunFolder,
        base: Checkpoint,
        files: Mapping[str, str],
        config: Mapping[str, Any],
        saving: Saving,
        reporter: Reporter,
    ) -> None:
        self._folder, self._base, self._saving, self._reporter = folder, base, saving, reporter
        self._files, self._config = files, config
        self.compile_seconds: Callable[[], float] = lambda: 0.0
        """What has been spent on compiling so far, for the record."""
        self._journal = Journal(folder.metrics)
        self._step = 0
        """Up to where the state is on the disk."""
        self._tried = (0, 0, time.monotonic())
        """Epoch, step and time of the last try to keep it."""
        self._took = 0.0
        """How many seconds that took."""
        self._best_epoch = 0
        """The epoch of the best weights that are on the disk."""
        self._failed: GraphcError | None = None

    def begin(self, start: Snapshot) -> None:
        """Raises E601."""
        self._folder.create(self._files)
        self._write(self._folder.last, start)
        # It makes the folder a run's, so it comes last.
        self._folder.configure(self._config)

    def resume(self, start: Snapshot) -> list[EpochRecord]:
        """Cuts the record back to these epochs. Raises E608 if there are not as many, E601."""
        self._step, self._tried = start.step, (start.epoch, start.step, time.monotonic())
        records = self._journal.resume(start.epoch)
        self._folder.configure(self._config)
        return records

    def is_due(self, epoch: int, step: int) -> bool:
        """By `fit { save = ... }`."""
        saving, (old_epoch, old_step, old_time) = self._saving, self._tried
        seconds = time.monotonic() - old_time
        since = {"epochs": epoch - old_epoch, "steps": step - old_step, "seconds": seconds}
        if since[saving.unit] < saving.every:
            return False
        return not saving.sparing or seconds >= _SPARING * self._took

    def keep(self, state: Snapshot, best: Snapshot | None) -> None:
        """Warns if it fails."""
        began = time.monotonic()
        try:
            self._journal.sync()
            self._write_best(best)
            self._reporter.saved(self._write(self._folder.last, state), state.step)
        except GraphcError as error:
            self._fail(error, f"the state after step {self._step} is still there")
        else:
            self._failed, self._step = None, state.step
        ended = time.monotonic()
        self._tried, self._took = (state.epoch, state.step, ended), ended - began

    def keep_best(self, best: Snapshot | None) -> None:
        """Warns if it fails."""
        try:
            self._write_best(best)
        except GraphcError as error:
            self._fail(error, f"the best weights of epoch {self._best_epoch} are still there")

    def record(self, record: EpochRecord) -> None:
        """Warns if it fails."""
        try:
            self._journal.epoch(record, self.compile_seconds())
        except GraphcError as error:
            self._warn(error, "it is tried again after the next epoch")

    def stop(self, step: int, found: Diagnostic) -> None:
        """Warns if it fails."""
        try:
            self._journal.stop(step, found)
        except GraphcError as error:
            self._warn(error, "the record has no end")

    def end(self, history: History) -> None:
        """Raises E606 if not everything is on the disk."""
        try:
            self._journal.end(history)
        except GraphcError as error:
            self._failed = self._failed or error
        if self._failed is not None:
            raise fault(
                "E606",
                f"the run is not kept as it ended: {self._failed.diagnostics[0].message}",
                note=f"the last state that was kept is that after step {self._step} of {history.steps}",
            )

    def _write_best(self, best: Snapshot | None) -> None:
        if best is not None and best.epoch != self._best_epoch:
            self._write(self._folder.best, best)
            self._best_epoch = best.epoch

    def _write(self, path: Path, snapshot: Snapshot) -> Path:
        tensors = {**self._base.tensors, **snapshot.tensors}
        write(path, Checkpoint(tensors, {**self._base.about, "training": dict(snapshot.numbers)}))
        return path

    def _fail(self, error: GraphcError, kept: str) -> None:
        self._failed = error
        self._warn(error, kept)

    def _warn(self, error: GraphcError, kept: str) -> None:
        message = f"{error.diagnostics[0].message}; {kept}"
        self._reporter.warned(Diagnostic("W601", message, severity="warning"))
