"""Rows of an `align*`: equations that are too wide for a page go on in the next row.

LaTeX breaks no row of `align*` by itself, and what breaks formulas automatically is known neither to KaTeX
nor to MathJax. So widths are estimated here, in em of the text's font.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PAGE = 46.0
"""The text of a page of 17 cm in letters of 10 pt, less what an estimate may be wrong by."""
_LETTER, _UPRIGHT, _SIGN, _SCRIPT = 0.56, 0.5, 1.2, 0.72
_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|\s+|.", re.DOTALL)
_WIDTHS = {
    r"\,": 0.17,
    r"\ ": 0.33,
    r"\quad": 1.0,
    r"\sum": 1.45,
    r"\prod": 1.3,
    r"\odot": 1.3,
    r"\cdot": 0.75,
    r"\star": 1.1,
    r"\dots": 1.2,
    r"\top": 0.78,
    r"\tanh": 2.05,
    r"\log": 1.35,
    r"\exp": 1.55,
    r"\max": 1.75,
    r"\min": 1.6,
    r"\in": 1.2,
    r"\leq": 1.3,
    r"\geq": 1.3,
    r"\neq": 1.3,
    r"\sim": 1.3,
}
_LIMITS = {r"\sum", r"\prod", r"\max", r"\min"}
_ENVIRONMENT = re.compile(r"\\begin\{\w+\}(.*?)\\end\{\w+\}", re.DOTALL)
_NOTHING = {r"\left", r"\right", r"\mathopen", r"\\", "&"}
_WRAPPING = {r"\bar", r"\hat", r"\tilde", r"\overline", r"\widehat", r"\widetilde", r"\sqrt", r"\text"}
_FONTS = {r"\mathrm", r"\mathbf", r"\operatorname", r"\mathbb"}


@dataclass(frozen=True)
class Line:
    """One equation: both sides, and what stands behind it (for which steps it holds)."""

    left: str
    right: str
    note: str = ""
    sign: str = "="


def aligned(lines: Sequence[Line]) -> str:
    """The rows of an `align*` environment, none wider than a page where signs let it be broken."""
    left = max(width(line.left + line.sign) for line in lines) + 1.0
    note = max(width(line.note) for line in lines)
    room = PAGE - left - (note + 2.0 if note else 0.0)
    return " \\\\\n".join(row for line in lines for row in _rows(line, room))


def _rows(line: Line, room: float) -> Iterator[str]:
    first, *more = broken(line.right, room)
    note = rf" && {line.note}" if line.note else ""
    yield f"  {line.left} &{line.sign} {first}" + ("" if more else note)
    for number, part in enumerate(more):
        yield rf"  &\quad {part}" + (note if number == len(more) - 1 else "")


def broken(text: str, room: float) -> list[str]:
    """A right side in parts of at most `room` em, as far as it has places to break at.

    These are signs of sums and commas between names, first outside of all parentheses, then inside.
    """
    if width(text) <= room:
        return [text]
    for is_inside, signs in ((False, _SUMS), (True, _SUMS), (True, _PRODUCTS)):
        places = [p for p, depth in _places(text, signs) if is_inside or not depth]
        fitting = [p for p in places if width(text[:p]) <= room]
        if fitting:
            return _broken_at(text, fitting[-1], room)
    # What is too wide by itself has a row of its own.
    outer = [p for p, depth in _places(text, _SUMS) if not depth]
    return _broken_at(text, outer[0], room) if outer else [text]


def _broken_at(text: str, place: int, room: float) -> list[str]:
    rest = text[place:].lstrip()
    start = "{} " if rest.startswith(("+", "-", "=", r"\odot")) else ""
    return [text[:place].rstrip(), *broken(start + rest, room - 1.0)]


_SUMS = re.compile(r" [+=-] |(?<=[^\\],) ")
_PRODUCTS = re.compile(r" \\odot ")
_OPENING, _CLOSING = re.compile(r"\{|\\left\b|\\begin"), re.compile(r"\}|\\right\b|\\end")


def _places(text: str, signs: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    """Where signs stand outside of braces and of brackets that grow, and in how many parentheses."""
    for found in signs.finditer(text):
        before = text[: found.start()]
        is_open = len(_OPENING.findall(before)) != len(_CLOSING.findall(before))
        depth = before.count("(") - before.count(")") + before.count("[") - before.count("]")
        if before and not is_open and before.strip() != "{}":
            yield found.start(), depth


# --------------------------------------------------------------------------------------------- widths


def width(text: str) -> float:
    """About how wide a formula is, in em."""
    flat = _ENVIRONMENT.sub(lambda found: max(found[1].split(r"\\"), key=width) + r"\quad", text)
    return _Measure(_TOKEN.findall(flat)).sequence()


class _Measure:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0

    def sequence(self, letter: float = _LETTER) -> float:
        """Up to the end or a closing brace."""
        total = 0.0
        while self.at < len(self.tokens) and self.tokens[self.at] != "}":
            total += self._next(letter)
        return total

    def _next(self, letter: float) -> float:
        token = self.tokens[self.at]
        self.at += 1
        if token in "_^":
            return self._scripts(token)
        if token == "{":
            inner = self.sequence(letter)
            self.at += 1
            return inner
        if token == r"\frac":
            return max(self._argument(letter), self._argument(letter)) + 0.25
        if token in _WRAPPING:
            return self._argument(letter) + (0.85 if token == r"\sqrt" else 0.0)
        if token in _FONTS:
            return self._argument(_UPRIGHT)
        if token in _LIMITS:
            return max(_WIDTHS[token], self._argument(letter) if self._is_script() else 0.0)
        if token in _NOTHING or token.isspace():
            return 0.0
        default = _SIGN if token in "+-=<>" else 0.4 if token in "()[],." else letter
        return _WIDTHS.get(token, default * 1.3 if token.isupper() else default)

    def _argument(self, letter: float) -> float:
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1
        return self._next(letter) if self.at < len(self.tokens) else 0.0

    def _is_script(self) -> bool:
        return self.at < len(self.tokens) and self.tokens[self.at] in "_^"

    def _scripts(self, first: str) -> float:
        """Those below and above stand over each other."""
        widths = [self._argument(_LETTER)]
        if self._is_script() and self.tokens[self.at] != first:
            self.at += 1
            widths.append(self._argument(_LETTER))
        return max(widths) * _SCRIPT
