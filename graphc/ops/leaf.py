"""Ops without operands: constants, positions, what is inside a range, lengths. And `pin`, which names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from graphc.ir.builder import Builder
from graphc.ir.form import Element, Site, pointwise
from graphc.ir.graph import Node, Value
from graphc.ir.op import Array, Attrs, Frame, Op, Sample, non_differentiable
from graphc.kernel.coordinates import constant as number
from graphc.kernel.coordinates import flat
from graphc.kernel.expr import ZERO, Const, Expr, Load, both, compare
from graphc.ops.examples import B_T, H, K, S, T, U, real
from graphc.types import BATCH, BATCH_NAME, Affine, Dim, DType, Index, Length, TensorType


def constant(b: Builder, value: float, dtype: DType = "real", shape: tuple[Dim, ...] = ()) -> Value:
    """A constant of one number, as a scalar or all over a shape."""
    return b(CONSTANT, value=value, dtype=dtype, shape=shape)


_NUMPY: dict[DType, type[np.generic]] = {"real": np.float64, "int": np.int64, "bool": np.bool_}


def frame_dtype(frame: Frame, dtype: DType) -> np.dtype[Any]:
    """The NumPy dtype that stands for a dtype in this run."""
    return frame.real if dtype == "real" else np.dtype(_NUMPY[dtype])


def _constant_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    sizes = tuple(dim.value for dim in attrs["shape"])
    found = np.shape(attrs["value"])
    assert found in ((), sizes), (found, sizes)
    return TensorType(attrs["dtype"], (), attrs["shape"])


def _constant(frame: Frame, attrs: Attrs, *arrays: Array) -> Array:
    return np.broadcast_to(np.asarray(attrs["value"], frame_dtype(frame, attrs["dtype"])), frame.out.sizes)


def _constant_form(site: Site) -> Expr:
    value, dtype = site.attrs["value"], site.out.dtype
    if not isinstance(value, tuple):
        return number(dtype, value)
    array = np.asarray(value, _NUMPY[dtype])
    return Load(site.table(array.ravel().tolist(), dtype), flat(site.dims, site.out.sizes), dtype)


def _constant_samples() -> Iterable[Sample]:
    yield Sample((), {"value": 0.5, "dtype": "real", "shape": ()})
    yield Sample((), {"value": 0.0, "dtype": "real", "shape": (H,)})
    yield Sample((), {"value": ((1, 2, 3), (4, 5, 6)), "dtype": "int", "shape": (Dim.literal(2), H)})
    yield Sample((), {"value": True, "dtype": "bool", "shape": ()})
    yield Sample((), {"value": (), "dtype": "real", "shape": (Dim.literal(0),)})


CONSTANT = Op(
    name="constant",
    infer=_constant_type,
    vjp=non_differentiable,
    oracle=_constant,
    samples=_constant_samples,
    form=Element(_constant_form),
)
"""`constant(; value, dtype, shape)`: a nested tuple of the shape, or one number that fills it."""


POSITION = Op(
    name="position",
    infer=lambda types, attrs: TensorType("int", (attrs["index"],)),
    vjp=non_differentiable,
    oracle=lambda frame, attrs: np.arange(1, frame.extent(attrs["index"]) + 1, dtype=np.int64),
    samples=lambda: [Sample((), {"index": index}) for index in (T, K, U, BATCH)],
    form=Element(lambda site: site.axis(site.attrs["index"]) + 1),
)
"""`position(; index)`: 1, 2, ... along the index."""


STEP = Op(
    name="step",
    infer=lambda types, attrs: TensorType("int"),
    vjp=non_differentiable,
    oracle=lambda frame, attrs: np.asarray(frame.step(attrs["index"]), np.int64),
    samples=lambda: [Sample((), {"index": T})],
    form=Element(lambda site: site.step(site.attrs["index"])),
)
"""`step(; index)`: the position at which the enclosing loop over the index stands."""


def _inside(frame: Frame, attrs: Attrs, *arrays: Array) -> Array:
    index: Index = attrs["index"]
    here = _positions(frame, index, attrs["steps"])
    above = _bound(frame, index.lo, attrs["steps"]) <= here
    return np.asarray(above & (here <= _bound(frame, index.hi, attrs["steps"])))


def _positions(frame: Frame, index: Index, steps: frozenset[Index]) -> Array:
    """Where an index stands, laid along its own dimension of the result, or the loop's step."""
    if index in steps:
        return np.asarray(frame.step(index), np.int64)
    return _along(frame, index, np.arange(1, frame.extent(index) + 1, dtype=np.int64))


