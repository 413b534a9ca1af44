"""`check` blocks against what a program computes, and gradients against finite differences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from graphc.diagnostics import GraphcError, Span, fault, nearest
from graphc.driver.examples import drawn
from graphc.frontend import ast
from graphc.frontend.arithmetic import one_line
from graphc.frontend.constants import constant_of
from graphc.frontend.elaborate import Mode
from graphc.ir.op import Array
from graphc.types import BATCH
from graphc.view.checks import CheckResult
from graphc.view.numbers import array as shown

if TYPE_CHECKING:
    from graphc.driver.arrays import Feed
    from graphc.driver.program import Program

_ROUNDING = 1e-12
_MODES: dict[str, Mode] = {"training": "train", "evaluation": "eval"}


def check_blocks(program: Program) -> list[CheckResult]:
    """Every line of every `check` block, each block from the spec's initial parameters."""
    results: list[CheckResult] = []
    for number, block in enumerate(program.spec.checks):
        mode, updates = _options(block, program)
        fresh = program.fresh()
        for _ in range(updates):
            fresh.step_on_examples()
        results += [_item(fresh, number, place, item, mode) for place, item in enumerate(block.items)]
    return results


def _options(block: ast.Check, program: Program) -> tuple[Mode, int]:
    mode: Mode = "eval"
    updates = 0
    for option in block.options:
        text = option.value.span.text
        if option.name == "mode":
            if text not in _MODES:
                raise fault(
                    "E262",
                    f"`mode` is training or evaluation, not `{text}`",
                    option.value.span,
                    help=nearest(text, _MODES),
                )
            mode = _MODES[text]
        elif option.name == "updates":
            if not text.isdigit():
                raise fault("E262", f"`updates` is a whole number, not `{text}`", option.value.span)
            updates = int(text)
        else:
            raise fault(
                "E225",
                f"`check` has no option `{option.name}`",
                option.span,
                help=nearest(option.name, ("mode", "updates")),
            )
    if updates and program.examples is None:
        raise _without_values(block.span)
    return mode, updates


def _without_values(span: Span) -> GraphcError:
    return fault("E254", "a `check` needs inputs with values in the spec", span)


def _item(program: Program, number: int, place: int, item: ast.CheckItem, mode: Mode) -> CheckResult:
    dims = program.spec.scope.all_dims
    expected = constant_of(item.expected, dims)
    found = _value(program, number, place, item.value, mode)
    name = one_line(item.value.span.text)
    if found.ndim == expected.ndim + 1 and found.shape[1:] == expected.shape and not program.single:
        # One figure for a batch holds for each of its examples.
        expected = np.broadcast_to(expected, found.shape)
    if found.shape != expected.shape:
        raise fault(
            "E254",
            f"`{name}` has the shape {list(found.shape)}, the figure {list(expected.shape)}",
            item.expected.span,
        )
    exact = item.tolerance is None and all(n.is_integer for n in _numbers(item.expected))
    if item.tolerance is not None:
        tolerance = float(constant_of(item.tolerance, dims))
    else:
        tolerance = 0.0 if exact else half_unit(item.expected)
    slack = _ROUNDING * np.maximum(1.0, np.abs(expected))
    ok = bool(np.all(np.abs(found - expected) <= tolerance + slack))
    text = "exactly" if exact else f"{tolerance:.3g}"
    return CheckResult(name, str(item.span), ok, shown(expected), shown(found), text)


def _reads_no_input(program: Program, unit: str, mode: Mode) -> bool:
    """Whether a figure is one of the parameters alone, as their number is."""
    if unit not in program.spec.system.units:
        return False
    return program.spec.inputs.keys().isdisjoint(v.name for v in program.pipeline.graph(mode, (unit,)).inputs)


def _value(program: Program, number: int, place: int, expr: ast.Expr, mode: Mode) -> Array:
    unit = f"check@{number}.{place}"
    if program.examples is None and not _reads_no_input(program, unit, mode):
        raise _without_values(expr.span)
    if (wanted := gradient_name(expr)) is not None:
        try:
            program.pipeline.loss_unit(mode)
        except GraphcError as error:
            raise GraphcError(replace(error.diagnostics[0], span=expr.span)) from None
        _, gradients = program.value_and_grad(wrt=[wanted], mode=mode)
        return _single(program, wanted, gradients[wanted])
    if unit not in program.spec.system.units:
        loss, _ = program.value_and_grad(wrt=[], mode=mode)
        return np.asarray(loss)
    return _single(program, unit, program.forward(names=[unit], mode=mode)[unit])


def gradient_name(expr: ast.Expr) -> str | None:
    """`w` of `grad(w)`."""
    if isinstance(expr, ast.Call) and isinstance(expr.function, ast.Name) and expr.function.id == "grad":
        if len(expr.args) != 1:
            raise fault("E224", "`grad` takes one name", expr.span)
        return expr.args[0].span.text.replace(" ", "")
    return None


