"""Images that a model rebuilds: found behind an error and a cross entropy, in whatever scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")

import graphc
from graphc.driver.reporting.material import Material
from graphc.driver.reporting.rebuilt import pairs, sections
from graphc.driver.reporting.showing import image_of
from graphc.view.report.page import Figure

SPEC = """
input x : [16]
param W : [3, 16], c : [16] = 0.5
z    = x / 8
h    = tanh(W @ z)
xhat = W.T @ h + c
p    = sigmoid(xhat)
minimize mse(xhat, z) + binary_cross_entropy(p, z) + 0 * mse(z, c)
data { source = "images.npz" }
fit { steps = 1 }
"""


def test_images_stand_above_what_is_made_of_them(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "images.npz", x=8 * rng.random((5, 16)))
    (tmp_path / "model.nn").write_text(SPEC, encoding="utf-8")
    program = graphc.compile(tmp_path / "model.nn", backend="reference", dtype="float64")
    program.fit()
    material = Material(program)
    assert list(pairs(material)) == [("xhat", "z", (1, 4, 4)), ("p", "z", (1, 4, 4))]
    first = next(iter(sections(material)))
    assert first.title == "Rebuilt images: xhat"
    (figure,) = first.items
    assert isinstance(figure, Figure)
    assert figure.svg.count("<image") == 1
    weights, z = program.weights(), np.load(tmp_path / "images.npz")["x"] / 8
    made = np.tanh(z @ weights["W"].T) @ weights["W"] + weights["c"]
    errors = np.sqrt(np.mean((made - z) ** 2, axis=1))
    assert figure.data is not None
    assert {row[0]: float(row[1]) for row in figure.data.rows} == pytest.approx(
        {str(number): error for number, error in enumerate(errors)}, rel=1e-3
    )
    assert f"{errors.mean():.4g} on average" in figure.caption


@pytest.mark.parametrize("sizes", ["[3]", "[15]"])
def test_what_is_no_image_has_no_pictures(sizes: str) -> None:
    program = graphc.compile(
        f"input x : {sizes}\nparam a = 0.5\nxhat = a * tanh(x)\nminimize mse(xhat, x)\n", backend="reference"
    )
    assert not list(pairs(Material(program)))


def test_what_looks_at_other_pixels_is_another_image() -> None:
    program = graphc.compile(
        "input x : [1, 6, 6]\nparam F : [1, 1, 3, 3], a = 2\nz = (x - a) / 8\nr = z\n"
        "xhat = conv(z, F, pad = 1)\nminimize mse(xhat, r)\n",
        backend="reference",
    )
    material = Material(program)
    assert [image_of(material, name) for name in ("x", "z", "r", "xhat", "F")] == ["x", "x", "x", "", ""]
    assert list(pairs(material)) == [("xhat", "r", (1, 6, 6))]
