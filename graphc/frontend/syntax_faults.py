"""What to say where the grammar does not know how to go on.

The grammar gives the word it stopped at and the words it would have taken; the rest is knowing what people
meant. The questions are asked from the most telling to the most general.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from graphc.diagnostics import Diagnostic, Source, Span, nearest
from graphc.frontend.lines import COMPARISONS, KEYWORDS
from graphc.frontend.scanner import Token

Fault = tuple[str, str, str]
"""Code, message, help."""

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
_OTHER_LANGUAGES = {
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
    "from": "a file is imported whole: `import \"cells.nn\"`",
    "train": "how to train is written in `fit { ... }`",
    "optimizer": "it is an option of `fit { ... }`",
}
_TYPES = {
    "int": "a class number is an `index(K)`",
    "integer": "a class number is an `index(K)`",
    "float": "a number is `real`",
    "double": "a number is `real`",
    "number": "a number is `real`",
    "scalar": "a number is `real`",
    "boolean": "a truth value is `bool`",
    "string": "a text is a sequence of class numbers, `index(V)`",
}


@dataclass(frozen=True)
class Place:
    """Where the grammar stopped: the words of the line, which of them it refused, what it would have taken."""

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


def explain(place: Place) -> Diagnostic:
    """The diagnostic for a word that the grammar refused."""
    for question in _QUESTIONS:
        answer = question(place)
        if answer is not None:
            code, message, help = answer
            return Diagnostic(code, message, place.span, help=help)
    return Diagnostic("E101", f"expected {_expected(place)}, found {_found(place)}", place.span)


# ------------------------------------------------------------------------------- the head of a line


def _no_statement(place: Place) -> Fault | None:
    if place.index or place.start != "statement":
        return None
    help = "a statement begins with a name or a word such as `param`"
    return "E118", f"no statement begins with `{place.bad}`", help


def _keyword_as_name(place: Place) -> Fault | None:
    if place.start != "statement" or place.index != 1 or place.first not in KEYWORDS:
        return None
    if place.bad not in ("=", "[", "(", ":", "~", "."):
        return None
    message = f"`{place.first}` begins a declaration and cannot be the name of an equation"
    return "E119", message, f"choose another name, such as `{place.first}_`"


def _unknown_statement(place: Place) -> Fault | None:
    if place.start != "statement" or place.index != 1 or place.first in KEYWORDS:
        return None
    if place.bad_kind not in ("name", "string", "number") or place.bad in ("and", "or"):
        return None
    help = _OTHER_LANGUAGES.get(place.first, "") or nearest(place.first.lower(), KEYWORDS)
    return "E118", f"`{place.first}` does not begin a statement", help


def _type_outside(place: Place) -> Fault | None:
    if place.start != "statement" or place.index < 1 or place.first in KEYWORDS:
        return None
    if place.bad not in (":", "~") or "EQUALS" not in place.accepts:
        return None
    name = place.words(0, place.index)
    what = "a type" if place.bad == ":" else "a draw"
    help = f"write `param {name} {place.bad} ...`"
    if place.bad == ":":
        help += f", or `input {name} : ...` for data"
    return "E132", f"`{name}` gets {what}, but nothing declares it", help


def _comparison_defines(place: Place) -> Fault | None:
    if place.bad == "==" and "EQUALS" in place.accepts:
        return "E129", f"`{place.words(0, place.index)}` is defined by `=`, not by `==`", "write `=`"
    return None


def _bare_expression(place: Place) -> Fault | None:
    if place.start != "statement" or place.first in KEYWORDS or "EQUALS" not in place.accepts:
        return None
    if place.bad_kind == "end" or place.bad in ("+", "-", "*", "/", "@", "^", ".") or place.bad in COMPARISONS:
        whole = place.words(0, len(place.tokens))
        help = f"give it a name, `y = {whole}`, or write `output {whole}`"
        return "E132", f"`{whole}` is a value that nothing takes", help
    return None


def _bad_parameter(place: Place) -> Fault | None:
    if place.start != "statement" or place.first in KEYWORDS or "EQUALS" in place.accepts:
        return None
    inside = place.index > 1 and place.tokens[1].text == "(" and "=" not in {t.text for t in place.tokens}
    if inside:
        whole = place.words(0, len(place.tokens))
        help = f"give it a name, `y = {whole}`, or write `output {whole}`"
        return "E132", f"`{whole}` is a value that nothing takes", help
    return None


def _missing_equals(place: Place) -> Fault | None:
    if place.start == "check_item" and (place.bad_kind == "end" or place.bad == "=") and place.after_operand:
        if any(token.text == "~=" for token in place.tokens[: place.index]):
            return None
        value = place.words(0, place.index)
        return "E136", f"`{value}` is not compared with anything by `~=`", "as in `f ~= 0.9526`"
    if place.start == "option" and "EQUALS" in place.accepts and place.index == 1:
        return "E134", f"the option `{place.first}` has no value", f"write `{place.first} = ...`"
    if place.start == "option" and place.index == 0:
        return "E134", f"expected an option, `name = value`, found {_found(place)}", ""
    return None


# ------------------------------------------------------------------------------- ranges, brackets, types


def _range(place: Place) -> Fault | None:
    before = place.before.text if place.before else ""
    if before == ".." and place.wants_operand and place.bad_kind in ("end", "mark") and place.bad != "..":
        return "E120", f"this range has no end: {_found(place)} follows `..`", "as in `1..T`"
    if place.bad == ".." and place.wants_operand:
        return "E120", "this range has no beginning", "as in `1..T`"
    if place.bad == ".." and place.after_operand:
        return "E120", "no range can stand here", _range_help(place, before)
    if set(place.accepts) <= {"DOTS", "OR"} and "DOTS" in place.accepts and place.bad != "=":
        first = place.words(1, place.index) if place.first == "axis" else place.words(0, place.index)
        return "E120", f"`{first}` has no range", "an axis runs over a range, as in `t = 1..T`"
    return None


def _range_help(place: Place, before: str) -> str:
    if any(token.text == "[" for token in place.tokens[: place.index]):
        return f"a range in `[]` binds a name, `[t = {before}..T]`; elements of a tensor are `[{before}:3]`"
    return "ranges are given to an `axis` or inside `[]`"


def _brackets(place: Place) -> Fault | None:
    before = place.before.text if place.before else ""
    if place.bad in (")", "]") and before in ("(", "["):
        return "E139", f"nothing stands between `{before}` and `{place.bad}`", ""
    if before == "," and (place.bad in (")", "]") or place.bad_kind == "end"):
        return "E101", f"after this `,` something is missing: {_found(place)} follows", ""
    if place.bad == "," and place.wants_operand:
        return "E101", "before this `,` something is missing", ""
    return None


def _type(place: Place) -> Fault | None:
    if "REAL" in place.accepts:
        help = _TYPES.get(place.bad, "")
        if not help and place.bad_kind in ("name", "number"):
            help = f"a vector of size {place.bad} is `[{place.bad}]`"
        elif place.bad == "(":
            help = "a shape stands in square brackets, `[H, D]`"
        message = "expected a type, `[H, D]`, `real`, `bool` or `index(K)`"
        if "LSQB" not in place.accepts:
            message = "expected the kind of the parameter, `real`, `index` or `bool`"
            help = _TYPES.get(place.bad, "the shape of a parameter is that of its argument")
        return "E137", f"{message}, found {_found(place)}", help
    if place.before and place.before.text == "index" and place.accepts == {"LPAR"}:
        return "E137", "`index` does not say how many classes there are", "write `index(K)`"
    return None


# ------------------------------------------------------------------------------- inside expressions


def _check_only(place: Place) -> Fault | None:
    if place.bad == "+-":
        return "E124", "`+-` stands only in a check, behind the expected value", "write `a - b`, or `a + (-b)`"
    if place.bad == "~=":
        return "E124", "`~=` stands only in a check", "equality is `==`; an equation is written with `=`"
    return None


def _chained(place: Place) -> Fault | None:
    if place.bad in COMPARISONS and place.after_operand:
        return "E121", f"comparisons are not chained, but a second one, `{place.bad}`, follows", (
            "write `a < b and b < c`"
        )
    return None


def _equals_inside(place: Place) -> Fault | None:
    if place.bad == "=" and "EQUALS" not in place.accepts and not place.wants_operand:
        return "E122", "`=` cannot stand inside an expression", "a comparison is `==`"
    return None


def _number_postfix(place: Place) -> Fault | None:
    before = place.before
    if before is None or before.kind not in ("number", "string") or place.bad not in ("(", "[", "."):
        return None
    help = f"for a product write `{before.text} * (...)`" if place.bad == "(" else ""
    what = "number" if before.kind == "number" else "text"
    return "E125", f"a {what} takes no `{place.bad}`", help


def _side_by_side(place: Place) -> Fault | None:
    if not place.after_operand or place.bad_kind not in ("name", "number", "string") or place.before is None:
        return None
    left, right = place.before.text, place.bad
    if place.start == "option":
        help = "options are separated by `,` or a new line"
    elif "COMMA" in place.accepts or place.start != "statement":
        help = f"an operator, as in `{left} * {right}`, or a `,`" if place.before.kind != "mark" else ""
    elif _ahead(place) in ("=", "[") and "=" in {token.text for token in place.tokens[place.index :]}:
        help = "a statement begins on a new line"
    else:
        help = f"for a product write `{left} * {right}`" if place.before.kind != "mark" else ""
    return "E123", f"between `{left}` and `{right}` something is missing", help


def _ahead(place: Place) -> str:
    return place.tokens[place.index + 1].text if place.index + 1 < len(place.tokens) else ""


def _value_missing(place: Place) -> Fault | None:
    if not place.wants_operand or place.before is None:
        return None
    if place.bad_kind == "end":
        return "E102", f"after `{place.before.text}` a value is missing", ""
    if place.bad_kind == "mark" or place.bad in ("and", "or"):
        help = "one operator at a time" if place.bad in "+*/@^" else ""
        return "E102", f"after `{place.before.text}` a value is missing: {_found(place)} follows", help
    return None


def _expected(place: Place) -> str:
    names = [word for terminal, word in _WORDS.items() if terminal in place.accepts]
    if place.wants_operand:
        return "a value"
    if "NAME" in place.accepts:
        names.insert(0, "a name")
    if "STRING" in place.accepts:
        names.insert(0, 'a text in double quotes')
    if place.after_operand:
        names.insert(0, "an operator")
    if len(names) > 1:
        return f"{', '.join(names[:-1])} or {names[-1]}"
    return names[0] if names else "something else"


def _found(place: Place) -> str:
    if place.bad_kind == "end":
        return "the end of the line" if place.start == "statement" else "the end"
    return f"`{place.words(place.index, place.index + 1)}`"


_QUESTIONS = (
    _no_statement,
    _keyword_as_name,
    _unknown_statement,
    _type_outside,
    _comparison_defines,
    _check_only,
    _type,
    _range,
    _missing_equals,
    _bare_expression,
    _number_postfix,
    _chained,
    _equals_inside,
    _brackets,
    _side_by_side,
    _value_missing,
    _bad_parameter,
)