def _single(program: Program, name: str, array: Array) -> Array:
    one = program.single and BATCH in program.spec.system.type(name).axes
    return np.asarray(array[0] if one else array, np.float64)


def half_unit(expr: ast.Expr) -> float:
    """Half a unit in the last digit of the most precise number written."""
    places = [_last_place(number.text) for number in _numbers(expr)]
    return 0.5 * 10.0 ** min(places, default=0)


def _last_place(text: str) -> int:
    mantissa, _, exponent = text.lower().partition("e")
    _, _, decimals = mantissa.partition(".")
    return int(exponent or 0) - len(decimals)


def _numbers(expr: ast.Expr) -> Iterator[ast.Number]:
    match expr:
        case ast.Number():
            yield expr
        case ast.Unary():
            yield from _numbers(expr.operand)
        case ast.Binary():
            yield from _numbers(expr.left)
            yield from _numbers(expr.right)
        case ast.ListLiteral():
            for item in expr.items:
                yield from _numbers(item)


# ---------------------------------------------------------------------------- finite differences

_STEP = 1e-6
_RELATIVE = 1e-5
_MOST_ELEMENTS = 24


def check_gradients(program: Program) -> list[CheckResult]:
    """The gradients of all parameters and real inputs beside central differences in float64.

    Each loss is checked for the parameters that it moves. A large array is checked along random directions
    and at some of its elements.
    """
    if not program.pipeline.has_loss("train"):
        return []
    checked = program.fresh(dtype="float64")
    infos = checked.spec.inputs
    absent = {name: info for name, info in infos.items() if not info.has_value}
    fed = checked.feed(drawn(absent, checked.seed))
    inputs = [name for name, info in infos.items() if info.type.dtype == "real"]
    results: list[CheckResult] = []
    for number, objective in enumerate(checked.spec.objectives or [None]):
        over = None if objective is None else objective.over
        params = [name for name in checked.spec.params if over is None or name in over]
        differences = _Differences(checked, fed, number)
        results += differences.of([*params, *(inputs if number == 0 else [])])
    return results


class _Differences:
    """Finite differences of one loss."""

    def __init__(self, program: Program, fed: Feed, objective: int) -> None:
        self.program, self.fed, self.objective = program, fed, objective
        self.run = program.execution.run(fed)
        self.here = self._loss(fed)

    def of(self, names: list[str]) -> list[CheckResult]:
        found = self.program.execution.gradients(
            "train", names, self.fed, self.run, objective=self.objective
        ).gradients
        return [self._check(name, found[name]) for name in names]

    def _check(self, name: str, gradient: Array) -> CheckResult:
        system = self.program.spec.system
        param = name in self.program.spec.params
        original = self.program.params[name] if param else self.fed.arrays[name]
        if param:
            gradient = self.program.execution.shown(name, gradient, system, self.fed)
        worst, ok, pair = -1.0, True, (0.0, 0.0)
        for direction in _directions(original.shape, np.random.default_rng(7)):
            ahead, behind = (self._moved(name, original + s * _STEP * direction) for s in (1, -1))
            expected, found = (ahead - behind) / (2 * _STEP), float(np.sum(gradient * direction))
            error = abs(found - expected)
            if error > worst:
                worst, pair = error, (expected, found)
            ok = ok and (
                error <= _RELATIVE * max(1.0, abs(expected), abs(found))
                or self._at_a_kink(ahead, behind, found)
            )
        span = system.leaves[name].span
        texts = [f"{value:.9g}" for value in pair]
        return CheckResult(f"grad({name})", str(span), ok, texts[0], texts[1], f"{_RELATIVE:g}")

    def _at_a_kink(self, ahead: float, behind: float, found: float) -> bool:
        """Where the slopes on the two sides differ (relu at 0), any slope between them will do."""
        slopes = sorted(((ahead - self.here) / _STEP, (self.here - behind) / _STEP))
        return slopes[1] - slopes[0] > 1e-3 and slopes[0] - 1e-3 <= found <= slopes[1] + 1e-3

    def _moved(self, name: str, value: Array) -> float:
        """The loss with another value in the place of a parameter or an input."""
        if name not in self.program.spec.params:
            return self._loss(replace(self.fed, arrays={**self.fed.arrays, name: value}))
        original = self.program.params[name]
        self.program.params[name] = value
        try:
            return self._loss(self.fed)
        finally:
            self.program.params[name] = original

    def _loss(self, fed: Feed) -> float:
        return self.program.execution.gradients("train", [], fed, self.run, objective=self.objective).loss


def _directions(shape: tuple[int, ...], generator: np.random.Generator) -> Iterator[Array]:
    size = int(np.prod(shape))
    places = range(size) if size <= _MOST_ELEMENTS else generator.choice(size, _MOST_ELEMENTS // 2, False)
    for place in places:
        direction = np.zeros(size)
        direction[place] = 1.0
        yield direction.reshape(shape)
    if size > _MOST_ELEMENTS:
        for _ in range(2):
            direction = generator.standard_normal(shape)
            yield direction / np.linalg.norm(direction)
