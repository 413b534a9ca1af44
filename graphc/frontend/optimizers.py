"""Optimizers: equations over the steps of a training, judged like those of any recurrence.

A definition becomes a small file of its own. Its axis `k` counts the steps, up to `K`; `w` and `g` are one
number of the parameters and its gradient, as a model's inputs are one example: the batch of this file is the
numbers of all parameters. So nothing in it can mix them, and what is compiled of it fits any model.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from graphc.analysis.recurrence import plan
from graphc.diagnostics import Diagnostic, GraphcError, Span, fault
from graphc.frontend import ast
from graphc.frontend.elaborate import elaborate
from graphc.frontend.names import head_of
from graphc.frontend.scope import Library
from graphc.frontend.walk import children
from graphc.ir.system import System

STEP, STEPS, WEIGHT, GRADIENT = "k", "K", "w", "g"
START = "w@0"
"""The weight before the first step, under a name that no equation can write."""


def rule_system(
    definition: ast.OptimizerDefinition,
    library: Library,
    choices: Collection[str] = (),
    grouped: Collection[str] = (),
) -> System:
    """The rolled system of an optimizer; options named in `grouped` differ between parameters.

    `choices` are the options that are true, of those that are true or false: they decide what is compiled.
    Raises the faults of the equations, with their places in the definition.
    """
    _check(definition)
    file = _file(definition, choices, grouped)
    system = elaborate(file, library, mode="train").system
    plan(system, system.units)
    return system


def _check(definition: ast.OptimizerDefinition) -> None:
    """Raises E540 without an equation for the weights, E541 for a name that is given."""
    given = {STEP: "the number of the step", STEPS: "the number of all steps", GRADIENT: "the gradient"}
    faults: list[Diagnostic] = []
    options = [(setting.name, setting.span) for setting in definition.settings]
    equations = [(equation.name, equation.span) for equation in definition.body if not _is_boundary(equation)]
    for name, span in (*options, *equations):
        if name in given or ((name, span) in options and name == WEIGHT):
            what = f"`{name}` is {given.get(name, 'the weight')} in an optimizer and cannot be defined"
            faults.append(Diagnostic("E541", what, head_of(span), help="choose another name"))
    for equation in definition.body:
        if equation.name == WEIGHT and equation.subscripts and equation.subscripts[0].span.text == "0":
            what = "`w[0]` is the weight before the first step, which the model gives"
            faults.append(Diagnostic("E541", what, head_of(equation.span)))
    if faults:
        raise GraphcError(faults)
    if not any(e.name == WEIGHT and not _is_boundary(e) for e in definition.body):
        raise fault(
            "E540",
            f"the optimizer `{definition.name}` has no equation for the weights",
            _head(definition),
            help="such as `w[k] = w[k-1] - lr * g[k]`",
        )


def _head(definition: ast.OptimizerDefinition) -> Span:
    """What stands before the brace."""
    span = definition.span
    return Span(span.source, span.start, span.start + len(span.text.partition("{")[0].rstrip()))


def _is_boundary(equation: ast.Equation) -> bool:
    return any(not isinstance(subscript, ast.Name) for subscript in equation.subscripts)


def _file(
    definition: ast.OptimizerDefinition, choices: Collection[str], grouped: Collection[str]
) -> ast.File:
    span = _head(definition)
    real = ast.TypeExpr(span, "real")
    step, zero, one = ast.Name(span, STEP), ast.Number(span, "0"), ast.Number(span, "1")
    axis = ast.AxisItem(span, STEP, one, ast.Name(span, STEPS))
    inputs = [ast.Declarator(span, START, (), real), ast.Declarator(span, GRADIENT, (step,), real)]
    statements: list[ast.Statement] = [ast.AxisDeclaration(span, (axis,))]
    for setting in definition.settings:
        if setting.kind == "flag":
            side = one if setting.name in choices else zero
            constant = ast.Binary(setting.span, "==", one, side)
            statements.append(ast.Equation(setting.span, setting.name, (), constant))
        elif setting.name in grouped:
            inputs.append(ast.Declarator(setting.span, setting.name, (), real))
        else:
            number = ast.Declarator(setting.span, setting.name, (), real, value=zero)
            statements.append(ast.ParamDeclaration(setting.span, (number,)))
    statements.append(ast.InputDeclaration(span, tuple(inputs)))
    statements.append(ast.Equation(span, WEIGHT, (zero,), ast.Name(span, START)))
    states = _states(definition)
    body = (replace(e, annotation=e.annotation or real) if e.name in states else e for e in definition.body)
    return ast.File(definition.span, (*statements, *body))


def _states(definition: ast.OptimizerDefinition) -> set[str]:
    """The names that are read at another step than `k`: each is a real number, as memory is."""
    found: set[str] = set()
    waiting: list[ast.Syntax] = [equation.value for equation in definition.body]
    while waiting:
        node = waiting.pop()
        waiting += [child for _, child in children(node)]
        match node:
            case ast.Subscript(object=ast.Name(id=name)) if not all(
                isinstance(i, ast.Name) for i in node.items
            ):
                found.add(name)
    return found
