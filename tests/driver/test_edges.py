"""What lies at the edge of what a caller can ask for: refused by a fault in words, or answered rightly."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import GraphcError
from graphc.cli.options import read_settings
from graphc.train.runs import checkpoint

PLAIN = "dim D = 3\ninput x : [D]\nparam w : [D] = 1\nminimize sum(w * x)\nfit { steps = 2 }\n"
FREE = "axis t = 1..T\nparam w = 2\nh[0] = w\nh[t] = h[t-1] * w\nminimize h[T]\n"
DRAWN = """
axis t = 1..T
input s[t] : index(4), z : [2]
param W : [4, 2]
p[t] = softmax(W @ z + one_hot(s[t], 4))
minimize mean[t = 1..T-1](cross_entropy(p[t], s[t+1]))
generate T = 5 {
  s[1] = prompt
  s[t] = sample(p[t-1])
}
"""


def refused(code: str, call: Callable[[], object]) -> str:
    with pytest.raises(GraphcError) as caught:
        call()
    assert [d.code for d in caught.value.diagnostics] == [code]
    return str(caught.value)


# ---------------------------------------------------------------------------------- names and lengths


@pytest.mark.parametrize(("name", "words"), [("q", "no input `q`"), ("s", "`s` is drawn by `generate`")])
def test_generate_takes_the_inputs_that_it_does_not_draw(name: str, words: str) -> None:
    program = graphc.compile(DRAWN)
    inputs = {"z": np.zeros((1, 2)), name: np.zeros((1, 5), int)}
    assert words in refused("E440", lambda: program.generate([2], inputs=inputs))
    assert program.generate([2], inputs={"z": np.zeros((1, 2))})[0] == 2


def test_a_batch_without_examples_has_no_loss() -> None:
    program = graphc.compile(PLAIN)
    assert "no examples" in refused("E451", lambda: program.value_and_grad({"x": np.zeros((0, 3))}))


def test_a_length_that_no_input_has() -> None:
    program = graphc.compile(FREE, dtype="float64")
    loss, grads = program.value_and_grad(lengths={"T": 3})
    assert (loss, float(grads["w"])) == (16.0, 32.0)
    assert program.forward(lengths={"T": [3]})["h"].tolist() == [4.0, 8.0, 16.0]
    assert program.forward(names=["w"])["w"] == 2.0
    for call in (program.value_and_grad, program.forward):
        message = refused("E446", call)
        assert "how long `T` is" in message
        assert "`--set T=3`" in message
    refused("E446", lambda: program.forward(lengths={"T": -1}))
    refused("E446", lambda: program.forward(lengths={"N": 3}))
    assert graphc.compile(FREE, dims={"T": 3}).value_and_grad()[0] == 16.0


def test_an_axis_does_not_end_at_the_batch() -> None:
    text = "axis t = 1..batch\ninput x[t] : real\nminimize sum[t](x[t])\n"
    assert "`batch` is the axis over the examples" in refused("E246", lambda: graphc.compile(text))


# ------------------------------------------------------------------------------------------ training


def test_a_spec_without_inputs_trains() -> None:
    program = graphc.compile("param w : [3] = 1\nminimize sum(w)\nfit { optimizer = sgd(0.5), steps = 2 }\n")
    assert program.fit().steps == 2
    np.testing.assert_allclose(program.params["w"], 0.0)


def test_one_value_of_an_option_is_set() -> None:
    _, settings = read_settings(["fit.optimizer.lr=0.01", "fit.epochs=3"])
    assert settings == {"fit.optimizer.lr": "0.01", "fit.epochs": "3"}
    for text in ("fit.optimizer.=1", "fit.a.b.c=1", "fit..lr=1"):
        refused("E702", lambda text=text: read_settings([text]))  # type: ignore[misc]
    text = "param w = 1\nminimize w\nfit { optimizer = sgd(lr = 0.5), steps = 1 }\n"
    program = graphc.compile(text, settings={"fit.optimizer.lr": "0.25"})
    program.fit()
    assert program.params["w"] == 0.75


# ------------------------------------------------------------------------------------------- storage


def altered(path: Path, entry: str, change: Callable[[dict[str, Any]], object]) -> Path:
    """A saved program whose table was changed, with a digest that is right."""
    graphc.compile(PLAIN).save(path)
    found = checkpoint.read(path)
    change(found.about[entry] if entry else found.about)
    checkpoint.write(path, found)
    return path


@pytest.mark.parametrize("key", ["name", "spec", "imports", "dims", "options", "disabled", "dtype", "seed"])
def test_a_saved_program_without_an_entry(key: str, tmp_path: Path) -> None:
    path = altered(tmp_path / "a.safetensors", "program", lambda table: table.pop(key))
    assert f"its `{key}` is" in refused("E603", lambda: graphc.load(path))


@pytest.mark.parametrize("key", ["program", "data"])
def test_a_saved_program_without_a_table(key: str, tmp_path: Path) -> None:
    path = altered(tmp_path / "a.safetensors", "", lambda table: table.pop(key))
    assert f"its `{key}` is missing" in refused("E603", lambda: graphc.load(path))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("imports", "{"),
        ("imports", {"a.nn": 1}),
        ("dims", [1]),
        ("dims", {"D": "3"}),
        ("dims", {"D": -3}),
        ("dims", {"D": True}),
        ("dtype", "float99"),
        ("seed", 1.5),
        ("seed", -1),
        ("disabled", "cse"),
        ("spec", 'import "cells.nn"\n' + PLAIN),
        ("spec", 3),
    ],
)
def test_a_saved_program_that_was_damaged(key: str, value: Any, tmp_path: Path) -> None:
    path = altered(tmp_path / "a.safetensors", "program", lambda table: table.update({key: value}))
    refused("E603", lambda: graphc.load(path))


@pytest.mark.parametrize("value", [{}, {"scale": 1, "first": {}, "vocabularies": {}}])
def test_what_happened_to_the_data_is_damaged(value: Any, tmp_path: Path) -> None:
    path = altered(tmp_path / "a.safetensors", "", lambda table: table.update(data=value))
    refused("E603", lambda: graphc.load(path))


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("E603", {"vocabularies": {"s": [1, 2]}}),
        ("E603", {"tokens": {"s": "syllables"}}),
        ("E603", {"unknown": {"s": None}}),
        ("E604", {"vocabularies": {"s": ["a", "b", "c", "d"]}}),
        ("E604", {"vocabularies": {"s": ["a", "a"]}}),
        ("E604", {"vocabularies": {"r": ["a", "b"]}}),
        ("E604", {"unknown": {"s": "?"}}),
    ],
)
def test_a_vocabulary_that_does_not_fit(code: str, change: dict[str, Any], tmp_path: Path) -> None:
    text = (
        "axis t = 1..T\ninput s[t] : index(3)\nparam w : [3]\nminimize mean[t](w[s[t]])\nfit { bptt = 4 }\n"
    )
    (tmp_path / "a.txt").write_text("abcabc")
    (tmp_path / "a.nn").write_text(text + 'data { source = "a.txt" }\n')
    program = graphc.compile(tmp_path / "a.nn", backend="reference")
    program.preparation = program.dataset(bptt=4).preparation
    program.save(tmp_path / "a.safetensors")
    assert graphc.load(tmp_path / "a.safetensors").preparation == program.preparation
    found = checkpoint.read(tmp_path / "a.safetensors")
    found.about["data"].update(change)
    checkpoint.write(tmp_path / "a.safetensors", found)
    refused(code, lambda: graphc.load(tmp_path / "a.safetensors"))


def test_numbers_of_numpy_are_numbers(tmp_path: Path) -> None:
    program = graphc.compile(PLAIN, seed=np.int64(5), dims={"D": np.int64(2)})  # type: ignore[arg-type,dict-item]
    program.save(tmp_path / "a.safetensors")
    again = graphc.load(tmp_path / "a.safetensors")
    assert (again.seed, again.params["w"].shape) == (5, (2,))


@pytest.mark.parametrize("dtype", [np.float32, np.dtype("float64"), "float64"])
def test_a_dtype_of_numpy(dtype: Any) -> None:
    assert graphc.compile(PLAIN, dtype=dtype).params["w"].dtype == dtype


# ----------------------------------------------------------------------------------- wrong arguments

X = np.zeros((1, 3))
WRONG: dict[str, tuple[str, Callable[[graphc.Program], object]]] = {
    "inputs": ("E525", lambda p: p.forward([1, 2, 3])),  # type: ignore[arg-type]
    "inputs without names": ("E525", lambda p: p.forward({1: X})),  # type: ignore[dict-item]
    "lengths": ("E525", lambda p: p.forward({"x": X}, lengths=[1, 2])),  # type: ignore[arg-type]
    "names": ("E525", lambda p: p.forward({"x": X}, names=5)),  # type: ignore[arg-type]
    "wrt": ("E525", lambda p: p.value_and_grad({"x": X}, wrt=[1])),  # type: ignore[list-item]
    "seed of a run": ("E525", lambda p: p.forward({"x": X}, seed="a")),  # type: ignore[arg-type]
    "data": ("E525", lambda p: p.fit(5)),
    "batches": ("E467", lambda p: p.fit([1])),
    "batch": ("E525", lambda p: p.step([1])),  # type: ignore[arg-type]
    "lengths of a step": ("E525", lambda p: p.step({"x": X}, lengths=3)),  # type: ignore[arg-type]
    "dims": ("E525", lambda p: graphc.compile(PLAIN, dims=[1])),  # type: ignore[arg-type]
    "size": ("E231", lambda p: graphc.compile(PLAIN, dims={"D": 1.5})),  # type: ignore[dict-item]
    "settings": ("E525", lambda p: graphc.compile(PLAIN, settings=["fit.epochs"])),  # type: ignore[arg-type]
    "None": ("E525", lambda p: graphc.compile(None)),  # type: ignore[arg-type]
    "bytes": ("E525", lambda p: graphc.compile(b"x = 1")),  # type: ignore[arg-type]
    "text": ("E525", lambda p: graphc.parse(None)),  # type: ignore[arg-type]
    "path": ("E525", lambda p: graphc.load(None)),  # type: ignore[arg-type]
    "dtype": ("E523", lambda p: graphc.compile(PLAIN, dtype=np.int32)),
    "no dtype": ("E523", lambda p: graphc.compile(PLAIN, dtype=None)),  # type: ignore[arg-type]
    "backend": ("E523", lambda p: graphc.compile(PLAIN, backend=None)),  # type: ignore[arg-type]
    "fraction as seed": ("E525", lambda p: graphc.compile(PLAIN, seed=1.5)),  # type: ignore[arg-type]
    "text as seed": ("E525", lambda p: graphc.compile(PLAIN, seed="a")),  # type: ignore[arg-type]
    "negative seed": ("E525", lambda p: graphc.compile(PLAIN, seed=-1)),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_are_faults(name: str) -> None:
    code, call = WRONG[name]
    assert refused(code, lambda: call(graphc.compile(PLAIN)))


def test_numbers_too_large_for_the_precision_become_infinite_quietly() -> None:
    program = graphc.compile(PLAIN)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isinf(program.forward({"x": [[1e300, 0, 0]]}, names=["x"])["x"][0, 0])
        program.params["w"] = np.full(3, 1e300)
    assert np.isinf(program.params["w"]).all()


# -------------------------------------------------------------------------------- parts of an axis


@pytest.mark.parametrize("lengths", [[4, 4], [4, 2]])
def test_values_are_zero_outside_their_part_of_an_axis(lengths: list[int]) -> None:
    program = graphc.compile(
        "axis t = 1..T, u = 1..T\ninput z[t] : real\n"
        "a[t,u] = softmax[u = 1..t](z[u]) + 1\nminimize sum[t](sum[u = 1..t](a[t,u]))\n",
        dtype="float64",
    )
    inputs = {"z": np.random.default_rng(0).normal(size=(2, 4))}
    values = program.forward(inputs, lengths={"T": lengths})["a"]
    _, grads = program.value_and_grad(inputs, wrt=["a"], lengths={"T": lengths})
    for example, length in enumerate(lengths):
        inside = np.tril(np.ones((4, 4), bool)) & (np.arange(4) < length)[:, None]
        assert (values[example][inside] > 1).all()
        assert not values[example][~inside].any()
        np.testing.assert_array_equal(grads["a"][example], inside / 2)


def test_a_value_without_memory_for_it_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("graphc.backend.plan.NodeCall.run", exhausted)
    spec = "input x : [3]\ny = outer(x, x)\noutput y\n"
    with pytest.raises(GraphcError, match="E526") as caught:
        graphc.compile(spec).forward({"x": np.ones((2, 3))}, names=["y"])
    assert "`outer(x, x)` does not fit into memory: 2 x 3 x 3 numbers" in str(caught.value)
