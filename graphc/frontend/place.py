"""Where the grammar stopped, and how that is put into words."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from graphc.diagnostics import Source, Span
from graphc.frontend.scanner import Token

_WORDS = {
    "APPROXIMATELY": "`~=`",
    "EQUALS": "`=`",
    "LSQB": "`[`",
    "LPAR": "`(`",
    "RSQB": "`]`",
    "RPAR": "`)`",
    "COMMA": "`,`",
    "DOTS": "`..`",
    "OVER": "`over`",
    "PARAM": "`param`",
    "COLON": "`:`",
    "TILDE": "`~`",
    "$END": "the end of the line",
}


@dataclass(frozen=True)
class Place:
    """Where the grammar stopped: the words of the line, the one it refused, what it would have taken."""

    source: Source
    tokens: list[Token]
    index: int
    accepts: Collection[str]
    start: str

    @property
    def bad(self) -> str:
        return self.tokens[self.index].text if self.index < len(self.tokens) else ""

    @property
    def before(self) -> Token | None:
        return self.tokens[self.index - 1] if self.index else None

    @property
    def first(self) -> str:
        return self.tokens[0].text

    @property
    def bad_kind(self) -> str:
        return self.tokens[self.index].kind if self.index < len(self.tokens) else "end"

    @property
    def after_operand(self) -> bool:
        """Whether a value has just ended, so that an operator could follow."""
        return "OR" in self.accepts

    @property
    def wants_operand(self) -> bool:
        return "NUMBER" in self.accepts

    @property
    def span(self) -> Span:
        if self.index < len(self.tokens):
            token = self.tokens[self.index]
            return Span(self.source, token.start, token.end)
        end = self.tokens[-1].end
        return Span(self.source, end, end + 1)

    def words(self, start: int, end: int) -> str:
        """The user's text from one word to another, on one line and not too long."""
        text = " ".join(self.source.text[self.tokens[start].start : self.tokens[end - 1].end].split())
        return text if len(text) <= 40 else text[:37] + "..."


def expected(place: Place) -> str:
    names = [word for terminal, word in _WORDS.items() if terminal in place.accepts]
    if place.wants_operand:
        return "a value"
    if "NAME" in place.accepts:
        names.insert(0, "a name")
    if "STRING" in place.accepts:
        names.insert(0, "a text in double quotes")
    if place.after_operand:
        names.insert(0, "an operator")
    if len(names) > 1:
        return f"{', '.join(names[:-1])} or {names[-1]}"
    return names[0] if names else "something else"


def found(place: Place) -> str:
    if place.bad_kind == "end":
        return "the end of the line" if place.start == "statement" else "the end"
    return f"`{place.words(place.index, place.index + 1)}`"
