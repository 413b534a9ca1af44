"""Expressions as source, with as few parentheses as the order of operators allows."""

from __future__ import annotations

from collections.abc import Mapping

from graphc.backend.cpu.gathering import begin, gather, is_short
from graphc.backend.cpu.naming import Naming
from graphc.kernel.expr import COMPARISONS, ZERO, Apply, Const, Expr, Kind, Load, Name, Reduce

_NOT, _COMPARISON, _OR, _AND, _SUM, _PRODUCT, _ATOM = range(7)
"""How tightly Python binds: its `&` and `|` bind more tightly than comparisons."""

_INFIX: Mapping[str, tuple[str, int]] = {
    "or": ("|", _OR),
    "and": ("&", _AND),
    "+": ("+", _SUM),
    "-": ("-", _SUM),
    "*": ("*", _PRODUCT),
    "/": ("/", _PRODUCT),
}
_CALLS = {"//": "quotient", "%": "remainder"}
_OPERATORS = {*_INFIX, *_CALLS, *COMPARISONS, "not", "select", "cast"}


class Expressions:
    """The expressions of one statement. What has to stand in front of it is added to `lines`."""

    def __init__(
        self, naming: Naming, depth: int, lines: list[str], named: Mapping[Expr, str] | None = None
    ) -> None:
        self.naming = naming
        self.depth = depth
        self.lines = lines
        self._named = dict(named or {})
        self._uses: dict[Expr, int] = {}

    def whole(self, *exprs: Expr) -> tuple[str, ...]:
        """The expressions of a statement, together, so that what they share is computed once."""
        for expr in exprs:
            self._count(expr)
        return tuple(self._text(expr, _NOT) for expr in exprs)

    def name(self, expr: Expr) -> str:
        """The name of a local that holds the expression, or the constant that it is."""
        text = self._text(expr, _ATOM)
        if isinstance(expr, Const) or text.isidentifier():
            return text
        return self._hold(expr, text)

    def _count(self, expr: Expr) -> None:
        self._uses[expr] = self._uses.get(expr, 0) + 1
        if self._uses[expr] == 1:
            # What a reduction's body shares is counted there: it is computed in an inner loop.
            parts = [extent for _, extent in expr.over] if isinstance(expr, Reduce) else expr.parts
            for part in parts:
                self._count(part)

    def _text(self, expr: Expr, level: int) -> str:
        if expr in self._named:
            return self._named[expr]
        if isinstance(expr, Reduce):
            self._named[expr] = self._reduce(expr)
            return self._named[expr]
        if self._uses.get(expr, 0) > 1 and _costs(expr):
            return self._hold(expr, self._written(expr)[0])
        text, own = self._written(expr)
        return text if own >= level else f"({text})"

    def _hold(self, expr: Expr, text: str) -> str:
        name = self.naming.fresh("shared", "e")
        self._line(0, f"{name} = {text}")
        self._named[expr] = name
        return name

    def _written(self, expr: Expr) -> tuple[str, int]:
        """The text, and how tightly its outermost operator binds."""
        if isinstance(expr, Const):
            return _constant(expr)
        if isinstance(expr, Name):
            return self.naming.of(expr.name), _ATOM
        if isinstance(expr, Load):
            element = f"{self.naming.of(expr.buffer, buffer=True)}[{self._text(expr.offset, _NOT)}]"
            return (f"{element} != 0", _COMPARISON) if expr.dtype == "bool" else (element, _ATOM)
        assert isinstance(expr, Apply), expr
        return self._apply(expr)

    def _apply(self, expr: Apply) -> tuple[str, int]:
        operator, args = expr.operator, expr.args
        if operator == "cast":
            return self._cast(expr)
        if operator == "not" or (operator == "-" and len(args) == 1):
            own = _NOT if operator == "not" else _PRODUCT
            return f"{'not ' if operator == 'not' else '-'}{self._text(args[0], own + 1)}", own
        if operator in COMPARISONS:
            a, b = (self._text(arg, _COMPARISON + 1) for arg in args)
            return f"{a} {operator} {b}", _COMPARISON
        if operator in _INFIX:
            symbol, own = _INFIX[operator]
            a, b = self._text(args[0], own), self._text(args[1], own + 1)
            if symbol == "+" and expr.dtype == "int" and isinstance(args[1], Const) and args[1].value < 0:
                symbol, b = "-", str(-args[1].value)
            return f"{a} {symbol} {b}", own
        inner = ", ".join(self._text(arg, _NOT) for arg in args)
        return f"{_CALLS.get(operator, operator)}({inner})", _ATOM

    def _cast(self, expr: Apply) -> tuple[str, int]:
        (operand,) = expr.args
        if expr.dtype == "bool":
            zero = "0" if operand.dtype == "int" else "real(0.0)"
            return f"{self._text(operand, _COMPARISON + 1)} != {zero}", _COMPARISON
        return f"{'real' if expr.dtype == 'real' else 'int64'}({self._text(operand, _NOT)})", _ATOM

    def _reduce(self, expr: Reduce) -> str:
        """Write loops that compute a reduction; the name of the result."""
        name = self.naming.fresh("accumulator", "total" if expr.kind == "sum" else expr.kind)
        best = self.naming.fresh("accumulator", "best") if expr.kind in ("argmax", "argmin") else ""
        for line in begin(expr.kind, name, best, expr.body.dtype):
            self._line(0, line)
        number: Expr = ZERO
        naming = self.naming
        short = is_short([extent for _, extent in expr.over])
        for i, (variable, extent) in enumerate(expr.over):
            high = self._text(extent, _NOT)
            high = high if short or i else f"opaque({high})"
            naming, text = naming.bind("loop", variable.name)
            self._line(i, f"for {text} in range({high}):")
            number = number * extent + variable
        inner = Expressions(naming, self.depth + len(expr.over), self.lines, self._named)
        inner.gather(expr.kind, name, best, expr.body, number, short)
        return name

    def gather(self, kind: Kind, name: str, best: str, value: Expr, number: Expr, in_order: bool) -> None:
        """Write the statements that give an accumulator one more element; see `gathering`."""
        numbered = kind in ("argmax", "argmin")
        for expr in (value, number) if numbered else (value,):
            self._count(expr)
        element = self.name(value) if numbered else self._text(value, _PRODUCT)
        which = self.name(number) if numbered else ""
        for line in gather(kind, name, best, element, value.dtype, which, in_order):
            self._line(0, line)

    def _line(self, deeper: int, text: str) -> None:
        self.lines.append("    " * (self.depth + deeper) + text)


def _constant(expr: Const) -> tuple[str, int]:
    if expr.dtype == "real":
        return f"real({float(expr.value)!r})", _ATOM
    text = str(bool(expr.value) if expr.dtype == "bool" else int(expr.value))
    return text, _PRODUCT if text.startswith("-") else _ATOM


def _costs(expr: Expr) -> bool:
    """Whether computing an expression twice is more than a little arithmetic."""
    if isinstance(expr, Load | Reduce):
        return True
    if isinstance(expr, Apply):
        return expr.operator not in _OPERATORS or any(map(_costs, expr.parts))
    return False
