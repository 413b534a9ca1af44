"""The Python API: compile, look, differentiate, save and load. Its names are fixed; other tools use them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc import GraphcError
from tests.cli.conftest import invoke

SPECS = Path(graphc.__file__).parents[1] / "specs"

ATTENTION = """
dim E = 2
axis u = 1..U, t = 1..T
input q[u] : [E], k[t] : [E]
param M : [E, E]
a[u,t] = softmax[t](q[u] @ (M @ k[t]))
m[u]   = sum[t](a[u,t] * k[t])
minimize mean[u](sum(m[u]^2))
"""


def draws(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def attention(**options: Any) -> tuple[graphc.Program, dict[str, np.ndarray]]:
    inputs = {"q": draws(3, 4, 2), "k": draws(3, 5, 2, seed=1)}
    return graphc.compile(ATTENTION, dtype="float64", **options), inputs


# ------------------------------------------------------------------------------------------- compile


def test_a_path_or_a_text() -> None:
    path = SPECS / "sigmoid.nn"
    text = path.read_text(encoding="utf-8")
    values = [graphc.compile(source).forward(names=["f"])["f"] for source in (path, str(path), text)]
    assert [float(value[0]) for value in values] == [pytest.approx(0.9525741)] * 3


def test_other_sizes() -> None:
    program = graphc.compile(SPECS / "digits_mlp.nn", dims={"H": 7})
    assert program.params["W1"].shape == (7, 64)
    assert program.params["W2"].shape == (10, 7)


def test_the_seed_decides_and_other_parameters_do_not() -> None:
    short = "param A : [4, 3], b : [4]\ny = A\n"
    first, again = graphc.compile(short, seed=5), graphc.compile(short, seed=5)
    other, longer = graphc.compile(short, seed=6), graphc.compile(f"param Z : [9, 9]\n{short}", seed=5)
    for name in ("A", "b"):
        np.testing.assert_array_equal(first.params[name], again.params[name])
        np.testing.assert_array_equal(first.params[name], longer.params[name])
        assert not np.array_equal(first.params[name], other.params[name])


def test_files_are_read_below_the_root_only(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "cells.nn").write_text("double(x) = 2 * x\n", encoding="utf-8")
    (tmp_path / "inner" / "a.nn").write_text(
        'import "../cells.nn"\ninput x = 3\ny = double(x)\n', encoding="utf-8"
    )
    (tmp_path / "b.nn").write_text('import "cells.nn"\ninput x = 3\ny = double(x)\n', encoding="utf-8")
    with pytest.raises(GraphcError, match="E243"):
        graphc.compile(tmp_path / "inner" / "a.nn")
    assert graphc.compile(tmp_path / "b.nn").forward()["y"] == 6
    text = (tmp_path / "b.nn").read_text(encoding="utf-8")
    assert graphc.compile(text, root=tmp_path).forward()["y"] == 6


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_dtype_is_that_of_everything(dtype: str) -> None:
    program = graphc.compile(SPECS / "elman.nn", dtype=dtype)
    values, (_, gradients) = program.forward(), program.value_and_grad()
    found = {a.dtype.name for a in (*values.values(), *gradients.values(), *program.params.values())}
    assert found == {dtype}


def test_tools_get_trees_and_all_faults() -> None:
    assert len(graphc.parse("input x = 1\ny = x + 1\n").statements) == 2
    assert graphc.check("input x = 1\ny = x + 1\noutput y\n") == []
    found = graphc.check("input x = 1\ny = x + z\nw = x + [1, 2] @ x\n")
    assert {d.code for d in found} >= {"E220"}
    assert len(found) >= 2


# -------------------------------------------------------------------------------------------- params


def test_parameters_are_copies_in_both_directions() -> None:
    program, inputs = attention()
    before = program.forward(inputs)["m"]
    program.params["M"][:] = 0
    np.testing.assert_array_equal(program.forward(inputs)["m"], before)
    mine = np.zeros((2, 2))
    program.params["M"] = mine
    mine[:] = 7
    np.testing.assert_array_equal(program.params["M"], np.zeros((2, 2)))
    # Without preferences attention is the mean.
    np.testing.assert_allclose(program.forward(inputs)["a"], np.full((3, 4, 5), 0.2))
    assert list(program.params) == ["M"]
    assert len(program.params) == 1
    assert "M" in program.params


def test_results_are_copies() -> None:
    program, inputs = attention()
    values = program.forward(inputs)
    for array in values.values():
        array[...] = 1e9
    assert float(np.abs(program.forward(inputs)["m"]).max()) < 1e3
    assert float(np.abs(inputs["q"]).max()) < 1e3
    assert float(np.abs(program.params["M"]).max()) < 1e3


def test_qualified_names() -> None:
    program = graphc.compile("axis t = 1..T\ninput x[t] : [2]\nlayer rnn = Elman(2, 3)\ny = rnn(x)\n")
    assert program.trainable == list(program.params)
    assert all(name.startswith("rnn.") for name in program.params)


# ------------------------------------------------------------------------------------------- forward


def test_the_batch_comes_first_then_the_axes_as_written() -> None:
    program, inputs = attention()
    values = program.forward(inputs)
    assert {name: array.shape for name, array in values.items()} == {
        "q": (3, 4, 2),
        "k": (3, 5, 2),
        "M": (2, 2),
        "a": (3, 4, 5),
        "m": (3, 4, 2),
    }
    np.testing.assert_allclose(values["a"].sum(axis=2), 1)
    scores = inputs["q"] @ program.params["M"] @ inputs["k"].transpose(0, 2, 1)
    expected = np.exp(scores) / np.exp(scores).sum(axis=2, keepdims=True)
    np.testing.assert_allclose(values["a"], expected)


def test_names_choose() -> None:
    program, inputs = attention()
    assert list(program.forward(inputs, names=["m"])) == ["m"]


def test_a_prediction_needs_no_target() -> None:
    program = graphc.compile("input x, y\nparam w = 3\nyhat = w * x\nminimize mse(yhat, y)\n")
    assert program.forward({"x": [2.0]}, names=["yhat"])["yhat"].tolist() == [6]
    with pytest.raises(GraphcError, match="E441"):
        program.forward({"x": [2.0]})
    with pytest.raises(GraphcError, match="E440"):
        program.forward({"x": [2.0], "z": [1.0]}, names=["yhat"])
    with pytest.raises(GraphcError, match="E441"):
        program.forward({"y": [2.0]}, names=["yhat"])


def test_a_sequence_that_only_says_how_long_is_asked_for() -> None:
    program = graphc.compile("axis t = 1..T\ninput s[t] : real\nn[t] = 2 * t\nm = sum[t](s[t])\n")
    assert program.forward({"s": np.zeros((1, 3))}, names=["n"])["n"].ravel().tolist() == [2, 4, 6]
    with pytest.raises(GraphcError, match="E441"):
        program.forward({}, names=["n"])


def test_ragged_lengths() -> None:
    program, inputs = attention()
    lengths = {"T": [5, 2, 1], "U": [4, 4, 4]}
    values = program.forward(inputs, lengths=lengths)
    assert np.all(values["a"][1, :, 2:] == 0)
    np.testing.assert_allclose(values["a"][2, :, 0], 1)
    spoiled = {name: array.copy() for name, array in inputs.items()}
    spoiled["k"][1, 2:] = np.nan
    spoiled["k"][2, 1:] = 1e300
    again = program.forward(spoiled, lengths=lengths)
    np.testing.assert_array_equal(again["m"], values["m"])
    loss, gradients = program.value_and_grad(inputs, lengths=lengths)
    loss_again, again = program.value_and_grad(spoiled, lengths=lengths)
    assert loss == loss_again
    np.testing.assert_array_equal(gradients["M"], again["M"])


def test_draws_in_training_only_and_by_seed() -> None:
    program = graphc.compile("input x : [50]\ny = dropout(x, 0.5)\n")
    ones = {"x": np.ones((2, 50))}
    np.testing.assert_array_equal(program.forward(ones)["y"], np.ones((2, 50)))
    first, second, other = (program.forward(ones, mode="train", seed=s)["y"] for s in (1, 1, 2))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
    assert set(np.unique(first)) == {0, 2}


# -------------------------------------------------------------------------------------- value_and_grad


def test_gradients_of_anything_real() -> None:
    program, inputs = attention()
    loss, gradients = program.value_and_grad(inputs, wrt=["M", "q", "a", "m"])
    values = program.forward(inputs)
    assert loss == pytest.approx((values["m"] ** 2).sum(axis=2).mean(axis=1).mean())
    assert {name: g.shape for name, g in gradients.items()} == {
        "M": (2, 2),
        "q": (3, 4, 2),
        "a": (3, 4, 5),
        "m": (3, 4, 2),
    }
    # The loss is a mean over three examples and four places.
    np.testing.assert_allclose(gradients["m"], 2 * values["m"] / 12)
    np.testing.assert_allclose(gradients["a"], np.einsum("bue,bte->but", gradients["m"], inputs["k"]))
    assert list(program.value_and_grad(inputs)[1]) == ["M"]
    assert list(program.value_and_grad(inputs, wrt="a")[1]) == ["a"]


def test_gradients_against_differences() -> None:
    program, inputs = attention()
    _, gradients = program.value_and_grad(inputs, wrt=["M"])
    start, step = program.params["M"], 1e-6
    for place in np.ndindex(2, 2):
        ends = []
        for sign in (1, -1):
            moved = start.copy()
            moved[place] += sign * step
            program.params["M"] = moved
            ends.append(program.value_and_grad(inputs)[0])
        assert gradients["M"][place] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-8)


# -------------------------------------------------------------------------------------- save and load


def test_save_and_load(tmp_path: Path) -> None:
    program, inputs = attention(seed=3, dims={"E": 2})
    program.params["M"] = draws(2, 2, seed=9)
    file = tmp_path / "program.safetensors"
    program.save(file)
    again = graphc.load(file)
    assert again.settings.dtype == "float64"
    np.testing.assert_array_equal(again.params["M"], program.params["M"])
    for name, array in program.forward(inputs).items():
        np.testing.assert_array_equal(again.forward(inputs)[name], array)
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_imports_travel_along(tmp_path: Path) -> None:
    (tmp_path / "cells.nn").write_text("double(x) = 2 * x\n", encoding="utf-8")
    (tmp_path / "a.nn").write_text('import "cells.nn"\nparam w = 3\ny = double(w)\n', encoding="utf-8")
    graphc.compile(tmp_path / "a.nn").save(tmp_path / "a.safetensors")
    (tmp_path / "cells.nn").unlink()
    assert graphc.load(tmp_path / "a.safetensors").forward()["y"] == 6


def test_running_statistics_are_kept(tmp_path: Path) -> None:
    text = (
        "input x : real\nparam w = 1\nrunning m = mean[batch](x)\ny = w * (x - m)\nminimize y^2\n"
        "fit { optimizer = sgd(lr = 0.01) }\n"
    )
    program = graphc.compile(text)
    program.step({"x": [1.0, 3.0]})
    program.step({"x": [5.0, 5.0]})
    assert float(program.params["m"]) == pytest.approx(0.9 * 2 + 0.1 * 5)
    program.save(tmp_path / "m.safetensors")
    again = graphc.load(tmp_path / "m.safetensors")
    assert again.forward({"x": [2.3]})["y"][0] == pytest.approx(0, abs=1e-6)


def test_what_was_not_saved_by_graphc(tmp_path: Path) -> None:
    with pytest.raises(GraphcError, match=r"E608.*there is no run"):
        graphc.load(tmp_path / "missing")
    (tmp_path / "broken").write_bytes(b"no tensors")
    with pytest.raises(GraphcError, match=r"E602.*damaged"):
        graphc.load(tmp_path / "broken")


# -------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p, i: p.forward(i | {"q": draws(3, 4, 1)}), "error[E443]: input `q` has the shape [3, 4, 1]"),
        (
            lambda p, i: p.forward(i | {"qq": 1}),
            "error[E440]: there is no input `qq`\n  = help: did you mean",
        ),
        (lambda p, i: p.forward({"q": i["q"]}), "error[E441]: input `k` is not given"),
        (
            lambda p, i: p.forward(i | {"q": i["q"].astype(str)}),
            "error[E442]: input `q` holds numbers; found",
        ),
        (lambda p, i: p.forward(i | {"q": i["q"][:2]}), "error[E444]: inputs have different numbers"),
        (lambda p, i: p.forward(i, lengths={"T": [9, 1, 1]}), "error[E446]: length `T` of example 0 is 9"),
        (lambda p, i: p.forward(i, mode="test"), "error[E522]: mode is `train` or `eval`, not `test`"),
        (lambda p, i: p.forward(i, names=["mm"]), "error[E449]: the spec has no name `mm`"),
        (lambda p, i: p.value_and_grad(i, wrt=["b"]), "error[E449]: the spec has no name `b`"),
        (lambda p, i: p.params["N"], "error[E448]: there is no parameter `N`"),
        (lambda p, i: p.params.update(M=[1]), "error[E448]: parameter `M` has the shape [2, 2]; found [1]"),
        (lambda p, i: p.params.update(M=["a"]), "error[E448]: parameter `M` holds numbers"),
        (lambda p, i: p.fit(i, epoch=3), "error[E401]: `fit` has no option `epoch`"),
        (lambda p, i: p.step({"q": i["q"]}), "error[E441]: input `k` is not given"),
        (lambda p, i: p.generate([1]), "error[E242]: the spec has no `generate` block"),
        (
            lambda p, i: graphc.compile(ATTENTION, dims={"F": 3}),
            "error[E524]: the spec has no dim or axis end",
        ),
        (lambda p, i: graphc.compile(ATTENTION, backend="gpu"), "error[E523]: `gpu` is not a backend"),
        (lambda p, i: graphc.compile(ATTENTION, dtype="float16"), "error[E523]: `float16` is not a dtype"),
        (lambda p, i: graphc.compile("no/such.nn"), "error[E001]: there is no file `no/such.nn`"),
    ],
)
def test_faults(call: Any, message: str) -> None:
    program, inputs = attention()
    with pytest.raises(GraphcError) as caught:
        call(program, inputs)
    assert str(caught.value).startswith(message)


def test_a_fault_reads_as_at_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "wrong.nn"
    file.write_text("input x : [2] = [1, 2]\ny = x @ z\nw = x + [1, 2, 3]\n", encoding="utf-8")
    with pytest.raises(GraphcError) as caught:
        graphc.compile(file)
    result = invoke("run", str(file))
    assert result.stderr.strip() == str(caught.value).strip()
    assert len(caught.value.diagnostics) == 2
