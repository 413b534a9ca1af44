"""Which class input a loss compares its probabilities with: `y` of `cross_entropy(p, y)`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphc.frontend import ast
from graphc.frontend.spec import Spec
from graphc.frontend.walk import children


@dataclass(frozen=True)
class Target:
    """An input and the number of its classes."""

    name: str
    classes: int


def targets(spec: Spec) -> list[Target | None]:
    """For each `minimize` the target of a cross entropy in it, or in an equation that it names."""
    equations = {s.name: s.value for s in spec.file.statements if isinstance(s, ast.Equation)}
    losses = [s.value for s in spec.file.statements if isinstance(s, ast.Minimize)]
    return [next(_found(loss, spec, equations, set()), None) for loss in losses]


def _found(node: ast.Syntax, spec: Spec, equations: dict[str, ast.Expr], seen: set[str]) -> Iterator[Target]:
    if isinstance(node, ast.Call) and isinstance(node.function, ast.Name) and len(node.args) > 1:
        target = _compared(node.function.id, node.args[1], spec)
        if target is not None:
            yield target
    if isinstance(node, ast.Name) and node.id in equations and node.id not in seen:
        seen.add(node.id)
        yield from _found(equations[node.id], spec, equations, seen)
    for _, child in children(node):
        yield from _found(child, spec, equations, seen)


def _compared(function: str, against: ast.Expr, spec: Spec) -> Target | None:
    while isinstance(against, ast.Subscript):
        against = against.object
    info = spec.inputs.get(against.id) if isinstance(against, ast.Name) else None
    if info is None or not isinstance(against, ast.Name):
        return None
    if function == "cross_entropy" and info.classes is not None:
        return Target(against.id, info.classes)
    if function in ("binary_cross_entropy", "binary_cross_entropy_of_logit"):
        return Target(against.id, 2)
    return None
