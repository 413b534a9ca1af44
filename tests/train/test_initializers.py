"""First values: the formulas' variance, streams of their own, and refusals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from graphc.diagnostics import GraphcError, Source
from graphc.train.expressions import parse_value
from graphc.train.initializers import KINDS, Initializer, draw, fans, read_initializer

SHAPE = (200, 300)


def read(text: str) -> Initializer:
    return read_initializer(parse_value(Source("spec", text)), {"D": 4})


def value(text: str, shape: tuple[int, ...] = SHAPE, seed: int = 0, name: str = "W") -> np.ndarray:
    return draw(read(text), shape, *fans(shape), seed, name)


@pytest.mark.parametrize(
    ("text", "mean", "deviation"),
    [
        ("zero", 0, 0),
        ("ones", 1, 0),
        ("constant(-2.5)", -2.5, 0),
        ("normal", 0, 1),
        ("normal(0.1)", 0, 0.1),
        ("normal(3, 0.1)", 3, 0.1),
        ("normal(mean = 3, deviation = 0.1)", 3, 0.1),
        ("normal(1 / sqrt(D))", 0, 0.5),
        ("uniform(0.5)", 0, 0.5 / math.sqrt(3)),
        ("uniform(0, 1)", 0.5, 1 / math.sqrt(12)),
        ("lecun", 0, math.sqrt(1 / 300)),
        ("he", 0, math.sqrt(2 / 300)),
        ("xavier", 0, math.sqrt(2 / 500)),
        ("glorot", 0, math.sqrt(2 / 500)),
    ],
)
def test_mean_and_deviation(text: str, mean: float, deviation: float) -> None:
    drawn = value(text)
    assert drawn.dtype == np.float64
    assert drawn.mean() == pytest.approx(mean, abs=5 * deviation / math.sqrt(drawn.size) + 1e-15)
    assert drawn.std() == pytest.approx(deviation, rel=0.02, abs=1e-15)


def test_uniform_stays_in_its_range() -> None:
    assert abs(value("uniform(0.5)")).max() <= 0.5
    assert abs(value("xavier")).max() <= math.sqrt(6 / 500)


def test_fans() -> None:
    assert fans((3, 5)) == (5, 3)
    assert fans((8, 4, 3, 3)) == (36, 72)
    assert fans((7,)) == (7, 1)
    assert fans(()) == (1, 1)


@pytest.mark.parametrize("shape", [(6, 6), (4, 9), (9, 4), (8, 4, 3, 3)])
def test_orthogonal(shape: tuple[int, ...]) -> None:
    flat = value("orthogonal(2)", shape).reshape(shape[0], -1) / 2
    few = flat if flat.shape[0] <= flat.shape[1] else flat.T
    np.testing.assert_allclose(few @ few.T, np.eye(len(few)), atol=1e-14)


def test_orthogonal_matrices_are_evenly_distributed() -> None:
    traces = [np.trace(value("orthogonal", (3, 3), seed=seed)) for seed in range(2000)]
    # Of a uniformly distributed orthogonal matrix the trace has mean 0 and variance 1.
    assert np.mean(traces) == pytest.approx(0, abs=0.12)
    assert np.var(traces) == pytest.approx(1, abs=0.15)


def test_delta_orthogonal_keeps_the_norm_of_every_pixel() -> None:
    kernel = value("delta_orthogonal", (8, 4, 3, 3))
    middle = kernel[:, :, 1, 1]
    np.testing.assert_allclose(middle.T @ middle, np.eye(4), atol=1e-14)
    assert np.count_nonzero(kernel) == middle.size


def test_identity() -> None:
    assert value("identity", (3, 3)).tolist() == np.eye(3).tolist()


def test_each_parameter_has_a_stream_of_its_own() -> None:
    assert (value("he", seed=1) == value("he", seed=1)).all()
    assert not (value("he", seed=1) == value("he", seed=2)).any()
    assert not (value("he", name="enc.W") == value("he", name="dec.W")).any()


def test_draws_stay_what_they_were() -> None:
    """A change here changes every trained model: it belongs into the change log."""
    drawn = value("normal", (2,), seed=42, name="enc.Wf").tolist()
    assert drawn == pytest.approx([0.7819655839739931, -1.6469105765442298], rel=1e-12)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_name_draws(name: str) -> None:
    text = {"constant": "constant(1)", "uniform": "uniform(1)"}.get(name, name)
    shape = (4, 4, 3, 3) if name == "delta_orthogonal" else (4, 4)
    assert value(text, shape).shape == shape


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("hee", "E510", "did you mean `he`"),
        ("he(2)", "E511", "`he` takes no numbers; found 2"),
        ("normal(1, 2, 3)", "E511", "takes mean, deviation; found 1, 2, 3"),
        ("normal(-1)", "E511", "found -1"),
        ("uniform", "E511", "found none"),
        ("uniform(1, 0)", "E511", "found 1, 0"),
        ("constant", "E511", "takes value"),
        ("orthogonal(scale = 2)", "E511", "takes `gain` in this order, found `scale`"),
        ("normal(K)", "E403", "`K`, which is no dim"),
        ('"he"', "E511", "expected an initializer"),
    ],
)
def test_faults_in_the_words(text: str, code: str, words: str) -> None:
    with pytest.raises(GraphcError) as caught:
        read(text)
    assert caught.value.diagnostics[0].code == code
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("identity", (3, 4)),
        ("identity", (3,)),
        ("orthogonal", (3,)),
        ("orthogonal", ()),
        ("delta_orthogonal", (4, 8, 3, 3)),
        ("delta_orthogonal", (4, 4)),
    ],
)
def test_faults_of_shape(text: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(GraphcError, match=r"`enc\.W` has the shape") as caught:
        value(text, shape, name="enc.W")
    assert caught.value.diagnostics[0].code == "E512"
