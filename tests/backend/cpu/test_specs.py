"""All specs on the CPU backend: values, gradients, checks, training and generation as the reference has them.

All of them run as generated source in plain Python (see `plain`), some compiled; with `GRAPHC_COMPILE_ALL=1`
all of them, which takes minutes. `GRAPHC_RANDOM_SPECS` is how many random specs are drawn.
"""

from __future__ import annotations

import os
import re
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.driver.examples import drawn
from graphc.driver.program import Program
from graphc.ir.op import Array
from tests.backend.cpu.comparing import builds
from tests.backend.cpu.plain import uncompiled
from tests.language import harness
from tests.random_specs import random_spec

SPECS = sorted((Path(graphc.__file__).parents[1] / "specs").glob("*.nn"))
ALL = os.environ.get("GRAPHC_COMPILE_ALL") == "1"
# Each of their cells is run alone: by adding.nn, copy_memory.nn and elman.nn, the GRU by test_segments.py.
SEVERAL_CELLS = ("adding_cells", "copy_memory_cells")
SMALLER = {
    "adding": {"H": 8},
    "adding_cells": {"H": 8},
    "addition": {"E": 4, "G": 3, "H": 5},
    "charlm": {"H": 8},
    "charlm_topics": {"V": 16, "E": 4, "H": 8},
    "clipping": {"H": 4, "T": 6},
    "copy_memory": {"S": 3, "H": 8},
    "copy_memory_cells": {"S": 3, "H": 8},
    "digits_mlp": {"H": 12},
    "digits_pixels": {"H": 5},
    "digits_rows": {"H": 5},
    "execute": {"E": 4, "H": 5},
    "fixed_context": {"V": 16, "E": 4, "H": 8},
    "reverse": {"E": 4, "H": 5},
    # In a few steps only: some of its networks multiply a difference in the last bit by up to 8 in each.
    "vanishing": {"H": 4, "T": 6},
    "vowels": {"H": 5},
}
# A single step does not know how many there will be, which a schedule may ask for.
SCHEDULED = re.compile(r"^[^#\n]*\bsteps\b", re.MULTILINE)
COMPILED = ("attention", "batchnorm", "conv", "dropout", "elman", "embedding", "lstm")
SEEDS = range(int(os.environ.get("GRAPHC_RANDOM_SPECS", "8")))

CLASSES = """
dim D = 20, H = 24, K = 3
input x : [D], y : index(K)
param W : [H, D], b : [H] = 0.1, V : [K, H]
minimize cross_entropy(softmax(V @ relu(W @ x + b)), y) + 1e-3 * l2(W)
fit { optimizer = adam(lr = 1e-2), batch = 16, epochs = 2, clip = 1.0 }
"""

RUN = [path for path in SPECS if ALL or path.stem not in SEVERAL_CELLS]

every_spec = pytest.mark.parametrize("path", RUN, ids=lambda path: path.stem)


def running(path: Path) -> AbstractContextManager[None]:
    return nullcontext() if ALL or path.stem in COMPILED else uncompiled()


def program(path: Path, backend: str, dtype: str = "float64") -> Program:
    settings = {"fit.steps": "1000"} if SCHEDULED.search(path.read_text("utf-8")) else None
    return graphc.compile(path, backend=backend, dtype=dtype, dims=SMALLER.get(path.stem), settings=settings)


def lengths_of(given: Program, own: list[int]) -> dict[str, list[int]]:
    used = {axis.length for info in given.spec.inputs.values() for axis in info.axes}
    return {length.name: own for length in used if not length.is_fixed}


def outcomes(given: Program, batch: dict[str, Any], lengths: dict[str, list[int]]) -> dict[str, Array]:
    """All values in both modes, the loss and all gradients."""
    found: dict[str, Array] = {}
    # What is averaged in training has no value before.
    for mode in ("train",) if given.spec.states else ("eval", "train"):
        for name, array in given.forward(batch, mode=mode, lengths=lengths).items():
            found[f"{mode} {name}"] = array
    if given.pipeline.has_loss("train"):
        inputs = [name for name, info in given.spec.inputs.items() if info.type.dtype == "real"]
        wrt = [*given.spec.params, *inputs]
        loss, gradients = given.value_and_grad(batch, wrt=wrt, lengths=lengths)
        found["loss"] = np.asarray(loss)
        found |= {f"gradient of {name}": gradient for name, gradient in gradients.items()}
    return found


