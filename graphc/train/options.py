"""Reading one block of options: each option once, of the right kind and in its range, all faults together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from graphc.diagnostics import Diagnostic, GraphcError, Span, fault, nearest
from graphc.frontend import ast
from graphc.train.expressions import describe, number

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class Range:
    """The numbers that an option takes; `text` says which, after `must be`."""

    text: str
    holds: Callable[[float], bool]
    whole: bool = False


POSITIVE = Range("above 0", lambda value: value > 0)
FRACTION = Range("at least 0 and below 1", lambda value: 0 <= value < 1)
COUNT = Range("a whole number from 1 on", lambda value: 1 <= value < 2**53, whole=True)
NATURAL = Range("a whole number from 0 on", lambda value: 0 <= value < 2**53, whole=True)
ANY = Range("a number", lambda value: True)
NON_NEGATIVE = Range("at least 0", lambda value: value >= 0)
NON_ZERO = Range("a number other than 0", lambda value: value != 0)
SHARE = Range(
    "a fraction at least 0 and below 1, or a whole number of examples",
    lambda value: 0 <= value < 1 or (value == int(value) and value < 2**53),
)


def read_number(name: str, value: ast.Expr, allowed: Range, dims: Mapping[str, int]) -> int | float:
    found = number(value, dims)
    if not allowed.holds(found) or (allowed.whole and not isinstance(found, int)):
        text = value.span.text
        shown = text if isinstance(value, ast.Number) or text == str(found) else f"{text} = {found}"
        raise fault("E404", f"`{name}` must be {allowed.text}, found {shown}", value.span)
    return found


def read_flag(name: str, value: ast.Expr) -> bool:
    if isinstance(value, ast.Name) and value.id in ("true", "false"):
        return value.id == "true"
    raise fault("E403", f"`{name}` is `true` or `false`, found {describe(value)}", value.span)


def read_choice(name: str, value: ast.Expr, choices: Sequence[str]) -> str:
    """One of a few words."""
    if isinstance(value, ast.Name) and value.id in choices:
        return value.id
    known = ", ".join(f"`{word}`" for word in choices[:-1]) + f" or `{choices[-1]}`"
    near = nearest(value.id, choices) if isinstance(value, ast.Name) else None
    raise fault("E403", f"`{name}` is {known}, found {describe(value)}", value.span, help=near or "")


def read_word(name: str, value: ast.Expr) -> str:
    """A name, or the same in quotes."""
    if isinstance(value, ast.Name):
        return value.id
    if isinstance(value, ast.String):
        return value.value
    raise fault("E403", f"`{name}` takes a name, found {describe(value)}", value.span)


def unknown(what: str, name: str, known: Collection[str], span: Span) -> GraphcError:
    """An option that does not exist, with the nearest one that does, or with all of them."""
    near = nearest(name, known)
    return fault(
        "E401", f"{what} has no option `{name}`", span, help=near or "known: " + ", ".join(sorted(known))
    )


class Block:
    """The options of one `data` or `fit` block. A fault is kept, and the default goes on in its place."""

    def __init__(
        self, settings: ast.Settings | None, kind: str, known: Collection[str], dims: Mapping[str, int]
    ) -> None:
        self.dims = dims
        self.faults: list[Diagnostic] = []
        self.options: dict[str, ast.Option] = {}
        for option in settings.options if settings else ():
            if option.name not in known:
                self._keep(unknown(f"`{kind}`", option.name, known, option.span))
            else:
                self.options[option.name] = option

    def _keep(self, error: GraphcError) -> None:
        self.faults.extend(error.diagnostics)

    def read(self, name: str, default: T, reader: Callable[[ast.Expr], U]) -> T | U:
        option = self.options.get(name)
        if option is None:
            return default
        try:
            return reader(option.value)
        except GraphcError as error:
            self._keep(error)
            return default

    def number(self, name: str, default: T, allowed: Range) -> int | float | T:
        return self.read(name, default, lambda value: read_number(name, value, allowed, self.dims))

    def whole(self, name: str, default: T, allowed: Range = COUNT) -> int | T:
        return self.read(name, default, lambda value: int(read_number(name, value, allowed, self.dims)))

    def flag(self, name: str, default: bool) -> bool:
        return self.read(name, default, lambda value: read_flag(name, value))

    def add(self, error: GraphcError) -> None:
        self._keep(error)

    def finish(self) -> None:
        if self.faults:
            raise GraphcError(self.faults)

    @property
    def spans(self) -> dict[str, Span]:
        """The value of each option that was given."""
        return {name: option.value.span for name, option in self.options.items()}


def listed(value: ast.Expr) -> Sequence[ast.Expr]:
    """The items of a list; anything else is a list of one."""
    return value.items if isinstance(value, ast.ListLiteral) else (value,)
