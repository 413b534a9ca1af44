"""The `fit` block as a typed value, with every default in one place."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from graphc.diagnostics import Span, fault, nearest
from graphc.frontend import ast
from graphc.train.expressions import describe
from graphc.train.optimizers import Adam, Momentum, Rule, Sgd
from graphc.train.options import (
    COUNT,
    FRACTION,
    NATURAL,
    POSITIVE,
    Block,
    Range,
    read_choice,
    read_flag,
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


@dataclass(frozen=True)
class FitSettings:
    """A `fit` block. `batch` None is the whole training part; `epochs` or `steps` ends, what comes first.

    `memory` "low" computes states again for the gradients instead of keeping them, where the backend can.
    """

    optimizer: Rule = field(default_factory=Adam)
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
    save: Saving = field(default_factory=Saving)
    spans: Mapping[str, Span] = field(default_factory=dict, compare=False, repr=False)

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
)


def read_fit(
    settings: ast.Settings | None, dims: Mapping[str, int] | None = None, *, seed: int = 0
) -> FitSettings:
    """The `fit` block, or what holds without one; `seed` holds where the block names none."""
    block = Block(settings, "fit", FIT_OPTIONS, dims or {})
    default = FitSettings()
    result = FitSettings(
        optimizer=block.read("optimizer", default.optimizer, lambda value: _optimizer(value, block.dims)),
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
        spans=block.spans,
    )
    block.finish()
    return result


@dataclass(frozen=True)
class _Form:
    """An optimizer's options in order, each a range of numbers or `None` for a flag; `lr` may be required."""

    rule: type[Sgd] | type[Momentum] | type[Adam]
    options: Mapping[str, Range | None]
    required: Collection[str] = ()


_OPTIMIZERS = {
    "sgd": _Form(Sgd, {"lr": POSITIVE, "momentum": FRACTION}, ["lr"]),
    "momentum": _Form(Momentum, {"lr": POSITIVE, "beta": FRACTION, "averaging": None}, ["lr"]),
    "adam": _Form(Adam, {"lr": POSITIVE, "beta1": FRACTION, "beta2": FRACTION, "eps": POSITIVE}),
}


def _optimizer(value: ast.Expr, dims: Mapping[str, int]) -> Rule:
    call = ast.Call(value.span, value, ()) if isinstance(value, ast.Name) else value
    if not (isinstance(call, ast.Call) and isinstance(call.function, ast.Name)):
        raise fault(
            "E403", f"`optimizer` is a call such as `adam(lr = 1e-3)`, found {describe(value)}", value.span
        )
    name = call.function.id
    form = _OPTIMIZERS.get(name)
    if form is None:
        near = nearest(name, _OPTIMIZERS) or "known: " + ", ".join(sorted(_OPTIMIZERS))
        raise fault("E504", f"unknown optimizer `{name}`", call.function.span, help=near)
    if len(call.args) > len(form.options):
        raise fault("E403", f"`{name}` takes at most {len(form.options)} values", call.span)
    given = [ast.Option(arg.span, option, arg) for option, arg in zip(form.options, call.args, strict=False)]
    values: dict[str, float | bool] = {}
    for option in [*given, *call.options]:
        if option.name not in form.options:
            raise unknown(f"`{name}`", option.name, form.options, option.span)
        if option.name in values:
            raise fault("E402", f"`{option.name}` is given twice", option.span)
        allowed = form.options[option.name]
        if allowed is None:
            values[option.name] = read_flag(option.name, option.value)
        else:
            values[option.name] = float(read_number(option.name, option.value, allowed, dims))
    for missing in set(form.required) - set(values):
        raise fault("E403", f"`{name}` needs a learning rate", call.span, help=f"`{name}({missing} = 0.1)`")
    return form.rule(**values)  # type: ignore[arg-type]


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
