"""Random draws, each from a stream of its own by counter (see `philox.py`).

`draw(..., coordinates...; stream, shape, per_example)`: the coordinates are ints that say where the draw is
made, one for each index that it varies over; with `per_example` it varies over the batch as well, by the
examples' own numbers, so that a draw does not depend on who else is in the batch. The training step is
part of the key. Normal and uniform numbers take no parameters: they are scaled outside.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from graphc.ir.builder import Builder
from graphc.ir.form import Element, Expanded, Site
from graphc.ir.graph import Node, Value
from graphc.ir.op import Array, Attrs, Frame, Op, Sample, TypeFault, TypeRule, non_differentiable
from graphc.kernel.coordinates import constant, flat
from graphc.kernel.expr import ZERO, Const, Expr, call, cast, compare, select
from graphc.ops.choosing import CLASS_AT, class_at
from graphc.ops.elementwise import MUL
from graphc.ops.examples import B_T, C, D, H, K, T, U, Z, integer, real
from graphc.ops.philox import Words, draw_words, normals, split, stream_key, uniforms
from graphc.ops.rules import kind_text, require_dtype, union_axes
from graphc.ops.summing import REDUCE_SUM
from graphc.types import BATCH, DType, TensorType


def _draw_type(name: str, parameters: int, dtype: DType = "real") -> TypeRule:
    def infer(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
        for operand in types[:parameters]:
            require_dtype(name, operand, ("real",))
        for operand in types[parameters:]:
            require_dtype(f"{name}'s coordinates", operand, ("int",))
            assert not operand.rank, "a coordinate is a single number"
        axes = {*union_axes(types), *([BATCH] if attrs["per_example"] else [])}
        return TensorType.of(dtype, axes, attrs["shape"])

    return infer


def _aligned(frame: Frame, array: Array, rank: int) -> Array:
    """An operand's array with a dimension for each of the result's indices."""
    lead = [array.shape[frame.axes.index(i)] if i in frame.axes else 1 for i in frame.out.axes]
    return array.reshape((*lead, *array.shape[array.ndim - rank :]))


def _drawn(frame: Frame, attrs: Attrs, coordinates: Sequence[Array], count: int) -> Words:
    """Words for each point that the draw varies over: [indices..., count]."""
    point: list[Words] = []
    if attrs["per_example"]:
        ids = frame.example_ids()
        place = [1] * len(frame.out.axes)
        place[frame.out.axes.index(BATCH)] = len(ids)
        point += split(ids.reshape(place))
    point += [_aligned(frame, coordinate, 0).astype(np.uint64) for coordinate in coordinates]
    if not point:
        point = [np.zeros([1] * len(frame.out.axes), np.uint64)]
    return draw_words(stream_key(*frame.draw_key(), attrs["stream"]), point, count)


def _numbers(frame: Frame, attrs: Attrs, coordinates: Sequence[Array]) -> Array:
    """Uniform numbers of the draw's shape at each point."""
    words = _drawn(frame, attrs, coordinates, math.prod(frame.out.sizes))
    return uniforms(words).reshape((*words.shape[:-1], *frame.out.sizes)).astype(frame.real)


def _uniform(frame: Frame, attrs: Attrs, *coordinates: Array) -> Array:
    return _numbers(frame, attrs, coordinates)


def _normal(frame: Frame, attrs: Attrs, *coordinates: Array) -> Array:
    count = math.prod(frame.out.sizes)
    words = _drawn(frame, attrs, coordinates, count + count % 2)
    drawn = normals(words)[..., :count]
    return drawn.reshape((*words.shape[:-1], *frame.out.sizes)).astype(frame.real)


def _places(parameter: tuple[TensorType, ...] = ()) -> Callable[[], Iterable[Sample]]:
    """Samples of draws that take these parameters."""

    def samples() -> Iterable[Sample]:
        for coordinates, shape, per_example in [
            ((), (H,), True),
            ((integer(T),), (H, D), True),
            ((integer(K), integer(T), integer(U)), (), True),
            ((integer(T),), (C,), False),
            ((), (), False),
            ((integer(T),), (Z,), True),
        ]:
            values = {i + len(parameter): (1, 2, 3) for i in range(len(coordinates))}
            attrs = {"stream": "layer.noise", "shape": shape, "per_example": per_example}
            yield Sample((*parameter, *coordinates), attrs, (0.1, 0.9), values)

    return samples


# The same for one element, in the kernel language.


def _word(word: Expr, counter: Sequence[Expr], key: tuple[Expr, Expr]) -> Expr:
    return call("philox_word", word, *counter, *key, dtype="int")


