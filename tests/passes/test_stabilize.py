"""Rewrites of pairs that lose digits."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import graphc
from graphc.backend.reference import Run, execute
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Value
from graphc.ops.elementwise import ADD, DIV, EXP, LOG, LOG1P, MUL, NEG, SELECT, SIGMOID, SUB, XLOGY
from graphc.ops.indexing import GATHER, PICK, RENAME, SHIFT
from graphc.ops.leaf import INSIDE, LENGTH, PIN, constant
from graphc.ops.masking import sum_over
from graphc.ops.movement import EXPAND, RESHAPE, SLICE
from graphc.ops.reduction import REDUCE_MAX
from graphc.ops.softmax import SOFTMAX
from graphc.ops.summing import REDUCE_SUM
from graphc.passes import optimize
from graphc.passes.dce import Dce
from graphc.passes.stabilize import Stabilize
from graphc.types import BATCH, Dim, Index, Length, TensorType
from tests.passes.comparing import assert_same, graph, ops

K = Dim.named("K", 4)
ONE = Dim.literal(1)
T = Index.full("t", Length("T"))
S = Index.full("s", T.length)
Z = Value(TensorType.of("real", (BATCH, T), (K,)), "z")
C = Value(TensorType.of("int", (BATCH, T)), "c")
W = Value(TensorType.of("real", (BATCH, T), (K,)), "w")


def softmax(b: Builder, z: Value = Z) -> Value:
    return b(PIN, b(SOFTMAX, z, dims=(0,), indices=()), name="p")


def spread(b: Builder, value: Value) -> Value:
    return b(EXPAND, value, shape=(K,), source=(None,))


def quotient(b: Builder, shifted: bool = False) -> Value:
    top = spread(b, b(REDUCE_MAX, Z, dims=(0,), indices=()))
    e = b(PIN, b(EXP, b(SUB, Z, top) if shifted else Z), name="e")
    return b(DIV, e, spread(b, b(REDUCE_SUM, e, dims=(0,), indices=())))


def over_axis(b: Builder) -> Value:
    e = b(EXP, Z)
    return b(DIV, e, sum_over(b, e, (T,)))


def chosen(b: Builder) -> Value:
    p = b(RENAME, softmax(b), old=T, new=S)
    return b(GATHER, b(RENAME, p, old=S, new=T), C, dim=0)


def sliced(b: Builder) -> Value:
    return b(RESHAPE, b(SLICE, softmax(b), dim=0, start=1, stop=2, size=ONE), shape=())


Case = Callable[[Builder], Value]
CASES: dict[str, tuple[Case, str, str]] = {
    "log softmax": (lambda b: b(LOG, softmax(b)), "log_softmax", "log"),
    "of one class": (lambda b: b(LOG, chosen(b)), "log_softmax", "log"),
    "of a slice": (lambda b: b(LOG, sliced(b)), "log_softmax", "log"),
    "selected": (
        lambda b: b(LOG, b(SELECT, b(INSIDE, index=T, steps=frozenset()), softmax(b), constant(b, 1.0))),
        "log_softmax",
        "softmax",
    ),
    "weighed": (lambda b: b(XLOGY, W, softmax(b)), "log_softmax", "xlogy"),
    "log sigmoid": (lambda b: b(LOG, b(SIGMOID, Z)), "softplus", "log"),
    "log 1 - sigmoid": (lambda b: b(LOG, b(SUB, constant(b, 1.0), b(SIGMOID, Z))), "softplus", "log"),
    "log1p -sigmoid": (lambda b: b(LOG1P, b(NEG, b(SIGMOID, Z))), "softplus", "log1p"),
    "weighed sigmoid": (lambda b: b(XLOGY, W, b(SIGMOID, Z)), "softplus", "xlogy"),
    "log sum exp": (
        lambda b: b(LOG, b(REDUCE_SUM, b(EXP, Z), dims=(0,), indices=())),
        "logsumexp",
        "exp",
    ),
    "log sum exp over an axis": (lambda b: b(LOG, sum_over(b, b(EXP, Z), (T,))), "logsumexp", "exp"),
    "exp over sum": (lambda b: quotient(b), "softmax", "div"),
    "shifted exp over sum": (lambda b: quotient(b, True), "softmax", "reduce_max"),
    "exp over sum over an axis": (over_axis, "softmax", "div"),
    "log of exp over sum": (lambda b: b(LOG, quotient(b)), "log_softmax", "log"),
}


def _case(case: Case) -> Graph:
    b = Builder()
    return graph(b, Z, C, W, y=case(b))


@pytest.mark.parametrize("name", CASES)
def test_pairs_are_rewritten(name: str) -> None:
    case, there, gone = CASES[name]
    before = _case(case)
    after = Dce()(Stabilize()(before))
    assert ops(after)[there] == 1
    assert ops(after)[gone] == 0
    runs = {"ragged": Run(batch=3, lengths={"T": np.array([3, 1, 2])})}
    assert_same(before, after, runs)


@pytest.mark.parametrize("name", CASES)
def test_the_pass_can_be_switched_off(name: str) -> None:
    case, there, _ = CASES[name]
    before = _case(case)
    assert ops(optimize(before, disabled=["stabilize"]))[there] == ops(before)[there]


def test_large_scores_stay_finite() -> None:
    scores = np.array([[[900.0, 0.0, -900.0, 5.0]]])
    given = {"z": scores, "c": np.array([[2]]), "w": scores * 0}
    run = Run(batch=1, lengths={"T": 1})
    for case in (lambda b: b(LOG, chosen(b)), lambda b: b(XLOGY, W, softmax(b)), quotient):
        before = _case(case)
        assert np.isfinite(execute(Stabilize()(before), given, run)["y"]).all()
    assert not np.isfinite(execute(_case(lambda b: b(LOG, chosen(b))), given, run)["y"]).all()


def test_weights_of_zero_count_nothing() -> None:
    given = {"z": np.full((1, 1, 4), -np.inf), "c": np.array([[0]]), "w": np.zeros((1, 1, 4))}
    run = Run(batch=1, lengths={"T": 1})
    after = Stabilize()(_case(lambda b: b(XLOGY, W, b(SIGMOID, Z))))
    assert (execute(after, given, run)["y"] == 0).all()


def test_pinned_values_stay_and_wanted_cotangents_are_left_alone() -> None:
    b = Builder()
    p = softmax(b)
    before = graph(b, Z, p=p, y=b(LOG, p))
    after = Dce()(Stabilize()(before))
    assert ops(after)["pin"] == 1
    assert ops(after)["log_softmax"] == 1
    assert Stabilize(pinned=["p"])(before) is before


def test_a_mask_of_the_users_is_no_softmax() -> None:
    """Where the user's condition does not hold, exp(x) over the sum is still not zero."""
    b, m = Builder(), Value(TensorType.of("bool", (BATCH, T)), "m")
    e = b(EXP, Z)
    total = sum_over(b, b(SELECT, m, e, constant(b, 0.0)), (T,))
    before = graph(b, Z, m, y=b(DIV, e, total))
    assert ops(Stabilize()(before))["softmax"] == 0


