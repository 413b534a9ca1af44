"""The `data` block as a typed value, with every default in one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from graphc.diagnostics import Span, fault
from graphc.frontend import ast
from graphc.train.data.splits import Share
from graphc.train.data.symbols import TOKENS
from graphc.train.expressions import describe
from graphc.train.options import NATURAL, NON_ZERO, SHARE, Block, listed, read_choice, read_number, read_word

NAMED_SETS = ("breast_cancer", "diabetes", "digits", "iris", "japanese_vowels", "python_topics", "wine")
NAMED_TEXTS = ("python_topics",)
"""Named sets that are one long sequence of characters."""
PARTED_SETS = ("japanese_vowels",)
"""Named sets that were published with a test part of their own."""
SUFFIXES = (".npz", ".npy", ".csv", ".txt")
HELD_OUT = 0.2
SPLITS = ("random", "time")


@dataclass(frozen=True)
class DataSettings:
    """A `data` block.

    `test` is held out of a named set by default, unless it has a test part of its own, and not of a file,
    whose owner knows what is in it.
    `seed` decides the parts and is apart from the seed of training, so that two trainings are judged by
    the same test part. `stratify` is the input whose classes are spread evenly; true means the only class
    input without axes, if there is exactly one. `scale` multiplies all real inputs (but not the target
    `y` of a named set), or those that it names. `rename` says what an input is called in the source, and
    `columns` in which columns of a table it lies.

    `validation` and `test` may each be a file instead of a share. `group` is an array of the source whose
    equal values are kept in one part; `order` one that is the time of each example, and `by_time` says
    that the parts follow each other in time, in the order of the source if no `order` is given.

    `tokens` is what a step of a text is, for all inputs or by input. `unknown` is the symbol that stands for
    what the vocabulary lacks, and for what the training part has fewer than `least` times.
    """

    source: str | None = None
    validation: Share | str = 0
    test: Share | str | None = None
    standardize: tuple[str, ...] = ()
    seed: int = 0
    stratify: str | bool = True
    rename: Mapping[str, str] = field(default_factory=dict)
    scale: float | Mapping[str, float] = 1.0
    first: int = 0
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    separator: str = ","
    group: str | None = None
    order: str | None = None
    by_time: bool = False
    tokens: str | Mapping[str, str] = "characters"
    unknown: str | None = None
    least: int = 1
    spans: Mapping[str, Span] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_named(self) -> bool:
        return self.source in NAMED_SETS

    def tokens_of(self, name: str) -> str:
        """What a step of an input's texts is."""
        return self.tokens if isinstance(self.tokens, str) else self.tokens.get(name, "characters")

    @property
    def held_out(self) -> Share | str:
        """The test part."""
        if self.test is None:
            return HELD_OUT if self.is_named and self.source not in PARTED_SETS else 0
        return self.test

    @property
    def shares(self) -> tuple[Share, Share]:
        """What the validation and the test part take of the source itself; nothing if they are files."""
        validation, test = (0 if isinstance(part, str) else part for part in (self.validation, self.held_out))
        return validation, test


DATA_OPTIONS = (
    "source", "validation", "test", "standardize", "seed", "stratify", "rename", "scale", "first",
    "columns", "separator", "group", "order", "split", "tokens", "unknown", "least",
)  # fmt: skip


