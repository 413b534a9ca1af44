"""What a caller reads who hands over wrong arrays, names or files: the text is the command line's."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

import graphc
from graphc.diagnostics import GraphcError
from graphc.errors import catalogue
from graphc.train.runs import checkpoint
from tests.golden import FOLDER, check_golden

API = FOLDER / "errors" / "api"

SPEC = """
dim D = 3, K = 4
axis t = 1..T, u = 1..N
input x[t] : [D], s[t] : index(K), z[u] : [D], on : bool, scale : real
param W : [K, D], b : [K] = 0
running m = mean[batch, t](x[t])
h[t] = where(on, W @ (x[t] - m) + b, b)
y    = scale * sum[t](h[t]) + sum[u](sum(z[u]))
minimize mean[t](cross_entropy(softmax(h[t]), s[t])) + sum(y)
"""
PLAIN = "dim D = 3\ninput x : [D]\nparam W : [2, D]\ny = W @ x\noutput sum(y)\n"


def inputs(**changed: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "x": np.zeros((2, 5, 3)),
        "s": np.zeros((2, 5), int),
        "z": np.zeros((2, 4, 3)),
        "on": np.ones(2, bool),
        "scale": np.ones(2),
    }
    return {name: value for name, value in (found | changed).items() if value is not None}


def forward(lengths: Any = None, **changed: Any) -> Callable[[], object]:
    return lambda: graphc.compile(SPEC).forward(inputs(**changed), lengths=lengths, mode="train")


def assign(name: str, value: Any) -> Callable[[], object]:
    return lambda: graphc.compile(PLAIN).params.__setitem__(name, value)


def memory_exhausted() -> None:
    with mock.patch("graphc.backend.plan.NodeCall.run", side_effect=MemoryError):
        graphc.compile("input x : [3]\ny = outer(x, x)\noutput y\n").forward({"x": np.ones((2, 3))})


def backend_not_installed() -> None:
    with mock.patch("graphc.backend.find_spec", return_value=None):
        graphc.compile(PLAIN, backend="cpu")


def threads_no_number() -> None:
    with mock.patch.dict(os.environ, GRAPHC_THREADS="two"):
        graphc.compile(PLAIN, backend="cpu").forward({"x": np.ones((1, 3))})


CASES: dict[str, Callable[[], object]] = {
    "input_unknown": forward(X=np.zeros((2, 5, 3))),
    "input_missing": forward(scale=None),
    "input_of_text": forward(x=np.array([["a"]])),
    "input_ragged": forward(x=[[1, 2], [3]]),
    "input_complex": forward(scale=np.array([1j, 2j])),
    "input_real_for_classes": forward(s=np.full((2, 5), 0.5)),
    "input_real_for_bool": forward(on=np.zeros(2)),
    "input_without_batch": forward(x=np.zeros((5, 3))),
    "input_of_other_dim": forward(x=np.zeros((2, 5, 4))),
    "input_batches_differ": forward(scale=np.ones(3)),
    "input_lengths_differ": forward(s=np.zeros((2, 6), int)),
    "class_too_large": forward(s=np.full((2, 5), 4)),
    "class_negative": forward(s=np.full((2, 5), -1)),
    "lengths_unknown": forward(lengths={"t": [5, 5]}),
    "lengths_too_long": forward(lengths={"T": [5, 6]}),
    "lengths_negative": forward(lengths={"T": [5, -1]}),
    "lengths_fractions": forward(lengths={"T": [5.5, 2]}),
    "lengths_too_few": forward(lengths={"T": [5]}),
    "length_zero": forward(lengths={"T": [5, 0]}),
    "batch_empty": lambda: graphc.compile(PLAIN).value_and_grad({"x": np.zeros((0, 3))}),
    "memory_exhausted": memory_exhausted,
    "inputs_no_mapping": lambda: graphc.compile(PLAIN).forward([1, 2, 3]),  # type: ignore[arg-type]
    "parameter_unknown": assign("w", np.zeros((2, 3))),
    "parameter_shape": assign("W", np.zeros((3, 2))),
    "parameter_text": assign("W", [["a"]]),
    "parameter_read": lambda: graphc.compile(PLAIN).params["Wx"],
    "parameter_deleted": lambda: graphc.compile(PLAIN).params.pop("W"),
    "name_unknown": lambda: graphc.compile(PLAIN).forward({"x": np.zeros((1, 3))}, names=["Y"]),
    "wrt_unknown": lambda: graphc.compile(PLAIN).value_and_grad({"x": np.zeros((1, 3))}, wrt="WW"),
    "wrt_of_classes": lambda: graphc.compile(SPEC).value_and_grad(inputs(), wrt=["s"]),
    "loss_missing": lambda: graphc.compile("input x : [2]\ny = 2 * x\n").value_and_grad(
        {"x": np.zeros((1, 2))}
    ),
    "average_missing": lambda: graphc.compile(SPEC).forward(inputs()),
    "axis_unknown": lambda: graphc.compile(SPEC).gradient_shares("W", inputs(), axis="v"),
    "axis_not_named": lambda: graphc.compile(SPEC).norms(inputs()),
    "axis_missing": lambda: graphc.compile(PLAIN).norms({"x": np.zeros((1, 3))}),
    "shares_of_steps": lambda: graphc.compile(SPEC).gradient_shares("h", inputs(), axis="t"),
    "shares_without_steps": lambda: graphc.compile(SPEC).gradient_shares("W", inputs(), axis="u"),
    "mode_unknown": lambda: graphc.compile(PLAIN).forward({"x": np.zeros((1, 3))}, mode="training"),  # type: ignore[arg-type]
    "backend_not_installed": backend_not_installed,
    "threads_no_number": threads_no_number,
    "backend_unknown": lambda: graphc.compile(PLAIN, backend="gpu"),
    "dtype_unknown": lambda: graphc.compile(PLAIN, dtype="float16"),
    "dim_negative": lambda: graphc.compile(PLAIN, dims={"D": -1}),
    "dim_no_number": lambda: graphc.compile(PLAIN, dims={"D": "3"}),  # type: ignore[dict-item]
    "dim_unknown": lambda: graphc.compile(PLAIN, dims={"d": 3}),
    "source_missing": lambda: graphc.compile("spec.nn"),
    "explain_unknown": lambda: graphc.errors.explain("E999"),  # type: ignore[attr-defined]
}


def saved(name: str = "a.safetensors") -> bytes:
    graphc.compile(PLAIN).save(name)
    return Path(name).read_bytes()


def load_missing() -> None:
    saved()
    graphc.load("b.safetensors")


def load_cut_short() -> None:
    Path("cut.safetensors").write_bytes(saved()[:-7])
    graphc.load("cut.safetensors")


def load_something_else() -> None:
    Path("spec.safetensors").write_text(PLAIN)
    graphc.load("spec.safetensors")


def load_empty() -> None:
    Path("empty.safetensors").write_bytes(b"")
    graphc.load("empty.safetensors")


def load_foreign() -> None:
    from safetensors.numpy import save_file

    save_file({"W": np.zeros((2, 3))}, "weights.safetensors")
    graphc.load("weights.safetensors")


def load_altered(**tensors: Any) -> Callable[[], None]:
    """Other tensors than those of the spec, with a digest that is right."""

    def run() -> None:
        saved()
        about = checkpoint.read(Path("a.safetensors")).about
        checkpoint.write(Path("b.safetensors"), checkpoint.Checkpoint(tensors, about))
        graphc.load("b.safetensors")

    return run


def load_damaged() -> None:
    content = bytearray(saved())
    content[-1] ^= 1
    Path("a.safetensors").write_bytes(content)
    graphc.load("a.safetensors")


CASES |= {
    "save_nowhere": lambda: graphc.compile(PLAIN).save("none/a.safetensors"),
    "load_missing": load_missing,
    "load_cut_short": load_cut_short,
    "load_something_else": load_something_else,
    "load_empty": load_empty,
    "load_foreign": load_foreign,
    "load_tensor_missing": load_altered(**{"param/V": np.zeros(2)}),
    "load_tensor_surplus": load_altered(**{"param/W": np.zeros((2, 3)), "param/V": np.zeros(2)}),
    "load_tensor_shape": load_altered(**{"param/W": np.zeros((3, 2))}),
    "load_damaged": load_damaged,
}


@pytest.mark.parametrize("case", CASES)
def test_golden(case: str, update_goldens: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GraphcError) as caught:
        CASES[case]()
    check_golden(API / f"{case}.txt", f"{caught.value}\n", update_goldens)


def test_goldens_show_every_code_of_arrays_and_files() -> None:
    text = "".join((API / f"{case}.txt").read_text(encoding="utf-8") for case in CASES)
    codes = {code for code, e in catalogue().items() if e.file in ("arrays", "checkpoints", "run")}
    assert not codes - set(re.findall(r"error\[(E\d+)\]", text))


def test_every_code_is_explained_in_full() -> None:
    for code in catalogue():
        text = graphc.errors.explain(code)  # type: ignore[attr-defined]
        assert text.startswith(f"{code}: ")
        assert "\n\n" in text
