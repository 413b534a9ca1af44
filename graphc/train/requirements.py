"""What a `fit` block asks of the parts that the data has."""

from __future__ import annotations

from graphc.diagnostics import fault
from graphc.train.data.examples import Dataset, Flow
from graphc.train.fit_settings import FitSettings


def check_parts(settings: FitSettings, dataset: Dataset) -> None:
    """What `fit` asks of the parts that there are.

    Raises E503 if early stopping has nothing to watch, E466 for one generator and several epochs, E439 for
    `buckets` of batches that somebody else makes.
    """
    train = dataset.train
    if settings.buckets is not None and isinstance(train, Flow):
        raise fault(
            "E439",
            "`buckets` makes batches of examples of similar lengths, and these come in batches",
            settings.spans.get("buckets"),
        )
    # With a number of steps only the generator's end can tell whether it is enough.
    if isinstance(train, Flow) and train.again is None and settings.steps is None and settings.epochs != 1:
        raise fault(
            "E466",
            f"the batches come from a generator, which is enough for one epoch, not for {settings.epochs}",
            settings.spans.get("epochs"),
            help="give a list or a function that makes a new generator, or `epochs = 1`",
        )
    if settings.patience is not None and dataset.validation is None:
        raise fault(
            "E503",
            "`stop = patience(n)` watches the validation part, and there is none",
            settings.spans.get("stop"),
            help="`data { validation = 0.2 }`",
        )


def check_judged(settings: FitSettings, dataset: Dataset) -> None:
    """Raises E503 if a schedule that asks how validation goes has nothing to watch."""
    if dataset.validation is None:
        raise fault(
            "E503",
            "the schedule watches the validation part, and there is none",
            settings.spans.get("optimizer"),
            help="`data { validation = 0.2 }`",
        )
