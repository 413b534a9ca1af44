"""What people write out of habit from a slide, a word processor or another language, and what is meant."""

from __future__ import annotations

import unicodedata

FOREIGN = {
    "**": ("^", "a power is written `x^2`"),
    ":=": ("=", "an equation is written with `=`"),
    "+=": ("=", "a value is defined once: give the sum a name of its own, `total = total0 + x`"),
    "-=": ("=", "a value is defined once: give the difference a name of its own"),
    "*=": ("=", "a value is defined once: give the product a name of its own"),
    "/=": ("=", "a value is defined once: give the quotient a name of its own"),
    "@=": ("=", "a value is defined once: give the product a name of its own"),
    "&&": ("and", "write `and`"),
    "||": ("or", "write `or`"),
    "=>": (">=", "`greater or equal` is `>=`"),
    "->": ("=", "an equation is written `name = value`"),
    "<-": ("=", "an equation is written `name = value`; for a comparison write `a < -b`"),
    "<>": ("!=", "`not equal` is `!=`"),
    "===": ("==", "equality is `==`"),
    "//": ("/", "a comment begins with `#`; a quotient rounded down is `floor(a / b)`"),
    "...": ("..", "a range is written with two points, `1..T`"),
}
"""Operators of other languages: the one that stands in for it while parsing goes on, and the advice."""

LOOKALIKES = {
    "\N{MINUS SIGN}": "-",
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{NON-BREAKING HYPHEN}": "-",
    "\N{HYPHEN}": "-",
    "\N{MULTIPLICATION SIGN}": "*",
    "\N{MIDDLE DOT}": "*",
    "\N{DOT OPERATOR}": "*",
    "\N{BULLET OPERATOR}": "*",
    "\N{CIRCLED DOT OPERATOR}": "*",
    "\N{ASTERISK OPERATOR}": "*",
    "\N{DIVISION SIGN}": "/",
    "\N{DIVISION SLASH}": "/",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
    "\N{NOT EQUAL TO}": "!=",
    "\N{ALMOST EQUAL TO}": "~=",
    "\N{PLUS-MINUS SIGN}": "+-",
    "\N{TILDE OPERATOR}": "~",
    "\N{HORIZONTAL ELLIPSIS}": "..",
    "\N{TWO DOT LEADER}": "..",
    "\N{LOGICAL AND}": "and",
    "\N{LOGICAL OR}": "or",
    "\N{FULLWIDTH LEFT PARENTHESIS}": "(",
    "\N{FULLWIDTH RIGHT PARENTHESIS}": ")",
    "\N{FULLWIDTH COMMA}": ",",
    "\N{FULLWIDTH EQUALS SIGN}": "=",
}
"""Characters of slides and word processors, and what the language writes for them."""

HINTS = {
    "%": "there is no percent sign: write the fraction, as in `0.2`; a comment begins with `#`",
    "&": "write `and`",
    "|": "write `or`; for the absolute value `abs(x)`",
    "!": "write `not`",
    "?": "a choice is written `where(condition, a, b)`",
    "\\": "a line goes on by itself after an operator, or inside brackets",
    "$": "names are written plainly, without a sign in front",
    "`": 'texts stand in double quotes: "..."',
    "\N{N-ARY SUMMATION}": "a sum over `t` is `sum[t](...)`",
    "\N{N-ARY PRODUCT}": "a product over `t` is `prod[t](...)`",
    "\N{SQUARE ROOT}": "write `sqrt(...)`",
    "\N{NABLA}": "a gradient in a check is `grad(W)`",
    "\N{PARTIAL DIFFERENTIAL}": "a gradient in a check is `grad(W)`",
    "\N{INFINITY}": "there is no literal for it; bounds that do not exist are left out",
    "\N{PRIME}": "a transpose is `W.T`; names cannot carry a prime",
    "\N{NOT SIGN}": "write `not`",
    "\N{ELEMENT OF}": "a type is written `x : [D]`, a draw `W ~ normal(0, 1)`",
    "\N{RIGHTWARDS ARROW}": "an equation is written `name = value`",
    "\N{LEFTWARDS ARROW}": "an equation is written `name = value`",
}
"""Other characters, and what to write instead."""

REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")

STATEMENTS = {
    "let": "an equation is written `name = value`",
    "var": "an equation is written `name = value`",
    "const": "an equation is written `name = value`; a size is a `dim`",
    "def": "a function is written `f(x) = ...`, a block of layers `block Name(D) { ... }`",
    "fn": "a function is written `f(x) = ...`",
    "function": "a function is written `f(x) = ...`",
    "class": "layers with weights of their own are a `block Name(D) { ... }`",
    "model": "a file is the model; a part with weights of its own is a `block Name(D) { ... }`",
    "for": "there are no loops: declare `axis t = 1..T` and write the equation of one step",
    "while": "there are no loops: declare `axis t = 1..T` and write the equation of one step",
    "if": "a choice is a value: `where(condition, a, b)`",
    "return": "results are named by `output`",
    "print": "results are named by `output`, figures by `report`",
    "loss": "what is minimized is written `minimize ...`",
    "maximize": "write `minimize -(...)`",
    "weight": "weights are declared by `param`",
    "variable": "weights are declared by `param`, data by `input`",
    "from": 'a file is imported whole: `import "cells.nn"`',
    "train": "how to train is written in `fit { ... }`",
    "optimizer": "it is an option of `fit { ... }`",
}
"""Words that begin statements elsewhere, and what to write here."""

TYPES = {
    "int": "a class number is an `index(K)`",
    "integer": "a class number is an `index(K)`",
    "float": "a number is `real`",
    "double": "a number is `real`",
    "number": "a number is `real`",
    "scalar": "a number is `real`",
    "boolean": "a truth value is `bool`",
    "string": "a text is a sequence of class numbers, `index(V)`",
}
"""Types of other languages, and which is meant."""

_SUPERSCRIPTS = {"\N{SUPERSCRIPT TWO}": "^2", "\N{SUPERSCRIPT THREE}": "^3", "\N{SUPERSCRIPT ONE}": "^1"}
_TRANSPOSE = "\N{MODIFIER LETTER CAPITAL T}"


def transcription(word: str) -> str:
    """Advice on how to write a word with letters from outside a to z, or nothing."""
    plain = ""
    for character in word:
        if character.isascii():
            plain += character
        elif character in _SUPERSCRIPTS:
            plain += _SUPERSCRIPTS[character]
        elif character == _TRANSPOSE:
            plain += ".T"
        else:
            plain += _latin(character)
    return f"write `{plain}`" if plain and "\0" not in plain else ""


def _latin(character: str) -> str:
    name = unicodedata.name(character, "")
    if name.startswith("GREEK "):
        letter = name.split("LETTER ")[-1].split(" WITH ")[0].split(" ")[-1].lower()
        return letter.capitalize() if "CAPITAL" in name else letter
    base = unicodedata.normalize("NFKD", character)[0]
    return base if base.isascii() and (base.isalnum() or base == "_") else "\0"


def unicode_name(character: str) -> str:
    """How Unicode calls a character: `U+00A0 no-break space`."""
    names = {"\0": "null", "\x07": "bell", "\x08": "backspace", "\x0c": "form feed", "\x1b": "escape"}
    known = names.get(character) or unicodedata.name(character, "").lower()
    return f"U+{ord(character):04X} {known}".rstrip()
