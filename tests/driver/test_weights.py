"""Weights by name, in and out: mappings, `.npz`, `.safetensors`; what is said of those that do not fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphc
from graphc.diagnostics import GraphcError
from graphc.driver.program import Program
from tests.golden import FOLDER, check_golden

GOLDEN = FOLDER / "errors" / "weights"

SPEC = """
dim D = 3, H = 2
axis k = 1..2
input x : [D]
param W : [H, D], b : [H] = 0
frozen param scale : real = 2
layer deep[k] = Dense(H, H)
running m = mean[batch](x)
z[0] = scale * (W @ (x - m) + b)
z[k] = tanh(deep[k](z[k-1]))
output z[2]
minimize sum(z[2]^2)
"""
X = np.random.default_rng(0).normal(size=(5, 3))


def program(dtype: str = "float64", seed: int = 0) -> Program:
    return graphc.compile(SPEC, dtype=dtype, seed=seed)


def trained(seed: int = 0) -> Program:
    found = program(seed=seed)
    found.step({"x": X})
    return found


def values(of: Program) -> Any:
    return of.forward({"x": X}, names=["z"])["z"]


@pytest.mark.parametrize("name", ["a.npz", "a.safetensors"])
def test_what_is_saved_is_loaded(tmp_path: Path, name: str) -> None:
    one, two = trained(), program(seed=1)
    one.save_weights(tmp_path / name)
    loaded = two.load_weights(tmp_path / name)
    assert sorted(loaded) == sorted(one.params)
    assert {n: a.tolist() for n, a in two.weights().items()} == {
        n: a.tolist() for n, a in one.weights().items()
    }
    np.testing.assert_array_equal(values(one), values(two))
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_a_saved_program_is_a_file_of_weights_too(tmp_path: Path) -> None:
    one, two = trained(), program(seed=1)
    one.save(tmp_path / "a.safetensors")
    assert sorted(two.load_weights(tmp_path / "a.safetensors")) == sorted(one.params)
    np.testing.assert_array_equal(values(one), values(two))


def test_of_a_run_that_averages_the_average_is_taken(tmp_path: Path) -> None:
    one, two = program(), program(seed=1)
    one.fit({"x": X}, run_dir=tmp_path / "a", average="mean", epochs=3)
    two.load_weights(tmp_path / "a")
    np.testing.assert_array_equal(two.params["W"], one.params["W"])


def test_a_checkpoint_that_was_altered_gives_no_weights(tmp_path: Path) -> None:
    trained().save(tmp_path / "a.safetensors")
    content = bytearray((tmp_path / "a.safetensors").read_bytes())
    content[-3] ^= 1
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(GraphcError, match="E605"):
        program().load_weights(tmp_path / "a.safetensors")


def test_a_statistic_without_an_average_is_no_weight() -> None:
    one, two = program(), trained(seed=1)
    assert "m" not in one.weights()
    assert "m" in two.weights()
    # Another model's weights with this one's averages would be a mixture.
    with pytest.raises(GraphcError, match="lacks `m`"):
        two.load_weights(one.weights())
    assert program(seed=2).load_weights(one.weights()) == list(one.weights())


def test_weights_are_copies() -> None:
    one = program()
    one.weights()["W"][:] = 7
    assert (one.params["W"] != 7).all()


def test_a_prefix_and_other_names() -> None:
    one, two = trained(), program(seed=1)
    other = {"net." + {"W": "fc.weight"}.get(n, n): a for n, a in one.weights().items()}
    other["head.weight"] = np.zeros(3)
    two.load_weights(other, prefix="net.", names={"W": "fc.weight"})
    np.testing.assert_array_equal(values(one), values(two))


def test_not_strict_takes_what_both_have() -> None:
    two = program(seed=1)
    before = two.weights()
    assert two.load_weights({"W": np.ones((2, 3)), "other": np.ones(1)}, strict=False) == ["W"]
    assert (two.params["W"] == 1).all()
    np.testing.assert_array_equal(two.params["deep.W"], before["deep.W"])


def test_numbers_are_converted_to_the_precision_of_the_program(tmp_path: Path) -> None:
    two = program("float32")
    two.load_weights({**two.weights(), "b": np.array([1, 2], np.int8), "scale": np.float16(0.5)})
    assert two.params["b"].dtype == np.float32
    assert two.params["b"].tolist() == [1, 2]
    assert two.params["scale"] == 0.5


def test_momentum_does_not_undo_what_is_loaded() -> None:
    one = trained()
    one.load_weights({"b": [5.0, 6.0]}, strict=False)
    assert one.params["b"].tolist() == [5, 6]


def changed(**arrays: Any) -> Callable[[Path], object]:
    """Load a program's weights with some of them changed, or left out (None)."""

    def load(folder: Path) -> object:
        held = {**program().weights(), **arrays}
        return program().load_weights({name: array for name, array in held.items() if array is not None})

    return load


