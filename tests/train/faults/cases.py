"""Faults that a user can cause, by name: each is a function that raises it in an empty folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from graphc.diagnostics import Source
from graphc.frontend import ast
from graphc.frontend.parser import parse
from graphc.train.data.loading import load
from graphc.train.data.settings import read_data
from tests.train.models import spec, specs

INPUTS = specs(spec("x", 2), spec("y", classes=3))
SEQUENCES = specs(spec("x", 2, axes=(("t", "T"),)), spec("y", axes=(("t", "T"),)))
TEXT = specs(spec("s", axes=(("t", "T"),), classes=4))
SOUND = {"x": np.ones((4, 2)), "y": np.array([0, 1, 2, 0])}

Case = Callable[[Path], object]
CASES: dict[str, Case] = {}


def case(function: Case) -> Case:
    CASES[function.__name__] = function
    return function


def settings(text: str) -> ast.Settings:
    (block,) = parse(Source("spec.nn", text + "\n")).statements
    assert isinstance(block, ast.Settings)
    return block


def loaded(text: str, root: Path, inputs: object = INPUTS, bptt: int | None = None) -> object:
    return load(read_data(settings(f"data {{ {text} }}")), inputs, root, bptt=bptt)  # type: ignore[arg-type]


def npz(root: Path, **arrays: object) -> object:
    """What loading an archive of these arrays says; they stand beside sound ones."""
    chosen = {name: value for name, value in (SOUND | arrays).items() if value is not None}
    np.savez(root / "set.npz", **chosen)  # type: ignore[arg-type]
    return loaded('source = "set.npz"', root)
