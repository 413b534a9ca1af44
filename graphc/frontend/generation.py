"""`generate`: the spec rewritten so that what it predicts becomes its own input.

The equations of the block take the place of the drawn input's data. `prompt` becomes an input of the run, of
the same type, together with its length: as long as it lasts it is the value, whatever the equations say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from graphc.diagnostics import Diagnostic, GraphcError, Span, nearest
from graphc.frontend import ast
from graphc.frontend.constants import dim_of
from graphc.frontend.names import grouped
from graphc.types import Dim

PROMPT = "prompt"
PROMPT_LENGTH = "prompt_length"


@dataclass(frozen=True)
class Generation:
    """The rewritten file, what is drawn, and where it ends: `ends` by length name, `stop` a symbol."""

    file: ast.File
    drawn: tuple[str, ...]
    prompted: str
    ends: Mapping[str, int]
    stop: int | None


def generation(file: ast.File, dims: Mapping[str, Dim], given: Mapping[str, int]) -> Generation:
    """Rewrite a file that has a `generate` block; `given` are ends that win over the block's.

    Raises E320 for an equation of something that is no input, E321 where an axis has no end.
    """
    (block,) = (s for s in file.statements if isinstance(s, ast.Generate))
    inputs = {
        item.name: item
        for statement in file.statements
        if isinstance(statement, ast.InputDeclaration)
        for item in grouped(statement.items)
    }
    faults: list[Diagnostic] = []
    for equation in block.body:
        if equation.name not in inputs:
            faults.append(
                Diagnostic(
                    "E320",
                    f"`{equation.name}` is not an input; `generate` says how inputs are drawn",
                    equation.span,
                    help=nearest(equation.name, inputs),
                )
            )
    if faults:
        raise GraphcError(faults)
    drawn = tuple(dict.fromkeys(equation.name for equation in block.body))
    ends, stop = _ends(block, dims)
    ends |= given
    _check_ends(file, [inputs[name] for name in drawn], ends, block.span)
    prompted = next((e.name for e in block.body if _mentions(e.value)), drawn[0])
    return Generation(_rewritten(file, block, inputs, drawn, prompted), drawn, prompted, ends, stop)


def _ends(block: ast.Generate, dims: Mapping[str, Dim]) -> tuple[dict[str, int], int | None]:
    ends: dict[str, int] = {}
    stop: int | None = None
    for option in block.options:
        value = dim_of(option.value, dims).value
        if option.name == "stop":
            stop = value
        else:
            ends[option.name] = value
    return ends, stop


def _check_ends(file: ast.File, drawn: list[ast.Declarator], ends: Mapping[str, int], span: Span) -> None:
    axes = {i.name: i for s in file.statements if isinstance(s, ast.AxisDeclaration) for i in s.items}
    known = {i.hi.id for i in axes.values() if isinstance(i.hi, ast.Name)}
    dims = {i.name for s in file.statements if isinstance(s, ast.DimDeclaration) for i in s.items}
    for item in drawn:
        for subscript in item.subscripts:
            end = axes[subscript.span.text].hi if subscript.span.text in axes else None
            if isinstance(end, ast.Name) and end.id not in ends and end.id not in dims:
                raise GraphcError(
                    Diagnostic(
                        "E321",
                        f"the generation of `{item.name}` has no end: `{end.id}` is not given",
                        span,
                        help=f"write `generate {end.id} = 500 {{ ... }}`",
                    )
                )
    for name in ends:
        if name not in known:
            raise GraphcError(
                Diagnostic("E225", f"`generate` has no option `{name}`", span, help=nearest(name, known))
            )


def _mentions(expr: ast.Expr) -> bool:
    return isinstance(expr, ast.Name) and expr.id == PROMPT


def _rewritten(
    file: ast.File,
    block: ast.Generate,
    inputs: Mapping[str, ast.Declarator],
    drawn: tuple[str, ...],
    prompted: str,
) -> ast.File:
    dropped = ast.Minimize | ast.Report | ast.Check | ast.Settings | ast.Generate | ast.Output
    statements: list[ast.Statement] = []
    for statement in file.statements:
        if isinstance(statement, dropped):
            continue
        if isinstance(statement, ast.InputDeclaration):
            kept = tuple(item for item in grouped(statement.items) if item.name not in drawn)
            if kept:
                statements.append(replace(statement, items=kept))
            continue
        statements.append(statement)
    source = inputs[prompted]
    span = block.span
    prompt = replace(source, name=PROMPT, value=None)
    length = ast.Declarator(
        span, PROMPT_LENGTH, (), ast.TypeExpr(span, "index", (), _number(span, 2**31 - 1))
    )
    statements.append(ast.InputDeclaration(span, (prompt, length)))
    statements += [_equation(equation, prompted) for equation in block.body]
    return ast.File(file.span, tuple(statements))


def _number(span: Span, value: int) -> ast.Number:
    return ast.Number(span, str(value))


def _equation(equation: ast.Equation, prompted: str) -> ast.Equation:
    """`s[1] = prompt` reads the prompt's first step, `s[t] = ...` the prompt as long as it lasts."""
    if equation.name != prompted:
        return equation
    span = equation.span
    places = equation.subscripts
    if _mentions(equation.value):
        return replace(equation, value=ast.Subscript(span, ast.Name(span, PROMPT), places))
    if not places or not isinstance(places[-1], ast.Name):
        return equation
    lasts = ast.Binary(span, "<=", places[-1], ast.Name(span, PROMPT_LENGTH))
    held = ast.Subscript(span, ast.Name(span, PROMPT), places)
    value = ast.Call(span, ast.Name(span, "where"), (lasts, held, equation.value))
    return replace(equation, value=value)
