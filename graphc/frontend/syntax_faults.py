"""What to say where the grammar does not know how to go on.

The grammar gives the word it stopped at and the words it would have taken; the rest is knowing what people
meant. The questions are asked from the most telling to the most general.
"""

from __future__ import annotations

from graphc.diagnostics import Diagnostic, nearest
from graphc.frontend.lines import COMPARISONS, KEYWORDS
from graphc.frontend.place import Place, expected, found
from graphc.frontend.spelling import STATEMENTS, TYPES

Fault = tuple[str, str, str]
"""Code, message, help."""

_LOGIC = ("and", "or", "not")


def explain(place: Place) -> Diagnostic:
    """The diagnostic for a word that the grammar refused."""
    for question in _QUESTIONS:
        answer = question(place)
        if answer is not None:
            code, message, advice = answer
            return Diagnostic(code, message, place.span, help=advice)
    return Diagnostic("E101", f"expected {expected(place)}, found {found(place)}", place.span)


# ------------------------------------------------------------------------------- the head of a line


def _no_statement(place: Place) -> Fault | None:
    if place.index or place.start != "statement":
        return None
    advice = "a statement begins with a name or a word such as `param`"
    return "E118", f"no statement begins with `{place.bad}`", advice


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
    advice = STATEMENTS.get(place.first, "") or nearest(place.first.lower(), KEYWORDS)
    return "E118", f"`{place.first}` does not begin a statement", advice


def _type_outside(place: Place) -> Fault | None:
    if place.start != "statement" or place.index < 1 or place.first in KEYWORDS:
        return None
    if place.bad not in (":", "~") or "EQUALS" not in place.accepts:
        return None
    name = place.words(0, place.index)
    what = "a type" if place.bad == ":" else "a draw"
    advice = f"write `param {name} {place.bad} ...`"
    if place.bad == ":":
        advice += f", or `input {name} : ...` for data"
    return "E132", f"`{name}` gets {what}, but nothing declares it", advice


def _comparison_defines(place: Place) -> Fault | None:
    if place.bad == "==" and "EQUALS" in place.accepts:
        return "E129", f"`{place.words(0, place.index)}` is defined by `=`, not by `==`", "write `=`"
    return None


def _bare_expression(place: Place) -> Fault | None:
    if place.start != "statement" or place.first in KEYWORDS or "EQUALS" not in place.accepts:
        return None
    if (
        place.bad_kind == "end"
        or place.bad in ("+", "-", "*", "/", "@", "^", ".")
        or place.bad in COMPARISONS
    ):
        whole = place.words(0, len(place.tokens))
        if any(token.text == ":" for token in place.tokens[1:]) and place.bad_kind == "end":
            advice = f"write `param {place.first} : ...`, or `input {place.first} : ...` for data"
            return "E132", f"`{place.first}` gets a type, but nothing declares it", advice
        advice = f"give it a name, `y = {whole}`, or write `output {whole}`"
        return "E132", f"`{whole}` is a value that nothing takes", advice
    return None


def _bad_parameter(place: Place) -> Fault | None:
    if place.start != "statement" or place.first in KEYWORDS or "EQUALS" in place.accepts:
        return None
    inside = place.index > 1 and place.tokens[1].text == "(" and "=" not in {t.text for t in place.tokens}
    if inside:
        whole = place.words(0, len(place.tokens))
        advice = f"give it a name, `y = {whole}`, or write `output {whole}`"
        return "E132", f"`{whole}` is a value that nothing takes", advice
    return None


def _missing_equals(place: Place) -> Fault | None:
    if place.start == "check_item" and (place.bad_kind == "end" or place.bad == "=") and place.after_operand:
        if any(token.text == "~=" for token in place.tokens[: place.index]):
            return None
        value = place.words(0, place.index)
        return "E136", f"`{value}` is not compared with anything by `~=`", "as in `f ~= 0.9526`"
    if place.start == "option" and "EQUALS" in place.accepts and place.index == 1:
        value = f"{found(place)[1:-1]}" if place.bad_kind in ("name", "number", "string") else "..."
        return "E134", f"the option `{place.first}` has no `=`", f"write `{place.first} = {value}`"
    if place.start == "option" and place.index == 0:
        return "E134", f"expected an option, `name = value`, found {found(place)}", ""
    return None


# ------------------------------------------------------------------------------- ranges, brackets, types


