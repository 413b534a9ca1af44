"""Syntax trees as text: one line for each expression and for each head of a statement."""

from __future__ import annotations

from collections.abc import Iterable

from graphc.frontend import ast

LEVELS = {"or": 1, "and": 2, "+": 5, "-": 5, "*": 6, "/": 6, "@": 7, "^": 9}
_NOT, COMPARISON, _MINUS, _ATOM = 3, 4, 8, 10
_TIGHT = ("+", "-", "*", "/", "^")


def level(node: ast.Syntax) -> int:
    """How tightly the outermost operator of an expression binds; `grammar.lark` has the same ladder."""
    if isinstance(node, ast.Binary):
        return LEVELS.get(node.op, COMPARISON)
    if isinstance(node, ast.Unary):
        return _NOT if node.op == "not" else _MINUS
    return _ATOM


def expression(node: ast.Expr | ast.Slice | ast.Binder | ast.Option, least: int = 0) -> str:
    """The text of an expression, in brackets only if it binds less tightly than `least`."""
    text = _expression(node)
    return f"({text})" if level(node) < least else text


def _expression(node: ast.Expr | ast.Slice | ast.Binder | ast.Option) -> str:
    match node:
        case ast.Number():
            return node.text
        case ast.String():
            return f'"{node.value}"'
        case ast.Name():
            return node.id
        case ast.Field():
            return f"{_base(node.object)}.{node.name}"
        case ast.Subscript():
            return f"{_base(node.object)}{brackets(node.items)}"
        case ast.Call():
            return f"{expression(node.function)}({listed([*node.args, *node.options])})"
        case ast.ListLiteral():
            return f"[{listed(node.items)}]"
        case ast.Option():
            return f"{node.name} = {expression(node.value)}"
        case ast.Binder():
            return f"{node.name} = {range_text(node.lo, node.hi)}"
        case ast.Slice():
            return f"{_tight(node.lo) if node.lo else ''}:{_tight(node.hi) if node.hi else ''}"
        case ast.Unary():
            operand = expression(node.operand, level(node))
            return f"not {operand}" if node.op == "not" else f"-{operand}"
        case ast.Binary():
            return _binary(node)


def _binary(node: ast.Binary) -> str:
    own = level(node)
    if node.op == "^":
        return f"{expression(node.left, _ATOM)}^{expression(node.right, _MINUS)}"
    left_least = own + 1 if own == COMPARISON else own
    return f"{expression(node.left, left_least)} {node.op} {expression(node.right, own + 1)}"


def _base(node: ast.Expr) -> str:
    bare = isinstance(node, ast.Name | ast.Field | ast.Subscript | ast.Call)
    return expression(node) if bare else f"({expression(node)})"


def listed(items: Iterable[ast.Expr | ast.Option]) -> str:
    """Items with commas between."""
    return ", ".join(expression(item) for item in items)


def brackets(items: Iterable[ast.Expr | ast.Slice | ast.Binder]) -> str:
    """Subscripts, `k[u,t]` without a space where all are positions; nothing if there are none."""
    texts = [_tight(item) for item in items]
    comma = "," if all(_is_position(item) for item in items) else ", "
    return f"[{comma.join(texts)}]" if texts else ""


def shape(items: Iterable[ast.Expr]) -> str:
    """A shape, `[4*H, D + 1]`; nothing if there is none."""
    inside = ", ".join(size(item) for item in items)
    return f"[{inside}]" if inside else ""


def size(node: ast.Expr) -> str:
    """The size of a dim."""
    text = expression(node)
    return text.replace(" * ", "*") if _is_index_arithmetic(node) else text


def range_text(lo: ast.Expr, hi: ast.Expr) -> str:
    """`1..T-1`."""
    return f"{_tight(lo)}..{_tight(hi)}"


def _tight(node: ast.Expr | ast.Slice | ast.Binder) -> str:
    text = expression(node)
    return text.replace(" ", "") if _is_index_arithmetic(node) else text


def _is_position(node: ast.Syntax) -> bool:
    if isinstance(node, ast.Binary):
        return _is_index_arithmetic(node) and _is_position(node.left) and _is_position(node.right)
    return isinstance(node, ast.Number) or (isinstance(node, ast.Name) and len(node.id) == 1)


def _is_index_arithmetic(node: ast.Syntax) -> bool:
    if isinstance(node, ast.Binary):
        return node.op in _TIGHT and _is_index_arithmetic(node.left) and _is_index_arithmetic(node.right)
    return isinstance(node, ast.Name | ast.Number)