def _words_at(site: Site, first: int) -> Callable[[Expr], Expr]:
    """The words that are drawn at this point, by number; coordinates are the operands from `first` on."""
    key, point = site.draw_key(site.attrs["stream"]), list[Expr]()
    if site.attrs["per_example"]:
        number = site.example_id()
        point += [number % 2**32, number // 2**32]
    point += [site.read(i, ()) for i in range(first, len(site.types))]
    while len(point) > 3:
        low, high, *rest = (_word(Const(i), point[:4], key) for i in range(4))
        key, point = (low, high), [*rest, *point[4:]]
    around = [*point, *[ZERO] * (3 - len(point))]
    return lambda number: _word(number % 4, [number // 4, *around], key)


def _real(value: float) -> Const:
    return constant("real", value)


def _uniform_at(site: Site, first: int = 0) -> Expr:
    """A number in (0, 1) by 23 bits of a word, which is exact in float32 too."""
    word = _words_at(site, first)(flat(site.dims, site.out.sizes))
    return (cast("real", word // 2**9) + _real(0.5)) * _real(2.0**-23)


def _normal_at(site: Site) -> Expr:
    words, number = _words_at(site, 0), flat(site.dims, site.out.sizes)
    even = number // 2 * 2
    return call("box_muller", words(even), words(even + 1), number % 2)


UNIFORM = Op(
    name="uniform",
    infer=_draw_type("uniform", 0),
    vjp=non_differentiable,
    oracle=_uniform,
    samples=_places(),
    form=Element(_uniform_at),
)
"""Between 0 and 1, neither included."""

NORMAL = Op(
    name="normal",
    infer=_draw_type("normal", 0),
    vjp=non_differentiable,
    oracle=_normal,
    samples=_places(),
    form=Element(_normal_at),
)
"""Mean 0, variance 1."""


def _bernoulli_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    result = _draw_type("bernoulli", 1)(types, attrs)
    if types[0].rank and not types[0].same_shape(result):
        message = f"the probabilities are {kind_text(types[0])}, the draw is {kind_text(result)}"
        raise TypeFault("E201", message)
    return result


def _bernoulli(frame: Frame, attrs: Attrs, p: Array, *coordinates: Array) -> Array:
    rank = frame.types[0].rank
    chance = _aligned(frame, p, rank)
    if not rank:
        chance = chance.reshape(chance.shape + (1,) * frame.out.rank)
    return np.asarray(_numbers(frame, attrs, coordinates) < chance, frame.real)


def _bernoulli_at(site: Site) -> Expr:
    chance = site.read(0, site.dims if site.types[0].rank else ())
    return select(compare("<", _uniform_at(site, first=1), chance), _real(1), _real(0))


BERNOULLI = Op(
    name="bernoulli",
    infer=_bernoulli_type,
    vjp=non_differentiable,
    oracle=_bernoulli,
    samples=lambda: [
        *_places((real(),))(),
        *_places((real(*B_T),))(),
        Sample(
            (real(BATCH, shape=(H,)), integer(T)),
            {"stream": "mask", "shape": (H,), "per_example": True},
            (0.1, 0.9),
            {1: (1, 2, 3)},
        ),
    ],
    form=Element(_bernoulli_at),
)
"""`bernoulli(p, coordinates...)`: real, 1 with probability p and else 0."""


def _categorical_type(types: Sequence[TensorType], attrs: Attrs) -> TensorType:
    result = _draw_type("categorical", 1, "int")(types, attrs)
    wanted = result.with_shape(types[0].shape[:-1])
    if not types[0].rank or not wanted.same_shape(result):
        raise TypeFault("E201", f"a class is drawn from a vector of probabilities, not {kind_text(types[0])}")
    return result


def _categorical(frame: Frame, attrs: Attrs, p: Array, *coordinates: Array) -> Array:
    chances = _aligned(frame, p, frame.types[0].rank)
    return class_at(chances, _numbers(frame, attrs, coordinates) * np.sum(chances, axis=-1))


def _categorical_nodes(b: Builder, node: Node) -> Value:
    p, *coordinates = node.operands
    uniform = b(UNIFORM, *coordinates, **node.attrs)
    level = b(MUL, uniform, b(REDUCE_SUM, p, dims=(p.type.rank - 1,), indices=()))
    return b(CLASS_AT, p, level)


CATEGORICAL = Op(
    name="categorical",
    infer=_categorical_type,
    vjp=non_differentiable,
    oracle=_categorical,
    samples=lambda: [
        Sample(
            (real(*B_T, shape=(D,)), integer(T)),
            {"stream": "s", "shape": (), "per_example": True},
            (0.1, 0.9),
            {1: (1, 2, 3)},
        ),
        Sample((real(shape=(H, D)),), {"stream": "s", "shape": (H,), "per_example": True}, (0.1, 0.9)),
        Sample((real(K, shape=(C,)),), {"stream": "s", "shape": (), "per_example": False}, (0.1, 0.9)),
    ],
    form=Expanded(_categorical_nodes),
)
"""`categorical(p, coordinates...)`: the number of a class, from 0, drawn with probabilities p (last dim).

They need not sum to one.
"""


OPS = (UNIFORM, NORMAL, BERNOULLI, CATEGORICAL)
