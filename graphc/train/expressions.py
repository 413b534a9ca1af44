"""Option values: the expressions of `data` and `fit` as numbers, and texts (`--set`) as expressions."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from graphc.diagnostics import GraphcError, Source, Span, fault, nearest
from graphc.frontend import ast

DEEPEST = 100
_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*)"
    r'|(?P<string>"[^"\n]*")|(?P<mark>[-+*/^()\[\],=]))'
)
_LARGEST = 2.0**64


def number(value: ast.Expr, dims: Mapping[str, int], depth: int = 0) -> int | float:
    """The value of a number, a dim, or arithmetic and roots of them; whole results are `int`."""
    if depth > DEEPEST:
        raise fault("E403", "this value is nested too deeply to be read", value.span)
    if isinstance(value, ast.Number):
        return int(value.text) if value.is_integer and len(value.text) < 40 else _finite(value.value, value)
    if isinstance(value, ast.Name):
        if value.id in dims:
            return dims[value.id]
        raise fault(
            "E403",
            f"expected a number, found the name `{value.id}`, which is no dim",
            value.span,
            help=nearest(value.id, dims),
        )
    if isinstance(value, ast.Unary) and value.op == "-":
        return -number(value.operand, dims, depth + 1)
    if isinstance(value, ast.Binary) and value.op in "+-*/^":
        left, right = number(value.left, dims, depth + 1), number(value.right, dims, depth + 1)
        return _combine(value, left, right)
    if (
        isinstance(value, ast.Call)
        and value.function == ast.Name(value.span, "sqrt")
        and len(value.args) == 1
    ):
        operand = number(value.args[0], dims, depth + 1)
        if operand >= 0:
            return math.sqrt(operand)
    raise fault("E403", f"expected a number, found {describe(value)}", value.span)


def _combine(at: ast.Binary, left: float, right: float) -> int | float:
    result: int | float
    try:
        if at.op == "/":
            result = left / right
        elif at.op == "^":
            # In floats: a power of two long integers could take all memory.
            result = math.pow(left, right)
        else:
            result = {"+": left + right, "-": left - right, "*": left * right}[at.op]
    except (ArithmeticError, ValueError):
        raise fault("E403", f"`{at.span.text}` has no value", at.span) from None
    if isinstance(result, int):
        return result
    result = _finite(result, at)
    return int(result) if result.is_integer() and abs(result) < _LARGEST else result


def _finite(value: float, at: ast.Syntax) -> float:
    if math.isfinite(value):
        return value
    raise fault("E403", f"`{at.span.text}` is too large for a number", at.span)


_KINDS: dict[type[ast.Syntax], str] = {
    ast.String: "a text",
    ast.Name: "a name",
    ast.Number: "a number",
    ast.ListLiteral: "a list",
    ast.Call: "a call",
    ast.Unary: "an expression",
    ast.Binary: "an expression",
    ast.Field: "a field",
    ast.Subscript: "a subscript",
}


def describe(value: ast.Expr) -> str:
    """What was found, for a message: `the text "all"`."""
    text = value.span.text
    return f"{_KINDS[type(value)]} (`{text if len(text) <= 60 else text[:57] + '...'}`)"


def parse_value(source: Source, start: int = 0) -> ast.Expr:
    """The expression that a source holds from `start` on."""
    return _Reader(source, start).whole()


class _Reader:
    """Recursive descent over the few forms that an option value can have."""

    def __init__(self, source: Source, start: int) -> None:
        self.source = source
        self.tokens: list[tuple[str, str, Span]] = []
        self.at = 0
        end = len(source.text.rstrip())
        while start < end:
            match = _TOKEN.match(source.text, start)
            if match is None:
                raise self._fault(Span(source, start, start + 1))
            kind = str(match.lastgroup)
            self.tokens.append((kind, match[kind], Span(source, *match.span(kind))))
            start = match.end()
        self.tokens.append(("end", "", Span(source, end, end)))

    def _fault(self, span: Span) -> GraphcError:
        found = f"`{span.text}`" if span.text.strip() else "nothing"
        return fault(
            "E406",
            f"expected a value, found {found}",
            span,
            help="a value is a number, a name, a list, a call such as `adam(lr = 1e-3)`, or arithmetic",
        )

    def _take(self, *texts: str) -> Span | None:
        kind, text, span = self.tokens[self.at]
        if kind != "mark" or text not in texts:
            return None
        self.at += 1
        return span

    def _expect(self, text: str) -> Span:
        span = self._take(text)
        if span is None:
            raise self._fault(self.tokens[self.at][2])
        return span

    def whole(self) -> ast.Expr:
        value = self._sum(0)
        if self.tokens[self.at][0] != "end":
            raise self._fault(self.tokens[self.at][2])
        return value

    def _sum(self, depth: int) -> ast.Expr:
        if depth > DEEPEST:
            raise fault("E406", "this value is nested too deeply to be read", self.tokens[self.at][2])
        left = self._product(depth)
        while mark := self._take("+", "-"):
            right = self._product(depth)
            left = ast.Binary(left.span.to(right.span), "+" if mark.text == "+" else "-", left, right)
        return left

    def _product(self, depth: int) -> ast.Expr:
        left = self._signed(depth)
        while mark := self._take("*", "/"):
            right = self._signed(depth)
            left = ast.Binary(left.span.to(right.span), "*" if mark.text == "*" else "/", left, right)
        return left

    def _signed(self, depth: int) -> ast.Expr:
        minus = self._take("-")
        if minus:
            operand = self._signed(depth + 1) if depth < DEEPEST else self._sum(depth + 1)
            return ast.Unary(minus.to(operand.span), "-", operand)
        base = self._atom(depth)
        if self._take("^"):
            exponent = self._signed(depth + 1) if depth < DEEPEST else self._sum(depth + 1)
            return ast.Binary(base.span.to(exponent.span), "^", base, exponent)
        return base

    def _atom(self, depth: int) -> ast.Expr:
        kind, text, span = self.tokens[self.at]
        if opening := self._take("("):
            inner = self._sum(depth + 1)
            self._expect(")")
            return inner
        if opening := self._take("["):
            items, _ = self._items(depth, "]")
            return ast.ListLiteral(opening.to(self.tokens[self.at - 1][2]), tuple(items))
        if kind not in ("number", "string", "name"):
            raise self._fault(span)
        self.at += 1
        if kind == "number":
            return ast.Number(span, text)
        if kind == "string":
            return ast.String(span, text[1:-1])
        name = ast.Name(span, text)
        if self._take("("):
            args, options = self._items(depth, ")")
            return ast.Call(span.to(self.tokens[self.at - 1][2]), name, tuple(args), tuple(options))
        return name

    def _items(self, depth: int, closing: str) -> tuple[list[ast.Expr], list[ast.Option]]:
        items: list[ast.Expr] = []
        options: list[ast.Option] = []
        while not self._take(closing):
            if items or options:
                self._expect(",")
            value = self._sum(depth + 1)
            if closing == ")" and isinstance(value, ast.Name) and self._take("="):
                given = self._sum(depth + 1)
                options.append(ast.Option(value.span.to(given.span), value.id, given))
            else:
                items.append(value)
        return items, options


def evaluate(text: str, dims: Mapping[str, int] | None = None, *, name: str = "--set") -> int | float:
    """A text such as `2 * H` as a number, for what is no option of a block (`--set H=256`)."""
    return number(parse_value(Source(name, text)), dims or {})
