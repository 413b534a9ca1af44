"""How formulas look: as LaTeX for a page, as one line of Unicode for a panel.

A `Writer` (`writer.py`) decides what is written, where parentheses stand and what is transposed; a style
knows how each piece is spelled. LaTeX commands are those that KaTeX has too.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Sequence
from typing import Protocol

_SMALL = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi"
)
_LARGE = "chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
GREEK = frozenset(f"{_SMALL} {_LARGE}".split())
_LARGEST = 1e12
ACCENTS = ("hat", "tilde")
_KNOWN = {"tanh", "exp", "log", "sin", "cos", "max", "min"}


class Style(Protocol):
    """The spelling of pieces; arguments are pieces already written."""

    times: str
    """Between tensors, element by element."""
    star: str
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
    def parentheses(self, x: str) -> str: ...
    def absolute(self, x: str) -> str: ...
    def total(self, sign: str, index: str, lo: str, hi: str) -> str: ...
    def cases(self, x: str, condition: str, y: str) -> str: ...
    def indicator(self, condition: str) -> str: ...
    def unit(self, place: str) -> str: ...
    def relation(self, op: str) -> str: ...
    def size(self, expression: str) -> str: ...
    def adjoint(self, name: str, operand: str) -> str: ...
    def matrix(self, rows: Sequence[Sequence[str]]) -> str: ...


def parts(name: str) -> tuple[str, str, tuple[str, ...], tuple[str, ...]]:
    """A name's letter or word, its accent, what stands below and what above it.

    `yhat` is a y with a hat, `Wf` a W with an f below, `rnn.h` an h of rnn, `h~a` an a of h.
    """
    above: tuple[str, ...] = ()
    if "~" in name:
        name, letter = name.split("~")
        return letter, "", (), (name,)
    if "." in name:
        layer, name = name.rsplit(".", 1)
        above = (layer,)
    head, *below = [part for part in name.split("_") if part] or ["_"]
    base, accent = head, ""
    for mark in ACCENTS:
        if head.endswith(mark) and len(head) > len(mark):
            base, accent = head[: -len(mark)], mark
    if base not in GREEK and (found := re.fullmatch(r"([A-Za-z]|[a-z]+?)(\d+)|([A-Zb])([a-z])", base)):
        base, digit = found[1] or found[3], found[2] or found[4]
        below = [digit, *below]
    return base, accent, tuple(below), above


class Latex:
    """LaTeX, with names as variables: Greek letters, hats, words upright."""

    def __init__(self, whole: Collection[str] = ()) -> None:
        """`whole` are names that are not taken apart: h1 where an h has positions, and so an h at 1."""
        self.whole = whole

    times = r" \odot "
    star = r" \star "
    dot = r" \cdot "
    space = r" \, "
    one = r"\mathbf{1}"
    any = r"\cdot"

    def name(self, name: str, subscripts: Sequence[str], *, bar: bool = False, example: bool = False) -> str:
        """`W1` as W with a 1 below, with positions behind it; the layer and the example above."""
        base, accent, below, above = parts(name)
        if name in self.whole:
            base, accent, below = name.rpartition(".")[2], "", ()
        text = self._letter(base)
        if accent:
            text = rf"\{accent}{{{text}}}" if len(base) == 1 or base in GREEK else rf"\wide{accent}{{{text}}}"
        if bar:
            text = rf"\bar{{{text}}}" if len(base) == 1 or base in GREEK else rf"\overline{{{text}}}"
        lower = ", ".join([*(self._letter(part) for part in below), *subscripts])
        uppers = [self._above(part) for part in above] + (["(b)"] if example else [])
        return text + (f"_{{{lower}}}" if lower else "") + (f"^{{{','.join(uppers)}}}" if uppers else "")

    def _above(self, part: str) -> str:
        layer, _, name = part.rpartition(".")
        base, accent, below, _ = parts(name)
        text = self._letter(base)
        if accent:
            text = rf"\{accent}{{{text}}}"
        if below:
            text += f"_{{{', '.join(map(self._letter, below))}}}"
        return f"{text},{self._letter(layer)}" if layer else text

    def _letter(self, text: str) -> str:
        if text in GREEK:
            return rf"\{text}"
        if len(text) == 1 or text.isdigit():
            return self.escaped(text)
        return rf"\mathrm{{{self.escaped(text)}}}"

    def escaped(self, text: str) -> str:
        """Text in which no character is a command."""
        marks = {"\\": r"\backslash ", "^": r"\hat{}", "~": r"\sim "}
        return "".join(marks.get(c, f"\\{c}" if c in "#$%&_{}" else c) for c in text)

    def number(self, value: float) -> str:
        """`10^{-5}` rather than 1e-05."""
        text = plain_number(value).replace("inf", r"\infty")
        mantissa, e, exponent = text.partition("e")
        if not e:
            return text
        power = f"10^{{{int(exponent)}}}"
        return power if mantissa == "1" else rf"{mantissa} \cdot {power}"

    def fraction(self, above: str, below: str) -> str:
        return rf"\frac{{{above}}}{{{below}}}"

    def power(self, base: str, exponent: str) -> str:
        return f"{base}^{{{exponent}}}"

    def transposed(self, x: str) -> str:
        return rf"{x}^{{\top}}" if "^{" not in _last_scripts(x) else rf"\left({x}\right)^{{\top}}"

    def below(self, x: str, subscript: str) -> str:
        scripts = _last_scripts(x)
        start = scripts.find("_{")
        if start < 0:
            return f"{x}_{{{subscript}}}"
        # A second subscript joins the first one.
        depth, at = 1, len(x) - len(scripts) + start + 2
        while depth:
            depth += {"{": 1, "}": -1}.get(x[at], 0)
            at += 1
        return f"{x[: at - 1]}, {subscript}{x[at - 1 :]}"

    def root(self, x: str) -> str:
        return rf"\sqrt{{{x}}}"

    def function(self, name: str, arguments: Sequence[str], below: str = "") -> str:
        sign = rf"\{name}" if name in _KNOWN else rf"\operatorname{{{self.escaped(name)}}}"
        if name == "sigmoid":
            sign = r"\sigma"
        return sign + (f"_{{{below}}}" if below else "") + self.parentheses(", ".join(arguments))

    def parentheses(self, x: str) -> str:
        return rf"\left({x}\right)"

    def absolute(self, x: str) -> str:
        return rf"\left|{x}\right|"

    def total(self, sign: str, index: str, lo: str, hi: str) -> str:
        commands = {"sum": r"\sum", "prod": r"\prod", "max": r"\max", "min": r"\min"}
        return rf"{commands[sign]}_{{{index}={lo}}}^{{{hi}}}"

    def cases(self, x: str, condition: str, y: str) -> str:
        inner = rf"{x} & \text{{if }} {condition} \\ {y} & \text{{otherwise}}"
        return rf"\begin{{cases}} {inner} \end{{cases}}"

    def indicator(self, condition: str) -> str:
        return rf"\left[{condition}\right]"

    def unit(self, place: str) -> str:
        return rf"\mathbf{{e}}_{{{place}}}"

    def relation(self, op: str) -> str:
        signs = {"==": "=", "!=": r"\neq", "<=": r"\leq", ">=": r"\geq", "and": r"\wedge", "or": r"\vee"}
        return f" {signs.get(op, op)} "

    def adjoint(self, name: str, operand: str) -> str:
        return rf"\operatorname{{{name}}}_{{{operand}}}^{{\top}}"

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        inner = r" \\ ".join(" & ".join(row) for row in rows)
        return rf"\begin{{bmatrix}} {inner} \end{{bmatrix}}"

    def size(self, expression: str) -> str:
        return re.sub(
            r"[A-Za-z_]\w*", lambda found: self.name(found[0], ()), expression.replace("*", r" \, ")
        )


class Plain:
    """One line of Unicode, with names and positions as the spec has them."""

    times = " · "
    star = " ⋆ "
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

    def fraction(self, above: str, below: str) -> str:
        return f"{_together(above)} / {_together(below)}"

    def power(self, base: str, exponent: str) -> str:
        return f"{base}²" if exponent == "2" else f"{base}^{_together(exponent)}"

    def transposed(self, x: str) -> str:
        return f"{x}ᵀ"

    def below(self, x: str, subscript: str) -> str:
        return f"{x}[{subscript}]"

    def root(self, x: str) -> str:
        return f"√({x})"

    def function(self, name: str, arguments: Sequence[str], below: str = "") -> str:
        sign = "σ" if name == "sigmoid" else name
        return f"{sign}{f'[{below}]' if below else ''}({', '.join(arguments)})"

    def parentheses(self, x: str) -> str:
        return f"({x})"

    def absolute(self, x: str) -> str:
        return f"|{x}|"

    def total(self, sign: str, index: str, lo: str, hi: str) -> str:
        signs = {"sum": "Σ", "prod": "Π"}
        return f"{signs.get(sign, sign)}[{index}={lo}..{hi}]"

    def cases(self, x: str, condition: str, y: str) -> str:
        return f"({x} if {condition}, else {y})"

    def indicator(self, condition: str) -> str:
        return f"[{condition}]"

    def unit(self, place: str) -> str:
        return f"e[{place}]"

    def relation(self, op: str) -> str:
        signs = {"<=": "≤", ">=": "≥", "!=": "≠", "==": "="}
        return f" {signs.get(op, op)} "

    def adjoint(self, name: str, operand: str) -> str:
        return f"{name}ᵀ[{operand}]"

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        return "[" + ", ".join(f"[{', '.join(row)}]" for row in rows) + "]"

    def size(self, expression: str) -> str:
        return expression


def plain_number(value: float) -> str:
    """The number in up to twelve digits: 2, 0.5, 1e-05."""
    value = float(f"{value:.12g}")
    return (
        str(int(value))
        if math.isfinite(value) and value.is_integer() and abs(value) < _LARGEST
        else repr(value)
    )


def _together(text: str) -> str:
    return text if re.fullmatch(r"[^\s()]+|\([^()]*\)|[^\s()]+\([^()]*\)", text) else f"({text})"


def _last_scripts(text: str) -> str:
    """The sub- and superscripts at the very end of a piece."""
    found = re.search(r"((?:[_^]\{(?:[^{}]|\{[^{}]*\})*\})*)$", text)
    return found[1] if found else ""
