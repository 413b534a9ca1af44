"""`generate`: the spec rewritten so that what it predicts becomes its own input.

The equations of the block take the place of the drawn input's data, and `prompt` becomes an input of each
step: where it is given it is the value, whatever the equations say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from graphc.diagnostics import Diagnostic, GraphcError, Label, Span, fault, nearest
from graphc.frontend import ast
from graphc.frontend.constants import dim_of
from graphc.frontend.names import grouped
from graphc.types import Dim

PROMPT = "prompt"
"""The input that holds one step of the prompt."""
GIVEN = "prompt@given"
"""The input that says whether it does."""


@dataclass(frozen=True)
class Generation:
    """The rewritten file and what is drawn in it.

    `prompted` is the drawn input that a prompt begins, step by step along the axis `axis`, whose end is `end`
    unless the run says otherwise; `length` is the end's name, empty if it is a number or a dim. `ends` are
    those of the other axes, by name. `stop` is the class that ends a sequence, or its text in the vocabulary.
    """

    file: ast.File
    drawn: tuple[str, ...]
    prompted: str
    axis: str
    length: str
    end: int
    ends: Mapping[str, int]
    stop: int | str | None


def generation(
    file: ast.File, dims: Mapping[str, Dim], given: Mapping[str, int], *, raw: bool = False
) -> Generation:
    """Rewrite a file that has a `generate` block; `given` are ends that win over the block's.

    With `raw`, samples are drawn at temperature 1, whatever the block says. Raises E320 for an equation of
    something that is no input, E321 where an axis has no end or there is none, E330 if `stop` is no class.
    """
    (block,) = (s for s in file.statements if isinstance(s, ast.Generate))
    inputs = {
        item.name: item
        for statement in file.statements
        if isinstance(statement, ast.InputDeclaration)
        for item in grouped(statement.items)
    }
    _check_inputs(block, inputs)
    drawn = tuple(dict.fromkeys(equation.name for equation in block.body))
    ends, stop = _ends(block, dims)
    ends |= given
    _check_ends(file, [inputs[name] for name in drawn], ends, block.span)
    prompted = next((e.name for e in block.body if _mentions(e.value)), drawn[0])
    _check_stop(block, inputs[prompted], dims)
    axis, end = _time(file, inputs[prompted], block.span)
    name = end.id if isinstance(end, ast.Name) and end.id not in dims else ""
    steps = ends.pop(name) if name else dim_of(end, {**dims, **_literal(ends)}).value
    if raw:
        block = replace(block, body=tuple(replace(e, value=_untempered(e.value)) for e in block.body))
    rewritten = _rewritten(file, block, inputs, drawn, prompted)
    return Generation(rewritten, drawn, prompted, axis, name, steps, ends, stop)


def _check_inputs(block: ast.Generate, inputs: Mapping[str, ast.Declarator]) -> None:
    faults = [
        Diagnostic(
            "E320",
            f"`{equation.name}` is not an input; `generate` says how inputs are drawn",
            equation.span,
            help=nearest(equation.name, inputs),
        )
        for equation in block.body
        if equation.name not in inputs
    ]
    if faults:
        raise GraphcError(faults)


def _time(file: ast.File, prompted: ast.Declarator, span: Span) -> tuple[str, ast.Expr]:
    """The axis along which steps are drawn, the first one of the prompted input, and its end."""
    axes = {i.name: i for s in file.statements if isinstance(s, ast.AxisDeclaration) for i in s.items}
    if not prompted.subscripts:
        raise fault(
            "E321",
            f"`{prompted.name}` has no axis along which it could be drawn",
            span,
            help=f"declare it as a sequence: `input {prompted.name}[t] : ...`",
        )
    axis = axes[prompted.subscripts[0].span.text]
    return axis.name, axis.hi


def _literal(sizes: Mapping[str, int]) -> dict[str, Dim]:
    return {name: Dim.named(name, size) for name, size in sizes.items()}


def _ends(block: ast.Generate, dims: Mapping[str, Dim]) -> tuple[dict[str, int], int | str | None]:
    ends: dict[str, int] = {}
    stop: int | str | None = None
    for option in block.options:
        if option.name == "stop" and isinstance(option.value, ast.String):
            stop = option.value.value
        elif option.name == "stop":
            stop = dim_of(option.value, dims).value
        else:
            ends[option.name] = dim_of(option.value, dims).value
    return ends, stop


def _check_stop(block: ast.Generate, prompted: ast.Declarator, dims: Mapping[str, Dim]) -> None:
    """Raises E330 for a stop that is none of the classes that the prompted input has."""
    option = next((option for option in block.options if option.name == "stop"), None)
    if option is None:
        return
    type_ = prompted.type
    if type_ is None or type_.classes is None or type_.shape:
        raise fault(
            "E330",
            f"`stop` is a class, and `{prompted.name}` has none that it could be",
            option.span,
            labels=[Label(prompted.span, "declared here")],
        )
    classes = dim_of(type_.classes, dims).value
    stop = 0 if isinstance(option.value, ast.String) else dim_of(option.value, dims).value
    if stop >= classes:
        raise fault(
            "E330",
            f"`stop` is {stop}, and the classes of `{prompted.name}` are 0 to {classes - 1}",
            option.span,
            labels=[Label(prompted.span, "declared here")],
        )


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
    prompt = replace(source, name=PROMPT, subscripts=source.subscripts[1:], value=None)
    is_given = ast.Declarator(span, GIVEN, (), ast.TypeExpr(span, "bool"))
    statements.append(ast.InputDeclaration(span, (prompt, is_given)))
    statements += [_typed(_equation(equation, prompted), inputs) for equation in block.body]
    return ast.File(file.span, tuple(statements))


def _typed(equation: ast.Equation, inputs: Mapping[str, ast.Declarator]) -> ast.Equation:
    """A general equation with the type that the input is declared with."""
    general = any(isinstance(place, ast.Name) for place in equation.subscripts) or not equation.subscripts
    return replace(equation, annotation=inputs[equation.name].type) if general else equation


def _equation(equation: ast.Equation, prompted: str) -> ast.Equation:
    """`s[1] = prompt` is the prompt's first step, `s[t] = ...` the prompt as long as it lasts."""
    if equation.name != prompted:
        return equation
    span, places = equation.span, equation.subscripts
    prompt: ast.Expr = ast.Name(span, PROMPT)
    if places[1:]:
        prompt = ast.Subscript(span, prompt, places[1:])
    if _mentions(equation.value):
        return replace(equation, value=prompt)
    if not places or not isinstance(places[0], ast.Name):
        return equation
    value = ast.Call(span, ast.Name(span, "where"), (ast.Name(span, GIVEN), prompt, equation.value))
    return replace(equation, value=value)


def _untempered(value: ast.Expr) -> ast.Expr:
    """`sample(p)` for `sample(p, temperature = 0.8)`; any other value as it is."""
    if isinstance(value, ast.Call) and isinstance(value.function, ast.Name) and value.function.id == "sample":
        return replace(value, options=())
    return value