def _bound(frame: Frame, bound: Affine, steps: frozenset[Index]) -> Array:
    total: Array = np.asarray(bound.constant, np.int64)
    for symbol, coefficient in bound.terms:
        if isinstance(symbol, Length):
            own = frame.lengths(Index.full("", symbol))
            value = _along(frame, BATCH, own) if own.ndim else own
        else:
            value = _positions(frame, symbol, steps)
        total = total + coefficient * value
    return total


def _along(frame: Frame, index: Index, values: Array) -> Array:
    shape = [1] * len(frame.out.axes)
    shape[frame.out.axes.index(index)] = len(values)
    return values.reshape(shape)


def _inside_form(site: Site) -> Expr:
    return _between(site, site.attrs["steps"])


def _inside_step_form(site: Site) -> Expr:
    return _between(site, site.attrs["steps"] | {site.attrs["index"]})


def _between(site: Site, steps: frozenset[Index]) -> Expr:
    index: Index = site.attrs["index"]
    here = _position_at(site, index, steps)
    low = _bound_at(site, index.lo, steps)
    # Positions begin at 1, so that most ranges have one side only.
    above = compare("<=", low, here) if low != Const(1) else Const(True, "bool")
    return both(above, compare("<=", here, _bound_at(site, index.hi, steps)))


def _position_at(site: Site, index: Index, steps: frozenset[Index]) -> Expr:
    return site.step(index) if index in steps else site.axis(index) + 1


def _bound_at(site: Site, bound: Affine, steps: frozenset[Index]) -> Expr:
    total: Expr = ZERO
    for symbol, coefficient in bound.terms:
        value = site.length(symbol) if isinstance(symbol, Length) else _position_at(site, symbol, steps)
        total = total + value * coefficient
    return total + bound.constant


_LATER = Index("v", T.length, Affine.of(T) + 1, Affine.of(T.length) - 1)
"""`v = t+1..T-1`."""

INSIDE = Op(
    name="inside",
    infer=lambda types, attrs: TensorType.of(
        "bool", ({attrs["index"]} | attrs["index"].dependencies) - attrs["steps"]
    ),
    vjp=non_differentiable,
    oracle=_inside,
    samples=lambda: [
        Sample((), {"index": T, "steps": frozenset()}),
        Sample((), {"index": K, "steps": frozenset()}),
        Sample((), {"index": U, "steps": frozenset()}),
        Sample((), {"index": U, "steps": frozenset({T})}),
        Sample((), {"index": _LATER, "steps": frozenset({S})}),
    ],
    form=Element(_inside_form),
)
"""`inside(; index, steps)`: whether a position lies in the index's own range `lo..hi`.

Indices in `steps` are those of enclosing loops: the bounds read their step instead of an axis.
"""

INSIDE_STEP = Op(
    name="inside_step",
    infer=lambda types, attrs: TensorType.of("bool", attrs["index"].dependencies - attrs["steps"]),
    vjp=non_differentiable,
    oracle=lambda frame, attrs: _inside(frame, {**attrs, "steps": attrs["steps"] | {attrs["index"]}}),
    samples=lambda: [
        Sample((), {"index": T, "steps": frozenset({T})}),
        Sample((), {"index": K, "steps": frozenset({K, T})}),
    ],
    form=Element(_inside_step_form),
)
"""`inside_step(; index, steps)`: `inside` at the step of the enclosing loop over the index."""


def _length(frame: Frame, attrs: Attrs, *arrays: Array) -> Array:
    return np.asarray(frame.lengths(Index.full("", attrs["length"])), np.int64)


LENGTH = Op(
    name="length",
    infer=lambda types, attrs: TensorType.of("int", [BATCH] if _varies(attrs["length"]) else []),
    vjp=non_differentiable,
    oracle=_length,
    samples=lambda: [Sample((), {"length": length}) for length in (T.length, K.length, BATCH.length)],
    form=Element(lambda site: site.length(site.attrs["length"])),
)
"""`length(; length)`: each example's own, or the same for all if it is fixed."""


def _varies(length: Length) -> bool:
    return not length.is_fixed and length.name != BATCH_NAME


def _through(b: Builder, node: Node, g: Value) -> Sequence[Value | None]:
    return [g]


PIN = Op(
    name="pin",
    infer=lambda types, attrs: types[0],
    vjp=_through,
    oracle=lambda frame, attrs, x: x,
    samples=lambda: [Sample((real(*B_T, shape=(H,)),), {"name": "h"}), Sample((real(),), {"name": "enc.h"})],
    form=pointwise("a"),
)
"""`pin(x; name)`: the identity, which marks the value that the user calls `name`."""


OPS = (CONSTANT, POSITION, STEP, INSIDE, INSIDE_STEP, LENGTH, PIN)
