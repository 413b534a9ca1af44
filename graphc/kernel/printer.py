"""Expressions and kernels as text, for people: `--stage schedule` shows it, generated source quotes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from graphc.diagnostics import Span
from graphc.kernel.expr import COMPARISONS, Apply, Const, Expr, Load, Name, Reduce
from graphc.kernel.nest import Accumulator, For, Gather, If, Kernel, Let, Statement, Store

_LEVELS: Mapping[str, int] = {
    "or": 1,
    "and": 2,
    "not": 3,
    **dict.fromkeys(COMPARISONS, 4),
    **dict.fromkeys("+-", 5),
    **dict.fromkeys(("*", "/", "//", "%"), 6),
}
"""How tightly an operator binds, as in Python."""

_SIGN, _ATOM = 7, 8


def text(expr: Expr) -> str:
    """The expression with as few parentheses as say what it means.

    `sum[j < 3](x)` is the sum of x for j = 0, 1, 2; a cast is the name of its dtype. Raises TypeError for an
    expression of another language.
    """
    return _written(expr)[0]


def _written(expr: Expr) -> tuple[str, int]:
    """The text, and how tightly its outermost operator binds."""
    match expr:
        case Const(value=value):
            # A real has a point or an exponent, an int has none.
            number = repr(value)
            return number, _SIGN if number.startswith("-") else _ATOM
        case Name(name=name):
            return name, _ATOM
        case Load(buffer=buffer, offset=offset):
            return f"{buffer}[{text(offset)}]", _ATOM
        case Reduce(kind=kind, over=over, body=body):
            ranges = ", ".join(f"{name.name} < {text(extent)}" for name, extent in over)
            return f"{kind}[{ranges}]({text(body)})", _ATOM
        case Apply(operator="cast", args=(operand,)):
            return f"{expr.dtype}({text(operand)})", _ATOM
        case Apply(operator="not", args=(operand,)):
            return f"not {_inside(operand, _LEVELS['not'])}", _LEVELS["not"]
        case Apply(operator="-", args=(operand,)):
            return f"-{_inside(operand, _ATOM)}", _SIGN
        case Apply(operator=operator, args=(left, right)) if operator in _LEVELS:
            return _infix(operator, left, right), _LEVELS[operator]
        case Apply(operator=name, args=args):
            return f"{name}({', '.join(map(text, args))})", _ATOM
    raise TypeError(f"no expression of the kernel language: {expr!r}")


def _infix(operator: str, left: Expr, right: Expr) -> str:
    level = _LEVELS[operator]
    if operator == "+" and isinstance(right, Const) and right.dtype == "int" and right.value < 0:
        operator, right = "-", Const(-right.value)
    # Sums of reals depend on their order, so what is grouped to the right is shown so; comparisons do
    # not chain.
    before = level + 1 if operator in COMPARISONS else level
    return f"{_inside(left, before)} {operator} {_inside(right, level + 1)}"


def _inside(expr: Expr, level: int) -> str:
    """An operand of an operator that binds at a level."""
    written, own = _written(expr)
    return written if own >= level else f"({written})"


def kernel_text(kernel: Kernel) -> str:
    """A kernel as indented text: what it is given, loops, statements with the lines that they come from."""
    buffers = [f"{'out ' if b.written else ''}{b.name}: {b.dtype}" for b in kernel.buffers]
    head = f"kernel {kernel.name}({', '.join([*buffers, *kernel.sizes])}):"
    return "\n".join([head, *_block(kernel.body)])


def _block(body: tuple[Statement, ...]) -> Iterator[str]:
    for statement in body:
        for line in _lines(statement):
            yield f"    {line}"


def _lines(statement: Statement) -> Iterator[str]:
    match statement:
        case Let(name=name, value=value, span=span):
            yield f"{name.name} = {text(value)}{_source(span)}"
        case Store(buffer=buffer, offset=offset, value=value, accumulate=accumulate, span=span):
            yield f"{buffer}[{text(offset)}] {'+=' if accumulate else '='} {text(value)}{_source(span)}"
        case Accumulator(name=name, kind=kind):
            yield f"{name.name} = {kind} of nothing"
        case Gather(accumulator=name, kind=kind, value=value, number=number, span=span):
            which = f" at {text(number)}" if number is not None else ""
            yield f"{name.name} = {kind} of it and {text(value)}{which}{_source(span)}"
        case For(var=var, extent=extent, body=body, ranged=ranged):
            yield f"for {var.name} < {text(extent)}{', a range of it' if ranged else ''}:"
            yield from _block(body)
        case If(condition=condition, body=body):
            yield f"if {text(condition)}:"
            yield from _block(body)


def _source(span: Span | None) -> str:
    return f"   # line {span.line}" if span else ""
