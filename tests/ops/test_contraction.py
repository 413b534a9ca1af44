"""Contractions: products of any ranks against `np.einsum`, and by one matrix product where that can be."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphc.ir.builder import Builder
from graphc.ir.graph import Value
from graphc.ir.op import TypeFault
from graphc.ops import einsum as einsum_module
from graphc.ops.contraction import CONTRACT, matmul
from graphc.ops.einsum import einsum
from graphc.types import BATCH, Dim, TensorType
from tests.ops.calls import evaluate

SIZES = {"a": 2, "b": 3, "c": 1, "d": 4, "e": 0}


@st.composite
def contractions(draw: st.DrawFn) -> tuple[str, str, str]:
    letters = st.lists(st.sampled_from("abcde"), unique=True, max_size=4)
    x, y = draw(letters), draw(letters)
    both = list(dict.fromkeys([*x, *y]))
    kept = draw(st.lists(st.sampled_from(both), unique=True)) if both else []
    return "".join(x), "".join(y), "".join(kept)


@given(contractions())
def test_einsum_agrees_with_numpy(labels: tuple[str, str, str]) -> None:
    of_x, of_y, result = labels
    generator = np.random.default_rng(0)
    x, y = (generator.normal(size=[SIZES[letter] for letter in side]) for side in (of_x, of_y))
    expected = np.einsum(f"{of_x},{of_y}->{result}", x, y)
    np.testing.assert_allclose(einsum(x, of_x, y, of_y, result), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("left", "right"), list(itertools.product([1, 2, 3], repeat=2)))
def test_matmul_sums_the_last_with_the_first(left: int, right: int) -> None:
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(2, 3, 4)[3 - left :]), generator.normal(size=(4, 5, 2)[:right])
    b = Builder()
    types = [TensorType.of("real", (), map(Dim.literal, array.shape)) for array in (x, y)]
    value = matmul(b, *map(Value, types))
    (node,) = b.nodes
    expected = np.tensordot(x, y, axes=1)
    assert value.type.sizes == expected.shape
    np.testing.assert_allclose(evaluate(CONTRACT, x, y, **node.attrs), expected)  # type: ignore[union-attr]


def value(*dims: Dim) -> Value:
    return Value(TensorType.of("real", (), dims))


def test_matmul_compares_dims_by_name() -> None:
    d, h = Dim.named("D", 28), Dim.named("H", 64)
    with pytest.raises(TypeFault, match=r"^inner sizes differ, D \(28\) and H \(64\)$") as fault:
        matmul(Builder(), value(h, d), value(h))
    assert fault.value.code == "E203"
    with pytest.raises(TypeFault, match=r"inner sizes differ, D \(28\) and E \(28\)"):
        matmul(Builder(), value(h, d), value(Dim.named("E", 28)))
    assert matmul(Builder(), value(h, d), value(Dim.literal(28))).type.shape == (h,)


def test_matmul_wants_dims() -> None:
    with pytest.raises(TypeFault, match="the right side of `@` is a single number") as fault:
        matmul(Builder(), value(Dim.literal(3)), value())
    assert fault.value.code == "E204"


def test_a_named_dim_is_kept_where_it_meets_a_literal() -> None:
    h = Dim.named("H", 3)
    labels = (("i",), ("i",), ("i",))
    three = value(Dim.literal(3)).type
    assert CONTRACT.infer([three, value(h).type], {"labels": labels, "indices": ()}).shape == (h,)


@pytest.mark.parametrize(
    ("shapes", "labels"),
    [
        (((4, 3), (8, 7, 3)), ("ij", "btj", "bti")),
        (((8, 7, 4), (8, 7, 3)), ("bti", "btj", "ij")),
        (((8, 7, 4), (4, 3)), ("bti", "ij", "btj")),
    ],
    ids=["forwards", "weight gradient", "input gradient"],
)
def test_what_training_needs_is_one_matrix_product(
    monkeypatch: pytest.MonkeyPatch, shapes: tuple[tuple[int, ...], ...], labels: tuple[str, str, str]
) -> None:
    seen = []
    product = einsum_module._product

    def watched(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        seen.append((x, y))
        return product(x, y)

    monkeypatch.setattr(einsum_module, "_product", watched)
    of_x, of_y, result = labels
    x, y = (np.ones(shape) for shape in shapes)
    found = einsum(x, of_x, y, of_y, result)
    ((a, b),) = seen
    assert a.shape[0] == 1
    # Neither operand was copied to get there, and the result needs no copy behind it.
    assert {id(_owner(a)), id(_owner(b))} == {id(x), id(y)}
    assert found.flags.c_contiguous


def _owner(array: np.ndarray) -> np.ndarray:
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def test_examples_have_their_own_products() -> None:
    generator = np.random.default_rng(2)
    x, y = generator.normal(size=(5, 3, 4)), generator.normal(size=(5, 4))
    labels = (("i", "k"), ("k",), ("i",))
    found = evaluate(CONTRACT, x, y, axes=((BATCH,), (BATCH,)), labels=labels, indices=())
    np.testing.assert_allclose(found, np.einsum("bik,bk->bi", x, y))
