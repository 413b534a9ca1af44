"""Logical lines: which words make up one statement, and which lines stand in its braces.

A newline ends a statement except inside `()` and `[]`, after a word that cannot end one, and before a word
that cannot begin one. Brackets are matched here, with a guess at where a forgotten one belongs, so that one
forgotten bracket is one fault and the lines behind it are still looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Literal

from graphc.diagnostics import Diagnostic, GraphcError, Label, Source, Span
from graphc.frontend.scanner import Scan, Token

DEEPEST = 100
"""How deeply brackets of all kinds may nest."""

Mode = Literal["statements", "items"]

KEYWORDS: dict[str, Mode | None] = {
    "dim": None,
    "axis": None,
    "input": None,
    "frozen": None,
    "param": None,
    "noise": None,
    "running": None,
    "layer": None,
    "block": "statements",
    "optimizer": "statements",
    "import": None,
    "output": None,
    "minimize": None,
    "report": None,
    "check": "items",
    "data": "items",
    "fit": "items",
    "generate": "statements",
}
"""The words that begin a statement, and what stands in its braces: statements, or items with commas."""

COMPARISONS = frozenset(["==", "!=", "<", "<=", ">", ">="])
OPERATORS = COMPARISONS | {"+", "-", "*", "/", "@", "^", "and", "or"}
_JOINING = OPERATORS | {"=", "~", ":", "..", "~=", "+-"}
_CANNOT_END = _JOINING | {",", ".", "not"}
_CANNOT_BEGIN = _JOINING | {",", "{"}
_PAIRS = {"(": ")", "[": "]", "{": "}"}


@dataclass
class Line:
    """The words of one statement up to its brace or its end; `body` is what stands in the braces."""

    tokens: list[Token] = field(default_factory=list)
    body: list[Line] | None = None
    brace: Token | None = None
    end: int = 0
    faulty: bool = False

    @property
    def start(self) -> int:
        return self.tokens[0].start if self.tokens else (self.brace.start if self.brace else self.end)

    @property
    def keyword(self) -> str:
        """The word that begins it, if it is one of the language's, or else nothing."""
        return self.tokens[0].text if self.tokens and self.tokens[0].text in KEYWORDS else ""


def split(scan: Scan) -> tuple[list[Line], list[Diagnostic]]:
    """The logical lines of a text, and what is wrong with its brackets."""
    splitter = _Splitter(scan)
    try:
        lines = splitter.lines("statements", None, 0)
    except GraphcError as error:
        return [], [*splitter.faults, *error.diagnostics]
    return lines, splitter.faults


def body_mode(word: str) -> Mode:
    """What stands in the braces behind `word`, which may be misspelt."""
    if word not in KEYWORDS:
        word = next(iter(get_close_matches(word, KEYWORDS, n=1)), word)
    return KEYWORDS.get(word) or "statements"


