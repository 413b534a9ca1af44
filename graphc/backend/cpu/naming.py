"""Names in generated source: by place, for text that is compiled, or from the spec, for people."""

from __future__ import annotations

import keyword
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Literal, Self

Sort = Literal["buffer", "size", "loop", "local", "accumulator", "shared"]
"""What a name is for. Variables of loops that lie side by side may have one name; no two other names are
equal, because Numba gives a name one type in the whole function."""


class Naming(ABC):
    """The names that are in scope. Binding one more gives a new scope; the names in use are common to all."""

    def __init__(
        self, known: Mapping[tuple[bool, str], str] | None = None, used: dict[str, Sort] | None = None
    ):
        self._known = known or {}
        self._used: dict[str, Sort] = {} if used is None else used

    def with_reserved(self, words: Iterable[str]) -> Self:
        """A beginning in which these words are taken."""
        return type(self)({}, dict.fromkeys(words, "buffer"))

    def bind(self, sort: Sort, name: str) -> tuple[Self, str]:
        """A scope in which a name of the kernel has a name in the source, and that."""
        text = self.fresh(sort, name)
        return type(self)({**self._known, (sort == "buffer", name): text}, self._used), text

    def of(self, name: str, buffer: bool = False) -> str:
        """The name in the source of a name, or of a buffer, in scope."""
        return self._known[buffer, name]

    def fresh(self, sort: Sort, name: str) -> str:
        """A name in the source that nothing in scope has."""
        text, number = self._first(sort, name), 2
        base = text
        while not self._free(text, sort):
            text, number = self._next(base, sort, number), number + 1
        self._used[text] = sort
        return text

    def _free(self, text: str, sort: Sort) -> bool:
        if sort == "loop" and self._used.get(text) == "loop":
            return text not in self._known.values()
        return text not in self._used and not keyword.iskeyword(text)

    @abstractmethod
    def _first(self, sort: Sort, name: str) -> str:
        """What to try first."""

    @abstractmethod
    def _next(self, base: str, sort: Sort, number: int) -> str:
        """What to try when that is taken."""


_LETTERS: Mapping[Sort, str] = {
    "buffer": "p",
    "size": "n",
    "loop": "i",
    "local": "x",
    "accumulator": "s",
    "shared": "e",
}


class Positions(Naming):
    """A letter for the sort, and the first free number."""

    def _first(self, sort: Sort, name: str) -> str:
        return f"{_LETTERS[sort]}0"

    def _next(self, base: str, sort: Sort, number: int) -> str:
        return f"{_LETTERS[sort]}{number - 1}"


class Words(Naming):
    """The names themselves, as far as Python allows."""

    def _first(self, sort: Sort, name: str) -> str:
        text = re.sub(r"\W+", "_", name.replace("'", "_")).strip("_") or _LETTERS[sort]
        return f"_{text}" if text[0].isdigit() else text

    def _next(self, base: str, sort: Sort, number: int) -> str:
        return f"{base}_{number}"