def assert_same(found: dict[str, Array], expected: dict[str, Array], tolerance: float) -> None:
    assert list(found) == list(expected)
    for name, array in expected.items():
        assert found[name].dtype == array.dtype, name
        if array.dtype.kind == "f":
            scale = max(1.0, float(np.abs(array[np.isfinite(array)]).max(initial=0)))
            np.testing.assert_allclose(found[name], array, tolerance, tolerance * scale, err_msg=name)
        else:
            np.testing.assert_array_equal(found[name], array, err_msg=name)


def compare(path: Path, dtype: str, cases: list[tuple[int, list[int]]], tolerance: float) -> None:
    """`cases`: the number of examples, and how long each of them is."""
    found, expected = (program(path, backend, dtype) for backend in ("cpu", "reference"))
    for rows, own in cases:
        batch = drawn(expected.spec.inputs, 1, batch=rows)
        lengths = lengths_of(expected, own)
        try:
            wanted = outcomes(expected, batch, lengths)
        except graphc.GraphcError as error:
            # Such lengths are not for this spec: then both say so.
            with pytest.raises(graphc.GraphcError, match=error.diagnostics[0].code):
                outcomes(found, batch, lengths)
            continue
        assert_same(outcomes(found, batch, lengths), wanted, tolerance)


@every_spec
def test_values_and_gradients(path: Path) -> None:
    with running(path):
        compare(path, "float64", [(3, [3, 3, 3]), (3, [2, 3, 1]), (1, [1])], 1e-9)


@pytest.mark.parametrize("name", COMPILED)
def test_values_and_gradients_in_single_precision(name: str) -> None:
    """Their own rounding apart, both add it up in other orders."""
    with uncompiled():
        compare(next(path for path in SPECS if path.stem == name), "float32", [(3, [2, 3, 1])], 2e-4)


@every_spec
def test_checks(path: Path) -> None:
    with uncompiled():
        # At its own sizes: a spec may check how many parameters it has.
        results = graphc.compile(path, backend="cpu", dtype="float64").checks()
    assert all(result.ok for result in results), [result for result in results if not result.ok]


@every_spec
def test_training(path: Path) -> None:
    """Three steps of the spec's optimizer."""
    with uncompiled():
        found, expected = (program(path, backend) for backend in ("cpu", "reference"))
        if not expected.pipeline.has_loss("train") or not expected.trainable:
            return
        batch = drawn(expected.spec.inputs, 2, batch=3)
        losses = [[given.step(batch) for _ in range(3)] for given in (found, expected)]
        assert_same(found.forward(batch), expected.forward(batch), 1e-8)
    np.testing.assert_allclose(*losses, rtol=1e-9)
    for name in expected.trainable:
        np.testing.assert_allclose(
            found.params[name], expected.params[name], rtol=1e-8, atol=1e-9, err_msg=name
        )


def test_fitting_compiled() -> None:
    """Whole epochs with a shorter last batch: nothing is compiled again for it, or for another size."""
    generator = np.random.default_rng(0)
    data = {"x": generator.standard_normal((40, 20)), "y": generator.integers(0, 3, 40)}
    found, expected = (graphc.compile(CLASSES, backend=b, dtype="float64") for b in ("cpu", "reference"))
    histories = [given.fit(data) for given in (found, expected)]
    for part, metrics in histories[1].metrics.items():
        for name, values in metrics.items():
            np.testing.assert_allclose(histories[0].metrics[part][name], values, rtol=1e-9)
    for name in expected.trainable:
        np.testing.assert_allclose(found.params[name], expected.params[name], rtol=1e-7, atol=1e-9)
    with builds() as built:
        found.fit(data, epochs=1, batch=7)
    assert not built


def test_generation() -> None:
    path = next(path for path in SPECS if path.stem == "charlm")
    prompt = np.array([3, 1, 4, 1, 5])
    with uncompiled():
        texts = [program(path, b).generate(prompt, ends={"T": 24}) for b in ("cpu", "reference")]
    np.testing.assert_array_equal(*texts)
    np.testing.assert_array_equal(texts[0][:5], prompt)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_specs(seed: int) -> None:
    """Recurrences of several lags and both directions, histories, layers and depth, with ragged lengths."""
    lengths: dict[str, list[int]] = {"T": [3, 1, 4], "N": [2, 4, 1]} if seed % 3 else {"T": [1], "N": [1]}
    case = harness.Case(random_spec(seed), lambda p, e: {}, lengths, len(lengths["T"]), seed=seed, scale=0.6)
    found = []
    with uncompiled(order=(1, 0)):
        for backend in ("cpu", "reference"):
            given = harness.compiled(case, backend=backend)
            batch = harness.drawn(case, given, garbage=np.nan)
            found.append(harness.everything(case, given, batch, harness.given_lengths(case)))
    assert_same(found[0], found[1], 1e-10)
