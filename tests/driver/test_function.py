"""`Program.function`: `value_and_grad` for many calls."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.driver.examples import drawn

SPECS = Path(graphc.__file__).parents[1] / "specs"

CLASSES = """
axis t = 1..T
input x[t] : [2], y : index(3), on[t] : bool
param W : [3, 2], a[k = 1..2] : real
z = sum[t](where(on[t], W @ x[t], 0 * W @ x[t]))
minimize cross_entropy(softmax(z), y)
""".replace("a[k = 1..2] : real", "b : [3] = 0").replace("z = sum", "z = b + sum")


def given(batch: int = 4, steps: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(batch)
    return {
        "x": rng.normal(size=(batch, steps, 2)),
        "y": rng.integers(0, 3, batch),
        "on": rng.random((batch, steps)) < 0.5,
    }


def equal(found: tuple[float, dict[str, np.ndarray]], expected: tuple[float, dict[str, np.ndarray]]) -> None:
    assert found[0] == expected[0] or (np.isnan(found[0]) and np.isnan(expected[0]))
    assert list(found[1]) == list(expected[1])
    for name, gradient in expected[1].items():
        np.testing.assert_array_equal(found[1][name], gradient)
        assert found[1][name].dtype == gradient.dtype


@pytest.mark.parametrize("path", sorted(SPECS.glob("*.nn")), ids=lambda path: path.stem)
def test_it_gives_what_value_and_grad_gives(path: Path) -> None:
    program = graphc.compile(path, dims={"H": 8} if path.stem == "charlm" else None)
    if not program.pipeline.has_loss("train"):
        with pytest.raises(graphc.GraphcError, match="E242"):
            program.function()({} if program.examples else drawn(program.spec.inputs, 0))
        return
    inputs = [n for n, info in program.spec.inputs.items() if info.type.dtype == "real"]
    wrt = [*program.spec.params, *inputs]
    function = program.function(wrt)
    for seed in (1, 2, 2):
        batch = drawn(program.spec.inputs, seed, batch=seed + 1)
        equal(function(batch), program.value_and_grad(batch, wrt=wrt))


def test_the_specs_own_inputs_stand_in() -> None:
    program = graphc.compile(SPECS / "sigmoid.nn")
    function = program.function(["w", "x"])
    for _ in range(2):
        equal(function(), program.value_and_grad(wrt=["w", "x"]))


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_modes(mode: Any) -> None:
    program = graphc.compile(CLASSES.replace("W @ x[t], 0", "dropout(W @ x[t], 0.5), 0"))
    function = program.function(mode=mode)
    for _ in range(2):
        equal(function(given()), program.value_and_grad(given(), mode=mode))


def test_losses_in_turns() -> None:
    text = "input x : real\nparam a = 2, b = 5\nf = a * x\nminimize f^2 over a\nminimize (b * f)^2 over b\n"
    program = graphc.compile(text)
    function = program.function(["b", "a", "f"])
    for _ in range(2):
        batch = {"x": np.array([1.0, 3.0])}
        equal(function(batch), program.value_and_grad(batch, wrt=["b", "a", "f"]))


def test_it_sees_the_parameters_of_the_moment() -> None:
    program = graphc.compile(CLASSES + "fit { optimizer = adam() }\n")
    function = program.function()
    function(given())
    program.params["W"] = np.ones((3, 2))
    equal(function(given()), program.value_and_grad(given()))
    for _ in range(3):
        program.step(given())
        equal(function(given()), program.value_and_grad(given()))


def test_results_belong_to_the_caller() -> None:
    program = graphc.compile("input x : [2]\nparam w : [2] = 1\nminimize sum(w * x)\n")
    function, batch = program.function(["w", "x"]), {"x": np.ones((1, 2), np.float32)}
    expected = program.value_and_grad(batch, wrt=["w", "x"])
    for _ in range(3):
        loss, gradients = function(batch)
        equal((loss, gradients), expected)
        for gradient in gradients.values():
            gradient += 7
    assert program.params["w"].tolist() == [1, 1]
    assert batch["x"].tolist() == [[1, 1]]


Wrong = Callable[[dict[str, Any]], Any]
WRONG: dict[str, tuple[str, Wrong]] = {
    "a name too many": ("E440", lambda g: {**g, "xx": g["x"]}),
    "a name too few": ("E441", lambda g: {"x": g["x"], "y": g["y"]}),
    "text": ("E442", lambda g: {**g, "x": np.full(g["x"].shape, "a")}),
    "numbers for a bool": ("E442", lambda g: {**g, "on": g["on"].astype(float)}),
    "fractions for a class": ("E442", lambda g: {**g, "y": g["y"] + 0.5}),
    "another shape": ("E443", lambda g: {**g, "x": g["x"][:, :, :1]}),
    "another rank": ("E443", lambda g: {**g, "y": g["y"][:, None]}),
    "another number of examples": ("E444", lambda g: {**g, "y": g["y"][1:]}),
    "another length": ("E445", lambda g: {**g, "on": g["on"][:, 1:]}),
    "a class too large": ("E447", lambda g: {**g, "y": np.array([0, 1, 3, 0])}),
    "a class below zero": ("E447", lambda g: {**g, "y": np.array([0, 1, -1, 0])}),
    "a small dtype below zero": ("E447", lambda g: {**g, "y": np.array([0, 1, -1, 0], np.int8)}),
    "no examples": ("E451", lambda g: {name: array[:0] for name, array in g.items()}),
    "no mapping": ("E525", lambda g: [g["x"]]),
    "no names": ("E525", lambda g: {1: g["x"]}),
}


@pytest.mark.parametrize(("code", "change"), WRONG.values(), ids=WRONG)
def test_it_refuses_what_value_and_grad_refuses(code: str, change: Wrong) -> None:
    program = graphc.compile(CLASSES)
    function = program.function()
    messages = []
    for call in (function, program.value_and_grad):
        for _ in range(2):
            equal(function(given()), program.value_and_grad(given()))
            with pytest.raises(graphc.GraphcError, match=code) as caught:
                call(change(given()))
            messages.append(str(caught.value))
    assert len(set(messages)) == 1


def test_wrong_names_to_differentiate_by() -> None:
    program = graphc.compile(CLASSES)
    for code, wrt in (("E449", ["V"]), ("E242", ["y"]), ("E525", 3)):
        with pytest.raises(graphc.GraphcError, match=code):
            program.function(wrt)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int64, np.int16, np.bool_])
def test_numbers_of_any_dtype(dtype: Any) -> None:
    program = graphc.compile(CLASSES)
    function = program.function()
    batch = {**given(), "x": (2 * given()["x"]).astype(dtype)}
    batch["y"] = batch["y"].astype(np.uint8)
    for _ in range(2):
        equal(function(batch), program.value_and_grad(batch))


def test_what_overflows_the_precision_is_infinite_each_time() -> None:
    program = graphc.compile("input x : real\nparam w = 1\nminimize w * x\n")
    for _ in range(2):
        assert program.function()({"x": np.array([1e300])})[0] == np.inf
    function = program.function()
    assert [function({"x": np.array([value])})[0] for value in (1.0, 1e300, 2.0)] == [1, np.inf, 2]


def test_arrays_in_any_order_of_memory() -> None:
    program = graphc.compile(CLASSES)
    function = program.function()
    plain = given()
    turned = {name: np.asfortranarray(array) for name, array in plain.items()}
    wide = {name: np.repeat(array, 2, axis=0)[::2] for name, array in plain.items()}
    equal(function(plain), function(turned))
    equal(function(plain), function(wide))


def test_lists_and_many_shapes() -> None:
    program = graphc.compile(CLASSES)
    function = program.function()
    for steps in range(1, 80):
        batch = given(2, steps)
        equal(function(batch), program.value_and_grad(batch))
    listed = {name: array.tolist() for name, array in given().items()}
    equal(function(listed), program.value_and_grad(given()))
