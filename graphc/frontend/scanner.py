"""The words of a text: enough to find comments, brackets and lines, and every fault of a single word.

The grammar has its own lexer, which knows the context. This one runs before it, over the whole text, so that
a fault in one line cannot hide those of another and the grammar sees only words that it knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from graphc.diagnostics import Diagnostic, Source, Span
from graphc.frontend import spelling

Kind = Literal["name", "number", "string", "mark", "comment", "newline"]

LONGEST_NUMBER = 40
LONGEST_NAME = 100

_TOKEN = re.compile(
    r"""
    (?P<newline>\r?\n)
  | (?P<space>[ \t]+)
  | (?P<comment>\#[^\r\n]*(?:\r(?!\n)[^\r\n]*)*)
  | (?P<string>"[^"\r\n]*")
  | (?P<open_string>"[^"\r\n]*)
  | (?P<quoted>'[^'\r\n]*'
      |[\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb]
       [^\r\n'"\u2018\u2019\u201c\u201d\u00ab\u00bb]*
       [\u2018\u2019\u201c\u201d\u00ab\u00bb'"])
  | (?P<name>[A-Za-z_][A-Za-z_0-9]*)
  | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
  | (?P<bad_number>\.[0-9]+)
  | (?P<foreign>\.\.\.+|\*\*|:=|\+=|-=|\*=|/=|@=|&&|\|\||=>|->|<-|<>|===|//)
  | (?P<mark>==|!=|<=|>=|~=|\+-|\.\.|[-+*/@^=<>~:,.()\[\]{}])
  | (?P<word>\w+)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    """A word of the text. What is faulty is passed on as the word that it was most likely meant to be."""

    kind: Kind
    text: str
    start: int
    end: int


@dataclass
class Scan:
    """All tokens of a text, and the faults found on the way, each with the offset where it stands."""

    source: Source
    tokens: list[Token]
    comments: list[Token]
    faults: list[Diagnostic]


def scan(source: Source) -> Scan:
    """Take a text apart. Every character ends up in a token, a comment, the space between, or a fault."""
    scanner = _Scanner(source)
    scanner.run()
    return Scan(source, scanner.tokens, scanner.comments, scanner.faults)


class _Scanner:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.tokens: list[Token] = []
        self.comments: list[Token] = []
        self.faults: list[Diagnostic] = []

    def run(self) -> None:
        for match in _TOKEN.finditer(self.source.text):
            kind = match.lastgroup
            if kind == "space":
                continue
            text, start, end = match.group(), match.start(), match.end()
            if kind == "comment":
                self.comments.append(Token("comment", text, start, end))
                self._check_comment(text, start)
            elif kind == "newline":
                self.tokens.append(Token("newline", "\n", start, end))
            else:
                self.tokens += getattr(self, f"_{kind}")(text, start, end)

    def _fault(self, code: str, message: str, start: int, end: int, help: str = "", note: str = "") -> None:
        self.faults.append(Diagnostic(code, message, Span(self.source, start, end), note, (), help))

    # ---------------------------------------------------------------------------- words

    def _name(self, text: str, start: int, end: int) -> Iterator[Token]:
        if len(text) > LONGEST_NAME:
            self._fault(
                "E133", f"a name of {len(text)} characters: at most {LONGEST_NAME} are allowed", start, end
            )
        last = self.tokens[-1] if self.tokens else None
        if last is not None and last.end == start and last.kind == "number":
            self._glued(last, text, end)
        else:
            yield Token("name", text, start, end)

    def _glued(self, number: Token, text: str, end: int) -> None:
        digits = re.match(r"[\d_]+$", text)
        if digits and text.strip("_"):
            advice = f"write `{(number.text + text).replace('_', '')}`"
        elif re.fullmatch(r"[eE]", text):
            advice = f"an exponent has digits: `{number.text}e-3`"
        elif re.fullmatch(r"[fFdDlLjJ]|[xXbBoO][0-9A-Fa-f]+", text):
            advice = "numbers are written in decimal digits, without a suffix"
        else:
            advice = f"for a product write `{number.text} * {text}`; a name begins with a letter"
        whole = f"{number.text}{text}"
        self._fault("E111", f"`{_short(whole)}` is neither a number nor a name", number.start, end, advice)

    def _number(self, text: str, start: int, end: int) -> Iterator[Token]:
        digits = sum(character.isdigit() for character in text)
        if digits > LONGEST_NUMBER:
            message = f"a number of {digits} digits: at most {LONGEST_NUMBER} are allowed"
            advice = "a float holds about 17 of them; for a size use the exponent, as in `1e30`"
            self._fault("E112", message, start, end, advice)
        elif float(text) == float("inf"):
            self._fault("E112", f"`{text}` is larger than any number the computer holds", start, end)
        elif float(text) == 0 and re.search(r"[1-9]", re.split(r"[eE]", text)[0]):
            message = f"`{text}` is so small that it would become zero"
            self._fault("E112", message, start, end, "write `0` if that is meant")
        yield Token("number", text, start, end)

    def _bad_number(self, text: str, start: int, end: int) -> Iterator[Token]:
        last = self.tokens[-1] if self.tokens else None
        if last is not None and last.end == start and last.kind in ("name", "number"):
            self._fault("E111", f"`{last.text}{text}` is not a number", last.start, end)
            return
        message = f"`{text}` has no digit before the point"
        self._fault("E111", message, start, end, f"write `0{text}`")
        yield Token("number", text, start, end)

    def _string(self, text: str, start: int, end: int) -> Iterator[Token]:
        for offset, character in enumerate(text):
            if not character.isprintable():
                self._unprintable(character, start + offset)
                break
        yield Token("string", text, start, end)

    def _open_string(self, text: str, start: int, end: int) -> Iterator[Token]:
        end = start + len(text.rstrip())
        self._fault("E113", 'this text has no closing `"`', start, end, "a text ends on the line it began")
        yield Token("string", text, start, end)

    def _quoted(self, text: str, start: int, end: int) -> Iterator[Token]:
        last = self.tokens[-1] if self.tokens else None
        if text[0] == "'" and last is not None and last.end == start and last.text not in ("=", ",", "("):
            self._transposed(last, start)
        else:
            message = f"`{_short(text)}` is quoted with `{text[0]}`"
            self._fault("E114", message, start, end, f'texts stand in straight double quotes: "{text[1:-1]}"')
        yield Token("string", text, start, end)

    # ---------------------------------------------------------------------------- marks and the rest

    def _mark(self, text: str, start: int, end: int) -> Iterator[Token]:
        if text == ".":
            self._check_dot(start, end)
        yield Token("mark", text, start, end)

    def _check_dot(self, start: int, end: int) -> None:
        characters = self.source.text
        before, after = characters[start - 1 : start], characters[end : end + 1]
        last = self.tokens[-1] if self.tokens else None
        if last is not None and last.kind == "number" and last.end == start:
            message = f"`{last.text}.` has no digit after the point"
            self._fault(
                "E111", message, last.start, end, f"write `{last.text}.0`, or `{last.text}..` in a range"
            )
        elif before.isspace() or after.isspace() or not after:
            message = "a field is written without spaces around its `.`"
            self._fault("E116", message, start, end, "as in `e.h` or `W.T`")

    def _foreign(self, text: str, start: int, end: int) -> Iterator[Token]:
        meant, advice = spelling.FOREIGN[text[:3]]
        self._fault("E115", f"`{_short(text)}` is not an operator here", start, end, advice)
        yield Token("mark", meant, start, end)

    def _word(self, text: str, start: int, end: int) -> Iterator[Token]:
        last = self.tokens[-1] if self.tokens else None
        if last is not None and last.end == start and last.kind == "name":
            self._letter(f"{last.text}{text}", last.start, end)
        else:
            self._letter(text, start, end)
            yield Token("name", text, start, end)

    def _letter(self, text: str, start: int, end: int) -> None:
        advice = spelling.transcription(text)
        message = f"`{_short(text)}` holds a character that names do not have"
        note = "names are made of a to z, A to Z, 0 to 9 and `_`"
        self._fault("E109", message, start, end, advice, note)

    def _other(self, text: str, start: int, end: int) -> Iterator[Token]:
        if text in spelling.LOOKALIKES:
            meant = spelling.LOOKALIKES[text]
            message = f"`{text}` ({spelling.unicode_name(text)}) is not a character of the language"
            self._fault("E109", message, start, end, f"write `{meant}`")
            yield Token("mark", meant, start, end)
        elif not text.isprintable():
            self._unprintable(text, start)
        elif text == "'":
            last = self.tokens[-1] if self.tokens else None
            if last is not None and last.end == start:
                self._transposed(last, start)
            else:
                self._fault("E114", "this `'` has no partner", start, end, "texts stand in double quotes")
        elif text == ";":
            self._fault("E117", "`;` does not separate anything here", start, end, "begin a new line instead")
        else:
            advice = spelling.HINTS.get(text, "")
            self._fault("E109", f"`{text}` is not a character of the language", start, end, advice)
            # It stands for an operand, so that the line ends where it seems to end.
            yield Token("name", text, start, end)

    def _transposed(self, operand: Token, start: int) -> None:
        advice = f"the transpose of `{operand.text}` is `{operand.text}.T`" if operand.kind == "name" else ""
        self._fault("E114", "`'` is not an operator here", start, start + 1, advice)

    def _check_comment(self, text: str, start: int) -> None:
        for offset, character in enumerate(text):
            # Marks that reorder what is shown can make a comment look like code, and code like a comment.
            if (character < " " and character != "\t") or character in spelling.REORDERING:
                self._unprintable(character, start + offset)
                return

    def _unprintable(self, character: str, start: int) -> None:
        message = f"a character that cannot be seen: {spelling.unicode_name(character)}"
        advice = "write a plain space" if character.isspace() else "delete it"
        self._fault("E110", message, start, start + 1, advice)


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
