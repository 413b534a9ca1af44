"""Draws: known answers of the generator, what a draw depends on and what not, and that it is distributed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from graphc.backend.reference import Run
from graphc.ops.philox import draw_normal, draw_uniform, draw_words, philox, stream_key
from graphc.ops.random import BERNOULLI, CATEGORICAL, NORMAL, UNIFORM
from graphc.types import BATCH, Dim, Index, Length
from tests.ops.calls import evaluate

N = Dim.literal(1000)
T = Index.full("t", Length("T"))


# From the file kat_vectors of Random123, which accompanies the paper of Salmon et al.
@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_known_answers(counter: str, key: str, expected: str) -> None:
    def words(text: str) -> list[Any]:
        return [np.asarray(int(word, 16), np.uint64) for word in text.split()]

    low, high = words(key)
    assert [f"{int(word):08x}" for word in philox(words(counter), (low, high))] == expected.split()


def test_words_do_not_depend_on_how_many_are_drawn() -> None:
    key = stream_key(1, 2, "w")
    for width in range(6):
        point = [np.arange(3, dtype=np.uint64) + i for i in range(width)] or [np.zeros(1, np.uint64)]
        many = draw_words(key, point, 11)
        np.testing.assert_array_equal(draw_words(key, point, 5), many[..., :5])
        assert len(np.unique(many)) == many.size


def test_every_word_of_a_point_counts() -> None:
    key = stream_key(1, 2, "w")
    for width in range(1, 8):
        base = [np.asarray(7, np.uint64)] * width
        drawn = {tuple(draw_words(key, base, 4).tolist())}
        for place in range(width):
            moved = list(base)
            moved[place] = np.asarray(8, np.uint64)
            drawn.add(tuple(draw_words(key, moved, 4).tolist()))
        assert len(drawn) == width + 1


def draw(
    op: Any, *operands: Any, run: Run, axes: Any = (), shape: Any = (N,), per_example: bool = True
) -> Any:
    attrs = {"stream": "layer.noise", "shape": shape, "per_example": per_example}
    return evaluate(op, *operands, run=run, axes=axes, **attrs)


def test_a_draw_does_not_depend_on_the_rest_of_the_batch() -> None:
    def run(ids: list[int]) -> Run:
        return Run(batch=len(ids), example_ids=np.array(ids, np.uint64), seed=3, step=9)

    together = draw(NORMAL, run=run([5, 2**40, 11]))
    alone = draw(NORMAL, run=run([2**40]))
    np.testing.assert_array_equal(together[1], alone[0])
    assert not np.array_equal(draw(NORMAL, run=run([0]))[0], alone[0])


def test_a_draw_depends_on_seed_step_stream_and_position() -> None:
    def positions(seed: int, step: int, length: int) -> Any:
        run = Run(seed=seed, step=step, lengths={"T": length})
        return draw(UNIFORM, np.arange(1, length + 1), run=run, axes=((T,),), per_example=False)

    base = positions(1, 1, 4)
    assert len(np.unique(base)) > 3900
    np.testing.assert_array_equal(base[:2], positions(1, 1, 2))
    assert not np.array_equal(base, positions(2, 1, 4))
    assert not np.array_equal(base, positions(1, 2, 4))
    assert stream_key(1, 1, "a") != stream_key(1, 1, "b")


def test_single_precision_draws_the_same_numbers() -> None:
    for op in (UNIFORM, NORMAL):
        single, double = (draw(op, run=Run(np.dtype(real), seed=1)) for real in (np.float32, np.float64))
        np.testing.assert_array_equal(single, double.astype(np.float32))
    wide = (Dim.literal(100_000),)
    drawn = draw(UNIFORM, run=Run(np.dtype(np.float32), seed=4), shape=wide)
    assert drawn.min() > 0
    assert drawn.max() < 1


def test_distributions() -> None:
    run = Run(batch=200, seed=2)
    uniform, normal = draw(UNIFORM, run=run), draw(NORMAL, run=run)
    assert uniform.mean() == pytest.approx(0.5, abs=3e-3)
    assert uniform.var() == pytest.approx(1 / 12, rel=1e-2)
    assert normal.mean() == pytest.approx(0, abs=1e-2)
    assert normal.var() == pytest.approx(1, rel=1e-2)
    assert (normal**4).mean() == pytest.approx(3, rel=5e-2)
    assert abs(np.corrcoef(normal[:, 0::2].ravel(), normal[:, 1::2].ravel())[0, 1]) < 1e-2
    assert abs(np.corrcoef(uniform[:-1].ravel(), uniform[1:].ravel())[0, 1]) < 1e-2


def test_bernoulli_follows_its_probability() -> None:
    run = Run(batch=200, seed=2)
    drawn = draw(BERNOULLI, np.asarray(0.3), run=run)
    assert {*np.unique(drawn)} == {0.0, 1.0}
    assert drawn.mean() == pytest.approx(0.3, abs=5e-3)
    for certain in (0.0, 1.0):
        assert (draw(BERNOULLI, np.asarray(certain), run=run) == certain).all()


def test_categorical_follows_its_probabilities() -> None:
    p = np.tile([1.0, 0.0, 2.0, 1.0], (20_000, 1))
    drawn = draw(CATEGORICAL, p, run=Run(batch=20_000, seed=2), axes=((BATCH,),), shape=())
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / 20_000, [0.25, 0, 0.5, 0.25], atol=0.015)


def test_draws_before_training() -> None:
    w = draw_normal(0, "enc.W", (300, 301))
    assert w.shape == (300, 301)
    assert w.std() == pytest.approx(1, rel=1e-2)
    np.testing.assert_array_equal(w, draw_normal(0, "enc.W", (300, 301)))
    assert not np.array_equal(w, draw_normal(0, "enc.U", (300, 301)))
    assert not np.array_equal(w, draw_normal(1, "enc.W", (300, 301)))
    u = draw_uniform(0, "enc.W", (7,))
    assert u.dtype == np.float64
    assert ((u > 0) & (u < 1)).all()
    assert draw_normal(0, "b", (0,)).shape == (0,)
    assert draw_normal(0, "b", ()).shape == ()
