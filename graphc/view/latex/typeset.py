"""Formulas as LaTeX. The commands are those that KaTeX and MathJax have too."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from graphc.view.latex.style import GREEK, parts, plain_number

_KNOWN = {"tanh", "exp", "log", "sin", "cos", "max", "min"}
_APPLIED = {"tanh", "exp", "log", "sin", "cos"}
"""Functions that need no parentheses around a name; others are read as a factor without them."""
_SIGNS = {"sigmoid": r"\sigma"}
_TALL = re.compile(r"\\(?:frac|sum|prod|begin|left|sqrt)(?![a-zA-Z])")
"""What parentheses have to grow around."""
_CALL = re.compile(r"(\\(?!left)[a-zA-Z]+(?:\{[^{}]*\})?)((?:\\mathopen\{\}\\left)?\(.*\))")


class Latex:
    """LaTeX, with names as variables: Greek letters, hats, words upright."""

    def __init__(self, whole: Collection[str] = ()) -> None:
        """`whole` are names that are not taken apart: h1 where an h has positions, and so an h at 1."""
        self.whole = whole

    times = r" \odot "
    dot = r" \cdot "
    space = r" \, "
    one = r"\mathbf{1}"
    any = r"\cdot"

    # -------------------------------------------------------------------------------------- names

    def name(self, name: str, subscripts: Sequence[str], *, bar: bool = False, example: bool = False) -> str:
        """`W1` as W with a 1 below, with positions behind it; the layer and the example above."""
        base, accent, below, above = parts(name)
        if name in self.whole:
            base, accent, below = name.rpartition(".")[2], "", ()
        text = self._accented(self._letter(base), accent, len(base) == 1 or base in GREEK)
        if bar:
            text = rf"\bar{{{text}}}" if len(base) == 1 or base in GREEK else rf"\overline{{{text}}}"
        lower = ", ".join([*(self._letter(part) for part in below), *subscripts])
        if "~" in name:
            upper = self._source(above[0], example)
        else:
            upper = "".join(rf"(\mathrm{{{self.escaped(layer)}}})" for layer in above) + "(b)" * example
        return text + (f"_{{{lower}}}" if lower else "") + (f"^{{{upper}}}" if upper else "")

    def _source(self, equation: str, example: bool) -> str:
        """What stands above a value on the way: the equation's name, of a boundary with its positions."""
        name, _, positions = equation.removesuffix("]").partition("[")
        layer, _, word = name.rpartition(".")
        text = self.name(word, [positions] if positions else [])
        return text + (rf"(\mathrm{{{self.escaped(layer)}}})" if layer else "") + "(b)" * example

    def _accented(self, text: str, accent: str, is_letter: bool) -> str:
        if not accent:
            return text
        return rf"\{accent}{{{text}}}" if is_letter else rf"\wide{accent}{{{text}}}"

    def _letter(self, text: str) -> str:
        if text in GREEK:
            return rf"\{text}"
        if len(text) == 1 or text.isdigit():
            return self.escaped(text)
        return rf"\mathrm{{{self.escaped(text)}}}"

    def escaped(self, text: str) -> str:
        """Text in which no character is a command."""
        marks = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
        return "".join(marks.get(c, f"\\{c}" if c in "#$%&_{}" else c) for c in text)

    def number(self, value: float) -> str:
        """`10^{-5}` rather than 1e-05."""
        text = plain_number(value).replace("inf", r"\infty")
        mantissa, e, exponent = text.partition("e")
        if not e:
            return text
        power = f"10^{{{int(exponent)}}}"
        return power if mantissa == "1" else rf"{mantissa} \cdot {power}"

    def size(self, expression: str) -> str:
        """A dim, `2 H`."""
        return re.sub(
            r"[A-Za-z_]\w*", lambda found: self.name(found[0], ()), expression.replace("*", r" \, ")
        )

    # --------------------------------------------------------------------------------- arithmetic

    def fraction(self, above: str, below: str) -> str:
        return rf"\frac{{{above}}}{{{below}}}"

    def power(self, base: str, exponent: str) -> str:
        return f"{base}^{{{exponent}}}"

    def function_power(self, text: str, exponent: str) -> str | None:
        """`\\tanh^2(c)` for a whole power of a function's value; None for what is none."""
        found = _CALL.fullmatch(text)
        return f"{found[1]}^{{{exponent}}}{found[2]}" if found and exponent.isdigit() else None

    def transposed(self, x: str) -> str:
        """With the sign behind a layer's name that stands above; around another superscript parentheses."""
        scripts = last_scripts(x)
        if scripts.endswith(")}"):
            return rf"{x[:-1]}\top}}"
        return rf"{self.parentheses(x)}^{{\top}}" if "^{" in scripts else rf"{x}^{{\top}}"

    def below(self, x: str, subscript: str) -> str:
        scripts = last_scripts(x)
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

    # ---------------------------------------------------------------------- functions and brackets

    def function(self, name: str, arguments: Sequence[str], below: str = "") -> str:
        sign = self._function(name) + (f"_{{{below}}}" if below else "")
        if not arguments:
            return sign
        inner = self.parentheses(", ".join(arguments))
        # What grows is set apart from what stands before it, as no argument of a function is.
        return sign + (r"\mathopen{}" if inner.startswith(r"\left") else "") + inner

    def applied(self, name: str, argument: str, below: str = "") -> str:
        if name not in _APPLIED or below:
            return self.function(name, [argument], below)
        return f"{self._function(name)} {argument}"

    def _function(self, name: str) -> str:
        if name in _KNOWN:
            return rf"\{name}"
        if name.startswith("log "):
            return r"\log" + self._function(name.removeprefix("log "))
        return _SIGNS.get(name, rf"\operatorname{{{self.escaped(name.replace(' ', ''))}}}")

    def derivative(self, name: str, argument: str, below: str = "") -> str:
        return rf"\mathrm{{D}}{self.function(name, [argument], below)}"

    def parentheses(self, x: str) -> str:
        return rf"\left({x}\right)" if _TALL.search(x) else f"({x})"

    def absolute(self, x: str) -> str:
        return self._between(r"\lvert", x, r"\rvert")

    def norm(self, x: str, is_matrix: bool) -> str:
        return self._between(r"\lVert", x, r"\rVert") + ("_{F}" if is_matrix else "")

    def _between(self, left: str, x: str, right: str) -> str:
        return rf"\left{left} {x} \right{right}" if _TALL.search(x) else f"{left} {x} {right}"

    def indicator(self, condition: str) -> str:
        return rf"\left[{condition}\right]" if _TALL.search(condition) else f"[{condition}]"

    def cases(self, x: str, condition: str, y: str) -> str:
        inner = rf"{x} & \text{{if }} {condition} \\ {y} & \text{{otherwise}}"
        return rf"\begin{{cases}} {inner} \end{{cases}}"

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        inner = r" \\ ".join(" & ".join(row) for row in rows)
        return rf"\begin{{bmatrix}} {inner} \end{{bmatrix}}"

    # -------------------------------------------------------------------------------------- signs

    def total(self, sign: str, index: str, lo: str, hi: str) -> str:
        return rf"\{sign}_{{{index}={lo}}}^{{{hi}}}"

    def over(self, sign: str, letters: Sequence[str]) -> str:
        return rf"\{sign}_{{{', '.join(letters)}}}"

    def star(self, settings: str) -> str:
        return rf" \star_{{{settings}}} " if settings else r" \star "

    def at(self, x: str, where: str) -> str:
        return rf"\left. {x} \right|_{{{where}}}"

    def unit(self, place: str) -> str:
        return rf"\mathbf{{e}}_{{{place}}}"

    def relation(self, op: str) -> str:
        signs = {"==": "=", "!=": r"\neq", "<=": r"\leq", ">=": r"\geq", "and": r"\wedge", "or": r"\vee"}
        return f" {signs.get(op, op)} "


def last_scripts(text: str) -> str:
    """The sub- and superscripts at the very end of a piece."""
    found = re.search(r"((?:[_^]\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})*)$", text)
    return found[1] if found else ""
