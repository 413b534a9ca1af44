"""From what the grammar recognised to the syntax tree, and the faults that a grammar cannot tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, TypeVar, get_args

from lark import Token, Transformer_NonRecursive, v_args
from lark.tree import Meta

from graphc.diagnostics import Diagnostic, Label, Source, Span, nearest
from graphc.frontend import ast

Parts = list[Any]
Kind = TypeVar("Kind")


def _shaped(written: ast.TypeExpr | ast.ListLiteral | None) -> ast.TypeExpr | None:
    """A type that is written as its shape alone is real."""
    if isinstance(written, ast.ListLiteral):
        return ast.TypeExpr(written.span, "real", written.items)
    return written


def _all(kind: type[Kind], parts: Parts) -> tuple[Kind, ...]:
    return tuple(part for part in parts if isinstance(part, kind))


@v_args(meta=True)
class Builder(Transformer_NonRecursive[Token, Any]):
    """One method for each rule of `grammar.lark`. Collects faults instead of stopping at one."""

    def __init__(self, source: Source) -> None:
        super().__init__(visit_tokens=False)
        self.source = source
        self.faults: list[Diagnostic] = []

    def _span(self, place: Meta | Token) -> Span:
        start, end = place.start_pos, place.end_pos
        assert start is not None
        assert end is not None
        return Span(self.source, start, end)

    def _fault(self, code: str, message: str, span: Span, help: str = "", label: Label | None = None) -> None:
        labels = (label,) if label else ()
        self.faults.append(Diagnostic(code, message, span, labels=labels, help=help))

    # ---------------------------------------------------------------------------- expressions

    def name(self, meta: Meta, parts: Parts) -> ast.Name:
        if parts[0] in ("and", "or"):
            message = f"before `{parts[0]}` a value is missing"
            self._fault("E102", message, self._span(meta), "`and` stands between two conditions")
        return ast.Name(self._span(meta), str(parts[0]))

    def number(self, meta: Meta, parts: Parts) -> ast.Number:
        return ast.Number(self._span(meta), str(parts[0]))

    def string(self, meta: Meta, parts: Parts) -> ast.String:
        return ast.String(self._span(meta), str(parts[0])[1:-1])

    def list(self, meta: Meta, parts: Parts) -> ast.ListLiteral:
        return ast.ListLiteral(self._span(meta), _all(ast.Syntax, parts))  # type: ignore[arg-type]

    def paren(self, meta: Meta, parts: Parts) -> ast.Expr:
        # The span takes in the brackets, so that a message quotes all of `(a + b) @ x`.
        expression: ast.Expr = replace(parts[0], span=self._span(meta))
        return expression

    def field(self, meta: Meta, parts: Parts) -> ast.Field:
        return ast.Field(self._span(meta), parts[0], str(parts[1]))

    def binary(self, meta: Meta, parts: Parts) -> ast.Binary:
        left, operator, right = parts
        return ast.Binary(self._span(meta), str(operator), left, right)  # type: ignore[arg-type]

    def minus(self, meta: Meta, parts: Parts) -> ast.Unary:
        return ast.Unary(self._span(meta), "-", parts[0])

    def not_(self, meta: Meta, parts: Parts) -> ast.Unary:
        return ast.Unary(self._span(meta), "not", parts[0])

    def subscript(self, meta: Meta, parts: Parts) -> ast.Subscript:
        return ast.Subscript(self._span(meta), parts[0], tuple(parts[1:]))

    def binder(self, meta: Meta, parts: Parts) -> ast.Binder:
        return ast.Binder(self._span(meta), str(parts[0]), parts[1], parts[2])

    def slice(self, meta: Meta, parts: Parts) -> ast.Slice:
        return ast.Slice(self._span(meta), parts[0], parts[2])

    def call(self, meta: Meta, parts: Parts) -> ast.Call:
        function, *arguments = [part for part in parts if part is not None]
        options = _all(ast.Option, arguments)
        self._check_callable(function)
        self._check_order(arguments)
        self.check_twice(options, "option")
        args = tuple(argument for argument in arguments if not isinstance(argument, ast.Option))
        return ast.Call(self._span(meta), function, args, options)

    def _check_callable(self, function: ast.Expr) -> None:
        head = function.object if isinstance(function, ast.Subscript) else function
        if not isinstance(head, ast.Name | ast.Field) or function.span.text.startswith("("):
            message = f"`{_shortened(function)}` is not the name of a function or of a layer"
            advice = f"for a product write `{_shortened(function)} * (...)`"
            if not function.span.text.startswith("("):
                advice = "give the result a name, and use that"
            self._fault("E125", message, function.span, advice)

    def _check_order(self, arguments: Parts) -> None:
        named = None
        for argument in arguments:
            if isinstance(argument, ast.Option):
                named = argument
            elif named is not None:
                message = f"`{_shortened(argument)}` has no name, but stands behind `{named.name} = ...`"
                self._fault("E126", message, argument.span, "arguments without a name come first")
                return

    def check_twice(self, items: Iterable[ast.Option | ast.Parameter | ast.Setting], what: str) -> None:
        seen: dict[str, ast.Option | ast.Parameter | ast.Setting] = {}
        for item in items:
            if item.name in seen:
                label = Label(seen[item.name].span, "first given here")
                self._fault("E135", f"the {what} `{item.name}` is given twice", item.span, label=label)
            seen.setdefault(item.name, item)

    def option(self, meta: Meta, parts: Parts) -> ast.Option:
        return ast.Option(self._span(meta), str(parts[0]), parts[1])

    # ---------------------------------------------------------------------------- declarations

    def subscripts(self, meta: Meta, parts: Parts) -> tuple[ast.Expr, ...]:
        return tuple(parts)

    def named_type(self, meta: Meta, parts: Parts) -> ast.TypeExpr:
        return ast.TypeExpr(self._span(meta), str(parts[0]), parts[1] or ())  # type: ignore[arg-type]

    def index_type(self, meta: Meta, parts: Parts) -> ast.TypeExpr:
        return ast.TypeExpr(self._span(meta), "index", parts[2] or (), parts[1])

    def declarator(self, meta: Meta, parts: Parts) -> ast.Declarator:
        name, subscripts, type_, draw, value = parts
        type_ = _shaped(type_)
        if draw is not None and value is not None:
            message = f"`{name}` is both drawn (`~`) and fixed (`=`)"
            label = Label(draw.span, "drawn here")
            self._fault("E128", message, value.span, "keep one of the two", label)
        return ast.Declarator(self._span(meta), str(name), subscripts or (), type_, draw, value)

    def dim_item(self, meta: Meta, parts: Parts) -> ast.DimItem:
        return ast.DimItem(self._span(meta), str(parts[0]), parts[1])

    def dim(self, meta: Meta, parts: Parts) -> ast.DimDeclaration:
        return ast.DimDeclaration(self._span(meta), _all(ast.DimItem, parts))

    def axis_item(self, meta: Meta, parts: Parts) -> ast.AxisItem:
        return ast.AxisItem(self._span(meta), str(parts[0]), parts[1], parts[2])

    def axis(self, meta: Meta, parts: Parts) -> ast.AxisDeclaration:
        return ast.AxisDeclaration(self._span(meta), _all(ast.AxisItem, parts))

    def input(self, meta: Meta, parts: Parts) -> ast.InputDeclaration:
        return ast.InputDeclaration(self._span(meta), _all(ast.Declarator, parts))

    def param(self, meta: Meta, parts: Parts) -> ast.ParamDeclaration:
        return ast.ParamDeclaration(self._span(meta), _all(ast.Declarator, parts), parts[0] is not None)

    def noise(self, meta: Meta, parts: Parts) -> ast.NoiseDeclaration:
        return ast.NoiseDeclaration(self._span(meta), _all(ast.Declarator, parts))

    def layer(self, meta: Meta, parts: Parts) -> ast.LayerDeclaration:
        items = tuple(self._layer_item(part) for part in _all(ast.Equation, parts))
        return ast.LayerDeclaration(self._span(meta), tuple(item for item in items if item is not None))

    def _layer_item(self, equation: ast.Equation) -> ast.LayerItem | None:
        if isinstance(equation.value, ast.Call) and equation.annotation is None:
            return ast.LayerItem(equation.span, equation.name, equation.subscripts, equation.value)
        message = f"`{_shortened(equation.value)}` is not an instance of a block"
        self._fault("E127", message, equation.value.span, "as in `layer enc = LSTM(D, H)`")
        return None

    def kind(self, meta: Meta, parts: Parts) -> str:
        return str(parts[0])

    def parameter(self, meta: Meta, parts: Parts) -> ast.Parameter:
        return ast.Parameter(self._span(meta), str(parts[0]), parts[1], parts[2])

    def function(self, meta: Meta, parts: Parts) -> ast.FunctionDefinition:
        parameters = _all(ast.Parameter, parts)
        self.check_twice(parameters, "parameter")
        return ast.FunctionDefinition(self._span(meta), str(parts[0]), parameters, parts[-1])

    def block(self, meta: Meta, parts: Parts) -> ast.BlockDefinition:
        parameters = _all(ast.Parameter, parts)
        self.check_twice(parameters, "parameter")
        for parameter in parameters:
            if parameter.kind is not None:
                message = f"`{parameter.name}` is a dim, as all parameters of a block are, and takes no type"
                self._fault("E137", message, parameter.span, "what it computes with is its `input`")
        return ast.BlockDefinition(self._span(meta), str(parts[1]), parameters, ())

    def setting(self, meta: Meta, parts: Parts) -> ast.Setting:
        name, kind, default = parts
        known = get_args(ast.SettingKind)
        if kind is not None and str(kind) not in known:
            message = f"`{kind}` says nothing about an option"
            advice = nearest(str(kind), known) or "known: " + ", ".join(known)
            self._fault("E137", message, self._span(kind), advice)
        return ast.Setting(self._span(meta), str(name), str(kind or "number"), default)  # type: ignore[arg-type]

    def optimizer(self, meta: Meta, parts: Parts) -> ast.OptimizerDefinition:
        settings = _all(ast.Setting, parts)
        self.check_twice(settings, "option")
        return ast.OptimizerDefinition(self._span(meta), str(parts[1]), settings, ())

    def import_(self, meta: Meta, parts: Parts) -> ast.Import:
        token = parts[1]
        return ast.Import(self._span(meta), ast.String(self._span(token), str(token)[1:-1]))

    # ---------------------------------------------------------------------------- equations and the rest

    def equation(self, meta: Meta, parts: Parts) -> ast.Equation:
        name, subscripts, annotation, value = parts
        return ast.Equation(self._span(meta), str(name), subscripts or (), value, _shaped(annotation))

    def running(self, meta: Meta, parts: Parts) -> ast.Equation:
        options = _all(ast.Option, parts)
        self.check_twice(options, "option")
        equation: ast.Equation = replace(parts[-1], span=self._span(meta), running=True, options=options)
        return equation

    def output(self, meta: Meta, parts: Parts) -> ast.Output:
        return ast.Output(self._span(meta), tuple(parts[1:]))

    def minimize(self, meta: Meta, parts: Parts) -> ast.Minimize:
        over = tuple(part for part in parts[2:] if part is not None)
        return ast.Minimize(self._span(meta), parts[1], over)

    def report(self, meta: Meta, parts: Parts) -> ast.Report:
        return ast.Report(self._span(meta), tuple(_report_item(part) for part in parts[1:]))

    def check(self, meta: Meta, parts: Parts) -> ast.Check:
        options = _all(ast.Option, parts)
        self.check_twice(options, "option")
        return ast.Check(self._span(meta), options, ())

    def check_item(self, meta: Meta, parts: Parts) -> ast.CheckItem:
        return ast.CheckItem(self._span(meta), parts[0], parts[1], parts[2])

    def settings(self, meta: Meta, parts: Parts) -> ast.Settings:
        return ast.Settings(self._span(meta), str(parts[0]), ())  # type: ignore[arg-type]

    def generate(self, meta: Meta, parts: Parts) -> ast.Generate:
        options = _all(ast.Option, parts)
        self.check_twice(options, "option")
        return ast.Generate(self._span(meta), options, ())


def _report_item(part: ast.Option | ast.Expr) -> ast.ReportItem:
    if isinstance(part, ast.Option):
        return ast.ReportItem(part.span, part.name, part.value)
    return ast.ReportItem(part.span, None, part)


def _shortened(node: ast.Syntax) -> str:
    text = " ".join(node.span.text.split())
    return text if len(text) <= 40 else text[:37] + "..."
