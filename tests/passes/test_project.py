"""Products with rows of a table."""

from __future__ import annotations

import numpy as np
import pytest

from graphc.backend.reference import Run
from graphc.ir.builder import Builder
from graphc.ir.graph import Node, Value
from graphc.ops.contraction import CONTRACT, matmul
from graphc.ops.elementwise import ADD
from graphc.ops.indexing import GATHER
from graphc.passes.dce import Dce
from graphc.passes.project import Project
from graphc.types import BATCH, Dim, Index, Length, TensorType
from tests.passes.comparing import assert_same, graph

C, H, V = Dim.named("C", 2), Dim.named("H", 3), Dim.named("V", 4)
T = Index.full("t", Length("T"))
S = Value(TensorType.of("int", (BATCH, T)), "s")
RUN = {"one": Run(batch=2, lengths={"T": 3})}
NUMBERS = np.array([[0, 3, 1], [-5, 9, 2]])


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("swapped", [False, True])
def test_the_table_is_multiplied_before_rows_are_looked_up(dim: int, swapped: bool) -> None:
    b = Builder()
    table = Value(TensorType.of("real", (), (V, H) if dim == 0 else (H, V)), "Emb")
    factor = Value(TensorType.of("real", (), (H, C) if swapped else (C, H)), "W")
    row = b(GATHER, table, S, dim=dim)
    result = matmul(b, row, factor) if swapped else matmul(b, factor, row)
    before = graph(b, table, factor, S, y=result)
    after = Dce()(Project()(before))
    products = [node for node in after.nodes if isinstance(node, Node) and node.op is CONTRACT]
    assert [node.result.type.axes for node in products] == [()]
    rng = np.random.default_rng(0)
    inputs = {"s": NUMBERS} | {v.name: rng.standard_normal(v.type.sizes) for v in (table, factor)}
    assert_same(before, after, RUN, inputs=inputs)


def test_what_may_cost_more_is_left_alone() -> None:
    b = Builder()
    large = Value(TensorType.of("real", (), (Dim.named("N", 50_000), H)), "Large")
    small = Value(TensorType.of("real", (), (V, H)), "Small")
    weights = Value(TensorType.of("real", (), (C, H)), "W")
    moving = Value(TensorType.of("real", (BATCH,), (C, H)), "M")
    one = Value(TensorType.of("int", (BATCH,)), "n")
    before = graph(
        b,
        *(large, small, weights, moving, one, S),
        many=matmul(b, weights, b(GATHER, large, S, dim=0)),
        moved=matmul(b, moving, b(GATHER, small, S, dim=0)),
        few=matmul(b, weights, b(GATHER, small, one, dim=0)),
    )
    assert Project()(before) is before


@pytest.mark.parametrize("dim", [0, 1])
@pytest.mark.parametrize("shape", [(H,), ()])
def test_a_bias_is_added_to_the_table(dim: int, shape: tuple[Dim, ...]) -> None:
    b = Builder()
    table = Value(TensorType.of("real", (), (V, H) if dim == 0 else (H, V)), "Emb")
    bias = Value(TensorType.of("real", (), shape), "b")
    before = graph(b, table, bias, S, y=b(ADD, bias, b(GATHER, table, S, dim=dim)))
    after = Dce()(Project()(before))
    assert [node.op for node in after.nodes if isinstance(node, Node)][-2:] == [ADD, GATHER]
    rng = np.random.default_rng(0)
    inputs = {"s": NUMBERS} | {v.name: rng.standard_normal(v.type.sizes) for v in (table, bias)}
    assert_same(before, after, RUN, inputs=inputs)


def test_rows_that_others_read_are_not_looked_up_again() -> None:
    b = Builder()
    table, bias = Value(TensorType.of("real", (), (V, H)), "Emb"), Value(TensorType.of("real", (), (H,)), "b")
    row = b(GATHER, table, S, dim=0)
    before = graph(b, table, bias, S, row=row, y=b(ADD, row, bias))
    assert Project()(before) is before


def test_what_is_added_with_more_dims_than_a_row_stays() -> None:
    b = Builder()
    table, bias = Value(TensorType.of("real", (), (V,)), "Emb"), Value(TensorType.of("real", (), (H,)), "b")
    before = graph(b, table, bias, S, y=b(ADD, b(GATHER, table, S, dim=0), bias))
    assert Project()(before) is before