def written(name: str, content: bytes) -> Callable[[Path], object]:
    def load(folder: Path) -> object:
        (folder / name).write_bytes(content)
        return program().load_weights(folder / name)

    return load


def of_another_text(folder: Path) -> object:
    (folder / "sea.txt").write_text("the sea and the land, " * 3)
    (folder / "sky.txt").write_text("the sky and the land, " * 3)
    text = "dim V = 20\naxis t = 1..T\ninput s[t] : index(V)\nparam W : [V]\nminimize mean[t](W[s[t]])\n"
    for name in ("sea", "sky"):
        fit = f'data {{ source = "{name}.txt" }}\nfit {{ bptt = 8, epochs = 1 }}\n'
        (folder / f"{name}.nn").write_text(text + fit)
    sea, sky = (graphc.compile(folder / f"{name}.nn", backend="reference") for name in ("sea", "sky"))
    sea.fit()
    sea.save(folder / "sea.safetensors")
    sky.load_weights(folder / "sea.safetensors")
    return sky.fit()


CASES: dict[str, Callable[[Path], object]] = {
    "symbols": of_another_text,
    "missing": changed(W=None, w=np.ones((2, 3))),
    "surplus": changed(extra=np.ones(3)),
    "shape": changed(W=np.ones((3, 2))),
    "text": changed(W=np.array(["a"])),
    "too_large": lambda _: program("float32").load_weights({"b": np.array([1e300, 0])}, strict=False),
    "several": changed(W=np.ones((3, 2)), b=None, **{"deep.b": np.ones(2)}),
    "another_model": lambda _: program().load_weights({f"layer{n}.w": np.ones(1) for n in range(9)}),
    "nothing_fits": lambda _: program().load_weights({"net.W": np.ones((2, 3))}, strict=False),
    "names_unknown": lambda _: program().load_weights({"b": np.ones(2)}, names={"w": "b"}),
    "no_mapping": lambda _: program().load_weights([np.ones(3)]),  # type: ignore[arg-type]
    "format": lambda folder: program().load_weights(folder / "a.pt"),
    "no_file": lambda folder: program().load_weights(folder / "a.npz"),
    "damaged": written("a.safetensors", b"\x00" * 20),
    "damaged_archive": written("a.npz", b"PK and no more"),
    "save_format": lambda folder: program().save_weights(folder / "a.txt"),
    "save_nowhere": lambda folder: program().save_weights(folder / "none" / "a.npz"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said(name: str, tmp_path: Path, update_goldens: bool) -> None:
    with pytest.raises(GraphcError) as caught:
        CASES[name](tmp_path)
    shown = str(caught.value).replace(str(tmp_path), "FOLDER")
    check_golden(GOLDEN / f"{name}.txt", shown + "\n", update_goldens)


def test_nothing_is_set_if_anything_is_wrong() -> None:
    two = program()
    before = two.weights()
    with pytest.raises(GraphcError):
        two.load_weights({**{n: a + 1 for n, a in before.items()}, "W": np.ones((3, 2))})
    assert all((two.params[name] == array).all() for name, array in before.items())
