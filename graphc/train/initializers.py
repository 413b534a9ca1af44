"""Values for parameters from `~` draws: `param W : [H, D] ~ he`.

Each parameter draws from a stream of its own, keyed by the seed and its qualified name: adding a
parameter never changes another. Values are float64, whatever the program computes in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from graphc.diagnostics import Span, fault, nearest
from graphc.frontend import ast
from graphc.train.data.examples import Array
from graphc.train.expressions import describe, number
from graphc.train.randomness import keyed

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Initializer:
    """An initializer's name and its numbers as written: `normal(0.1)`."""

    name: str
    values: tuple[float, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class _Request:
    """What a drawing function works from; `values` are complete, defaults filled in."""

    shape: Shape
    values: tuple[float, ...]
    fan_in: int
    fan_out: int
    generator: np.random.Generator

    def normal(self, mean: float, deviation: float) -> Array:
        return mean + deviation * self.generator.standard_normal(self.shape)

    def uniform(self, low: float, high: float) -> Array:
        return low + (high - low) * self.generator.random(self.shape)


@dataclass(frozen=True)
class _Kind:
    """How an initializer draws, the names of its numbers, and how it reads those that are left out."""

    draw: Callable[[_Request], Array]
    numbers: tuple[str, ...] = ()
    complete: Callable[[tuple[float, ...]], tuple[float, ...] | None] = lambda values: values
    needs: str = ""
    fits: Callable[[Shape], bool] = lambda shape: True


def fans(shape: Shape) -> tuple[int, int]:
    """Fan-in and fan-out of a weight whose first dim is the output's: D and H of [H, D].

    Of a kernel [K, C, h, w]: C h w and K h w; of a vector, which is summed away: its size and 1.
    """
    if len(shape) < 2:
        return math.prod(shape), 1
    return math.prod(shape[1:]), shape[0] * math.prod(shape[2:])


def read_initializer(value: ast.Expr, dims: Mapping[str, int] | None = None) -> Initializer:
    """What follows `~`: a name or a call with numbers, by place or by name."""
    call = ast.Call(value.span, value, ()) if isinstance(value, ast.Name) else value
    if not (isinstance(call, ast.Call) and isinstance(call.function, ast.Name)):
        raise fault(
            "E511",
            f"expected an initializer such as `he` or `normal(0.1)`, found {describe(value)}",
            value.span,
        )
    kind = _kind(call.function.id, call.function.span)
    values = [float(number(arg, dims or {})) for arg in call.args]
    for option in call.options:
        if option.name not in kind.numbers[len(values) : len(values) + 1]:
            takes = ", ".join(f"`{name}`" for name in kind.numbers) or "no numbers"
            raise fault(
                "E511",
                f"`{call.function.id}` takes {takes} in this order, found `{option.name}`",
                option.span,
            )
        values.append(float(number(option.value, dims or {})))
    initializer = Initializer(call.function.id, tuple(values), value.span)
    _complete(initializer, kind)
    return initializer


def draw(
    initializer: Initializer, shape: Shape, fan_in: int, fan_out: int, seed: int, qualified_name: str
) -> Array:
    """The first value of a parameter."""
    kind = _kind(initializer.name, initializer.span)
    values = _complete(initializer, kind)
    if not kind.fits(shape):
        raise fault(
            "E512",
            f"`{initializer.name}` draws {kind.needs}; `{qualified_name}` has the shape {list(shape)}",
            initializer.span,
        )
    request = _Request(shape, values, max(1, fan_in), max(1, fan_out), keyed(seed, "param", qualified_name))
    return np.asarray(kind.draw(request), dtype=np.float64)


def _kind(name: str, span: Span | None) -> _Kind:
    if name not in KINDS:
        known = "known: " + ", ".join(sorted(KINDS))
        raise fault("E510", f"unknown initializer `{name}`", span, help=nearest(name, KINDS) or known)
    return KINDS[name]


def _complete(initializer: Initializer, kind: _Kind) -> tuple[float, ...]:
    complete = kind.complete(initializer.values) if len(initializer.values) <= len(kind.numbers) else None
    if complete is None:
        takes = ", ".join(kind.numbers) or "no numbers"
        shown = ", ".join(f"{value:g}" for value in initializer.values) or "none"
        raise fault("E511", f"`{initializer.name}` takes {takes}; found {shown}", initializer.span)
    return complete


def _normal_numbers(values: tuple[float, ...]) -> tuple[float, ...] | None:
    """Nothing is the standard normal; one number is the deviation."""
    mean, deviation = {0: (0.0, 1.0), 1: (0.0, *values)}.get(len(values), values)
    return (mean, deviation) if deviation >= 0 else None


def _uniform_numbers(values: tuple[float, ...]) -> tuple[float, ...] | None:
    """One number a is the range from -a to a."""
    pair = (-values[0], values[0]) if len(values) == 1 else values
    return pair if len(pair) == 2 and pair[0] <= pair[1] else None


def _one_number(values: tuple[float, ...]) -> tuple[float, ...] | None:
    return values if len(values) == 1 else None


def _gain(values: tuple[float, ...]) -> tuple[float, ...]:
    return values or (1.0,)


def _glorot(request: _Request) -> Array:
    bound = math.sqrt(6 / (request.fan_in + request.fan_out))
    return request.uniform(-bound, bound)


def _orthonormal(generator: np.random.Generator, rows: int, columns: int) -> Array:
    """Orthonormal rows or columns, whichever are fewer, evenly distributed over all such matrices."""
    tall = generator.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    # The signs that QR happens to choose would favour some matrices over others.
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    return q if rows >= columns else q.T


def _orthogonal(request: _Request) -> Array:
    rows, columns = request.shape[0], math.prod(request.shape[1:])
    return request.values[0] * _orthonormal(request.generator, rows, columns).reshape(request.shape)


def _delta_orthogonal(request: _Request) -> Array:
    """Zero but for the kernel's middle, which maps the channels orthogonally."""
    kernel = np.zeros(request.shape)
    middle = tuple((size - 1) // 2 for size in request.shape[2:])
    outputs, inputs = request.shape[:2]
    kernel.reshape(outputs, inputs, -1)[:, :, np.ravel_multi_index(middle, request.shape[2:])] = _orthonormal(
        request.generator, outputs, inputs
    )
    return request.values[0] * kernel


_ZERO = _Kind(lambda request: np.zeros(request.shape))
_ONE = _Kind(lambda request: np.ones(request.shape))
_XAVIER = _Kind(_glorot)

KINDS: dict[str, _Kind] = {
    "zero": _ZERO,
    "zeros": _ZERO,
    "one": _ONE,
    "ones": _ONE,
    "constant": _Kind(lambda r: np.full(r.shape, r.values[0]), ("value",), _one_number),
    "normal": _Kind(lambda r: r.normal(*r.values), ("mean", "deviation"), _normal_numbers),
    "uniform": _Kind(lambda r: r.uniform(*r.values), ("low", "high"), _uniform_numbers),
    "lecun": _Kind(lambda r: r.normal(0, math.sqrt(1 / r.fan_in))),
    "he": _Kind(lambda r: r.normal(0, math.sqrt(2 / r.fan_in))),
    "xavier": _XAVIER,
    "glorot": _XAVIER,
    "orthogonal": _Kind(
        _orthogonal,
        ("gain",),
        _gain,
        "a matrix or a kernel",
        lambda shape: len(shape) >= 2 and 0 not in shape,
    ),
    "identity": _Kind(
        lambda r: r.values[0] * np.eye(r.shape[0]),
        ("gain",),
        _gain,
        "a square matrix",
        lambda shape: len(shape) == 2 and shape[0] == shape[1],
    ),
    "delta_orthogonal": _Kind(
        _delta_orthogonal,
        ("gain",),
        _gain,
        "a kernel [K, C, h, w] with at least as many outputs K as inputs C",
        lambda shape: len(shape) >= 3 and shape[0] >= shape[1] and 0 not in shape,
    ),
}