class _Splitter:
    def __init__(self, scan: Scan) -> None:
        self.source: Source = scan.source
        self.tokens = scan.tokens
        self.index = 0
        self.faults: list[Diagnostic] = []
        self.unclosed = _unclosed_braces(scan.tokens)

    # -------------------------------------------------------------------------------- lines

    def lines(self, mode: Mode, head: Line | None, depth: int) -> list[Line]:
        """The lines up to the `}` that closes the braces of `head`, or up to the end of the text."""
        found: list[Line] = []
        separated = False
        while (token := self._peek()) is not None:
            if token.kind == "newline":
                self.index += 1
            elif token.text == "}" and head is not None:
                break
            elif token.text == "}":
                self.index += 1
                self._fault("E107", "this `}` closes nothing", token)
            elif mode == "items" and token.text == ",":
                self.index += 1
                if separated or not found:
                    self._fault("E101", "before this `,` something is missing", token)
                separated = True
                continue
            elif head is not None and self._is_forgotten(head, token):
                break
            else:
                found.append(self._line(mode, depth))
                separated = False
        return found

    def _line(self, mode: Mode, depth: int) -> Line:
        line = Line()
        open_brackets: list[Token] = []
        while (token := self._peek()) is not None:
            if token.text == "{" or token.text == "}":
                if open_brackets:
                    self._unclosed_bracket(line, open_brackets)
                if token.text == "{":
                    self._body(line, token, mode, depth + 1)
                break
            if token.kind == "newline":
                if self._ends(line, open_brackets, mode):
                    break
            elif token.text == "," and mode == "items" and not open_brackets:
                break
            else:
                self._bracket(line, open_brackets, token, depth)
                line.tokens.append(token)
                line.end = token.end
            self.index += 1
        if open_brackets:
            self._unclosed_bracket(line, open_brackets)
        return line

    def _body(self, line: Line, brace: Token, mode: Mode, depth: int) -> None:
        if depth > DEEPEST:
            raise GraphcError(self._too_deep(brace))
        self.index += 1
        line.brace = brace
        line.body = self.lines(body_mode(line.tokens[0].text if line.tokens else ""), line, depth)
        closing = self._peek()
        if closing is None or closing.text != "}":
            self._fault("E106", "this `{` is never closed", brace, help="close it with `}`")
            line.end = line.body[-1].end if line.body else brace.end
            return
        self.index += 1
        line.end = closing.end
        after = self._peek()
        if after is not None and after.kind != "newline" and after.text not in ("}", ","):
            message = f"after `}}` a new line begins, but `{after.text}` follows"
            self._fault("E117", message, after, help="put it on a line of its own")
        elif after is not None and after.text == "," and mode != "items":
            self.index += 1
            self._fault("E101", "no `,` stands between statements", after, help="begin a new line")

    # -------------------------------------------------------------------------------- line ends

    def _ends(self, line: Line, open_brackets: list[Token], mode: Mode) -> bool:
        following = self._following()
        if following is None:
            return True
        token = self.tokens[following]
        last = line.tokens[-1].text if line.tokens else ""
        waiting = last in ("", ",", "(", "[")
        if self._column(token) <= self._column(line.tokens[0]) and self._begins(following, not waiting):
            return True
        if open_brackets or last in _CANNOT_END:
            return False
        if token.text == "over" and line.keyword == "minimize":
            return False
        return token.text not in _CANNOT_BEGIN or (token.text == "," and mode == "items")

    def _following(self) -> int | None:
        for index in range(self.index, len(self.tokens)):
            if self.tokens[index].kind != "newline":
                return index
        return None

    def _begins(self, index: int, equations: bool) -> bool:
        """Whether a statement surely begins at a word: a declaration, or (if asked) an equation."""
        token = self.tokens[index]
        after = self.tokens[index + 1] if index + 1 < len(self.tokens) else None
        if token.kind != "name" or after is None:
            return False
        if token.text in KEYWORDS and (after.kind in ("name", "string") or after.text == "{"):
            return True
        return equations and self._is_equation(index + 1)

    def _is_equation(self, index: int) -> bool:
        depth = 0
        for token in self.tokens[index : index + 40]:
            if token.kind == "newline":
                return False
            depth += (token.text in ("(", "[")) - (token.text in (")", "]"))
            if depth == 0 and token.text not in (")", "]"):
                return token.text in ("=", "~=", ":")
        return False

    def _is_forgotten(self, head: Line, token: Token) -> bool:
        """Whether the `}` of a brace that is never closed belongs in front of this word."""
        assert head.brace is not None
        if self._column(token) > self._column(head.tokens[0] if head.tokens else head.brace):
            return False
        items = KEYWORDS.get(head.keyword) == "items"
        unclosed = head.brace.start in self.unclosed
        # No declaration can stand among items, so there it tells even if another `}` follows somewhere.
        return (items or unclosed) and self._begins(self.index, equations=items and unclosed)

    # -------------------------------------------------------------------------------- brackets

    def _bracket(self, line: Line, open_brackets: list[Token], token: Token, depth: int) -> None:
        if token.text in ("(", "["):
            open_brackets.append(token)
            if len(open_brackets) + depth == DEEPEST + 1:
                self.faults.append(self._too_deep(token))
                line.faulty = True
        elif token.text in (")", "]"):
            if not open_brackets:
                self._fault("E104", f"this `{token.text}` closes nothing", token)
                line.faulty = True
            elif _PAIRS[open_brackets[-1].text] == token.text:
                open_brackets.pop()
            else:
                self._mismatch(line, open_brackets, token)

    def _mismatch(self, line: Line, open_brackets: list[Token], token: Token) -> None:
        opening = open_brackets[-1]
        expected = _PAIRS[opening.text]
        label = Label(self._span(opening), f"`{opening.text}` is open since here")
        message = f"expected `{expected}`, found `{token.text}`"
        self.faults.append(Diagnostic("E105", message, self._span(token), labels=(label,)))
        line.faulty = True
        kinds = [bracket.text for bracket in open_brackets]
        partner = "(" if token.text == ")" else "["
        keep = len(kinds) - 1 - kinds[::-1].index(partner) if partner in kinds else len(kinds) - 1
        del open_brackets[keep:]

    def _unclosed_bracket(self, line: Line, open_brackets: list[Token]) -> None:
        opening = open_brackets[-1]
        message = f"this `{opening.text}` is never closed"
        # A line that is refused for its depth has had its message.
        if not line.faulty:
            self._fault("E103", message, opening, help=f"close it with `{_PAIRS[opening.text]}`")
        line.faulty = True
        open_brackets.clear()

    def _too_deep(self, token: Token) -> Diagnostic:
        message = f"brackets nest more than {DEEPEST} deep here"
        advice = "give a part of it a name, in an equation of its own"
        return Diagnostic("E108", message, self._span(token), help=advice)

    # -------------------------------------------------------------------------------- small things

    def _peek(self) -> Token | None:
        return self.tokens[self.index] if self.index < len(self.tokens) else None

    def _column(self, token: Token) -> int:
        return token.start - self.source.text.rfind("\n", 0, token.start)

    def _span(self, token: Token) -> Span:
        return Span(self.source, token.start, token.end)

    def _fault(self, code: str, message: str, token: Token, help: str = "") -> None:
        self.faults.append(Diagnostic(code, message, self._span(token), help=help))


def _unclosed_braces(tokens: list[Token]) -> set[int]:
    open_braces: list[int] = []
    for token in tokens:
        if token.text == "{" and token.kind == "mark":
            open_braces.append(token.start)
        elif token.text == "}" and token.kind == "mark" and open_braces:
            open_braces.pop()
    return set(open_braces)
