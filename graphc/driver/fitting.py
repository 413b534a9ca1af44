"""A training from its options to its result."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphc.driver import running, streams, training
from graphc.driver.weights import check_symbols
from graphc.train.data.examples import Dataset
from graphc.train.fit_settings import FitSettings
from graphc.train.reporting import EpochRecord, Reporter
from graphc.train.requirements import check_parts
from graphc.train.trainer import fit as train

if TYPE_CHECKING:
    from graphc.driver.program import Program


@dataclass(frozen=True)
class FitResult:
    """What a training run ended with; `metrics` by part (`train`, `validation`, `test`), then by name."""

    metrics: dict[str, dict[str, float]]
    epochs: int
    steps: int
    best_epoch: int
    ending: str
    train_seconds: float
    run_dir: str | None = None
    records: tuple[EpochRecord, ...] = ()
    """What was measured after each epoch, those before a pause among them."""


def settings_of(program: Program, overrides: Mapping[str, Any]) -> FitSettings:
    """The `fit` block under what wins over it, if the program can be trained like that.

    Raises the faults of options, E242 if there is no loss, E322 or E323 if it cannot be cut into chunks.
    """
    settings = training.fit_settings(program, overrides)
    program.pipeline.loss_unit("train")
    if settings.bptt is not None:
        units = [objective.unit for objective in program.spec.objectives]
        streams.check(program.spec.system, units, settings.bptt)
    return settings


def fit(
    program: Program,
    settings: FitSettings,
    data: Dataset,
    reporter: Reporter,
    run_dir: str | Path | None,
    *,
    resume: bool,
) -> FitResult:
    """See `Program.fit`."""
    # What goes on is held to more than this: see `identity`.
    for learned in () if resume else (program.preparation, program.learned):
        check_symbols(learned, data.preparation, "the data")
    program.preparation, program.trained_on = data.preparation, None
    started = time.perf_counter() - program.compile_seconds
    check_parts(settings, data)
    path = None if run_dir is None else Path(run_dir)
    with (
        program.pipeline.clock.heard_by(reporter),
        program.losses.fitting(settings),
        running.opened(program, settings, data, reporter, path, resume=resume) as run,
    ):
        history = train(program.losses, data, settings, reporter=reporter, keeper=run.keeper, start=run.start)
    return FitResult(
        {part: dict(values) for part, values in history.metrics.items()},
        history.epochs,
        history.steps,
        history.best_epoch,
        history.ending,
        time.perf_counter() - program.compile_seconds - started,
        None if path is None else str(path),
        tuple(history.records),
    )