# ------------------------------------------------------------------------------------ statements


def head(node: ast.Statement) -> str:
    """A statement on one line, without the braces of those that have some."""
    match node:
        case ast.Equation():
            return f"{equation_left(node)} = {expression(node.value)}"
        case ast.DimDeclaration() | ast.AxisDeclaration() | ast.LayerDeclaration():
            word = {"D": "dim", "A": "axis", "L": "layer"}[type(node).__name__[0]]
            return f"{word} {', '.join(part(item) for item in node.items)}"
        case ast.InputDeclaration() | ast.ParamDeclaration() | ast.NoiseDeclaration():
            word = {"I": "input", "P": "param", "N": "noise"}[type(node).__name__[0]]
            frozen = "frozen " if isinstance(node, ast.ParamDeclaration) and node.frozen else ""
            return f"{frozen}{word} {', '.join(part(item) for item in node.items)}"
        case ast.FunctionDefinition():
            return f"{node.name}({_parameters(node.parameters)}) = {expression(node.value)}"
        case ast.BlockDefinition():
            return f"block {node.name}({_parameters(node.parameters)})"
        case ast.OptimizerDefinition():
            return f"optimizer {node.name}({_parameters(node.settings)})"
        case ast.Import():
            return f"import {expression(node.path)}"
        case ast.Output():
            return f"output {listed(node.values)}"
        case ast.Minimize():
            over = f" over {listed(node.over)}" if node.over else ""
            return f"minimize {expression(node.value)}{over}"
        case ast.Report():
            return f"report {', '.join(part(item) for item in node.items)}"
        case ast.Check():
            return f"check({listed(node.options)})" if node.options else "check"
        case ast.Settings():
            return node.kind
        case ast.Generate():
            return f"generate {listed(node.options)}".rstrip()


def equation_left(node: ast.Equation) -> str:
    """What stands before the `=` of an equation."""
    options = f"({listed(node.options)})" if node.options else ""
    running = f"running{options} " if node.running else ""
    type_ = f" : {part(node.annotation)}" if node.annotation else ""
    return f"{running}{node.name}{brackets(node.subscripts)}{type_}"


def check_left(node: ast.CheckItem) -> str:
    """What stands before the `~=`; in brackets where the line would seem to go on from the one above."""
    text = expression(node.value)
    return f"({text})" if text.startswith("-") else text


def check_right(node: ast.CheckItem) -> str:
    tolerance = f" +- {expression(node.tolerance)}" if node.tolerance else ""
    return f"{expression(node.expected)}{tolerance}"


Part = (
    ast.DimItem
    | ast.AxisItem
    | ast.LayerItem
    | ast.Declarator
    | ast.Parameter
    | ast.Setting
    | ast.ReportItem
    | ast.CheckItem
    | ast.TypeExpr
)


def part(node: Part) -> str:
    """One item of a declaration, of a report or of a check; a type."""
    match node:
        case ast.DimItem():
            return f"{node.name} = {size(node.value)}" if node.value else node.name
        case ast.AxisItem():
            return f"{node.name} = {range_text(node.lo, node.hi)}"
        case ast.LayerItem():
            return f"{node.name}{brackets(node.subscripts)} = {expression(node.call)}"
        case ast.Declarator():
            type_ = f" : {part(node.type)}" if node.type else ""
            draw = f" ~ {expression(node.draw)}" if node.draw else ""
            value = f" = {expression(node.value)}" if node.value else ""
            return f"{node.name}{brackets(node.subscripts)}{type_}{draw}{value}"
        case ast.Parameter():
            kind = f" : {node.kind}" if node.kind else ""
            default = f" = {expression(node.default)}" if node.default else ""
            return f"{node.name}{kind}{default}"
        case ast.Setting():
            kind = f" : {node.kind}" if node.kind != "number" else ""
            default = f" = {expression(node.default)}" if node.default else ""
            return f"{node.name}{kind}{default}"
        case ast.ReportItem():
            return f"{node.name} = {expression(node.value)}" if node.name else expression(node.value)
        case ast.CheckItem():
            return f"{check_left(node)} ~= {check_right(node)}"
        case ast.TypeExpr():
            return _type(node)


def _type(node: ast.TypeExpr) -> str:
    if node.kind == "real" and node.shape:
        return shape(node.shape)
    classes = f"({expression(node.classes)})" if node.classes else ""
    return f"{node.kind}{classes}{shape(node.shape)}"


def _parameters(parameters: Iterable[ast.Parameter | ast.Setting]) -> str:
    return ", ".join(part(parameter) for parameter in parameters)
