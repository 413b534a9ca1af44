"""What a program's values are held against: an error `yhat - y` says that `yhat` predicts the input `y`.

The losses and figures say it, whatever functions they are written with: functions are expanded before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from graphc.ir.graph import Node, Value
from graphc.ir.op import Op
from graphc.ir.system import READ, System, Unit
from graphc.ops.elementwise import CAST, EQUAL, LOG, MUL, NEG, NOT_EQUAL, SOFTPLUS, SUB, XLOGY
from graphc.ops.indexing import GATHER
from graphc.ops.leaf import PIN
from graphc.ops.reduction import ARGMAX


@dataclass(frozen=True)
class Comparisons:
    """The input that each name is held against, for names that are held against just one.

    `values` have the units of the input: the two are subtracted. `scores` have a number for each of its
    classes: the input picks one of them. `choices` are classes themselves: the place of the largest score.
    `chances` are those that the input is 1 and not 0, or of each class, `logits` are their logits: a cross
    entropy weighs the logarithm of a chance by the input, or takes a logit times the input from its softplus.
    """

    values: dict[str, str]
    scores: dict[str, str]
    choices: dict[str, str]
    chances: dict[str, str]
    logits: dict[str, str]


def comparisons(system: System) -> Comparisons:
    """What is compared with what in all equations, losses, reports and outputs."""
    values: dict[str, set[str]] = {}
    scores: dict[str, set[str]] = {}
    chances: dict[str, set[str]] = {}
    logits: dict[str, set[str]] = {}
    for unit in system.units.values():
        for one, other in _pairs(unit, system, (SUB,), _read):
            values.setdefault(one, set()).add(other)
        pairs = _pairs(unit, system, (GATHER,), _read)
        equal = _pairs(unit, system, (EQUAL, NOT_EQUAL), _largest)
        for one, other in [*pairs, *equal]:
            scores.setdefault(one, set()).add(other)
        weighed = _pairs(unit, system, (XLOGY,), _read, _number)
        for one, other in [*weighed, *_pairs(unit, system, (MUL,), _logged, _number)]:
            chances.setdefault(one, set()).add(other)
        soft = _softened(unit)
        for one, other in _pairs(unit, system, (MUL,), _read, _number):
            if one in soft:
                logits.setdefault(one, set()).add(other)
    scored = _single(scores)
    chosen = {unit.name: _chosen(unit) for unit in system.units.values()}
    choices = {name: scored[scores] for name, scores in chosen.items() if scores in scored}
    return Comparisons(_single(values), scored, choices, _single(chances), _single(logits))


def _single(found: dict[str, set[str]]) -> dict[str, str]:
    return {name: min(inputs) for name, inputs in found.items() if len(inputs) == 1}


Made = dict[Value, Node]


Name = Callable[[Value, Made], str]


def _pairs(
    unit: Unit, system: System, ops: tuple[Op, ...], name_of: Name, input_of: Name | None = None
) -> Iterator[tuple[str, str]]:
    """Names and inputs that meet in one of these operations, in either order."""
    input_of = input_of or _read
    made = _made(unit)
    for node in made.values():
        if node.op in ops:
            for one, other in (node.operands[:2], node.operands[1::-1]):
                name, against = name_of(one, made), input_of(other, made)
                leaf = system.leaves.get(against)
                if name in system.units and leaf is not None and leaf.kind == "input":
                    yield name, leaf.name


def _made(unit: Unit) -> Made:
    return {node.result: node for node in unit.nodes if isinstance(node, Node)}


def _read(value: Value, made: Made) -> str:
    """The name that a value is read from; empty for any other value."""
    node = made.get(value)
    return str(node.attrs["unit"]) if node is not None and node.op is READ else ""


def _number(value: Value, made: Made) -> str:
    """The name that a value is read from, as it is, made a real number, or with the other sign."""
    node = made.get(value)
    return (
        _number(node.operands[0], made) if node is not None and node.op in (CAST, NEG) else _read(value, made)
    )


def _logged(value: Value, made: Made) -> str:
    """The name that a value is the logarithm of; empty for any other value."""
    node = made.get(value)
    return _read(node.operands[0], made) if node is not None and node.op is LOG else ""


def _softened(unit: Unit) -> set[str]:
    """The names that an equation takes the softplus of."""
    made = _made(unit)
    return {_read(node.operands[0], made) for node in made.values() if node.op is SOFTPLUS} - {""}


def _largest(value: Value, made: Made) -> str:
    """The name of the scores that a value is the place of the largest of; empty for any other value."""
    node = made.get(value)
    return _read(node.operands[0], made) if node is not None and node.op is ARGMAX else ""


def _chosen(unit: Unit) -> str:
    """The scores that an equation is the choice from; empty for any other equation."""
    made = _made(unit)
    node = made.get(unit.value)
    return _largest(node.operands[0], made) if node is not None and node.op is PIN else ""
