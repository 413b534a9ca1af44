"""Kinks, poles, ties, infinities and NaN: what the conventions say, and where a formula could overflow."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.backend.reference import Run
from graphc.ops import elementwise as ew
from graphc.ops.indexing import GATHER, ONE_HOT, PICK
from graphc.ops.pooling import AVERAGE_POOL, MAX_POOL
from graphc.ops.random import CATEGORICAL
from graphc.ops.reduction import ARGMAX, ARGMIN, REDUCE_MAX, REDUCE_MIN, REDUCE_PROD
from graphc.ops.softmax import LOG_SOFTMAX, LOGSUMEXP, SOFTMAX
from graphc.ops.summing import REDUCE_SUM
from graphc.types import BATCH, Dim, Index, Length
from tests.ops.calls import evaluate, gradients

INF, NAN = np.inf, np.nan
ONE_DIM = {"dims": (0,), "indices": ()}


def test_kinks_have_the_derivative_zero() -> None:
    np.testing.assert_array_equal(gradients(ew.RELU, np.array([-1.0, 0.0, 2.0])), [[0, 0, 1]])
    np.testing.assert_array_equal(gradients(ew.ABS, np.array([-1.0, 0.0, 2.0])), [[-1, 0, 1]])


def test_relu_and_maximum_let_nan_through() -> None:
    assert np.isnan(evaluate(ew.RELU, np.array([NAN])))
    assert np.isnan(evaluate(ew.MAXIMUM, np.array([NAN, 1.0]), np.array([1.0, NAN]))).all()
    assert np.isnan(evaluate(ew.MINIMUM, np.array([NAN, 1.0]), np.array([1.0, NAN]))).all()
    assert np.isnan(evaluate(REDUCE_MAX, np.array([1.0, NAN, 2.0]), **ONE_DIM))


@pytest.mark.parametrize("op", [ew.MAXIMUM, ew.MINIMUM])
def test_a_tie_goes_to_the_first_operand(op: ew.Op) -> None:
    first, second = gradients(op, np.array([1.0]), np.array([1.0]))
    assert (first, second) == ([1.0], [0.0])


@pytest.mark.parametrize("op", [REDUCE_MAX, REDUCE_MIN])
def test_of_equal_elements_the_first_gets_the_cotangent(op: ew.Op) -> None:
    x = np.array([[2.0, 5.0, 5.0], [5.0, 2.0, 2.0]])
    (found,) = gradients(op, x, dims=(0, 1), indices=())
    assert found is not None
    assert np.flatnonzero(found).tolist() == [1 if op is REDUCE_MAX else 0]


def test_extrema_of_nothing() -> None:
    nothing = np.zeros((2, 0))
    assert evaluate(REDUCE_MAX, nothing, dims=(1,), indices=()).tolist() == [-INF, -INF]
    assert evaluate(REDUCE_MIN, nothing, dims=(1,), indices=()).tolist() == [INF, INF]
    assert evaluate(REDUCE_SUM, nothing, dims=(1,), indices=()).tolist() == [0, 0]
    assert evaluate(REDUCE_PROD, nothing, dims=(1,), indices=()).tolist() == [1, 1]
    assert evaluate(LOGSUMEXP, nothing, dims=(1,), indices=()).tolist() == [-INF, -INF]


def test_powers_at_zero_and_below() -> None:
    x = np.array([0.0, 0.0, 0.0, -2.0, -2.0, -2.0])
    y = np.array([0.0, 1.0, 2.0, 0.0, 2.0, 3.0])
    np.testing.assert_allclose(evaluate(ew.POW, x, y), [1, 0, 0, 1, 4, -8])
    to_x, to_y = gradients(ew.POW, x, y)
    np.testing.assert_allclose(to_x, [0, 1, 0, 0, -4, 12])
    np.testing.assert_array_equal(to_y, np.zeros(6))


def test_square_root_at_zero_is_steep() -> None:
    np.testing.assert_array_equal(gradients(ew.SQRT, np.array([0.0])), [[INF]])


def test_x_log_y_is_zero_where_x_is() -> None:
    x, y = np.array([0.0, 0.0, 0.0, 2.0]), np.array([0.0, 3.0, NAN, 1.0])
    np.testing.assert_array_equal(evaluate(ew.XLOGY, x, y), [0, 0, 0, 0])
    _, to_y = gradients(ew.XLOGY, x, y)
    np.testing.assert_array_equal(to_y, [0, 0, 0, 2])


@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_functions_far_out(real: type[np.floating]) -> None:
    run = Run(np.dtype(real))
    x = np.array([-INF, -1e4, -30.0, 30.0, 1e4, INF], real)
    np.testing.assert_allclose(
        evaluate(ew.SIGMOID, x, run=run), [0, 0, np.exp(-30.0), 1 - np.exp(-30.0), 1, 1], rtol=1e-6
    )
    np.testing.assert_allclose(
        evaluate(ew.SOFTPLUS, x, run=run), [0, 0, np.exp(-30.0), 30, 1e4, INF], rtol=1e-6
    )
    np.testing.assert_array_equal(evaluate(ew.TANH, x[[0, 1, 4, 5]], run=run), [-1, -1, 1, 1])
    small = np.array([1e-7], real)
    np.testing.assert_allclose(evaluate(ew.LOG1P, small, run=run), np.log1p(1e-7), rtol=1e-6)
    np.testing.assert_allclose(evaluate(ew.EXPM1, small, run=run), np.expm1(1e-7), rtol=1e-6)
    assert (evaluate(ew.SIGMOID, x, run=run)[:3] >= 0).all()


def test_functions_of_nan() -> None:
    for op in (ew.SIGMOID, ew.SOFTPLUS, ew.TANH, ew.ERF, ew.EXP):
        assert np.isnan(evaluate(op, np.array([NAN]))).all(), op


def test_modulo_has_the_sign_of_the_divisor() -> None:
    assert evaluate(ew.MOD, np.array([7, -7, 7, -7]), np.array([3, 3, -3, -3])).tolist() == [1, 2, -2, -1]


def test_cast_drops_the_fraction() -> None:
    assert evaluate(ew.CAST, np.array([-1.7, 1.7, 0.0]), dtype="int").tolist() == [-1, 1, 0]
    assert evaluate(ew.CAST, np.array([-1.7, 0.0]), dtype="bool").tolist() == [True, False]
    assert evaluate(ew.CAST, np.array([True, False]), dtype="real").tolist() == [1.0, 0.0]


def test_select_does_not_see_the_other_side() -> None:
    x = np.array([NAN, 2.0])
    assert evaluate(ew.SELECT, np.array([False, True]), x, np.array(7.0)).tolist() == [7.0, 2.0]


@pytest.mark.parametrize("scale", [1.0, 1e4, -1e4])
def test_softmax_far_out(scale: float) -> None:
    x = np.array([0.0, 1.0, 3.0]) * scale
    y = evaluate(SOFTMAX, x, **ONE_DIM)
    assert y.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(evaluate(LOG_SOFTMAX, x, **ONE_DIM), x - evaluate(LOGSUMEXP, x, **ONE_DIM))
    assert evaluate(LOGSUMEXP, x, **ONE_DIM) == pytest.approx(max(x), abs=2.0)
    assert all(np.isfinite(g).all() for g in gradients(SOFTMAX, x, **ONE_DIM) if g is not None)


def test_softmax_of_minus_infinity() -> None:
    x = np.array([[-INF, 0.0, 0.0], [-INF, -INF, -INF]])
    y = evaluate(SOFTMAX, x, dims=(1,), indices=())
    assert y[0].tolist() == [0.0, 0.5, 0.5]
    assert np.isnan(y[1]).all()
    assert evaluate(LOG_SOFTMAX, x[0], **ONE_DIM)[0] == -INF
    assert evaluate(LOGSUMEXP, x, dims=(1,), indices=()).tolist() == [pytest.approx(np.log(2)), -INF]
    (to_x,) = gradients(LOGSUMEXP, x[0], **ONE_DIM)
    np.testing.assert_array_equal(to_x, [0.0, 0.5, 0.5])


def test_softmax_over_dims_normalizes_them_together() -> None:
    x = np.arange(6.0).reshape(2, 3)
    assert evaluate(SOFTMAX, x, dims=(0, 1), indices=()).sum() == pytest.approx(1.0)


def test_products_with_zeros() -> None:
    (one,) = gradients(REDUCE_PROD, np.array([2.0, 0.0, 3.0]), **ONE_DIM)
    (two,) = gradients(REDUCE_PROD, np.array([2.0, 0.0, 0.0]), **ONE_DIM)
    np.testing.assert_array_equal(one, [0, 6, 0])
    np.testing.assert_array_equal(two, [0, 0, 0])


def test_positions_count_from_one_and_elements_from_zero() -> None:
    t = Index.full("t", Length("T"))
    run = Run(lengths={"T": 3})
    x = np.array([1.0, 7.0, 7.0])
    assert evaluate(ARGMAX, x, axes=((t,),), run=run, dims=(), indices=(t,)) == 2
    assert evaluate(ARGMIN, x, axes=((t,),), run=run, dims=(), indices=(t,)) == 1
    assert evaluate(ARGMAX, x, **ONE_DIM) == 1
    assert evaluate(ARGMIN, x, **ONE_DIM) == 0


def test_counting_and_summing_whole_numbers() -> None:
    counted = evaluate(REDUCE_SUM, np.array([True, False, True]), **ONE_DIM)
    assert counted == 2
    assert counted.dtype == np.int64
    big = 2**60
    assert evaluate(REDUCE_SUM, np.array([big, 1, 1]), **ONE_DIM) == big + 2


def test_what_is_not_there() -> None:
    t = Index.full("t", Length("T"))
    run = Run(lengths={"T": 3}, batch=4)
    x, places = np.array([1.0, 2.0, 3.0]), np.array([0, 1, 3, 4])
    assert evaluate(PICK, x, places, axes=((t,), (BATCH,)), run=run, index=t).tolist() == [0, 1, 3, 0]
    assert evaluate(GATHER, x, np.array([-1, 2, 3]), dim=0).tolist() == [1, 3, 3]
    assert evaluate(ONE_HOT, np.array([-1, 1, 2]), classes=Dim.literal(2)).tolist() == [
        [0, 0],
        [0, 1],
        [0, 0],
    ]


def test_pooling_and_its_padding() -> None:
    x = -np.ones((1, 2, 2))
    how = {"window": (2, 2), "stride": (2, 2), "pad": ((1, 0), (1, 0))}
    assert evaluate(MAX_POOL, x, **how).tolist() == [[[-1.0]]]
    assert evaluate(AVERAGE_POOL, x, **how).tolist() == [[[-0.25]]]
    (ties,) = gradients(MAX_POOL, np.ones((1, 2, 2)), window=(2, 2), stride=(1, 1), pad=((0, 0), (0, 0)))
    np.testing.assert_array_equal(ties, [[[1, 0], [0, 0]]])


def test_a_class_without_a_chance_is_never_drawn() -> None:
    p = np.tile([0.0, 0.5, 0.0, 0.5, 0.0], (2000, 1))
    drawn = evaluate(CATEGORICAL, p, axes=((BATCH,),), stream="s", shape=(), per_example=True)
    assert {*drawn.tolist()} == {1, 3}