def test_moves_to_another_position_are_looked_through() -> None:
    b = Builder()
    p = softmax(b)
    last = b(LOG, b(PICK, p, b(LENGTH, length=T.length), index=T))
    earlier = b(LOG, b(SHIFT, p, index=T, offset=-1))
    started = b(INSIDE, index=Index("u", T.length, T.lo + 1, T.hi), steps=frozenset())
    kept = b(SELECT, b(RENAME, started, old=started.type.axes[-1], new=T), earlier, constant(b, 0.0))
    both = b(ADD, kept, last)
    before = graph(b, Z, y=b(MUL, both, both))
    after = Dce()(Stabilize()(before))
    assert ops(after)["log"] == 0
    assert_same(before, after, {"ragged": Run(batch=3, lengths={"T": np.array([3, 1, 2])})})


@pytest.mark.parametrize("target", [0.0, 0.25, 1.0])
def test_a_target_has_its_derivative_where_it_is_certain_too(target: float) -> None:
    """d/dy of -(y log s(z) + (1 - y) log(1 - s(z))) is -z, whatever y is."""
    program = graphc.compile(f"""
    input z : real = 0.3
    param y : real = {target}
    minimize binary_cross_entropy(sigmoid(z), y)
    """)
    assert program.value_and_grad({"z": [0.3]}, wrt=["y"])[1]["y"] == pytest.approx(-0.3, rel=1e-5)
