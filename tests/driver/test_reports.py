"""Figures over a part of the data are those of one large batch, whatever the sizes of the batches."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import numpy as np
import pytest

import graphc
from graphc.driver import pooling, reports
from graphc.driver.program import Program
from graphc.ir.op import Array
from graphc.train.data.examples import Batch

RNG = np.random.default_rng(0)

SPEC = """
dim K = 4
axis t = 1..T
input x[t] : [3], y[t] : index(K), z : real
param U : [5, 5], V : [5, 3], W : [K, 5], w : [5]
h[0] = 0
h[t] = tanh(U @ h[t-1] + V @ x[t])
p[t] = softmax(W @ h[t])
e[t] = cross_entropy(p[t], y[t])
right[t] = where(argmax(p[t]) == y[t], 1, 0)
error = w @ h[T] - z
minimize mean[t](e[t]) + 0.01 * l2(U)
report {}
"""
FIGURES = {
    "each": "mean[t](e[t])",
    "sequences": "exp(mean[t](e[t]))",
    "tokens": "mean[batch, t](e[t])",
    "perplexity": "exp(mean[batch, t](e[t]))",
    "accuracy": "mean[batch, t](right[t])",
    "rmse": "rmse(w @ h[T], z)",
    "r2": "1 - sum[batch](error^2) / sum[batch]((z - mean[batch](z))^2)",
    "skew": "mean[batch](((z - mean[batch](z)) / sqrt(mean[batch]((z - mean[batch](z))^2)))^3)",
    "confusion": "(sum[batch, t](outer(one_hot(y[t], K), one_hot(argmax(p[t]), K))))[1, 2]",
    "penalized": "mean[batch](error^2) + 0.1 * l2(W)",
    "count": "sum[batch](T)",
    "longest": "max[batch](real(T))",
    "steps": "max[t](mean[batch](x[t][0]))",
    "weights": "l2(W)",
}
COUNT = 37
ARRAYS: dict[str, Array] = {
    "x": RNG.normal(size=(COUNT, 6, 3)),
    "y": RNG.integers(0, 4, (COUNT, 6)),
    "z": RNG.normal(size=COUNT),
}
LENGTHS = RNG.integers(1, 7, COUNT)


def part(rows: slice) -> Batch:
    longest = LENGTHS[rows].max()
    arrays = {name: a[rows, :longest] if a.ndim > 1 else a[rows] for name, a in ARRAYS.items()}
    return Batch(arrays, {"T": LENGTHS[rows]}, np.arange(COUNT, dtype=np.uint64)[rows])


def parts(size: int) -> list[Batch]:
    return [part(slice(start, start + size)) for start in range(0, COUNT, size)]


def program(*names: str) -> Program:
    return graphc.compile(SPEC.format(", ".join(f"{n} = {FIGURES[n]}" for n in names)), dtype="float64")


@pytest.mark.parametrize("name", FIGURES)
def test_figures_do_not_depend_on_the_batches(name: str) -> None:
    one = program(name)
    whole = one.losses.report(parts(COUNT))
    assert whole.keys() == {"loss", name}
    for size in (1, 5, 36):
        found = one.losses.report(iter(parts(size)))
        assert found == pytest.approx(whole, rel=1e-12, abs=1e-14)


def test_figures_by_hand() -> None:
    one = program("perplexity", "accuracy", "r2", "rmse", "count", "confusion")
    found = one.losses.report(parts(5))
    values = one.forward(ARRAYS, lengths={"T": LENGTHS}, names=["p", "error"])
    inside = np.arange(6) < LENGTHS[:, None]
    chosen = np.take_along_axis(values["p"], ARRAYS["y"][..., None], -1)[..., 0]
    guesses = values["p"].argmax(-1)
    z, error = ARRAYS["z"], values["error"]
    expected = {
        "perplexity": np.exp(-np.log(chosen[inside]).mean()),
        "accuracy": (guesses == ARRAYS["y"])[inside].mean(),
        "r2": 1 - (error**2).sum() / ((z - z.mean()) ** 2).sum(),
        "rmse": np.sqrt((error**2).mean()),
        "count": LENGTHS.sum(),
        "confusion": ((ARRAYS["y"] == 1) & (guesses == 2))[inside].sum(),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-12)


def test_sums_need_no_batch_of_all_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what compares examples, such as a maximum, joins the batches."""
    joined = []
    monkeypatch.setattr(reports, "_joined", lambda batches: joined.append(len(batches)) or parts(COUNT)[0])
    program("perplexity", "r2", "skew", "confusion", "penalized").losses.report(parts(5))
    assert not joined
    program("longest").losses.report(parts(5))
    assert joined == [8]


def test_one_round_looks_at_the_data_once() -> None:
    """An iterator that cannot begin again is enough."""
    one = program("tokens")
    found = pooling.pooled(one.pipeline, ["report@tokens"], False)
    assert found is not None
    assert len(found.graphs[False].rounds) == 1
    two = pooling.pooled(program("r2").pipeline, ["report@r2"], False)
    assert two is not None
    assert len(two.graphs[False].rounds) == 2


def test_several_rounds_keep_no_batches() -> None:
    """What can be iterated again is, instead of being held in memory."""
    made: list[weakref.ref[Batch]] = []
    alive = []

    class Again:
        def __iter__(self) -> Iterator[Batch]:
            for start in range(0, COUNT, 3):
                batch = part(slice(start, start + 3))
                made.append(weakref.ref(batch))
                alive.append(sum(found() is not None for found in made))
                yield batch
                del batch

    one = program("r2")
    assert one.losses.report(Again()) == pytest.approx(one.losses.report(parts(3)), rel=1e-14)
    assert len(made) >= 2 * 13
    assert max(alive) <= 4


CHUNKS = """
axis t = 1..T
input s[t] : index(4)
param E : [3, 4], U : [3, 3], W : [4, 3]
h[0] = 0.3
h[t] = tanh(E @ one_hot(s[t], 4) + U @ h[t-1])
p[t] = softmax(W @ h[t])
minimize mean[t = 1..T-1](cross_entropy(p[t], s[t+1]))
report a = exp(mean[batch, t = 1..T-1](cross_entropy(p[t], s[t+1])))
report b = {}
"""


@pytest.mark.parametrize(
    ("figure", "by_sums"),
    [
        ("sum[batch, t = 2..T](sum(h[t]))^2", True),
        ("sum[batch, t](sum(h[t]))^2", False),
        ("mean[batch](sum(h[T]))", False),
        ("mean[batch](mean[t = 1..T-1](sum(h[t])))", False),
    ],
)
def test_chunks_are_added_up_where_they_make_up_the_whole(figure: str, by_sums: bool) -> None:
    """Chunks overlap by a step: what counts that, or asks for the end, is computed on whole sequences."""
    one = graphc.compile(CHUNKS.format(figure), dtype="float64")
    found = pooling.pooled(one.pipeline, ["report@a", "report@b"], True)
    assert (found is not None) == by_sums
    sequence = RNG.integers(0, 4, (3, 25))
    ids = np.arange(3, dtype=np.uint64)
    whole = one.losses.report([Batch({"s": sequence}, {}, ids)])
    for steps in (4, 6, 23):
        cut = [
            Batch({"s": sequence[:, at : at + steps + 1]}, {}, ids, first=at == 0)
            for at in range(0, 24, steps)
        ]
        assert one.losses.report(iter(cut)) == pytest.approx(whole, rel=1e-12)
