"""The `data` and `fit` blocks as typed values, with every default in one place."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graphc.diagnostics import Span, fault, nearest
from graphc.frontend import ast
from graphc.train.expressions import describe
from graphc.train.optimizers import Adam, Momentum, Rule, Sgd
from graphc.train.options import (
    COUNT,
    FRACTION,
    NATURAL,
    NON_ZERO,
    POSITIVE,
    SHARE,
    Block,
    Range,
    listed,
    read_choice,
    read_flag,
    read_number,
    read_word,
    unknown,
)
from graphc.train.splits import Share

if TYPE_CHECKING:
    from graphc.schedule.program import Keeping

NAMED_SETS = ("breast_cancer", "diabetes", "digits", "iris", "wine")
HELD_OUT = 0.2


@dataclass(frozen=True)
class DataSettings:
    """A `data` block.

    `test` is held out of a named set by default, and not of a file, whose owner knows what is in it.
    `seed` decides the parts and is apart from the seed of training, so that two trainings are judged by
    the same test part. `stratify` is the input whose classes are spread evenly; true means the only class
    input without axes, if there is exactly one. `scale` multiplies all real inputs (but not the target
    `y` of a named set), or those that it names. `rename` says what an input is called in the source.
    """

    source: str | None = None
    validation: Share = 0
    test: Share | None = None
    standardize: tuple[str, ...] = ()
    seed: int = 0
    stratify: str | bool = True
    rename: Mapping[str, str] = field(default_factory=dict)
    scale: float | Mapping[str, float] = 1.0
    first: int = 0
    spans: Mapping[str, Span] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_named(self) -> bool:
        return self.source in NAMED_SETS

    @property
    def held_out(self) -> Share:
        """The test part."""
        if self.test is None:
            return HELD_OUT if self.is_named else 0
        return self.test


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
    spans: Mapping[str, Span] = field(default_factory=dict, compare=False, repr=False)


DATA_OPTIONS = ("source", "validation", "test", "standardize", "seed", "stratify", "rename", "scale", "first")
FIT_OPTIONS = ("optimizer", "batch", "epochs", "steps", "clip", "stop", "seed", "shuffle", "bptt", "memory")


def read_data(settings: ast.Settings | None, dims: Mapping[str, int] | None = None) -> DataSettings:
    """The `data` block, or what holds without one. All faults are raised together."""
    block = Block(settings, "data", DATA_OPTIONS, dims or {})
    source = block.read("source", None, _source)
    validation = block.number("validation", 0, SHARE)
    test = block.number("test", None, SHARE)
    held_out = DataSettings(source, test=test).held_out
    if validation < 1 and held_out < 1 and validation + held_out >= 1:
        default = " by default" if test is None else ""
        block.add(
            fault(
                "E405",
                f"`validation` ({validation}) and `test` ({held_out}{default}) leave nothing to train on",
                block.options["validation" if "validation" in block.options else "test"].value.span,
            )
        )
    result = DataSettings(
        source=source,
        validation=validation,
        test=test,
        standardize=block.read("standardize", (), _names),
        seed=block.whole("seed", 0, NATURAL),
        stratify=block.read("stratify", True, _stratify),
        rename=block.read("rename", {}, _rename),
        scale=block.read("scale", 1.0, lambda value: _scale(value, block.dims)),
        first=block.whole("first", 0, NATURAL),
        spans=block.spans,
    )
    block.finish()
    return result


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
        spans=block.spans,
    )
    block.finish()
    return result


# ---------------------------------------------------------------------------------- data options


def _source(value: ast.Expr) -> str | None:
    if isinstance(value, ast.String):
        return value.value
    raise fault(
        "E403",
        f"`source` is a text, found {describe(value)}",
        value.span,
        help='write the name of a set or of a file in quotes: `source = "digits"`',
    )


def _names(value: ast.Expr) -> tuple[str, ...]:
    return tuple(read_word("standardize", item) for item in listed(value))


def _stratify(value: ast.Expr) -> str | bool:
    word = read_word("stratify", value)
    return word == "true" if word in ("true", "false") else word


def _rename(value: ast.Expr) -> Mapping[str, str]:
    if isinstance(value, ast.Call) and value.function == ast.Name(value.span, "names") and not value.args:
        return {option.name: read_word(option.name, option.value) for option in value.options}
    raise fault(
        "E403",
        f"`rename` takes `names(input = name in the source, ...)`, found {describe(value)}",
        value.span,
    )


def _scale(value: ast.Expr, dims: Mapping[str, int]) -> float | Mapping[str, float]:
    items = listed(value)
    if not any(isinstance(item, ast.Call) for item in items) and not isinstance(value, ast.ListLiteral):
        return read_number("scale", value, NON_ZERO, dims)
    found = {}
    for item in items:
        if not (isinstance(item, ast.Call) and isinstance(item.function, ast.Name) and len(item.args) == 1):
            raise fault(
                "E403", f"expected an input and its factor, `x(1/16)`, found {describe(item)}", item.span
            )
        found[item.function.id] = float(read_number("scale", item.args[0], NON_ZERO, dims))
    return found


# ----------------------------------------------------------------------------------- fit options


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
