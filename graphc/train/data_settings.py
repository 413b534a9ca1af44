"""The `data` block as a typed value, with every default in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphc.diagnostics import Span, fault
from graphc.frontend import ast
from graphc.train.expressions import describe
from graphc.train.options import NATURAL, NON_ZERO, SHARE, Block, listed, read_number, read_word
from graphc.train.splits import Share

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


DATA_OPTIONS = ("source", "validation", "test", "standardize", "seed", "stratify", "rename", "scale", "first")


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
