"""Identities, folding, and what must not be touched."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from graphc.backend.reference import Run
from graphc.ir.builder import Builder
from graphc.ir.graph import Graph, Node, Value
from graphc.ops.contraction import CONTRACT, matmul
from graphc.ops.elementwise import (
    ADD,
    CAST,
    DIV,
    EXP,
    LOGICAL_AND,
    LOGICAL_NOT,
    LOGICAL_OR,
    MUL,
    NEG,
    POW,
    SELECT,
    SUB,
    TANH,
)
from graphc.ops.indexing import BROADCAST, RENAME, SHIFT
from graphc.ops.leaf import CONSTANT, POSITION, constant
from graphc.ops.movement import CONCAT, EXPAND, RESHAPE, SLICE, TRANSPOSE
from graphc.ops.random import UNIFORM
from graphc.ops.summing import REDUCE_SUM
from graphc.passes.dce import Dce
from graphc.passes.fold import Fold
from graphc.passes.simplify import Simplify
from graphc.types import BATCH, Dim, Index, Length, TensorType
from tests.passes.comparing import assert_same, graph, ops

H, D = Dim.named("H", 3), Dim.named("D", 2)
T = Index.full("t", Length("T"))
S, R = Index.full("s", T.length), Index.full("r", T.length)


def x_of(*axes: Index, shape: tuple[Dim, ...] = (H,), name: str = "x") -> Value:
    return Value(TensorType.of("real", axes, shape), name)


Case = Callable[[Builder, Value], Value]
IDENTITIES: dict[str, Case] = {
    "x * 1": lambda b, x: b(MUL, x, constant(b, 1.0)),
    "1 * x": lambda b, x: b(MUL, constant(b, 1.0, shape=(H,)), x),
    "x + 0": lambda b, x: b(ADD, x, constant(b, 0.0)),
    "0 + x": lambda b, x: b(ADD, b(BROADCAST, constant(b, 0.0), indices=(T,)), x),
    "x - 0": lambda b, x: b(SUB, x, constant(b, 0.0)),
    "x / 1": lambda b, x: b(DIV, x, constant(b, 1.0)),
    "x ^ 1": lambda b, x: b(POW, x, constant(b, 1.0)),
    "--x": lambda b, x: b(NEG, b(NEG, x)),
    "select(true, x, y)": lambda b, x: b(SELECT, constant(b, True, "bool"), x, b(EXP, x)),
    "select(false, y, x)": lambda b, x: b(SELECT, constant(b, False, "bool"), b(EXP, x), x),
    "select(c, x, x)": lambda b, x: b(SELECT, constant(b, True, "bool"), x, x),
    "cast": lambda b, x: b(CAST, x, dtype="real"),
    "expand": lambda b, x: b(EXPAND, x, shape=(H,), source=(0,)),
    "broadcast": lambda b, x: b(BROADCAST, x, indices=(T,)),
    "reshape": lambda b, x: b(RESHAPE, b(RESHAPE, x, shape=(H, Dim.literal(1))), shape=(H,)),
    "transpose": lambda b, x: b(TRANSPOSE, x, perm=(0,)),
    "slice": lambda b, x: b(SLICE, x, dim=0, start=0, stop=3, size=H),
    "concat of one": lambda b, x: b(CONCAT, x, dim=0),
    "shift by none": lambda b, x: b(SHIFT, x, index=T, offset=0),
    "renamed there and back": lambda b, x: b(RENAME, b(RENAME, x, old=T, new=S), old=S, new=T),
}


@pytest.mark.parametrize("case", IDENTITIES.values(), ids=IDENTITIES.keys())
def test_identities_leave_their_operand(case: Case) -> None:
    b, x = Builder(), x_of(BATCH, T)
    found = Simplify()(graph(b, x, y=case(b, x)))
    assert found.outputs["y"] is x


def test_zero_times_x_stays() -> None:
    b, x = Builder(), x_of(BATCH)
    before = graph(b, x, y=b(MUL, x, constant(b, 0.0)))
    after = Fold()(Simplify()(before))
    assert after is before
    assert_same(before, after, inputs={"x": np.full((3, 3), np.nan)}, runs={"one": Run(batch=3)})


def _one_pass(before: Graph) -> Graph:
    after = Dce()(Simplify()(before))
    assert_same(before, after)
    return after


def test_squares_are_products() -> None:
    b, x = Builder(), x_of(BATCH, T)
    assert ops(_one_pass(graph(b, x, y=b(POW, x, constant(b, 2.0))))) == {"mul": 1}


def test_a_negated_summand_is_subtracted() -> None:
    b, x, y = Builder(), x_of(BATCH), x_of(BATCH, name="y")
    assert ops(_one_pass(graph(b, x, y, z=b(ADD, x, b(NEG, y))))) == {"sub": 1}


def test_chains_of_moves_become_one() -> None:
    b, x = Builder(), x_of(T, shape=(H, D))
    y = b(TRANSPOSE, b(TRANSPOSE, x, perm=(1, 0)), perm=(1, 0))
    z = b(RENAME, b(RENAME, y, old=T, new=S), old=S, new=R)
    w = b(EXPAND, b(EXPAND, z, shape=(D, H), source=(1, 0)), shape=(D, D, H), source=(None, 0, 1))
    assert ops(_one_pass(graph(b, x, y=b(REDUCE_SUM, w, dims=(0, 1, 2), indices=(R,))))) == {
        "rename": 1,
        "expand": 1,
        "reduce_sum": 1,
    }


def test_masks_inside_masks_go() -> None:
    b, x, c, d = Builder(), x_of(BATCH), *(Value(TensorType.of("bool", (BATCH,)), n) for n in "cd")
    zero = constant(b, 0.0)
    both = b(LOGICAL_AND, c, d)
    y = b(SELECT, both, b(SELECT, d, x, zero), zero)
    z = b(SELECT, b(LOGICAL_NOT, c), y, b(SELECT, c, x, y))
    after = _one_pass(graph(b, x, c, d, y=y, z=z))
    assert ops(after)["select"] == 2
    assert ops(after)["logical_not"] == 0


def test_logic_with_constants() -> None:
    b, c = Builder(), Value(TensorType.of("bool", (BATCH,)), "c")
    true, false = constant(b, True, "bool"), constant(b, False, "bool")
    y = b(LOGICAL_AND, true, b(LOGICAL_OR, c, false))
    z = b(LOGICAL_AND, c, b(LOGICAL_NOT, b(LOGICAL_NOT, c)))
    after = _one_pass(graph(b, c, y=y, z=z))
    assert after.outputs["y"] is c
    assert after.outputs["z"] is c


def test_work_is_done_before_spreading() -> None:
    b, x, y = Builder(), x_of(BATCH), x_of(BATCH, T, name="y")
    wide = b(TANH, b(BROADCAST, x, indices=(T,)))
    after = _one_pass(graph(b, x, y, z=b(MUL, wide, y), tall=wide))
    kept = [node for node in after.nodes if isinstance(node, Node)]
    assert [str(node.result.type) for node in kept if node.op is TANH] == ["real [batch] (H=3)"]
    product = next(node for node in kept if node.op is MUL)
    assert product.operands[0].type.axes == (BATCH,)


def test_numbers_stay_numbers() -> None:
    b, x = Builder(), x_of(BATCH)
    two = b(EXPAND, constant(b, 2.0), shape=(H,), source=(None,))
    scalar = Value(TensorType("real"), "s")
    both = b(MUL, *(b(EXPAND, v, shape=(H,), source=(None,)) for v in (scalar, scalar)))
    after = _one_pass(graph(b, x, scalar, y=b(ADD, b(MUL, x, two), both)))
    assert [str(n.operands[1].type) for n in after.nodes if isinstance(n, Node) and n.op is MUL] == [
        "real",
        "real",
    ]
    assert ops(after)["expand"] == 0


def test_a_contraction_turns_its_operand_itself() -> None:
    b, w, x = Builder(), x_of(shape=(D, H), name="W"), x_of(BATCH, shape=(D,))
    after = _one_pass(graph(b, w, x, y=matmul(b, b(TRANSPOSE, w, perm=(1, 0)), x)))
    assert ops(after) == {"contract": 1}


def test_names_and_lines_survive() -> None:
    b, x = Builder(), x_of(BATCH)
    y = b(ADD, x, b(NEG, x), called="y")
    after = Simplify()(graph(b, x, y=y))
    assert after.outputs["y"].name == "y"


# Folding.


def test_constants_are_computed_at_once() -> None:
    b = Builder()
    values = b(CONTRACT, *_matrix_and_vector(b), labels=(("i", "k"), ("k",), ("i",)), indices=())
    before = graph(b, y=b(EXP, values))
    after = Dce()(Fold()(before))
    assert ops(after) == {"constant": 1}
    assert_same(before, after)
    (node,) = after.nodes
    assert isinstance(node, Node)
    assert node.attrs["value"] == (math.exp(5.0), math.exp(11.0))


def _matrix_and_vector(b: Builder) -> tuple[Value, Value]:
    m = b(CONSTANT, value=((1.0, 2.0), (3.0, 4.0)), dtype="real", shape=(D, D))
    return m, b(CONSTANT, value=(1.0, 2.0), dtype="real", shape=(D,))


def test_large_draws_and_positions_are_not_folded() -> None:
    b = Builder()
    big = Dim.literal(1000)
    wide = b(EXPAND, constant(b, 2.0), shape=(big,), source=(None,))
    drawn = b(UNIFORM, constant(b, 1, "int"), stream="s", shape=(), per_example=False)
    before = graph(b, y=b(EXP, wide), z=drawn, p=b(POSITION, index=T))
    after = Dce()(Fold()(before))
    assert ops(after) == {"constant": 2, "exp": 1, "uniform": 1, "position": 1}


def test_a_sum_that_overflows_or_is_nan_folds_to_itself() -> None:
    b = Builder()
    top = b(SUB, b(EXP, constant(b, 1e6)), b(EXP, constant(b, 1e6)))
    before = graph(b, y=top)
    after = Dce()(Fold()(before))
    (node,) = after.nodes
    assert isinstance(node, Node)
    assert math.isnan(node.attrs["value"])
    assert_same(before, after)
