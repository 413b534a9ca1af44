"""What a type rule says when operands do not fit."""

from __future__ import annotations

from typing import Any

import pytest

from graphc.ir.op import Op, TypeFault
from graphc.ops import elementwise as ew
from graphc.ops import movement, random
from graphc.ops.contraction import CONTRACT
from graphc.ops.indexing import GATHER, ONE_HOT, SCATTER_ADD
from graphc.ops.reduction import ARGMAX, REDUCE_MAX
from graphc.ops.softmax import SOFTMAX
from graphc.ops.summing import EXPAND, REDUCE_SUM
from graphc.types import BATCH, Dim, DType, Index, Length, TensorType

D, H = Dim.named("D", 28), Dim.named("H", 64)
T = Index.full("t", Length("T"))


def of(dtype: DType, *shape: Dim) -> TensorType:
    return TensorType.of(dtype, (), shape)


REAL, INT, BOOL = of("real", H), of("int"), of("bool")
ONE = {"dims": (0,), "indices": ()}


@pytest.mark.parametrize(
    ("op", "types", "attrs", "code", "message"),
    [
        (ew.ADD, [REAL, of("real", D)], {}, "E201", "`+`: the shapes differ, [H=64] and [D=28]"),
        (ew.ADD, [REAL, of("real", H, D)], {}, "E201", "`+`: the shapes differ, [H=64] and [H=64, D=28]"),
        (ew.MUL, [REAL, INT], {}, "E202", "`*` takes values of one kind, found real and int"),
        (ew.DIV, [INT, INT], {}, "E202", "`/` takes real values, found int"),
        (ew.MOD, [REAL, REAL], {}, "E202", "`mod` takes int values, found real [H=64]"),
        (ew.LESS, [BOOL, BOOL], {}, "E202", "`<` takes real or int values, found bool"),
        (ew.SELECT, [REAL, REAL, REAL], {}, "E202", "`where` takes bool values, found real [H=64]"),
        (ew.SELECT, [BOOL, REAL, INT], {}, "E202", "`where` takes values of one kind, found real and int"),
        (REDUCE_MAX, [of("bool", H)], ONE, "E202", "`max` takes real or int values, found bool [H=64]"),
        (ARGMAX, [of("bool", H)], ONE, "E202", "`argmax` takes real or int values, found bool [H=64]"),
        (SOFTMAX, [of("int", H)], ONE, "E202", "`softmax` takes real values, found int [H=64]"),
        (GATHER, [REAL, of("real")], {"dim": 0}, "E202", "`an index` takes int values, found real"),
        (ONE_HOT, [of("real")], {"classes": H}, "E202", "`one_hot` takes int values, found real"),
        (
            EXPAND,
            [of("real", D)],
            {"shape": (H,), "source": (0,)},
            "E201",
            "cannot spread [D=28] into [H=64]",
        ),
        (movement.RESHAPE, [REAL], {"shape": (D,)}, "E207", "cannot reshape [H=64] into [D=28]"),
        (movement.STACK, [REAL, of("real", D)], {}, "E208", "cannot stack [H=64] and [D=28]"),
        (
            movement.CONCAT,
            [of("real", H, D), of("real", H, H)],
            {"dim": 0},
            "E208",
            "cannot join [H=64, D=28] and [H=64, H=64] along dim 0",
        ),
        (
            random.CATEGORICAL,
            [of("real")],
            {"shape": (), "per_example": False, "stream": "s"},
            "E201",
            "a class is drawn from a vector of probabilities, not real",
        ),
        (
            random.BERNOULLI,
            [of("real", D)],
            {"shape": (H,), "per_example": False, "stream": "s"},
            "E201",
            "the probabilities are real [D=28], the draw is real [H=64]",
        ),
    ],
)
def test_message(op: Op, types: list[TensorType], attrs: dict[str, Any], code: str, message: str) -> None:
    with pytest.raises(TypeFault) as fault:
        op.infer(types, attrs)
    assert fault.value.code == code
    assert fault.value.message.startswith(message)


def test_a_literal_agrees_and_the_name_is_kept() -> None:
    assert ew.ADD.infer([of("real", Dim.literal(64)), REAL], {}).shape == (H,)
    assert movement.STACK.infer([of("real", Dim.literal(64)), REAL], {}).shape[1:] == (H,)


def test_counts_are_whole_numbers() -> None:
    assert REDUCE_SUM.infer([of("bool", H)], ONE).dtype == "int"
    assert ew.ADD.infer([INT, INT], {}).dtype == "int"


@pytest.mark.parametrize(
    ("op", "types", "attrs"),
    [
        (REDUCE_SUM, [REAL], {"dims": (), "indices": (T,)}),
        (REDUCE_SUM, [REAL], {"dims": (), "indices": ()}),
        (CONTRACT, [REAL, REAL], {"labels": (("k",), ("k",), ()), "indices": (BATCH,)}),
        (SCATTER_ADD, [of("real"), INT], {"dim": 0, "size": H, "indices": (T,)}),
        (movement.SLICE, [REAL], {"dim": 0, "start": 60, "stop": 70, "size": Dim.literal(10)}),
    ],
)
def test_what_only_the_compiler_can_get_wrong_is_an_assertion(op: Op, types: Any, attrs: Any) -> None:
    with pytest.raises(AssertionError):
        op.infer(types, attrs)