def _range(place: Place) -> Fault | None:
    before = place.before.text if place.before else ""
    if before == ".." and place.wants_operand and place.bad_kind in ("end", "mark") and place.bad != "..":
        return "E120", f"this range has no end: {found(place)} follows `..`", "as in `1..T`"
    if place.bad == ".." and place.wants_operand:
        return "E120", "this range has no beginning", "as in `1..T`"
    if place.bad == ".." and "DOTS" not in place.accepts:
        return "E120", "no range can stand here", _range_help(place, before)
    if place.first == "axis" and "EQUALS" in place.accepts and place.bad != "==":
        name = place.before.text if place.before else ""
        return "E120", f"`{name}` has no range", f"write `{name} = 1..T`"
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
        return "E101", f"after this `,` something is missing: {found(place)} follows", ""
    if place.bad == "," and place.wants_operand:
        return "E101", "before this `,` something is missing", ""
    return None


def _type(place: Place) -> Fault | None:
    if "REAL" in place.accepts:
        advice = TYPES.get(place.bad, "")
        if not advice and place.bad_kind in ("name", "number"):
            advice = f"a vector of size {place.bad} is `[{place.bad}]`"
        elif place.bad == "(":
            advice = "a shape stands in square brackets, `[H, D]`"
        message = "expected a type, `[H, D]`, `real`, `bool` or `index(K)`"
        if "LSQB" not in place.accepts:
            message = "expected the kind of the parameter, `real`, `index` or `bool`"
            advice = TYPES.get(place.bad, "the shape of a parameter is that of its argument")
        return "E137", f"{message}, found {found(place)}", advice
    if place.before and place.before.text == "index" and place.accepts == {"LPAR"}:
        return "E137", "`index` does not say how many classes there are", "write `index(K)`"
    return None


# ------------------------------------------------------------------------------- inside expressions


def _check_only(place: Place) -> Fault | None:
    if place.bad == "+-" and any(token.text == "+-" for token in place.tokens[: place.index]):
        return "E124", "a second `+-` follows in one comparison", "one tolerance is enough"
    if place.bad == "+-":
        return (
            "E124",
            "`+-` stands only in a check, behind the expected value",
            "write `a - b`, or `a + (-b)`",
        )
    if place.bad == "~=" and place.start == "check_item" and place.index:
        advice = "separate two checks by `,` or a new line; one that begins with `-` goes in brackets"
        return "E124", "a second `~=` follows in one comparison", advice
    if place.bad == "~=" and not place.wants_operand:
        return "E124", "`~=` stands only in a check", "equality is `==`; an equation is written with `=`"
    return None


def _chained(place: Place) -> Fault | None:
    if place.bad in COMPARISONS and place.after_operand:
        return (
            "E121",
            f"comparisons are not chained, but a second one, `{place.bad}`, follows",
            ("write `a < b and b < c`"),
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
    advice = f"for a product write `{before.text} * (...)`" if place.bad == "(" else ""
    what = "number" if before.kind == "number" else "text"
    return "E125", f"a {what} takes no `{place.bad}`", advice


def _side_by_side(place: Place) -> Fault | None:
    if place.bad_kind not in ("name", "number", "string") or place.before is None:
        return None
    left, right = place.before.text, place.bad
    if not place.after_operand:
        if "COMMA" not in place.accepts or "NAME" in place.accepts:
            return None
        return (
            "E123",
            f"between `{left}` and `{right}` something is missing",
            "declarations are separated by `,`",
        )
    if left in _LOGIC:
        return "E102", f"before `{left}` a value is missing", f"`{left}` stands between two conditions"
    if right in _LOGIC or left in STATEMENTS:
        advice = STATEMENTS.get(left, "write `and not`")
        return "E123", f"between `{left}` and `{right}` something is missing", advice
    if place.start == "option":
        advice = "options are separated by `,` or a new line"
    elif place.first in KEYWORDS and _ahead(place) in ("=", ":", "[", "~"):
        advice = "declarations are separated by `,`"
    elif "COMMA" in place.accepts or place.start != "statement":
        advice = f"an operator, as in `{left} * {right}`, or a `,`" if place.before.kind != "mark" else ""
    elif _ahead(place) in ("=", "[") and "=" in {token.text for token in place.tokens[place.index :]}:
        advice = "a statement begins on a new line"
    else:
        advice = f"for a product write `{left} * {right}`" if place.before.kind != "mark" else ""
    return "E123", f"between `{left}` and `{right}` something is missing", advice


def _ahead(place: Place) -> str:
    return place.tokens[place.index + 1].text if place.index + 1 < len(place.tokens) else ""


def _value_missing(place: Place) -> Fault | None:
    if not place.wants_operand or place.before is None:
        return None
    if place.bad_kind == "end":
        return "E102", f"after `{place.before.text}` a value is missing", ""
    if place.bad_kind == "mark" or place.bad in ("and", "or"):
        advice = "one operator at a time" if place.bad in "+*/@^" else ""
        if place.bad == "+" and place.before.text in ("=", "(", "[", ",", "~"):
            advice = "leave the `+` out"
        return "E102", f"after `{place.before.text}` a value is missing: {found(place)} follows", advice
    return None


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
