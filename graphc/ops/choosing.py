"""Choosing among classes by their chances (the last dim): what `sample` is made of, and the likeliest few."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from graphc.ir.form import Element, Site
from graphc.ir.op import Array, Attrs, Frame, Op, Sample, TypeFault, non_differentiable
from graphc.kernel.expr import ZERO, Const, Expr, Name, apply, both, cast, compare, select
from graphc.ops.examples import B_T, D, H, T, integer, real
from graphc.ops.rules import kind_text, require_dtype, union_axes
from graphc.types import TensorType

__all__ = ["CLASS_AT", "LIKELIEST", "OPS", "class_at"]


def class_at(chances: Array, level: Array) -> Array:
    """The first class with which the running sum of the chances exceeds the level."""
    passed = np.sum(np.cumsum(chances, axis=-1) <= level[..., np.newaxis], axis=-1)
    # Rounding may lead past the last class that has a chance.
    last = np.max(np.where(chances > 0, np.arange(chances.shape[-1]), 0), axis=-1, initial=0)
    return np.asarray(np.minimum(passed, last), np.int64)


def _class_at_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    return types[0].with_shape(types[0].shape[:-1]).with_axes(union_axes(types)).with_dtype("int")


def _class_at_form(site: Site) -> Expr:
    """Quadratic in the number of classes: each running sum is made anew, which for a vocabulary is little."""
    (classes,), level = site.types[0].sizes[-1:], site.read(1, site.dims)

    def chance(number: Expr) -> Expr:
        return site.read(0, [*site.dims, number])

    def passed(over: tuple[Name, ...]) -> Expr:
        running = site.reduce("sum", [over[0] + 1], lambda inner: chance(inner[0]))
        return cast("int", compare("<=", running, level))

    def possible(over: tuple[Name, ...]) -> Expr:
        return select(compare(">", chance(over[0]), Const(0.0, "real")), over[0], ZERO)

    counted, last = site.reduce("sum", [classes], passed), site.reduce("max", [classes], possible)
    return apply("minimum", counted, last, dtype="int")


CLASS_AT = Op(
    name="class_at",
    infer=_class_at_type,
    vjp=non_differentiable,
    oracle=lambda frame, attrs, p, level: class_at(p, level),
    samples=lambda: [
        Sample((real(*B_T, shape=(D,)), real(*B_T)), {}, (0.1, 0.9), {1: (0.0, 0.3, 1.5, 9.0)}),
        Sample((real(shape=(H, D)), real(T, shape=(H,))), {}, (0.1, 0.9), {0: (1.0, 0.0, 2.0, 0.0)}),
    ],
    form=Element(_class_at_form),
)
"""`class_at(p, level)`: the first class with which the running sum of p (last dim) exceeds the level.

No later than the last class that has a chance.
"""


def _likeliest_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    require_dtype("likeliest", types[0], ("real",))
    require_dtype("the number of the likeliest", types[1], ("int",))
    if types[0].rank != 1 or types[1].rank:
        found = " and ".join(map(kind_text, types))
        raise TypeFault(
            "E201", f"the likeliest are taken from a vector of chances by one number, not {found}"
        )
    return types[0].with_axes(union_axes(types))


def _likeliest(frame: Frame, attrs: Attrs, p: Array, k: Array) -> Array:
    rank = np.argsort(np.argsort(-p, axis=-1, kind="stable"), axis=-1)
    return np.where(rank < k[..., np.newaxis], p, np.zeros((), p.dtype))


def _likeliest_form(site: Site) -> Expr:
    """Each class counts those that go before it: quadratic, but without a branch, and no order is kept."""
    (classes,), (here,) = site.types[0].sizes, site.dims
    own = site.read(0, [here])

    def is_before(over: tuple[Name, ...]) -> Expr:
        other = site.read(0, [over[0]])
        first_of_equals = both(compare("==", other, own), compare("<", over[0], here))
        return select(compare(">", other, own), Const(1), cast("int", first_of_equals))

    rank = site.reduce("sum", [classes], is_before)
    return select(compare("<", rank, site.read(1, [])), own, Const(0.0, "real"))


LIKELIEST = Op(
    name="likeliest",
    infer=_likeliest_type,
    vjp=non_differentiable,
    oracle=_likeliest,
    samples=lambda: [
        Sample((real(*B_T, shape=(D,)), integer(T)), {}, (0.1, 0.9), {1: (1, 2, 9)}),
        Sample((real(shape=(D,)), integer(T)), {}, (0.1, 0.9), {0: (0.5, 0.25), 1: (1, 2, 0)}),
    ],
    form=Element(_likeliest_form),
)
"""`likeliest(p, k)`: p with zeros in the place of all but its k largest; of equals the first ones stay."""


OPS = (CLASS_AT, LIKELIEST)
