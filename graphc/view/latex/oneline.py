"""Formulas as one line of Unicode, with names and positions as the spec has them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from graphc.view.latex.style import plain_number


class Plain:
    """One line of Unicode, for a panel."""

    times = " · "
    dot = " · "
    space = " · "
    one = "1"
    any = "·"

    def name(self, name: str, subscripts: Sequence[str], *, bar: bool = False, example: bool = False) -> str:
        head, dot, word = name.rpartition(".")
        if bar:
            word = word + "\u0304" if len(word) == 1 else "".join(c + "\u0305" for c in word)
        return head + dot + word + (f"[{','.join(subscripts)}]" if subscripts else "")

    def number(self, value: float) -> str:
        return plain_number(value).replace("inf", "∞")

    def size(self, expression: str) -> str:
        return expression

    def fraction(self, above: str, below: str) -> str:
        return f"{_together(above)} / {_together(below)}"

    def power(self, base: str, exponent: str) -> str:
        return f"{base}²" if exponent == "2" else f"{base}^{_together(exponent)}"

    def function_power(self, text: str, exponent: str) -> str | None:
        return None

    def transposed(self, x: str) -> str:
        return f"{x}ᵀ"

    def below(self, x: str, subscript: str) -> str:
        return f"{x}[{subscript}]"

    def root(self, x: str) -> str:
        return f"√({x})"

    def function(self, name: str, arguments: Sequence[str], below: str = "") -> str:
        sign = ("σ" if name == "sigmoid" else name) + (f"[{below}]" if below else "")
        return f"{sign}({', '.join(arguments)})" if arguments else sign

    def applied(self, name: str, argument: str, below: str = "") -> str:
        return self.function(name, [argument], below)

    def derivative(self, name: str, argument: str, below: str = "") -> str:
        return f"D{self.function(name, [argument], below)}"

    def parentheses(self, x: str) -> str:
        return f"({x})"

    def absolute(self, x: str) -> str:
        return f"|{x}|"

    def norm(self, x: str, is_matrix: bool) -> str:
        return f"‖{x}‖"

    def indicator(self, condition: str) -> str:
        return f"[{condition}]"

    def cases(self, x: str, condition: str, y: str) -> str:
        return f"({x} if {condition}, else {y})"

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        return "[" + ", ".join(f"[{', '.join(row)}]" if len(row) > 1 else row[0] for row in rows) + "]"

    def total(self, sign: str, index: str, lo: str, hi: str) -> str:
        return f"{_SIGNS.get(sign, sign)}[{index}={lo}..{hi}]"

    def over(self, sign: str, letters: Sequence[str]) -> str:
        return f"{_SIGNS.get(sign, sign)}[{','.join(letters)}]"

    def star(self, settings: str) -> str:
        return f" ⋆[{settings}] " if settings else " ⋆ "

    def at(self, x: str, where: str) -> str:
        return f"{x}|{where}"

    def unit(self, place: str) -> str:
        return f"e[{place}]"

    def relation(self, op: str) -> str:
        signs = {"<=": "≤", ">=": "≥", "!=": "≠", "==": "="}
        return f" {signs.get(op, op)} "


_SIGNS = {"sum": "Σ", "prod": "Π"}


def _together(text: str) -> str:
    return text if re.fullmatch(r"[^\s()]+|\([^()]*\)|[^\s()]+\([^()]*\)", text) else f"({text})"
