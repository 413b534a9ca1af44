"""The `fit` block as a typed value, with every default in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from graphc.diagnostics import Span, fault
from graphc.frontend import ast
from graphc.frontend.scope import Library
from graphc.train.expressions import describe
from graphc.train.optimize.averaging import Average
from graphc.train.optimize.optimizers import Optimizer, optimizer, read_optimizer
from graphc.train.options import (
    COUNT,
    FRACTION,
    NATURAL,
    POSITIVE,
    Block,
    read_choice,
    read_number,
    unknown,
)

if TYPE_CHECKING:
    from graphc.schedule.program import Keeping


@dataclass(frozen=True)
class Saving:
    """How often a run keeps its state: every so many epochs, steps or seconds."""

    every: float = 1
    unit: Literal["epochs", "steps", "seconds"] = "epochs"
    sparing: bool = False
    """Less often, if it would take more than a tenth of the time."""


@dataclass(frozen=True)
class FitSettings:
    """A `fit` block. `batch` None is the whole training part; `epochs` or `steps` ends, what comes first.

    `memory` "low" computes states again for the gradients instead of keeping them, where the backend can.
    """

    optimizer: Optimizer = field(default_factory=lambda: optimizer("adam"))
    batch: int | None = 32
    epochs: int | None = 10
    steps: int | None = None
    clip: float | None = None
    patience: int | None = None
    seed: int = 0
    shuffle: bool = True
    bptt: int | None = None
    memory: Keeping = "normal"
    accumulate: int = 1
    """How many batches' gradients are added up before a step: the trainer hands them over as one batch."""
    save: Saving = field(default_factory=lambda: Saving(sparing=True))
    maximize: bool = False
    """Climb instead of descending."""
    average: Average | None = None
    """What is averaged over the steps, for evaluation and as the outcome."""
    buckets: int | None = None
    """In runs of how many batches examples are sorted by length, so that a batch has little padding."""
    stall: int = 5
    """How many epochs without a better validation loss are a standstill, for schedules that ask for it."""
    spans: Mapping[str, Span] = field(default_factory=dict, compare=False, repr=False)

    def cost(self, loss: float) -> float:
        """What gets smaller in training: the loss, or minus it."""
        return -loss if self.maximize else loss

    @property
    def per_step(self) -> int | None:
        """How many examples (or parallel sequences) a step takes; None for all."""
        return None if self.batch is None else self.batch * self.accumulate


FIT_OPTIONS = (
    "optimizer",
    "batch",
    "epochs",
    "steps",
    "clip",
    "stop",
    "seed",
    "shuffle",
    "bptt",
    "memory",
    "accumulate",
    "save",
    "maximize",
    "average",
    "stall",
    "buckets",
)


def read_fit(
    settings: ast.Settings | None,
    dims: Mapping[str, int] | None = None,
    *,
    seed: int = 0,
    library: Library | None = None,
) -> FitSettings:
    """The `fit` block, or what holds without one; `seed` holds where the block names none.

    `library` has the functions and optimizers of the file, which go before those of the standard library.
    """
    block = Block(settings, "fit", FIT_OPTIONS, dims or {})
    default = FitSettings()
    result = FitSettings(
        optimizer=block.read(
            "optimizer", default.optimizer, lambda v: read_optimizer(v, block.dims, library)
        ),
        batch=block.read("batch", default.batch, lambda value: _batch(value, block.dims)),
        epochs=block.whole("epochs", None if "steps" in block.options else default.epochs),
        steps=block.whole("steps", None),
        clip=block.number("clip", None, POSITIVE),
        patience=block.read("stop", None, lambda value: _patience(value, block.dims)),
        seed=block.whole("seed", seed, NATURAL),
        shuffle=block.flag("shuffle", True),
        bptt=block.whole("bptt", None),
        memory=block.read("memory", default.memory, _memory),
        accumulate=block.whole("accumulate", default.accumulate),
        save=block.read("save", default.save, lambda value: _saving(value, block.dims)),
        maximize=block.flag("maximize", False),
        average=block.read("average", None, lambda value: _average(value, block.dims)),
        stall=block.whole("stall", default.stall),
        buckets=block.whole("buckets", None),
        spans=block.spans,
    )
    _check_buckets(result, block)
    block.finish()
    return result


def _check_buckets(settings: FitSettings, block: Block) -> None:
    """Batches of similar lengths are made by shuffling, of examples that are there all at once."""
    if settings.buckets is None:
        return
    others = {
        "shuffle = false": not settings.shuffle,
        "batch = all": settings.batch is None,
        "bptt": settings.bptt is not None,
    }
    for option in (option for option, is_there in others.items() if is_there):
        block.add(
            fault(
                "E403",
                f"`buckets` puts examples of similar lengths together, which `{option}` leaves no room for",
                block.spans["buckets"],
                help="leave one of them out",
            )
        )


def _batch(value: ast.Expr, dims: Mapping[str, int]) -> int | None:
    if isinstance(value, ast.Name) and value.id == "all" and "all" not in dims:
        return None
    return int(read_number("batch", value, COUNT, dims))


def _memory(value: ast.Expr) -> Keeping:
    return "low" if read_choice("memory", value, ("low", "normal")) == "low" else "normal"


def _patience(value: ast.Expr, dims: Mapping[str, int]) -> int | None:
    is_patience = isinstance(value, ast.Call) and value.function == ast.Name(value.span, "patience")
    if isinstance(value, ast.Call) and is_patience and len(value.args) == 1 and not value.options:
        return int(read_number("patience", value.args[0], COUNT, dims))
    raise fault(
        "E403", f"`stop` is `patience(n)`, n epochs without a better one, found {describe(value)}", value.span
    )


def _average(value: ast.Expr, dims: Mapping[str, int]) -> Average:
    call = ast.Call(value.span, value, ()) if isinstance(value, ast.Name) else value
    kind = call.function.span.text if isinstance(call, ast.Call) else ""
    epoch = 1
    if isinstance(call, ast.Call) and kind in ("ema", "mean") and len(call.args) == (kind == "ema"):
        for option in call.options:
            if option.name != "epoch":
                raise unknown(f"`{kind}`", option.name, ("epoch",), option.span)
            epoch = int(read_number("epoch", option.value, COUNT, dims))
        decay = float(read_number("ema", call.args[0], FRACTION, dims)) if call.args else None
        return Average(decay, epoch)
    raise fault(
        "E403",
        f"`average` is `ema(0.999)` or `mean(epoch = 10)`, found {describe(value)}",
        value.span,
        help="`epoch` is the first one whose weights are taken",
    )


def _saving(value: ast.Expr, dims: Mapping[str, int]) -> Saving:
    if not isinstance(value, ast.Call):
        return Saving(read_number("save", value, COUNT, dims), "steps")
    unit = value.function.id if isinstance(value.function, ast.Name) else ""
    if len(value.args) == 1 and not value.options:
        if unit == "epochs":
            return Saving(read_number(unit, value.args[0], COUNT, dims), "epochs")
        if unit == "seconds":
            return Saving(read_number(unit, value.args[0], POSITIVE, dims), "seconds")
    raise fault(
        "E403",
        f"`save` is a number of steps, `epochs(n)` or `seconds(n)`, found {describe(value)}",
        value.span,
    )