def read_data(settings: ast.Settings | None, dims: Mapping[str, int] | None = None) -> DataSettings:
    """The `data` block, or what holds without one. All faults are raised together."""
    block = Block(settings, "data", DATA_OPTIONS, dims or {})
    source = block.read("source", None, _source)
    result = DataSettings(
        source=source,
        validation=block.read("validation", 0, lambda value: _part("validation", value, block.dims)),
        test=block.read("test", None, lambda value: _part("test", value, block.dims)),
        standardize=block.read("standardize", (), _names),
        seed=block.whole("seed", 0, NATURAL),
        stratify=block.read("stratify", True, _stratify),
        rename=block.read("rename", {}, _rename),
        scale=block.read("scale", 1.0, lambda value: _scale(value, block.dims)),
        first=block.whole("first", 0, NATURAL),
        columns=block.read("columns", {}, _columns),
        separator=block.read("separator", ",", _separator),
        group=block.read("group", None, lambda value: read_word("group", value)),
        order=block.read("order", None, lambda value: read_word("order", value)),
        by_time=block.read("split", "random", lambda value: read_choice("split", value, SPLITS)) == "time"
        or "order" in block.options,
        tokens=block.read("tokens", "characters", _tokens),
        unknown=block.read("unknown", None, _unknown),
        least=block.whole("least", 1),
        spans=block.spans,
    )
    _check_parts(result, block)
    if "least" in block.options and "unknown" not in block.options:
        block.add(
            fault(
                "E468",
                "`least` makes symbols unknown, and no symbol stands for them",
                block.spans["least"],
                help='`data { unknown = "<unk>" }`',
            )
        )
    block.finish()
    return result


def _check_parts(settings: DataSettings, block: Block) -> None:
    """Options that leave nothing to train on, or that cannot both hold."""
    validation, test = settings.shares
    if validation < 1 and test < 1 and validation + test >= 1:
        default = " by default" if settings.test is None else ""
        block.add(
            fault(
                "E405",
                f"`validation` ({validation}) and `test` ({test}{default}) leave nothing to train on",
                settings.spans["validation" if "validation" in block.options else "test"],
            )
        )
    if settings.source in PARTED_SETS and test:
        block.add(
            fault(
                "E437",
                f"`{settings.source}` has a test part of its own, and `test` asks for another one",
                settings.spans["test"],
                help="leave `test` out; with `test = 0` it is not measured",
            )
        )
    in_time = "order" if "order" in block.options else "split" if settings.by_time else None
    named = "stratify" if settings.stratify not in (True, False) else None
    ways = [way for way in (in_time, "group" if settings.group else None, named) if way]
    if len(ways) > 1:
        block.add(
            fault(
                "E437",
                f"`{ways[0]}` and `{ways[1]}` each decide which examples are in which part",
                settings.spans[ways[1]],
                help="leave one of them out",
            )
        )


def _part(name: str, value: ast.Expr, dims: Mapping[str, int]) -> Share | str:
    """A share of the source, or another file."""
    if not isinstance(value, ast.String):
        return read_number(name, value, SHARE, dims)
    if value.value.endswith((*SUFFIXES, "/")):
        return value.value
    raise fault(
        "E403",
        f"`{name}` is a share, a number of examples or a file, found {describe(value)}",
        value.span,
        help="files end in " + ", ".join(f"`{suffix}`" for suffix in SUFFIXES),
    )


def _separator(value: ast.Expr) -> str:
    word = read_word("separator", value)
    if word == "tab":
        return "\t"
    if len(word) == 1 and not word.isalnum() and word not in '"\r\n ':
        return word
    raise fault("E403", '`separator` is `","`, `";"`, `"|"` or `tab`, found ' + describe(value), value.span)


def _columns(value: ast.Expr) -> Mapping[str, tuple[str, ...]]:
    if isinstance(value, ast.Call) and value.function == ast.Name(value.span, "names") and not value.args:
        return {
            option.name: tuple(read_word(option.name, item) for item in listed(option.value))
            for option in value.options
        }
    raise fault(
        "E403",
        f"`columns` takes `names(input = [column, column], ...)`, found {describe(value)}",
        value.span,
        help='names with spaces stand in quotes: `names(x = ["petal length", width])`',
    )


def _tokens(value: ast.Expr) -> str | Mapping[str, str]:
    if isinstance(value, ast.Call) and value.function == ast.Name(value.span, "names") and not value.args:
        return {option.name: read_choice(option.name, option.value, TOKENS) for option in value.options}
    return read_choice("tokens", value, TOKENS)


def _unknown(value: ast.Expr) -> str:
    if isinstance(value, ast.String) and value.value:
        return value.value
    raise fault("E403", f'`unknown` is a text such as `"<unk>"`, found {describe(value)}', value.span)


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
