"""How formulas look: as LaTeX for a page, as one line of Unicode for a panel.

A `Writer` (`writer.py`) decides what is written, where parentheses stand and what is transposed; a style
knows how each piece is spelled (`typeset.py`, `oneline.py`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Protocol

_SMALL = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi"
)
_LARGE = "chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
GREEK = frozenset(f"{_SMALL} {_LARGE}".split())
_LARGEST = 1e12
_ACCENTS = ("hat", "tilde")
_WORDS = r"(?:in|out|rec|enc|dec|att|emb|[a-z]{2})"
_DIGITS = re.compile(r"([A-Za-z]|[a-z]+?)(\d+)")
_LETTER_BELOW = re.compile(rf"([A-Zb])([a-z])|([WU])({_WORDS})|([Vb])(in|out|rec|enc|dec|ih|hh|xh|hx|hy|ho)")
"""`Wf`, `by`, `Wout`, `Whh`: a letter with what stands below it. Other capitals may begin words: `Emb`."""


class Style(Protocol):
    """The spelling of pieces; arguments are pieces already written."""

    times: str
    """Between tensors, element by element."""
    dot: str
    """Between numbers."""
    space: str
    one: str
    any: str
    """In the place of an index that stands for all."""

    def name(self, name: str, subscripts: Sequence[str], *, bar: bool, example: bool) -> str: ...
    def number(self, value: float) -> str: ...
    def fraction(self, above: str, below: str) -> str: ...
    def power(self, base: str, exponent: str) -> str: ...
    def transposed(self, x: str) -> str: ...
    def below(self, x: str, subscript: str) -> str: ...
    def root(self, x: str) -> str: ...
    def function(self, name: str, arguments: Sequence[str], below: str = "") -> str: ...
    def applied(self, name: str, argument: str, below: str = "") -> str: ...
    def function_power(self, text: str, exponent: str) -> str | None: ...
    def derivative(self, name: str, argument: str, below: str = "") -> str: ...
    def parentheses(self, x: str) -> str: ...
    def absolute(self, x: str) -> str: ...
    def norm(self, x: str, is_matrix: bool) -> str: ...
    def star(self, settings: str) -> str: ...
    def over(self, sign: str, letters: Sequence[str]) -> str: ...
    def total(self, sign: str, index: str, lo: str, hi: str) -> str: ...
    def cases(self, x: str, condition: str, y: str) -> str: ...
    def indicator(self, condition: str) -> str: ...
    def at(self, x: str, where: str) -> str: ...
    def unit(self, place: str) -> str: ...
    def relation(self, op: str) -> str: ...
    def size(self, expression: str) -> str: ...
    def matrix(self, rows: Sequence[Sequence[str]]) -> str: ...


def parts(name: str) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
    """A name's letter or word, its accent, what stands below and what above it.

    `yhat` is a y with a hat, `Wf` a W with an f below, `rnn.h` an h of rnn, `h~a` an a of h.
    """
    above: tuple[str, ...] = ()
    if "~" in name:
        name, letter = name.split("~")
        word = letter.rstrip("0123456789")
        return word, "", tuple(filter(None, [letter[len(word) :]])), (name,)
    if "." in name:
        layer, name = name.rsplit(".", 1)
        above = (layer,)
    head, *below = [part for part in name.split("_") if part] or ["_"]
    base, accent = head, ""
    for mark in _ACCENTS:
        if head.endswith(mark) and len(head) > len(mark):
            base, accent = head[: -len(mark)], mark
    if base not in GREEK and (found := _DIGITS.fullmatch(base) or _LETTER_BELOW.fullmatch(base)):
        base, more = filter(None, found.groups())
        below = [more, *below]
    return base, accent, tuple(below), above


def plain_number(value: float) -> str:
    """The number in up to twelve digits: 2, 0.5, 1e-05."""
    value = float(f"{value:.12g}")
    return (
        str(int(value))
        if math.isfinite(value) and value.is_integer() and abs(value) < _LARGEST
        else repr(value)
    )
